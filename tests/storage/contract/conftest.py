"""The stores that the contract is held against: to add one, write its fixture and put its name into STORES.

A store's fixture gives a function that opens the same store, empty at first, on a clock.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.core.ports.store import Store
from storage.postgres.postgres_store import PostgresStore
from storage.tinydb.tinydb_store import TinyDBStore
from tests.fakes.real_postgres import RealPostgres, database, migrated, postgres
from tests.storage.disks import QuickDisk
from tests.storage.samples import KEYRING, Clock

__all__ = ["database", "migrated", "postgres"]

STORES = ["open_tinydb", pytest.param("open_postgres", marks=pytest.mark.needs("postgres"))]
Opener = Callable[[Clock], Store]


@pytest.fixture
def clock() -> Clock:
    """A clock that stands until it is moved."""
    return Clock()


@pytest.fixture
def open_tinydb(tmp_path: Path) -> Opener:
    """The embedded store."""
    return lambda clock: TinyDBStore(tmp_path / "data", KEYRING, clock=clock, disk=QuickDisk())


@pytest.fixture
def open_postgres(postgres: RealPostgres, database: str) -> Opener:
    """The store of several machines."""
    return lambda clock: PostgresStore(postgres.url(database), KEYRING, clock=clock)


@pytest.fixture(params=STORES)
def opener(request: pytest.FixtureRequest) -> Opener:
    """Opens a store of one kind."""
    found: Opener = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def opened(opener: Opener, clock: Clock) -> Iterator[list[Store]]:
    """The stores that a test has opened, the last one open."""
    stores = [opener(clock)]
    yield stores
    stores[-1].close()


@pytest.fixture
def store(opened: list[Store]) -> Store:
    """A store of each kind, empty."""
    return opened[0]


@pytest.fixture
def reopen(opened: list[Store], opener: Opener, clock: Clock) -> Callable[[], Store]:
    """Closes the store and opens it again, as a restart does."""

    def again() -> Store:
        opened[-1].close()
        opened.append(opener(clock))
        return opened[-1]

    return again
