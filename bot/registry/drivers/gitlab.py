"""GitLab: another deploy token of the same project or group, with the same scopes. A token cannot be rotated.

1. ``POST`` makes one of a name that nothing else has, so that it is found again by it.
2. A former one is deleted: a deploy token knows no pause.

GitLab's API is on another host than its registry: the owner enters it, and the management credential goes
there and nowhere else.

Source: gitlabhq/gitlabhq, ``doc/api/deploy_tokens.md``.
"""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from bot.core.addresses import parse_server
from bot.core.errors import DriverRefused, InvalidInput, Unreachable
from bot.core.kinds import Field, Kind
from bot.core.model import Stage
from bot.core.ports.drivers import Described, Ending, Leftover, Minted, Order
from bot.core.secrets import Secret
from bot.registry.drivers.driver import Asking, Driver
from bot.registry.drivers.json_api import JsonApi, time_of
from bot.registry.kind_fields import PASSWORD, named

_MADE = re.compile(r" \(Quaymaster [0-9a-f]{8}\)$")
"""What the name of a token that was made here ends with."""
_LONGEST_NAME = 128
_PROJECT, _GROUP = "Project", "Group"
_Token = Mapping[str, Any]


def _describe(asking: Asking, order: Order) -> Described:
    tokens = _tokens(_api(asking, order), order)
    own = _one(tokens, order, "")
    if own is None:
        raise DriverRefused(
            f"{_place(order)} has no deploy token with the user name “{order.login.username}”: it was "
            "revoked, or belongs to a different project or group.",
            "Check the project or group. Quaymaster can create only deploy tokens.",
        )
    active = sum(not one.get("expired") for one in tokens)
    missing = {
        "days": "The token in use has an expiration date, so a new one needs one too. Enter how many days "
        "it lasts."
    }
    name = _MADE.sub("", str(own.get("name", "")))[:_LONGEST_NAME]
    return Described(
        f"{_place(order)} has {active} active deploy token{'s' * (active != 1)}.",
        f"{name} (Quaymaster {secrets.token_hex(4)})",
        missing=missing if own.get("expires_at") and not order.manager.options.get("days") else {},
        ends=time_of(own.get("expires_at")),
        leftovers=tuple(
            Leftover(str(one["name"]), str(one["name"]))
            for one in tokens
            if order.since and _MADE.search(order.made_as) and one.get("name") == order.made_as
        ),
    )


def _mint(asking: Asking, order: Order) -> Minted:
    api = _api(asking, order)
    own = _one(_tokens(api, order), order, "")
    if own is None:
        raise DriverRefused(f"The deploy token of “{order.login.username}” is gone.", "Create one by hand.")
    asked: dict[str, Any] = {"name": order.made_as, "scopes": own.get("scopes")}
    days = order.manager.options.get("days")
    if days:
        ends = datetime.now(UTC) + timedelta(days=int(days))
        asked["expires_at"] = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
    made = api.send("POST", _path(order), asked)
    username, token = made.get("username"), made.get("token")
    if not (isinstance(username, str) and isinstance(token, str) and token):
        raise Unreachable("GitLab's answer contains no token.", "Check at the registry.", Stage.LOGIN)
    return Minted(
        str(made.get("name") or order.made_as),
        username,
        {"password": Secret(token)},
        ends=time_of(made.get("expires_at")),
    )


def _retire(asking: Asking, order: Order, ending: Ending) -> bool:
    api = _api(asking, order)
    token = _one(_tokens(api, order), order, order.made_as)
    if ending is Ending.RESTORE:
        if token is None:
            raise DriverRefused(f"{_place(order)} no longer has that token.", "Create a new one.")
    elif token is not None and ending is Ending.DELETE:
        api.send("DELETE", f"{_path(order)}/{int(token['id'])}")
    return token is not None


def _one(tokens: list[dict[str, Any]], order: Order, name: str) -> _Token | None:
    """Find a token by the name it was made with, or by its user name; several are ``DriverRefused``."""
    username = order.login.username
    found = [one for one in tokens if (one.get("name") == name if name else one.get("username") == username)]
    if len(found) > 1:
        raise DriverRefused(
            f"{_place(order)} has {len(found)} deploy tokens with the same name, so the right one is "
            "unknown.",
            "Revoke those that nothing uses.",
        )
    return found[0] if found else None


def _tokens(api: JsonApi, order: Order) -> list[dict[str, Any]]:
    """All that were not revoked. One that has expired is among them: a new one gets the same scopes."""
    return [one for one in api.every(_path(order), "per_page") if not one.get("revoked")]


def _api(asking: Asking, order: Order) -> JsonApi:
    origin = parse_server(order.manager.options["api"]).origin
    token = order.manager.credential["password"].reveal()
    return JsonApi(asking, f"{origin}/api/v4", f"Bearer {token}")


def _path(order: Order) -> str:
    options = order.manager.options
    place = "groups" if options.get("level") == _GROUP else "projects"
    return f"/{place}/{quote(options['path'], safe='')}/deploy_tokens"


def _place(order: Order) -> str:
    options = order.manager.options
    return f"GitLab's {options.get('level', _PROJECT).lower()} {options['path']}"


def _address_problem(text: str) -> str | None:
    try:
        parse_server(text)
    except InvalidInput as error:
        return str(error)
    return None


DRIVER = Driver(
    ("gitlab",),
    Kind(
        "gitlab-management",
        "GitLab",
        "Other",
        (
            Field(
                "api",
                "GitLab's own URL",
                hint="Of the website, not of the registry. The token below goes there and nowhere else.",
                example="https://gitlab.example.com",
                problem_with=_address_problem,
            ),
            Field("level", "Where the deploy token is", choices=(_PROJECT, _GROUP), initial=_PROJECT),
            Field(
                "path",
                "Path of that project or group",
                example="team/app",
                pattern=r"[\w.-]+(?:/[\w.-]+)*",
                problem="This is not a path in GitLab, without its host.",
            ),
            named(
                PASSWORD,
                "Access token with the scope api",
                hint="Of a maintainer of the project, or an owner of the group.",
            ),
            Field(
                "days",
                "Days that a new token lasts",
                is_required=False,
                hint="Leave it empty for a token that never expires.",
                example="180",
                pattern=r"[1-9][0-9]{0,3}",
                problem="This is not a number of days, 1 to 9999.",
            ),
        ),
        username="",
    ),
    _describe,
    _mint,
    _retire,
)
