"""The team of the feature tests: the real app and store, a Slack on loopback, a scripted registry.

``tests/conftest.py`` names this file, so that every test can ask for a team.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_sdk import WebClient

from bot.core.model import Workspace
from bot.core.ports import Ports
from bot.core.ports.drivers import NO_DRIVERS, Drivers
from bot.core.ports.keyring import CredentialKeyring
from bot.core.ports.registry import Registry
from bot.core.ports.store import Store
from bot.core.secrets import Secret
from bot.executor import BoundedExecutor
from bot.logs import slack_logger
from bot.registry.kind_table import GROUPS, KINDS
from bot.services import Services
from bot.slack.app import build_app
from bot.slack.dispatch import Workspaces
from bot.slack.front import slack_front
from bot.slack.members import SlackPeople, SlackRates
from bot.slack.response_url import CommandName, NamingClient, SlackReplies
from handlers.routes import COMMAND
from storage.sealing import Keyring, new_key, parse_keys
from storage.tinydb.tinydb_store import TinyDBStore
from tests.fakes.clock import Clock
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.slack import SIGNING_SECRET, TOKEN, Slack
from tests.fakes.slack_server import SlackServer
from tests.fakes.watched import Watched
from tests.features.promises import unheard
from tests.features.team import SETTINGS, LiveExecutor, QuietExecutor, Team
from tests.storage.disks import RoomyDisk, WatchedDisk

FORGOTTEN_S = 301
"""Longer than people's roles are remembered."""

UNHURRIED = 1_000_000
"""So many commands a minute that no test is refused one."""


@pytest.fixture(scope="session")
def slack_server() -> Iterator[SlackServer]:
    """One server for the whole run."""
    server = SlackServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def command_name() -> CommandName:
    """The name that the command came in by last."""
    return CommandName()


@pytest.fixture(scope="session")
def client(slack_server: SlackServer, command_name: CommandName) -> WebClient:
    """The app's Web API client."""
    return NamingClient(command_name, token=TOKEN, base_url=f"{slack_server.url}/api/", timeout=5)


@pytest.fixture(scope="session")
def clock() -> Clock:
    """The time: it only ever goes forward, for the whole run."""
    return Clock()


@pytest.fixture(scope="session")
def people(client: WebClient, clock: Clock) -> SlackPeople:
    """The real thing, which asks the fake Slack and remembers for 5 minutes."""
    return SlackPeople(lambda _: client, BoundedExecutor(threads=8, name="people"), clock.seconds)


@contextmanager
def watched_slack(slack_server: SlackServer, clock: Clock) -> Iterator[Slack]:
    """Play Slack, and fail when anything broke one of its rules."""
    clock.advance(FORGOTTEN_S)
    simulator = Slack(clock, slack_server.url)
    slack_server.serve(simulator)
    yield simulator

    assert simulator.refused == []
    assert unheard(simulator.shown) == []


@pytest.fixture
def slack(slack_server: SlackServer, clock: Clock) -> Iterator[Slack]:
    """Slack. A test fails when anything broke one of Slack's rules."""
    with watched_slack(slack_server, clock) as simulator:
        yield simulator


@pytest.fixture
def registry() -> ScriptedRegistry:
    """The registry that integrations are checked against."""
    return ScriptedRegistry()


@pytest.fixture
def keyring() -> Keyring:
    """A keyring of one fresh key."""
    return Keyring(parse_keys(new_key()))


@pytest.fixture
def disk() -> WatchedDisk:
    """A disk that counts what is asked of it, and is believed without being waited for."""
    return RoomyDisk()


@pytest.fixture
def store(tmp_path: Path, keyring: Keyring, clock: Clock, disk: WatchedDisk) -> Iterator[TinyDBStore]:
    """An empty store."""
    opened = TinyDBStore(tmp_path / "data", keyring, clock=clock.now, disk=disk)
    yield opened
    opened.close()


@pytest.fixture
def watched(store: TinyDBStore) -> Watched:
    """The store, watched."""
    return Watched(store)


@pytest.fixture
def watched_keyring(keyring: Keyring) -> Watched:
    """The keyring, watched."""
    return Watched(keyring)


def team_maker(
    slack: Slack,
    registry: ScriptedRegistry,
    store: TinyDBStore,
    watched: Watched,
    watched_keyring: Watched,
    people: SlackPeople,
    client: WebClient,
    clock: Clock,
    command_name: CommandName,
) -> Callable[..., Team]:
    """Give the function that makes a team; its named arguments are settings, such as ``editors``."""

    def make(
        rate_limit: int = UNHURRIED,
        workspaces: Workspaces = Workspace,
        executor: QuietExecutor | LiveExecutor | None = None,
        asked: Registry | None = None,
        drivers: Drivers = NO_DRIVERS,
        **settings: tuple[str, ...],
    ) -> Team:
        executor = executor or QuietExecutor()
        command_name.notice(COMMAND)
        services = Services(
            ports=Ports(
                cast(Store, watched),
                cast(CredentialKeyring, watched_keyring),
                asked or registry,
                clock.now,
                drivers,
            ),
            kinds=KINDS,
            groups=GROUPS,
            people=people,
            executor=executor,
            replies=SlackReplies(f"{slack.url}/api/", command_name),
            slack=lambda _: client,
            **settings,
        )
        bolt = build_app(
            services,
            signing_secret=SIGNING_SECRET,
            rates=SlackRates(rate_limit),
            workspaces=workspaces,
            command_name=command_name,
            logger=slack_logger(),
        )
        front = slack_front(SlackRequestHandler(bolt), Secret(SIGNING_SECRET))
        return Team(slack, services, store, executor, front)

    return make


@pytest.fixture
def make_team(
    slack: Slack,
    registry: ScriptedRegistry,
    store: TinyDBStore,
    watched: Watched,
    watched_keyring: Watched,
    people: SlackPeople,
    client: WebClient,
    clock: Clock,
    command_name: CommandName,
) -> Callable[..., Team]:
    """Make a team; named arguments are settings, such as ``editors``."""
    return team_maker(slack, registry, store, watched, watched_keyring, people, client, clock, command_name)


@pytest.fixture
def team(make_team: Callable[..., Team]) -> Team:
    """A team without particular settings."""
    return make_team()


@pytest.fixture
def linked(team: Team) -> Team:
    """An integration that a project, an environment and an image depend on."""
    team.add("my_registry")
    team.link("my_registry", "image", "registry.example.com/team/web-shop")
    team.link("my_registry", "environment", "production")
    team.link("my_registry", "project", "web-shop", SETTINGS)
    return team


@pytest.fixture
def free(team: Team) -> Team:
    """An integration that nothing depends on."""
    team.add("my_registry")
    return team
