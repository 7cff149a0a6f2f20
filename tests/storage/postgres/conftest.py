"""A PostgreSQL store behind a wire that counts round trips."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from storage.postgres.postgres_store import PostgresStore
from tests.fakes.real_postgres import SERVER_ROLE, RealPostgres, database, migrated, postgres
from tests.fakes.wire import Wire
from tests.storage.samples import KEYRING

__all__ = ["database", "migrated", "postgres"]

Opener = Callable[[], PostgresStore]


@pytest.fixture
def wire(postgres: RealPostgres) -> Iterator[Wire]:
    """A wire to the server."""
    with Wire(postgres.port) as wire:
        yield wire


@pytest.fixture
def wired(database: str, wire: Wire) -> Iterator[PostgresStore]:
    """An empty store behind the wire."""
    store = PostgresStore(f"postgresql://{SERVER_ROLE}@127.0.0.1:{wire.port}/{database}", KEYRING)
    yield store
    store.close()


@pytest.fixture
def opener(database: str, postgres: RealPostgres) -> Iterator[Opener]:
    """Opens stores of one database, each a replica of the others."""
    with ExitStack() as opened:

        def open_one() -> PostgresStore:
            store = PostgresStore(postgres.url(database), KEYRING)
            opened.callback(store.close)
            return store

        yield open_one


@pytest.fixture
def store(opener: Opener) -> PostgresStore:
    """An empty store."""
    return opener()
