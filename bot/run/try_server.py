"""``quaymaster try``: the real app and the real store with a simulated Slack, on this machine only.

Nothing needs to be set: the key, the signing secret and the tokens are created at the start. Registries on
this machine can be used too, which ``serve`` refuses unless the operator allows it.
"""

import errno
import json
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

from slack_bolt.adapter.wsgi import SlackRequestHandler

from bot.core.errors import QuaymasterError
from bot.core.integrations.dependencies import link_target
from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Actor, Role, Target, TargetKind, Workspace
from bot.core.ports.registry import Registry
from bot.core.queries import HistoryQuery
from bot.core.secrets import Secret
from bot.logs import slack_logger, start_logging
from bot.registry.guard import LOOPBACK
from bot.run.wiring import Wired, build_services
from bot.services import Services
from bot.settings import PRIVATE_NETWORKS, Settings
from bot.simulator.cast import ADMIN, TEAM_ID, SlackApp
from bot.simulator.delivery import http_front
from bot.simulator.page import TryPage
from bot.simulator.simulator import Simulator
from bot.simulator.world import World
from bot.slack.app import build_app
from bot.slack.front import slack_front
from bot.slack.members import SlackRates, actor_finder
from bot.web.api.routing import WORKFLOWS_PATH, workflow_api
from bot.web.health import health_page
from bot.web.secret_page import SECRETS_PATH, secret_page
from bot.web.server import WebServer, dispatcher, serve
from handlers.slack_limits import problems
from storage.sealing import new_key

_SAMPLE = {
    "url": "https://registry.example.com",
    "username": "ci",
    "password": "sample-password",
    "email": "ci@example.com",
}
_DEPENDANTS = (
    (Target(TargetKind.PROJECT, "web-shop"), "https://ci.example.com/projects/web-shop/settings"),
    (Target(TargetKind.ENVIRONMENT, "production"), "https://ci.example.com/environments/production"),
    (
        Target(TargetKind.IMAGE, "registry.example.com/team/web-shop"),
        "https://ci.example.com/images/web-shop",
    ),
)

_RATE_LIMIT = 600
"""High, because one person at the page acts as everybody."""

_PORTS_TRIED = 20
_LAST_PORT = 65535


def run_try(data: Path | None, port: int, say: Callable[[str], None]) -> None:
    """
    Serve the page until SIGTERM or SIGINT.

    Args:
        data: Where to save what is done; ``None`` = a temporary folder that is deleted at the end.
        port: Where to listen on 127.0.0.1, or the next free one; 0 = any free one.
        say: Receives the page's address and how to stop the server.
    """
    start_logging("WARNING")
    with _folder(data) as directory:
        app = TryApp(directory, port)
        try:
            app.serve(lambda _: say(_greeting(app, port, data)))
        finally:
            app.close()


def _greeting(app: "TryApp", wanted_port: int, data: Path | None) -> str:
    """Return what the terminal shows once the page is served."""
    is_moved = wanted_port not in (0, app.port)
    moved = f"Port {wanted_port} is in use, so this run uses port {app.port}.\n\n" if is_moved else ""
    kept = f"is saved in {data}" if data else "is discarded when you stop Quaymaster"
    return (
        f"{moved}Quaymaster is running with a simulated Slack, on this machine only. Open this address:\n\n"
        f"    {app.address}\n\n"
        "The address works once: the first browser that opens it gets the page.\n"
        f"What you do there {kept}. To stop it, press Ctrl+C."
    )


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    """Yield the folder that was asked for, or a temporary one."""
    if data is not None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="quaymaster-try-") as temporary:
        yield Path(temporary)


class TryApp:
    """The app, its store, Slack's side and the page, on one server."""

    def __init__(
        self,
        directory: Path,
        port: int,
        registry: Registry | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """
        Listen, on the next free port when this one is in use.

        Args:
            directory: Where the key and the store are.
            port: Where to listen on 127.0.0.1; 0 = any free one.
            registry: Sends requests to registries instead of the app's own client.
            now: Returns the time in UTC; ``None`` = the machine's clock.

        Raises:
            QuaymasterError: No port is free.
        """
        secret = secrets.token_hex(16)
        manifest = json.loads(files("bot").joinpath("manifest.json").read_text("utf-8"))
        self.server = self._listen(port)
        self.url = self.server.url
        self.port = int(self.url.rpartition(":")[2])
        world = World(problems, app=SlackApp.from_manifest(manifest))
        self.simulator = Simulator(http_front(f"{self.url}/slack/events"), secret, world)
        self.simulator.base_url = self.url
        settings = _settings(directory, self.url, self.simulator.token)
        self.wired: Wired = build_services(settings, registry, now=now)
        self.page = TryPage(self.simulator)
        self.address = self.page.admission.address(self.url)
        rates = SlackRates(settings.rate_limit)
        app = build_app(
            self.wired.services,
            signing_secret=secret,
            rates=rates,
            command_name=self.wired.command_name,
            logger=slack_logger(),
        )
        self.wsgi = dispatcher(
            {
                "/slack/events": slack_front(SlackRequestHandler(app), Secret(secret)),
                "/healthz": health_page(self.wired.store.health),
                WORKFLOWS_PATH: workflow_api(self.wired.services),
                SECRETS_PATH: secret_page(self.wired.services, actor_finder(self.wired.services)),
                "/": self.page,
            }
        )
        _add_sample(self.wired.services)
        self.wired.clockwork.start()

    def _listen(self, port: int) -> WebServer:
        last = min(port + _PORTS_TRIED, _LAST_PORT)
        while True:
            try:
                return WebServer(lambda *request: self.wsgi(*request), "127.0.0.1", port, self.let_go)
            except QuaymasterError as error:
                if port == last or not _is_in_use(error):
                    raise
            port += 1

    def let_go(self) -> None:
        """Answer the pages that are waiting for updates, so that they do not delay the stop."""
        self.page.stop()

    def serve(self, ready: Callable[[str], None]) -> None:
        """Serve until a signal. ``ready`` receives the server's address once requests are answered."""
        serve(self.server, ready)

    def close(self) -> None:
        """Finish what is running, and close the store."""
        self.wired.executor.close(2.0)
        self.wired.clockwork.stop(2.0)
        self.wired.store.close()


def _settings(directory: Path, url: str, token: str) -> Settings:
    """Return the settings for the try page: a key of its own, and Slack simulated on this machine."""
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
        rate_limit=_RATE_LIMIT,
    )


def _add_sample(services: Services) -> None:
    """Put into an empty store one registry that a project, an environment and an image depend on."""
    actor = Actor(Workspace(TEAM_ID), ADMIN.id, Role.ADMIN, services.ports.now() - timedelta(days=40))
    if services.ports.store.read(actor.workspace).history.page(HistoryQuery(size=1)).entries:
        return
    draft = read_draft(services.kinds["private"], "my_private_registry", _SAMPLE)
    add_integration(services.ports, actor, draft, is_checked=False)
    for target, settings_url in _DEPENDANTS:
        link_target(services.ports, actor, draft.name, target, settings_url)


def _is_in_use(error: QuaymasterError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
