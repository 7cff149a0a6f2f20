"""Two replicas whose database fails over: the primary is gone, and its standby takes its place."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from bot.core.integrations.inventory import add_integration
from bot.core.ports import Ports
from storage.postgres.migrations import migrate
from storage.postgres.postgres_store import PostgresStore
from storage.sealing import Keyring, new_key, parse_keys
from tests.fakes.real_postgres import OWNER, SERVER_ROLE, RealPostgres, running, standby_of
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.served_load import Load
from tests.fakes.served_replicas import Replica, Replicas, is_well, two_replicas, wait_for
from tests.run.test_replicas_served import admin, draft, linked

pytestmark = [pytest.mark.needs("postgres", "haproxy"), pytest.mark.alone]

IN_TIME_S = 2.0
BACK_S = 5.0
TOLD = ("The database cannot be reached.", "The database does not answer.")


@pytest.fixture
def primary() -> Iterator[RealPostgres]:
    """The server that takes changes at first."""
    with running() as made:
        yield made
        if made.process:
            made.resume()  # one that stands still does not hear that it should end


@pytest.fixture
def standby(primary: RealPostgres) -> Iterator[RealPostgres]:
    """Its standby, which has everything that was acknowledged."""
    with standby_of(primary) as made:
        yield made


@pytest.fixture
def address(primary: RealPostgres, standby: RealPostgres) -> str:
    """Where the database is: at whichever of both takes changes."""
    database = primary.new_database()
    with psycopg.connect(primary.url(database, OWNER), autocommit=True) as connection:
        migrate(connection, grant_to=SERVER_ROLE)
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    return f"postgresql://{SERVER_ROLE}@{hosts}/{database}?target_session_attrs=read-write"


@pytest.fixture
def key() -> str:
    """A root key."""
    return new_key()


@pytest.fixture
def store(address: str, key: str) -> Iterator[PostgresStore]:
    """The store that the replicas share, opened here too, with one integration."""
    keyring = Keyring(parse_keys(key))
    opened = PostgresStore(address, keyring)
    ports = Ports(opened, keyring, ScriptedRegistry(), lambda: datetime.now(UTC))
    add_integration(ports, admin(), draft("shared"), is_checked=False)
    yield opened
    opened.close()


@pytest.fixture
def replicas(store: PostgresStore, address: str, key: str, tmp_path: Path) -> Iterator[Replicas]:  # noqa: ARG001 - what it adds is there before they start
    """Two replicas that serve it."""
    with two_replicas(tmp_path, address, key, QUAYMASTER_WATCH="off") as serving:
        yield serving


def trouble(replica: Replica) -> str:
    """Why a replica says that not all is well."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{replica.port}/healthz", timeout=2):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return str(json.load(error)["error"])


def leaders_said(replicas: Replicas) -> int:
    """How often a replica has said that it does the clock's work."""
    logs = [one.log.read_text("utf-8") for one in (replicas.one, replicas.two)]
    return sum(log.count("now runs the scheduled jobs") for log in logs)


@pytest.mark.parametrize("end", [RealPostgres.kill, RealPostgres.pause])
def test_standby_takes_over(
    store: PostgresStore,
    replicas: Replicas,
    primary: RealPostgres,
    standby: RealPostgres,
    end: Callable[[RealPostgres], None],
) -> None:
    """Under load the primary ends and the standby is promoted: nothing acknowledged is lost or doubled."""
    both = (replicas.one, replicas.two)
    wait_for(lambda: leaders_said(replicas))
    with Load(replicas, pause_s=0.05) as load:
        wait_for(lambda: len(load.acknowledged) > 60)
        end(primary)
        wait_for(lambda: all(trouble(one) in TOLD for one in both))
        status, answer, seconds = replicas.send("list", "U0A", 900_001)
        before = leaders_said(replicas)
        standby.promote()
        back_s = wait_for(lambda: all(is_well(f"http://127.0.0.1:{one.port}") for one in both))
        led_s = back_s + wait_for(lambda: leaders_said(replicas) > before)
        at_once = len(load.acknowledged)
        wait_for(lambda: len(load.acknowledged) > at_once + 60)
    there, told = linked(store)

    assert (status, seconds < IN_TIME_S) == (200, True)
    assert any(told in answer for told in TOLD)
    assert load.longest_s < IN_TIME_S
    assert back_s < BACK_S
    assert led_s < BACK_S
    assert {target for target, *_ in load.acknowledged} <= there
    assert len(told) == len(set(told))
    assert there == set(told)
