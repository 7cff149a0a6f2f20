"""PostgreSQL in trouble: a sentence in time, nothing lost or done twice, and back without a restart."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from bot.core.errors import (
    OutcomeUnknown,
    QuaymasterError,
    SettingsError,
    StoreFailure,
    StoreFull,
    StoreReadOnly,
)
from bot.core.ports.store import Store
from storage.postgres.migrations import migrate
from storage.postgres.postgres_store import PostgresStore
from tests.fakes.real_postgres import ADMIN, OWNER, SERVER_ROLE, RealPostgres, running
from tests.fakes.wire import Cut, Wire
from tests.storage.samples import KEYRING, T1, event, integration, names, whole_history

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.alone]

IN_TIME_S = 2.0
BACK_S = 5.0


def add(store: Store, name: str) -> None:
    """Add an integration, with its entry."""
    with store.change(T1) as change:
        one = integration(name)
        change.put(one)
        change.record(event(one))


def trouble(act: Callable[[], object]) -> tuple[QuaymasterError, float]:
    """The error that an act ends with, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises(QuaymasterError) as caught:
        act()
    return caught.value, time.monotonic() - began


def back_after(act: Callable[[], object]) -> float:
    """After how many seconds an act succeeds again, tried over and over."""
    began = time.monotonic()
    while time.monotonic() - began < 2 * BACK_S:
        try:
            act()
        except QuaymasterError:
            time.sleep(0.1)
        else:
            break
    return time.monotonic() - began


def health_within(store: PostgresStore, wanted: Callable[[str | None], bool]) -> bool:
    """True once the health is as wanted, within the time that it may take to be seen."""
    began = time.monotonic()
    while time.monotonic() - began < BACK_S:
        if wanted(store.health()):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def server() -> Iterator[RealPostgres]:
    """A server of the test's own."""
    with running() as server:
        yield server


@contextmanager
def store_in(server: RealPostgres) -> Iterator[PostgresStore]:
    """A store in a database of its own, with one integration."""
    database = server.new_database()
    with psycopg.connect(server.url(database, OWNER), autocommit=True) as connection:
        migrate(connection, grant_to=SERVER_ROLE)
    store = PostgresStore(server.url(database), KEYRING)
    add(store, "before")
    yield store
    store.close()


@pytest.fixture
def own(server: RealPostgres) -> Iterator[PostgresStore]:
    """A store in that server, with one integration."""
    with store_in(server) as store:
        yield store


def test_stopped_server_is_told_and_comes_back(own: PostgresStore, server: RealPostgres) -> None:
    """While the server is stopped both reads and changes say so at once; afterwards they go on."""
    server.stop()
    read, read_s = trouble(lambda: names(own))
    change, change_s = trouble(lambda: add(own, "lost"))
    is_told = health_within(own, lambda health: health == "The database cannot be reached.")
    server.start()
    back_s = back_after(lambda: add(own, "after"))

    assert read.message == change.message == "The database cannot be reached."
    assert max(read_s, change_s) < IN_TIME_S
    assert is_told
    assert back_s < BACK_S
    assert names(own) == ["after", "before"]
    assert health_within(own, lambda health: health is None)


def test_restart_between_two_requests_is_not_noticed(own: PostgresStore, server: RealPostgres) -> None:
    """Connections that died while nobody used them are replaced without anybody being told."""
    names(own)
    server.stop()
    server.start()
    add(own, "after")

    assert names(own) == ["after", "before"]


def test_paused_server_is_told_in_time(own: PostgresStore, server: RealPostgres) -> None:
    """A server that stands still is given up in time, once; a change that it may still make is said so."""
    server.pause()
    change, change_s = trouble(lambda: add(own, "unknown"))
    read, read_s = trouble(lambda: names(own))
    later, later_s = trouble(lambda: add(own, "later"))
    is_told = health_within(own, bool)
    server.resume()
    back_s = back_after(lambda: add(own, "after"))

    assert type(change) is OutcomeUnknown
    assert read.message == later.message == "The database does not answer."
    assert change_s + read_s < IN_TIME_S
    assert later_s < IN_TIME_S
    assert is_told
    assert back_s < BACK_S
    assert set(names(own)) - {"unknown"} == {"after", "before"}
    assert len(whole_history(own)) == len(names(own))


def test_read_only_server_is_told(own: PostgresStore, server: RealPostgres) -> None:
    """While the server takes no changes, reads go on, changes say so, and so does the health."""
    server.sql("alter system set default_transaction_read_only = on", role=ADMIN)
    server.sql("select pg_reload_conf()", role=ADMIN)
    time.sleep(0.3)
    change, change_s = trouble(lambda: add(own, "lost"))
    seen = names(own)
    is_told = health_within(own, lambda health: health == "The database is not accepting changes right now.")
    server.sql(
        "alter system reset default_transaction_read_only",
        role=ADMIN,
    )
    server.sql("select pg_reload_conf()", role=ADMIN)
    back_s = back_after(lambda: add(own, "after"))

    assert isinstance(change, StoreReadOnly)
    assert change_s < IN_TIME_S
    assert seen == ["before"]
    assert is_told
    assert back_s < BACK_S


def test_sessions_that_stay_read_only_are_opened_again(own: PostgresStore, server: RealPostgres) -> None:
    """A setting of the database binds the sessions that begin under it, and those do not learn of its end."""
    ours = "from pg_stat_activity where application_name = 'quaymaster'"
    name = server.sql(f"select datname {ours} limit 1", role=ADMIN)
    server.sql(f"alter database {name} set default_transaction_read_only = on", role=ADMIN)
    server.sql(f"select pg_terminate_backend(pid) {ours}", role=ADMIN)
    is_told = health_within(own, lambda health: health == "The database is not accepting changes right now.")
    server.sql(f"alter database {name} reset default_transaction_read_only", role=ADMIN)
    back_s = back_after(lambda: add(own, "after"))
    is_well = health_within(own, lambda health: health is None)

    assert is_told
    assert back_s < BACK_S
    assert is_well
    assert names(own) == ["after", "before"]


def test_full_disk_is_told(store: PostgresStore, postgres: RealPostgres, database: str) -> None:
    """What the server says when its disk is full reaches the person as that."""
    postgres.sql(
        "create function quaymaster.fill() returns trigger language plpgsql as"
        " $$ begin raise exception using errcode = 'disk_full'; end $$;"
        "create trigger fill before insert on quaymaster.integrations execute function quaymaster.fill()",
        database,
        ADMIN,
    )
    error, _ = trouble(lambda: add(store, "lost"))
    postgres.sql(
        "drop trigger fill on quaymaster.integrations; drop function quaymaster.fill()", database, ADMIN
    )
    add(store, "after")

    assert isinstance(error, StoreFull)
    assert names(store) == ["after"]


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_collision_is_tried_again(
    sqlstate: str, store: PostgresStore, postgres: RealPostgres, database: str
) -> None:
    """A change that collides twice is made in the end, once."""
    collide(postgres, database, sqlstate, times=2)
    add(store, "one")
    with store.change(T1) as change:
        change.integrations.named("one")
        change.put(integration("two"))
    calm(postgres, database)

    assert names(store) == ["one", "two"]
    assert len(whole_history(store)) == 1


def test_collision_is_not_tried_for_ever(store: PostgresStore, postgres: RealPostgres, database: str) -> None:
    """After three more tries the person is told that nothing was changed."""
    collide(postgres, database, "40001", times=99)
    error, seconds = trouble(lambda: add(store, "one"))
    tries = postgres.sql("select last_value from quaymaster.tries", database, ADMIN)
    calm(postgres, database)

    assert error.message == "Quaymaster is busy, so nothing was changed."
    assert tries == "4"
    assert seconds < IN_TIME_S
    assert names(store) == []


def collide(postgres: RealPostgres, database: str, sqlstate: str, times: int) -> None:
    """Let the next changes fail so often as if they had collided; a sequence counts on through a rollback."""
    postgres.sql(
        "create sequence quaymaster.tries; grant all on sequence quaymaster.tries to public;"
        "create function quaymaster.collide() returns trigger language plpgsql as $$ begin"
        f" if nextval('quaymaster.tries') <= {times}"
        f" then raise exception using errcode = '{sqlstate}'; end if;"
        " return new; end $$;"
        "create trigger collide before insert on quaymaster.integrations"
        " for each row execute function quaymaster.collide()",
        database,
        ADMIN,
    )


def calm(postgres: RealPostgres, database: str) -> None:
    """Let nothing collide any more."""
    postgres.sql(
        "drop trigger collide on quaymaster.integrations; drop function quaymaster.collide();"
        " drop sequence quaymaster.tries",
        database,
        ADMIN,
    )


@pytest.mark.parametrize("is_delivered", [True, False])
def test_cut_while_a_change_is_kept(wired: PostgresStore, wire: Wire, *, is_delivered: bool) -> None:
    """A connection that is cut when a change is sent is asked about: it is done once, arrived or not."""
    add(wired, "before")
    wire.cut = Cut(b"needle", is_delivered)
    add(wired, "needle")

    assert wire.cut is None
    assert names(wired) == ["before", "needle"]
    assert len(whole_history(wired)) == 2


@pytest.mark.parametrize("is_delivered", [True, False])
def test_cut_while_a_change_that_read_is_kept(
    wired: PostgresStore, wire: Wire, *, is_delivered: bool
) -> None:
    """The same for a change that asks before it writes."""
    add(wired, "before")
    with wired.change(T1) as change:
        change.integrations.named("before")
        wire.cut = Cut(b"needle", is_delivered)
        change.put(integration("needle"))

    assert wire.cut is None
    assert names(wired) == ["before", "needle"]


def test_change_is_not_made_again_on_answers_that_are_old(
    store: PostgresStore, postgres: RealPostgres, database: str
) -> None:
    """When its connection ends, a change whose questions have other answers by now is not made."""

    def add_other_if_free() -> None:
        with store.change(T1) as change:
            change.integrations.named("other")
            postgres.sql(
                "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'",
                database,
                ADMIN,
            )
            postgres.sql(RENAMED, database, ADMIN)
            change.put(integration("mine"))

    add(store, "before")
    error, _ = trouble(add_other_if_free)

    assert error.message == "Quaymaster is busy, so nothing was changed."
    assert names(store) == ["before"]


RENAMED = "update quaymaster.integrations set name_key = 'other'"


def test_cut_with_nobody_left_to_ask_is_unknown(wired: PostgresStore, wire: Wire) -> None:
    """When the database cannot be asked either, the person is told to look again."""
    add(wired, "before")
    wire.cut = Cut(b"needle", is_delivered=True)
    wire.is_open = False
    error, seconds = trouble(lambda: add(wired, "needle"))

    assert isinstance(error, OutcomeUnknown)
    assert seconds < IN_TIME_S


def test_wrong_password_is_not_shown(postgres: RealPostgres, database: str) -> None:
    """What cannot be reached is told without the address, which may hold a password."""
    url = f"postgresql://nobody-there:canary-pw@127.0.0.1:{postgres.port}/{database}"
    with pytest.raises(StoreFailure) as caught:
        PostgresStore(url, KEYRING)

    assert "nobody-there" in caught.value.message
    assert "canary" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    "url", ["postgresql://a:can%ary@127.0.0.1/x", "postgresql://a:canary@127.0.0.1/x?sslmod=x"]
)
def test_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    """Its password may be what cannot be read."""
    with pytest.raises(SettingsError, match="The address of the database cannot be read") as caught:
        PostgresStore(url, KEYRING)

    assert "ary" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}".replace("DATABASE", "")
    assert caught.value.__suppress_context__
