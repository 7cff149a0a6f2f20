"""Harbor: a twin of the robot account, with the same rights; the refresh of one robot would end it at once.

1. ``POST /robots`` makes one of a name that nothing else has, so that it is found again by it.
2. A former one is disabled by ``PUT``, which can be undone, and deleted only after that.

Source: goharbor/harbor, ``api/v2.0/swagger.yaml`` and ``src/server/v2.0/handler/robot.go``.
"""

import base64
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from bot.core.errors import DriverRefused, Unreachable
from bot.core.kinds import Field, Kind
from bot.core.model import Stage
from bot.core.ports.drivers import Described, Ending, Leftover, Minted, Order
from bot.core.secrets import Secret
from bot.registry.drivers.driver import Asking, Driver
from bot.registry.drivers.json_api import JsonApi, time_of
from bot.registry.kind_fields import PASSWORD, USERNAME, named

_NO_END = -1
_MADE = re.compile(r"-qm[0-9a-f]{8}$")
"""What the name of a robot that was made here ends with."""
_LONGEST_NAME = 64
_Robot = Mapping[str, Any]


def _describe(asking: Asking, order: Order) -> Described:
    robots = _robots(_api(asking, order), order)
    own = _named(robots, order.login.username)
    if own is None:
        raise DriverRefused(
            f"{_place(order)} has no robot account “{order.login.username}”.",
            "Check the project, and make sure that the management credential can see it.",
        )
    if order.manager.username == order.login.username:
        raise DriverRefused(
            "This is the robot account that is to be replaced, so it cannot manage itself.",
            "Enter the login of a different robot account or of a user.",
        )
    short = _MADE.sub("", re.split(r"[+$]", order.login.username)[-1])[:_LONGEST_NAME]
    legacy = (
        "It dates from a Harbor version before 2.2, and its permissions cannot be copied. "
        "Create a new one by hand."
    )
    return Described(
        f"{_place(order)} has {len(robots)} robot account{'s' * (len(robots) != 1)}.",
        f"{short}-qm{secrets.token_hex(4)}",
        "" if own.get("permissions") and own.get("editable", True) else legacy,
        made_at=time_of(own.get("creation_time")),
        ends=_end(own.get("expires_at")),
        leftovers=tuple(
            Leftover(str(one["name"]), str(one["name"]), time_of(one.get("creation_time")))
            for one in robots
            if order.since and _MADE.search(order.made_as) and _is(one, order.made_as)
        ),
    )


def _mint(asking: Asking, order: Order) -> Minted:
    api = _api(asking, order)
    own = _named(_robots(api, order), order.login.username)
    if own is None:
        raise DriverRefused(f"There is no robot account “{order.login.username}”.", "Create one by hand.")
    duration = own.get("duration")
    made = api.send(
        "POST",
        "/robots",
        {
            "name": order.made_as,
            "description": f"Made by Quaymaster, in the place of {order.login.username}",
            "level": own.get("level"),
            "duration": _NO_END if duration is None else duration,
            "disable": False,
            "permissions": own.get("permissions"),
        },
    )
    name, secret = made.get("name"), made.get("secret")
    if not (isinstance(name, str) and isinstance(secret, str) and secret):
        raise Unreachable("Harbor's answer contains no secret.", "Check at the registry.", Stage.LOGIN)
    return Minted(name, name, {"password": Secret(secret)}, ends=_end(made.get("expires_at")))


def _retire(asking: Asking, order: Order, ending: Ending) -> bool:
    api = _api(asking, order)
    name = order.made_as or order.login.username
    robot = next((one for one in _robots(api, order) if _is(one, name)), None)
    if robot is None:
        if ending is Ending.RESTORE:
            raise DriverRefused(f"{_place(order)} no longer has “{name}”.", "Create a new one.")
        return False
    path = f"/robots/{int(robot['id'])}"
    if ending is Ending.DELETE:
        api.send("DELETE", path)
    else:
        kept = {key: robot[key] for key in _KEPT if robot.get(key) is not None}
        api.send("PUT", path, {**kept, "disable": ending is Ending.SUSPEND})
    return True


_KEPT = ("id", "name", "description", "level", "duration", "permissions")
"""What ``PUT`` must be given as it is: it refuses another name or level, and empty permissions."""


def _api(asking: Asking, order: Order) -> JsonApi:
    login = f"{order.manager.username}:{order.manager.credential['password'].reveal()}"
    packed = base64.b64encode(login.encode()).decode()
    asking.operation.hide(Secret(packed))
    return JsonApi(asking, f"{order.login.server.origin}/api/v2.0", f"Basic {packed}")


def _robots(api: JsonApi, order: Order) -> list[dict[str, Any]]:
    """Every robot account of the project, or of the whole Harbor."""
    project = _project(order)
    if not project:
        return api.every("/robots?q=Level%3Dsystem", "page_size")
    found = api.get(f"/projects/{quote(project, safe='')}")
    number = found.get("project_id") if isinstance(found, dict) and found.get("name") == project else None
    if not isinstance(number, int):
        raise DriverRefused(f"Harbor has no project “{project}”.", "Check the project.")
    return api.every(f"/robots?q=Level%3Dproject%2CProjectID%3D{number}", "page_size")


def _project(order: Order) -> str:
    """The project of ``robot$PROJECT+NAME``; a Harbor with a prefix of its own needs the field."""
    entered = order.manager.options.get("project", "")
    project, plus, _ = order.login.username.partition("$")[2].partition("+")
    return entered or (project if plus else "")


def _place(order: Order) -> str:
    project = _project(order)
    return f"Harbor's project {project}" if project else "Harbor"


def _named(robots: list[dict[str, Any]], name: str) -> _Robot | None:
    return next((one for one in robots if one.get("name") == name), None)


def _is(robot: _Robot, name: str) -> bool:
    """Whether a robot has this name; of one that was made here also without what Harbor puts before it."""
    whole = str(robot.get("name", ""))
    return whole == name or (bool(_MADE.search(name)) and whole.endswith(name))


def _end(seconds: object) -> datetime | None:
    """When a robot ends; ``None`` = it does not."""
    is_end = isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds < 2**38
    return datetime.fromtimestamp(seconds, UTC) if is_end and isinstance(seconds, int) else None


DRIVER = Driver(
    ("harbor",),
    Kind(
        "harbor-management",
        "Harbor",
        "Other",
        (
            named(
                USERNAME,
                "User, or robot account with robot permissions",
                hint="A project's admin is enough for the robots of that project.",
                example="admin",
            ),
            named(PASSWORD, "Its secret"),
            Field(
                "project",
                "Project of the robot account",
                is_required=False,
                hint="Only if the names of robot accounts do not begin with robot$ in your Harbor.",
                example="team",
                pattern=r"[a-z0-9]+(?:[._-][a-z0-9]+)*",
                problem="This is not a project's name.",
            ),
        ),
    ),
    _describe,
    _mint,
    _retire,
)
