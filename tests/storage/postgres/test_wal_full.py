"""The disk of the write-ahead log is full: PostgreSQL ends, which is told, and what was kept stays kept."""

import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.postgres.postgres_store import PostgresStore
from tests.fakes.real_postgres import NOBODY, RealPostgres, running
from tests.storage.postgres.test_disk_full import add_until_refused
from tests.storage.postgres.test_trouble import (
    BACK_S,
    IN_TIME_S,
    add,
    back_after,
    health_within,
    store_in,
    trouble,
)
from tests.storage.samples import names, whole_history

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.alone]

_SIZE = 64 * 1024 * 1024


@pytest.fixture
def server() -> Iterator[RealPostgres]:
    """A server of the test's own, whose log soon needs another file."""
    with running("-c", "min_wal_size=32MB", "-c", "max_wal_size=32MB", log_file_mb=1) as server:
        yield server


@pytest.fixture
def wal(server: RealPostgres) -> Iterator[Path]:
    """Its log, moved to a file system of 64 MB."""
    server.stop()
    place, kept = server.folder / "data/pg_wal", server.folder / "pg_wal"
    place.rename(kept)
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},uid={NOBODY},gid={NOBODY},mode=700", "tmpfs"]
    if subprocess.run([*mount, str(place)], check=False, capture_output=True).returncode:
        pytest.skip("nobody may mount a file system here")
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", str(place)], check=True)
        server.start()
        yield place
    finally:
        server.stop()
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def own(server: RealPostgres, wal: Path) -> Iterator[PostgresStore]:  # noqa: ARG001 - it is where the log is
    """A store in that server, with one integration."""
    with store_in(server) as store:
        yield store


def test_full_log_is_told_and_nothing_is_lost(own: PostgresStore, server: RealPostgres, wal: Path) -> None:
    """The server ends when its log cannot grow; once there is room and it is started, changes go on."""
    filling = wal / "filling"
    with filling.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        file.writelines(itertools.repeat(bytes(4096)))
    done, _, seconds = add_until_refused(own)
    again, again_s = trouble(lambda: add(own, "again"))
    is_told = health_within(own, lambda health: health == "The database cannot be reached.")
    filling.unlink()
    server.stop()
    server.start()
    back_s = back_after(lambda: add(own, "after"))
    there = set(names(own))

    assert again.message == "The database cannot be reached."
    assert max(seconds, again_s) < IN_TIME_S
    assert is_told
    assert {"before", "after", *done} <= there
    assert len(whole_history(own)) == len(there)
    assert back_s < BACK_S
