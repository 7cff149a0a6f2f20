"""All of Slack: several workspaces and organizations, and the installs of one app with their tokens."""

import base64
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from bot.simulator import webapi
from bot.simulator.cast import BOT_USER, Cast, Channel
from bot.simulator.world import Message, View
from tests.fakes.clock import Clock
from tests.fakes.shown import Json
from tests.fakes.slack import Slack, WatchedWorld

CLIENT_ID, CLIENT_SECRET = "1111.2222", "marker-client-secret"
REDIRECT = "https://quaymaster.example.com/slack/oauth_redirect"
LIFETIME_S = 12 * 3600


def user(team: str, name: str, **marks: Any) -> Json:
    """Somebody of a workspace."""
    user_id = f"U{team[1:]}{name.upper()}"
    return {"id": user_id, "team_id": team, "name": name, **marks}


def cast_of(team: str, enterprise: str | None = None, *, is_org_wide: bool = False) -> Cast:
    """A workspace with an admin, two members and a guest, and one channel."""
    people = [
        user(team, "admin", is_admin=True),
        user(team, "member"),
        user(team, "other"),
        user(team, "guest", is_restricted=True),
    ]
    members = {one["id"]: one for one in people} | {BOT_USER.id: {"id": BOT_USER.id, "is_bot": True}}
    ops = Channel(f"C{team[1:]}OPS", "ops", "", frozenset(members))
    return Cast(
        team,
        team.lower(),
        f"Team {team}",
        members,
        {ops.id: ops},
        {f"S{team[1:]}EDIT": [f"U{team[1:]}OTHER"]},
        enterprise,
        is_org_wide,
    )


class Tenant(Slack):
    """One workspace."""

    def __init__(self, cloud: "SlackCloud", cast: Cast) -> None:
        self.cloud = cloud
        super().__init__(cloud.clock, cloud.url, WatchedWorld(cloud.clock, cast))
        self.team: str = cast.team_id
        self.holder: str = (cast.enterprise_id if cast.is_org_wide else None) or cast.team_id

    def id_of(self, name: str) -> str:
        """The id of one of its people."""
        return f"U{self.team[1:]}{name.upper()}"

    @property
    def channel(self) -> str:
        """The id of its channel."""
        return f"C{self.team[1:]}OPS"

    def type(self, text: str, name: str = "admin") -> None:
        """Type ``/integrations <text>``."""
        self.command(self.id_of(name), self.channel, "/integrations", text)

    def texts(self) -> list[str]:
        """Everything that was shown to anybody, as JSON."""
        return [json.dumps(_blocks_of(one.origin)) for one in self.shown]


def _blocks_of(origin: Message | View | None) -> Any:
    assert origin is not None
    text = origin.text if isinstance(origin, Message) else origin.body
    return [text, origin.surface.blocks]


@dataclass
class Grant:
    """A token that Slack has given out."""

    holder: str
    ends_at: float


@dataclass
class SlackCloud:
    """A WSGI application: Slack's Web API for all tenants, with the tokens that it gave out."""

    url: str
    clock: Clock
    lifetime_s: int | None = None
    """How long a token lives; ``None`` = for ever, and no refresh token."""
    tenants: dict[str, Tenant] = field(default_factory=dict)
    tokens: dict[str, Grant] = field(default_factory=dict)
    refreshes: list[str] = field(default_factory=list)
    """The refresh tokens that were exchanged."""
    refused: list[str] = field(default_factory=list)
    """The refresh tokens that were refused."""
    codes: dict[str, str] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    """By method: what to answer with."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Each call's method and token."""
    pause_s: float = 0
    """How long an exchange of a token takes."""
    redirect: str = REDIRECT
    """The redirect URL of the app."""
    signed_in: str = ""
    """Whose admin sits at the browser that comes to the page on which Slack asks."""

    def __post_init__(self) -> None:
        self._count = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, team: str, enterprise: str | None = None, *, is_org_wide: bool = False) -> Tenant:
        """Found a workspace."""
        tenant = Tenant(self, cast_of(team, enterprise, is_org_wide=is_org_wide))
        for one in self._of(tenant.holder):
            tenant.world.uploads = one.world.uploads  # a file belongs to the token that announced it
        self.tenants[team] = tenant
        return tenant

    def consent(self, authorize_url: str, holder: str) -> str:
        """Let an admin press Allow on the page that a browser was sent to; give where it is sent back to."""
        query = dict(parse_qsl(urlsplit(authorize_url).query))
        assert query["client_id"] == CLIENT_ID
        code = f"code{next(self._count)}"
        self.codes[code] = holder
        return f"/slack/oauth_redirect?code={code}&state={query['state']}"

    def remove(self, holder: str) -> None:
        """Remove the app from a workspace or an organization: its tokens are dead at once."""
        self.tokens = {token: one for token, one in self.tokens.items() if one.holder != holder}

    def end_soon(self, holder: str, left_s: float) -> None:
        """Let the tokens of a holder end soon."""
        for one in self.tokens.values():
            one.ends_at = time.time() + left_s if one.holder == holder else one.ends_at

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a call."""
        path = environ["PATH_INFO"]
        if path == "/oauth/v2/authorize":
            return self._asking_page(environ["QUERY_STRING"], start_response)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        if path.startswith("/hooks/"):
            tenant = next(one for team, one in self.tenants.items() if f"/{team}/" in path)
            status, answer = tenant.response_url(path, body)
        elif path.startswith("/upload/"):
            taken = {one.upload(path, body)[0] for one in self.tenants.values()}
            status, answer = (200 if 200 in taken else 404), {}
        else:
            status, answer = 200, self._api(path.removeprefix("/api/"), environ, body)
        content = json.dumps(answer).encode()
        line = f"{status} {HTTPStatus(status).phrase}"
        start_response(line, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
        return [content]

    def _asking_page(self, query: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The page on which Slack asks an admin."""
        back = self.consent(f"?{query}", self.signed_in).partition("?")[2]
        asked = parse_qs(query)
        place = asked["redirect_uri"][0]
        scopes = asked["scope"][0].replace(",", " ")
        denied = f"error=access_denied&state={asked['state'][0]}"
        page = (
            f"<h1>Quaymaster asks for {scopes}</h1>"
            f"<a href='{place}?{back}'>Allow</a> <a href='{place}?{denied}'>Cancel</a>"
        ).encode()
        start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(page)))])
        return [page]

    def _api(self, method: str, environ: Mapping[str, Any], body: bytes) -> Json:
        args = _arguments(environ, body)
        if method in self.failing:
            return {"ok": False, "error": self.failing[method]}
        if method == "oauth.v2.access":
            return self._access(args, environ.get("HTTP_AUTHORIZATION", ""))
        token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ") or args.pop("token", "")
        self.calls.append((method, token))
        grant = self.tokens.get(token)
        if grant is None:
            return {"ok": False, "error": "token_revoked" if token else "not_authed"}
        if grant.ends_at < time.time():
            return {"ok": False, "error": "token_expired"}
        answers = (webapi.call(one.world, method, args) for one in self._of(grant.holder))
        answer: Json = {"ok": False, "error": "team_not_found"}
        for answer in answers:
            if answer["ok"]:
                return answer
        return answer

    def _of(self, holder: str) -> list[Tenant]:
        return [one for one in self.tenants.values() if one.holder == holder]

    def _access(self, args: Json, authorization: str) -> Json:
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if given != f"{CLIENT_ID}:{CLIENT_SECRET}":
            return {"ok": False, "error": "bad_client_secret"}
        if args.get("grant_type") == "refresh_token":
            return self._refreshed(args["refresh_token"])
        if args.get("redirect_uri", self.redirect) != self.redirect:
            return {"ok": False, "error": "bad_redirect_uri"}
        holder = self.codes.pop(args.get("code", ""), None)
        return self._granted(holder) if holder else {"ok": False, "error": "invalid_code"}

    def _refreshed(self, refresh_token: str) -> Json:
        time.sleep(self.pause_s)
        with self._lock:
            holder = self.refresh_tokens.pop(refresh_token, None)
            (self.refused if holder is None else self.refreshes).append(refresh_token)
        return self._granted(holder) if holder else {"ok": False, "error": "invalid_refresh_token"}

    def _granted(self, holder: str) -> Json:
        number = next(self._count)
        token = f"xoxb-{holder}-{number}-marker"
        lifetime = self.lifetime_s or 10**9
        self.tokens[token] = Grant(holder, time.time() + lifetime)
        tenant = self._of(holder)[0].world.cast
        is_org_wide = tenant.is_org_wide
        answer = {
            "ok": True,
            "access_token": token,
            "token_type": "bot",
            "scope": "commands,chat:write,users:read",
            "bot_user_id": BOT_USER.id,
            "app_id": "A1",
            "team": None if is_org_wide else {"id": holder, "name": f"Team <{holder}>"},
            "enterprise": {"id": tenant.enterprise_id, "name": "Org"} if tenant.enterprise_id else None,
            "is_enterprise_install": is_org_wide,
            "authed_user": {"id": f"U{holder[1:]}ADMIN"},
        }
        if self.lifetime_s:
            refresh = f"xoxe-1-{holder}-{number}-marker"
            self.refresh_tokens[refresh] = holder
            answer |= {"refresh_token": refresh, "expires_in": lifetime}
        return answer


def _arguments(environ: Mapping[str, Any], body: bytes) -> Json:
    """The arguments of a call, as JSON or as a form."""
    args = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    if environ.get("CONTENT_TYPE", "").startswith("application/json"):
        return {**args, **json.loads(body)}
    return {**args, **dict(parse_qsl(body.decode(), keep_blank_values=True))}
