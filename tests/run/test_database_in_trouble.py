"""Two replicas whose database takes no changes: who looks is answered, who changes is told."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from bot.core.integrations.inventory import add_integration
from bot.core.ports import Ports
from storage.postgres.migrations import migrate
from storage.postgres.postgres_store import PostgresStore
from storage.sealing import Keyring, new_key, parse_keys
from tests.fakes.real_postgres import ADMIN, OWNER, SERVER_ROLE, RealPostgres, running
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.served_replicas import Replicas, is_well, two_replicas, wait_for
from tests.run.test_replicas_served import admin, draft

pytestmark = [pytest.mark.needs("postgres", "haproxy"), pytest.mark.alone]


@pytest.fixture
def server() -> Iterator[RealPostgres]:
    """A server of the test's own."""
    with running() as made:
        yield made


@pytest.fixture
def replicas(server: RealPostgres, tmp_path: Path) -> Iterator[Replicas]:
    """Two replicas on it, which serve one integration."""
    database, key = server.new_database(), new_key()
    with psycopg.connect(server.url(database, OWNER), autocommit=True) as connection:
        migrate(connection, grant_to=SERVER_ROLE)
    keyring = Keyring(parse_keys(key))
    store = PostgresStore(server.url(database), keyring)
    ports = Ports(store, keyring, ScriptedRegistry(), lambda: datetime.now(UTC))
    add_integration(ports, admin(), draft("shared"), is_checked=False)
    store.close()
    with two_replicas(tmp_path, server.url(database), key, QUAYMASTER_WATCH="off") as serving:
        yield serving


def set_read_only(server: RealPostgres, *, is_on: bool) -> None:
    """Let the server take no changes, or take them again."""
    how = "set default_transaction_read_only = on" if is_on else "reset default_transaction_read_only"
    server.sql(f"alter system {how}", role=ADMIN)
    server.sql("select pg_reload_conf()", role=ADMIN)


def are_well(replicas: Replicas) -> list[bool]:
    """Whether each says that all is well."""
    return [is_well(f"http://127.0.0.1:{one.port}") for one in (replicas.one, replicas.two)]


def test_who_looks_is_answered_while_nothing_can_be_changed(server: RealPostgres, replicas: Replicas) -> None:
    """When neither replica is well, lists are answered, changes are told why not, and it ends by itself."""
    set_read_only(server, is_on=True)
    wait_for(lambda: are_well(replicas) == [False, False] and not is_well(replicas.url))
    time.sleep(2)  # haproxy asks twice a second, and believes it the second time
    listed = replicas.send("list", "U0A", 1)
    linked = replicas.send("link shared project web-shop", "U0A", 2)
    set_read_only(server, is_on=False)
    seconds = wait_for(lambda: are_well(replicas) == [True, True])
    again = replicas.send("link shared project web-shop", "U0A", 3)

    assert (listed[0], linked[0], again[0]) == (200, 200, 200)
    assert "shared" in listed[1]
    assert "is not accepting changes right now" in linked[1]
    assert "web-shop" in again[1]
    assert max(listed[2], linked[2]) < 2
    assert seconds < 5
