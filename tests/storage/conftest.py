"""The stores that the contract is held against."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.core.ports.store import Store
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import QuickDisk
from tests.storage.samples import (
    KEYRING,
    T2,
    Clock,
    add,
    full_dependency,
    full_integration,
    integration,
    link,
    only_integration,
    opened,
)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands until it is moved."""
    return Clock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where an embedded store may be."""
    return tmp_path / "data"


@pytest.fixture
def tinydb(directory: Path, clock: Clock) -> Iterator[TinyDBStore]:
    """An empty embedded store."""
    opened = TinyDBStore(directory, KEYRING, clock=clock, disk=QuickDisk())
    yield opened
    opened.close()


@pytest.fixture(params=["tinydb"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each kind of store, empty: the contract is held against all of them."""
    opened: Store = request.getfixturevalue(request.param)
    return opened


@pytest.fixture
def filled(directory: Path) -> Path:
    """A closed store of two workspaces, each with two changes behind it."""
    store = opened(directory)
    add(store, full_integration())
    link(store, full_dependency(only_integration(store)))
    add(store, integration("theirs", workspace=T2), workspace=T2)
    add(store, integration("also_theirs", workspace=T2), workspace=T2)
    store.close()
    return directory
