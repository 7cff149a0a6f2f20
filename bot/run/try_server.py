"""``quaymaster try``: the real app and the real store beside a page that plays Slack, on this machine only.

Nothing needs to be set: the key, the signing secret and the tokens are made on the spot. Registries on this
machine may be asked too, which ``serve`` refuses unless the operator allows it.
"""

import json
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

from slack_bolt.adapter.wsgi import SlackRequestHandler

from bot.core.integrations.dependencies import link_target
from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Actor, Role, Target, TargetKind, Workspace
from bot.core.ports.registry import Registry
from bot.core.secrets import Secret
from bot.logs import slack_logger, start_logging
from bot.registry.guard import LOOPBACK
from bot.run.wiring import Wired, build_services
from bot.services import Services
from bot.settings import PRIVATE_NETWORKS, Settings
from bot.simulator.cast import ADMIN, TEAM_ID, SlackApp
from bot.simulator.delivery import http_front
from bot.simulator.page import tryit_app
from bot.simulator.simulator import Simulator
from bot.simulator.world import World
from bot.slack.app import build_app
from bot.slack.front import slack_front
from bot.slack.rate_limits import SlackRates
from bot.web.api.routing import WORKFLOWS_PATH, workflow_api
from bot.web.health import health_page
from bot.web.server import Server, dispatcher, serve
from handlers.slack_limits import problems
from storage.sealing import new_key

SAMPLE = {
    "url": "https://registry.example.com",
    "username": "ci",
    "password": "sample-password",
    "email": "ci@example.com",
}
DEPENDANTS = (
    (Target(TargetKind.PROJECT, "web-shop"), "https://ci.example.com/projects/web-shop/settings"),
    (Target(TargetKind.ENVIRONMENT, "production"), "https://ci.example.com/environments/production"),
    (
        Target(TargetKind.IMAGE, "registry.example.com/team/web-shop"),
        "https://ci.example.com/images/web-shop",
    ),
)

RATE_LIMIT = 600
"""High, because one person at the page plays everybody."""


def run_try(data: Path | None, port: int, say: Callable[[str], None]) -> None:
    """
    Serve the page until SIGTERM or SIGINT.

    Args:
        data: Where to keep what is done; ``None`` = a temporary folder that goes when this ends.
        port: Where to listen on 127.0.0.1; 0 = any free one.
        say: Told the page's address.
    """
    start_logging("WARNING")
    with folder(data) as directory:
        app = TryApp(directory, port)
        try:
            app.serve(say)
        finally:
            app.close()


@contextmanager
def folder(data: Path | None) -> Iterator[Path]:
    """Give the folder that was asked for, or a temporary one."""
    if data is not None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="quaymaster-try-") as temporary:
        yield Path(temporary)


class TryApp:
    """The app, its store, Slack's side and the page, on one server."""

    def __init__(self, directory: Path, port: int, registry: Registry | None = None) -> None:
        """``registry`` asks registries in the place of the app's own client."""
        secret = secrets.token_hex(16)
        manifest = json.loads(files("bot").joinpath("manifest.json").read_text("utf-8"))
        self.server = Server(lambda environ, start: self.wsgi(environ, start), "127.0.0.1", port, self.let_go)
        self.url = self.server.url
        world = World(problems, app=SlackApp.from_manifest(manifest))
        self.simulator = Simulator(http_front(f"{self.url}/slack/events"), secret, world)
        self.simulator.base_url = self.url
        settings = try_settings(directory, self.url, self.simulator.token)
        self.wired: Wired = build_services(settings, registry)
        self.page = tryit_app(self.simulator)
        rates = SlackRates(settings.rate_limit)
        app = build_app(self.wired.services, signing_secret=secret, rates=rates, logger=slack_logger())
        self.wsgi = dispatcher(
            {
                "/slack/events": slack_front(SlackRequestHandler(app), Secret(secret)),
                "/healthz": health_page(self.wired.store.health),
                WORKFLOWS_PATH: workflow_api(self.wired.services),
                "/": self.page,
            }
        )
        add_sample(self.wired.services)
        self.wired.housekeeping.start()

    def let_go(self) -> None:
        """Answer the pages that wait for news, so that the stop need not wait for them."""
        self.page.stop()

    def serve(self, say: Callable[[str], None]) -> None:
        """Serve until a signal."""
        serve(self.server, lambda _: say(self.url))

    def close(self) -> None:
        """Finish what runs, and let go of the folder."""
        self.wired.executor.close(2.0)
        self.wired.housekeeping.stop(2.0)
        self.wired.store.close()


def try_settings(directory: Path, url: str, token: str) -> Settings:
    """Settings for the try page: a key of its own, Slack's side on this machine."""
    keys = directory / "keys"
    if not keys.exists():
        keys.touch(mode=0o600)
        keys.write_text(new_key() + "\n", "utf-8")
    return Settings(
        data_dir=directory / "data",
        keys_file=keys,
        slack_bot_token=Secret(token),
        slack_api_url=f"{url}/api/",
        base_url=url,
        allowed_networks=(*PRIVATE_NETWORKS, *LOOPBACK),
        rate_limit=RATE_LIMIT,
    )


def add_sample(services: Services) -> None:
    """Give an empty store one registry that a project, an environment and an image depend on."""
    actor = Actor(Workspace(TEAM_ID), ADMIN.id, Role.ADMIN, services.now() - timedelta(days=40))
    if services.store.history(actor.workspace, size=1).entries:
        return
    draft = read_draft(services.kinds["private"], "my_private_registry", SAMPLE)
    ports = (services.store, services.keyring, services.registry)
    add_integration(*ports, actor, draft, is_checked=False)
    for target, settings_url in DEPENDANTS:
        link_target(services.store, actor, draft.name, target, settings_url)
