"""One process of the product with several workspaces, put together as ``quaymaster serve`` does it."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from bot.core.secrets import Secret
from bot.registry.guard import LOOPBACK
from bot.run.serve import mounts_of, slack_app
from bot.run.wiring import build_services
from bot.settings import Settings, SlackOAuth
from bot.web.server import dispatcher
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.slack import SIGNING_SECRET
from tests.fakes.slack_cloud import CLIENT_ID, CLIENT_SECRET, REDIRECT, SlackCloud, Tenant
from tests.features.payloads import environ_of
from tests.features.team import QuietExecutor


def settings_for(url: str, keys: str, given: Mapping[str, Any]) -> Settings:
    """Settings of a replica; ``given`` are those of its store, and others than the usual."""
    given = dict(given)
    database_url = given.pop("database_url", None)
    usual: dict[str, Any] = {
        "oauth": SlackOAuth(client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET), redirect_uri=REDIRECT),
        "slack_signing_secret": Secret(SIGNING_SECRET),
        "slack_api_url": f"{url}/api/",
        "base_url": "https://quaymaster.example.com",
        "keys": (Secret(keys),),
        "database_url": Secret(database_url) if database_url else None,
        "rate_limit": 1_000_000,
        "allowed_networks": LOOPBACK,
    }
    return Settings(**{**usual, **given})


@dataclass
class Got:
    """What a browser or a pipeline got."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def header(self, name: str) -> str:
        """The first header of a name; empty without one."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def text(self) -> str:
        """The words of a page."""
        return re.sub(r"<style>.*?</style>|<[^>]+>", " ", self.body)


class Replica:
    """One process."""

    def __init__(self, settings: Settings, cloud: SlackCloud) -> None:
        self.settings = settings
        self.cloud = cloud
        self.registry = ScriptedRegistry()
        wired = build_services(settings, self.registry)
        self.executor = QuietExecutor()
        wired.executor.close(1)
        self.wired = replace(wired, services=replace(wired.services, executor=self.executor))
        self.store: Any = self.wired.store
        self.app = slack_app(settings, self.wired)
        self.wsgi = dispatcher(mounts_of(settings, self.wired, self.app))

    def close(self) -> None:
        """End."""
        self.wired.people_lane.close(5)
        self.store.close()

    def settle(self) -> None:
        """Do what was acknowledged."""
        self.executor.run()

    def ask(self, environ: Mapping[str, Any]) -> Got:
        """Ask the server."""
        started: list[Any] = []
        body = self.wsgi(dict(environ), lambda *begun: started.extend(begun))
        return Got(int(started[0].split()[0]), started[1], b"".join(body).decode())

    def get(self, path: str, method: str = "GET", **headers: str) -> Got:
        """Ask for a page, or for a credential."""
        parts = urlsplit(path)
        return self.ask(
            {
                "REQUEST_METHOD": method,
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "REMOTE_ADDR": "192.0.2.1",
                "wsgi.input": io.BytesIO(),
                **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
            }
        )

    def take(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Take a signed request of Slack's."""
        got = self.ask(environ_of(body, headers))
        return got.status, {}, got.body.encode()

    def serve(self, *tenants: Tenant) -> None:
        """Be the app that these workspaces send to."""
        for one in tenants:
            one.app = self.take


@dataclass
class Browser:
    """Somebody's browser, which keeps cookies."""

    replica: Replica
    cookies: dict[str, str] = field(default_factory=dict)

    def go(self, path: str, method: str = "GET") -> Got:
        """Ask for a page."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        got = self.replica.get(path, method, cookie=cookie)
        for name, value in got.headers:
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        return got

    def begin(self) -> str:
        """Press the button of our page; give Slack's address."""
        got = self.go("/slack/install", "POST")
        assert got.status == HTTPStatus.FOUND, got.text
        return got.header("location")

    def install(self, holder: str) -> Got:
        """Install the app into a workspace or an organization."""
        return self.go(self.replica.cloud.consent(self.begin(), holder))
