"""Changes that wait at the same moment become one write, each with its own outcome."""

import errno
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.audit import Event
from bot.core.errors import NameTaken, OutcomeUnknown, StoreFailure, StoreReadOnly
from bot.core.model import Source, Target, TargetKind
from bot.core.ports.store import Fetch
from storage.maintenance import Verified, verify
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import WatchedDisk
from tests.storage.samples import (
    KEYRING,
    NOON,
    T1,
    add,
    add_in,
    dependency,
    integration,
    names,
    opened,
    record,
    whole_history,
)
from tests.storage.tokens import FETCHED, keep, token

PIPELINES = 400
THREADS = 80


class GatedDisk(WatchedDisk):
    """A disk whose flushes of files wait until they are let through."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()

    def sync(self, descriptor: int) -> None:
        self.waiting.set()
        self.gate.wait()
        super().sync(descriptor)


@pytest.fixture
def disk() -> GatedDisk:
    """A disk that waits on demand."""
    return GatedDisk()


@pytest.fixture
def gated(directory: Path, disk: GatedDisk) -> Iterator[TinyDBStore]:
    """A store on that disk, of one integration."""
    store = TinyDBStore(directory, KEYRING, disk=disk)
    add(store, integration("first"))
    yield store
    disk.failing = {}
    disk.gate.set()
    store.close()


def outcome(change: Callable[[], None]) -> BaseException | None:
    """What a change raises."""
    try:
        change()
    except Exception as error:  # noqa: BLE001 # whatever it is, the test looks at it
        return error
    return None


def together(
    store: TinyDBStore, disk: GatedDisk, changes: list[Callable[[], None]]
) -> list[BaseException | None]:
    """Begin a change, hold its write, do others in the meantime, then let all of them end."""
    disk.gate.clear()
    disk.waiting.clear()
    with ThreadPoolExecutor(THREADS) as pool:
        first = pool.submit(outcome, lambda: record(store, 1))
        disk.waiting.wait(5)
        others = [pool.submit(outcome, change) for change in changes]
        wait_until(lambda: len(store._open[T1]._batch.waiters) >= len(changes) - refused(changes))
        disk.gate.set()
        return [one.result() for one in (first, *others)]


def refused(changes: list[Callable[[], None]]) -> int:
    """How many of these changes are refused in their own block."""
    return sum(getattr(change, "is_refused", False) for change in changes)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, for at most five seconds."""
    waited = threading.Event()
    for _ in range(500):
        if is_so():
            return
        waited.wait(0.01)


def adding(store: TinyDBStore, name: str) -> Callable[[], None]:
    """A change that adds an integration."""
    return lambda: add(store, integration(name))


def test_changes_that_wait_are_one_write(gated: TinyDBStore, disk: GatedDisk) -> None:
    """However many changes come while one is being written, they are the next write, all of them kept."""
    disk.calls.clear()
    outcomes = together(gated, disk, [adding(gated, f"name-{number:02d}") for number in range(20)])
    found = verify(gated, KEYRING)

    assert outcomes == [None] * 21
    assert disk.calls.count("sync file") == 2
    assert len(names(gated)) == 21
    assert found == (Verified("T1", 22),)


def test_refused_change_refuses_no_other(gated: TinyDBStore, disk: GatedDisk) -> None:
    """A change that is refused keeps nothing and fails alone: those that wait with it are kept."""

    def take_name() -> None:
        add(gated, integration("first"))

    take_name.is_refused = True  # type: ignore[attr-defined]
    outcomes = together(gated, disk, [adding(gated, "second"), take_name, adding(gated, "third")])

    assert [type(one) for one in outcomes] == [type(None), type(None), NameTaken, type(None)]
    assert names(gated) == ["first", "second", "third"]


def test_change_sees_what_waits_before_it(gated: TinyDBStore, disk: GatedDisk) -> None:
    """A change is made on top of those that wait, so a name is taken before it is on disk."""

    def twice() -> None:
        add(gated, integration("second"))

    outcomes = together(gated, disk, [adding(gated, "second")])
    again = outcome(twice)

    assert outcomes == [None, None]
    assert type(again) is NameTaken


def test_reading_shows_only_what_is_on_disk(gated: TinyDBStore, disk: GatedDisk) -> None:
    """As long as a change waits for the disk, nobody reads it."""
    disk.gate.clear()
    disk.waiting.clear()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(adding(gated, "second"))
        disk.waiting.wait(5)
        before = names(gated)
        disk.gate.set()
        waiting.result()

    assert (before, names(gated)) == (["first"], ["first", "second"])


def test_failed_write_fails_everybody_in_it(gated: TinyDBStore, disk: GatedDisk, directory: Path) -> None:
    """When a write fails, the changes that were made on top of it fail too, and nothing of them is kept."""
    disk.failing = {"close": errno.EIO}
    outcomes = together(gated, disk, [adding(gated, f"name-{number}") for number in range(5)])
    disk.failing = {}
    kept = names(gated)
    add(gated, integration("after"))
    gated.close()
    again = opened(directory)
    found = verify(again, KEYRING)
    again.close()

    assert all(isinstance(one, StoreFailure) for one in outcomes)
    assert kept == ["first"]
    assert names(again) == ["after", "first"]
    assert found == (Verified("T1", 2),)


def test_unknown_outcome_is_everybodys(gated: TinyDBStore, disk: GatedDisk, directory: Path) -> None:
    """When nobody knows how a write ended, everybody in it is told so, and what the file holds is shown."""
    disk.failing = {"sync directory": errno.EIO}
    outcomes = together(gated, disk, [adding(gated, "second")])
    gated.close()
    again = opened(directory)
    again.close()

    assert all(isinstance(one, OutcomeUnknown | StoreReadOnly) for one in outcomes)
    assert names(gated) == names(again)
    assert len(whole_history(gated)) == len(whole_history(again))


def test_first_fetches_of_an_hour_are_few_writes(directory: Path) -> None:
    """400 pipelines' first fetches of an hour, among 10,000 integrations, are at most 12 writes."""
    disk = WatchedDisk()
    store = TinyDBStore(directory, KEYRING, disk=disk)
    one = integration("used")
    with store.change(T1) as change:
        add_in(change, one, *(integration(f"name-{number:05d}") for number in range(10_000)))
    targets = [Target(TargetKind.PROJECT, f"project-{number}") for number in range(PIPELINES)]
    tokens = [token(f"id{number:06d}", target) for number, target in enumerate(targets)]
    keep(store, *tokens)
    uses = [
        Fetch(
            T1,
            one,
            held,
            NOON,
            Event(FETCHED, f"token {held.id}", Source.WORKFLOW, NOON, one.id, one.name, target=held.target),
            replace(dependency(one, held.target), last_used_at=NOON),
        )
        for held in tokens
    ]
    disk.calls.clear()
    start = threading.Barrier(PIPELINES)

    def fetch(use: Fetch) -> None:
        start.wait()
        store.record_use(use)

    with ThreadPoolExecutor(PIPELINES) as pool:
        list(pool.map(fetch, uses))
    writes = disk.calls.count("sync file")
    depending = store.read(T1).dependencies.page(one.id, 0, 1).total
    store.close()

    assert depending == PIPELINES
    assert writes <= 12
