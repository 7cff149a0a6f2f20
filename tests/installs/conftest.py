"""What the tests of installs share: a Slack of several workspaces, and replicas over each store."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.clock import Clock
from tests.fakes.real_postgres import RealPostgres, database, migrated, postgres
from tests.fakes.slack_cloud import SlackCloud
from tests.fakes.slack_server import SlackServer
from tests.features.fixtures import FORGOTTEN_S
from tests.features.promises import unheard
from tests.installs.replicas import Replica, settings_for

__all__ = ["database", "migrated", "postgres"]

STORES = ["directory", pytest.param("database_url", marks=pytest.mark.needs("postgres"))]


@pytest.fixture
def cloud(slack_server: SlackServer, clock: Clock) -> Iterator[SlackCloud]:
    """Slack, empty. A test fails when anything broke one of Slack's rules."""
    clock.advance(FORGOTTEN_S)
    made = SlackCloud(slack_server.url, clock)
    slack_server.page = made
    yield made

    assert [one for tenant in made.tenants.values() for one in tenant.refused] == []
    assert [one for tenant in made.tenants.values() for one in unheard(tenant.shown)] == []


@pytest.fixture
def directory(tmp_path: Path) -> dict[str, Path]:
    """Settings of the embedded store."""
    return {"data_dir": tmp_path / "data"}


@pytest.fixture
def database_url(postgres: RealPostgres, database: str) -> dict[str, str]:
    """Settings of PostgreSQL."""
    return {"database_url": postgres.url(database)}


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest) -> dict[str, object]:
    """Where the store is: one of each kind."""
    found: dict[str, object] = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def start(cloud: SlackCloud, keys: str) -> Iterator[Callable[..., Replica]]:
    """Start replicas; they end with the test."""
    started: list[Replica] = []

    def begin(place: dict[str, object], **more: object) -> Replica:
        started.append(Replica(settings_for(cloud.url, keys, {**place, **more}), cloud))
        return started[-1]

    yield begin
    [one.close() for one in started]


@pytest.fixture(scope="session")
def keys() -> str:
    """The key of every replica."""
    from storage.sealing import new_key

    return new_key()


@pytest.fixture
def replica(start: Callable[..., Replica], place: dict[str, object]) -> Replica:
    """One replica, over each kind of store."""
    return start(place)
