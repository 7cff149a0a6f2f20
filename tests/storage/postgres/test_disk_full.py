"""PostgreSQL on a full disk: a sentence in time, nothing lost or done twice, and back when there is room."""

import itertools
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from bot.core.errors import QuaymasterError, StoreFull
from storage.postgres.migrations import migrate
from storage.postgres.postgres_store import PostgresStore
from tests.fakes.real_postgres import ADMIN, NOBODY, OWNER, SERVER_ROLE, RealPostgres, as_nobody, running
from tests.storage.postgres.test_trouble import (
    BACK_S,
    IN_TIME_S,
    add,
    back_after,
    health_within,
    trouble,
)
from tests.storage.samples import KEYRING, names, whole_history

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.alone]

_PAGE = 8192
_MOST = 5000
_SMALL = 24 * 1024 * 1024


@dataclass
class Disk:
    """Where a database is, and how it becomes full and free again."""

    database: str
    fill: Callable[[], None]
    free: Callable[[], None]


@pytest.fixture
def server() -> Iterator[RealPostgres]:
    """A server of the test's own."""
    with running() as server:
        yield server


@contextmanager
def small_disk(server: RealPostgres) -> Iterator[Disk]:
    """A file system of 24 MB, on which a tablespace is."""
    place = server.folder / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SMALL},uid={NOBODY},gid={NOBODY},mode=700", "tmpfs"]
    if subprocess.run([*mount, str(place)], check=False, capture_output=True).returncode:
        pytest.skip("nobody may mount a file system here; the other way to a full disk is tested")
    filling = place / "filling"

    def fill() -> None:
        with filling.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            file.writelines(itertools.repeat(bytes(_PAGE // 2)))

    try:
        server.sql(f"create tablespace small location '{place}'", role=ADMIN)
        server.sql(f"create database small owner {OWNER} tablespace small", role=ADMIN)
        yield Disk("small", fill, filling.unlink)
    finally:
        server.stop()
        subprocess.run(["umount", str(place)], check=True)


@contextmanager
def limited_files(server: RealPostgres) -> Iterator[Disk]:
    """Files that the system lets grow no further: a write is cut short at the limit, as on a full disk."""
    database = server.new_database()

    def limit(size: str) -> None:
        for pid in processes(server):
            # A connection that was asked for above may end meanwhile, and its process with it.
            command = ["prlimit", "--pid", str(pid), f"--fsize={size}:"]
            subprocess.run(command, check=False, capture_output=True, **as_nobody())

    def fill() -> None:
        # The write-ahead log is not what fills up here, so the table must be longer than one of its files.
        server.sql(PADDED, database, ADMIN)
        size = int(server.sql("select pg_relation_size('quaymaster.integrations')", database, ADMIN))
        limit(str(size + _PAGE // 2))

    yield Disk(database, fill, lambda: limit("unlimited"))


PADDED = (
    "insert into quaymaster.workspaces (ws) values ('TPAD');"
    "insert into quaymaster.integrations"
    " select 'TPAD', 'i' || n, 'n' || n, 'private', 'h', 443, 1, now(), '', 'U', '{}', null,"
    "        jsonb_build_object('padding', repeat('x', 1000)) from generate_series(1, 17000) n"
)


def processes(server: RealPostgres) -> list[int]:
    """The server's process and its children."""
    assert server.process
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *map(int, children)]


@pytest.fixture(params=[small_disk, pytest.param(limited_files, marks=pytest.mark.needs("prlimit"))])
def disk(request: pytest.FixtureRequest, server: RealPostgres) -> Iterator[Disk]:
    """A place for a database that can be filled."""
    with request.param(server) as made:
        yield made


@pytest.fixture
def own(server: RealPostgres, disk: Disk) -> Iterator[PostgresStore]:
    """A store on that disk, with one integration."""
    with psycopg.connect(server.url(disk.database, OWNER), autocommit=True) as connection:
        migrate(connection, grant_to=SERVER_ROLE)
    store = PostgresStore(server.url(disk.database), KEYRING)
    add(store, "before")
    yield store
    store.close()


def add_until_refused(store: PostgresStore) -> tuple[list[str], QuaymasterError, float]:
    """Add one after the other; give what was acknowledged, and the first error with its seconds."""
    done: list[str] = []
    while True:
        name = f"one-{len(done):04}"
        began = time.monotonic()
        try:
            add(store, name)
        except QuaymasterError as error:
            return done, error, time.monotonic() - began
        done.append(name)
        assert len(done) < _MOST, "the disk never became full"


def test_full_disk_is_told_and_room_is_noticed(own: PostgresStore, disk: Disk) -> None:
    """What fits is kept; what does not is told at once, and again; reads go on; with room so do changes."""
    disk.fill()
    done, error, seconds = add_until_refused(own)
    again, again_s = trouble(lambda: add(own, "again"))
    seen = names(own)
    disk.free()
    back_s = back_after(lambda: add(own, "after"))

    assert isinstance(error, StoreFull)
    assert isinstance(again, StoreFull)
    assert max(seconds, again_s) < IN_TIME_S
    assert seen == ["before", *done]
    assert back_s < BACK_S
    assert names(own) == sorted(["before", "after", *done])
    assert len(whole_history(own)) == len(names(own))
    assert health_within(own, lambda health: health is None)


@pytest.mark.parametrize("disk", [small_disk], indirect=True)
def test_health_tells_a_full_disk(own: PostgresStore, disk: Disk) -> None:
    """While the disk is full the health says so, and no longer than that."""
    disk.fill()
    add_until_refused(own)
    is_told = health_within(own, lambda health: health == "The disk of the database is full.")
    time.sleep(2 * IN_TIME_S)
    is_still_told = own.health()
    disk.free()

    assert is_told
    assert is_still_told
    assert health_within(own, lambda health: health is None)
    assert back_after(lambda: add(own, "after")) < BACK_S
