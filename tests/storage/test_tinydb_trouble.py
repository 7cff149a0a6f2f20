"""The embedded store when the disk fails, is full, or the program ends in the middle of a change."""

import errno
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bot.core.errors import OutcomeUnknown, StoreDamaged, StoreFailure, StoreFull, StoreReadOnly
from bot.core.model import Integration
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import PowerCut, SmallDisk, WatchedDisk
from tests.storage.samples import (
    KEYRING,
    T1,
    T2,
    add,
    delete,
    dependency,
    integration,
    link,
    names,
    opened,
    record,
    whole_history,
)

MIB = 1024 * 1024


@pytest.fixture
def disk() -> WatchedDisk:
    """A disk that fails on demand."""
    return WatchedDisk()


@pytest.fixture
def watched(directory: Path, disk: WatchedDisk) -> Iterator[TinyDBStore]:
    """A store on that disk, of one integration."""
    store = TinyDBStore(directory, KEYRING, disk=disk)
    add(store, integration("before"))
    yield store
    store.close()


@pytest.mark.parametrize(("call", "count"), [*((call, 1) for call in range(9)), (9, 21), (10, 21)])
def test_program_ended_at_any_call_leaves_a_whole_store(directory: Path, call: int, count: int) -> None:
    """Wherever in a change the program ends, the next start finds the change whole or not at all."""
    disk = WatchedDisk()
    store = TinyDBStore(directory, KEYRING, disk=disk)
    add(store, integration("before"))
    disk.stops_at = len(disk.calls) + call
    with pytest.raises(PowerCut):
        add(store, *(integration(f"name-{number}") for number in range(20)))
    with suppress(PowerCut):
        store.close()
    store = opened(directory)
    found, entries = names(store), whole_history(store)
    store.close()

    assert (len(found), len(entries)) == (count, count)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("create", errno.EACCES),
        ("create", errno.EMFILE),
        ("write", errno.EIO),
        ("close", errno.EIO),
        ("open directory", errno.EMFILE),
    ],
)
def test_failed_write_changes_nothing(
    watched: TinyDBStore, disk: WatchedDisk, directory: Path, call: str, error: int
) -> None:
    """When the temporary file cannot be written, the change is refused, and the next one succeeds."""
    disk.calls.clear()
    disk.failing = {call: error}
    with pytest.raises(StoreFailure, match="nothing was changed"):
        add(watched, integration("lost"))
    disk.failing = {}
    add(watched, integration("after"))

    assert names(watched) == ["after", "before"]
    assert [entry.sequence for entry in whole_history(watched)] == [2, 1]
    assert "read" not in disk.calls
    assert not list(directory.glob("*.tmp"))


@pytest.mark.parametrize("call", ["sync file", "replace"])
def test_failed_flush_stops_all_writing(
    watched: TinyDBStore, disk: WatchedDisk, directory: Path, call: str
) -> None:
    """After a failed flush or rename no workspace is written until the next start; reads go on."""
    disk.failing = {call: errno.EIO}
    with pytest.raises(StoreReadOnly):
        add(watched, integration("lost"))
    disk.failing = {}
    with pytest.raises(StoreReadOnly, match="Input/output error"):
        add(watched, integration("later", workspace=T2), workspace=T2)
    watched.close()
    restarted = opened(directory)
    add(restarted, integration("restarted"))
    restarted.close()

    assert "Input/output error" in (watched.health() or "")
    assert names(watched) == ["before"]
    assert names(restarted) == ["before", "restarted"]


def test_outcome_of_a_failed_directory_flush_is_looked_up(
    watched: TinyDBStore, disk: WatchedDisk, directory: Path
) -> None:
    """When the directory cannot be flushed, the person is told so, and what the file holds is shown."""
    disk.failing = {"sync directory": errno.EIO}
    with pytest.raises(OutcomeUnknown, match="may or may not"):
        add(watched, integration("unsure"))
    watched.close()
    restarted = opened(directory)
    restarted.close()

    assert names(watched) == names(restarted) == ["before", "unsure"]


def test_damage_met_later_refuses_one_workspace(watched: TinyDBStore, disk: WatchedDisk) -> None:
    """When the file cannot be read again either, that workspace is refused and others go on."""
    add(watched, integration("theirs", workspace=T2), workspace=T2)
    disk.failing = {"sync directory": errno.EIO, "read": errno.EIO}
    with pytest.raises(OutcomeUnknown):
        add(watched, integration("unsure"))

    with pytest.raises(StoreDamaged, match=r"T1\.db"):
        names(watched)
    assert names(watched, T2) == ["theirs"]


def test_failed_link_stops_nothing(watched: TinyDBStore, disk: WatchedDisk) -> None:
    """Where the version before cannot be kept, changes are kept all the same."""
    disk.failing = {"link": errno.EPERM}
    add(watched, integration("after"))

    assert names(watched) == ["after", "before"]
    assert watched.health() is None


class FullDisk:
    """A store on a small disk that something else has filled."""

    def __init__(self, directory: Path, error: int) -> None:
        self.disk = SmallDisk(directory, 16 * MIB, error)
        self.store = TinyDBStore(directory, KEYRING, disk=self.disk)
        self.one: Integration = integration("one")
        self.other: Integration = integration("other")
        add(self.store, self.one, self.other, *(integration(f"name-{number:03d}") for number in range(200)))
        link(self.store, dependency(self.one))
        self.fill()

    def fill(self) -> None:
        """Leave no byte free."""
        self.disk.capacity = self.disk.used()

    def clear(self) -> None:
        """Make room again."""
        self.disk.capacity = 16 * MIB


@pytest.fixture(params=[errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def full(directory: Path, request: pytest.FixtureRequest) -> Iterator[FullDisk]:
    """A store on a full disk, for each error that says so."""
    made = FullDisk(directory, request.param)
    yield made
    made.store.close()


def test_full_disk_refuses_what_grows(full: FullDisk, directory: Path) -> None:
    """On a full disk an addition is refused, nothing is changed, and reading goes on."""
    full.fill()
    with pytest.raises(StoreFull, match="The disk is full; nothing was changed"):
        add(full.store, *(integration(f"big-{number}") for number in range(500)))

    assert len(names(full.store)) == 202
    assert full.store.health() == "The disk is full, so only deleting works."
    assert not list(directory.glob("*.tmp"))


def test_version_before_gives_way(full: FullDisk, directory: Path) -> None:
    """What needs no more room than the version before takes is kept in its place."""
    full.disk.capacity += 4096
    add(full.store, integration("small"))

    assert full.store.read(T1).integrations.named("small")
    assert not (directory / "T1.db.prev").exists()
    assert (directory / ".reserve").exists()


def test_full_disk_lets_delete(full: FullDisk) -> None:
    """On a disk that stays full, dependencies and integrations can be removed again and again."""
    with full.store.change(T1) as change:
        change.remove(dependency(full.one))
    full.fill()
    delete(full.store, full.one)
    full.fill()
    delete(full.store, full.other)

    assert len(names(full.store)) == 200
    assert full.store.health() == "The disk is full, so only deleting works."


def test_room_again_needs_no_restart(full: FullDisk, directory: Path) -> None:
    """Once there is room again, additions are kept and health says nothing."""
    with pytest.raises(StoreFull):
        add(full.store, *(integration(f"big-{number}") for number in range(500)))
    full.clear()
    add(full.store, integration("after"))

    assert full.store.health() is None
    assert full.store.read(T1).integrations.named("after")
    assert (directory / ".reserve").stat().st_size >= MIB


def test_health_notices_room_by_itself(full: FullDisk) -> None:
    """Health says that the disk is full only as long as it is, without waiting for a change."""
    with pytest.raises(StoreFull):
        add(full.store, *(integration(f"big-{number}") for number in range(500)))
    full.clear()

    assert full.store.health() is None


def test_store_on_a_full_disk_starts(full: FullDisk, directory: Path) -> None:
    """A restart on a full disk succeeds, and what was kept is there."""
    full.store.close()
    restarted = TinyDBStore(directory, KEYRING, disk=full.disk)
    delete(restarted, full.other)
    restarted.close()

    assert len(names(restarted)) == 201


def test_full_disk_delays_the_archive(full: FullDisk, directory: Path) -> None:
    """When old history cannot be archived for want of room, deletions are kept, and it is archived later."""
    full.clear()
    record(full.store, 800)
    full.fill()
    archived = len(list((directory / "audit").iterdir()))
    delete(full.store, full.other)
    still_archived = len(list((directory / "audit").iterdir()))
    full.clear()
    record(full.store, 1)

    assert archived == still_archived
    assert len(list((directory / "audit").iterdir())) == archived + 1
    assert [entry.sequence for entry in whole_history(full.store)] == list(range(1004, 0, -1))


class StubbornDisk(SmallDisk):
    """A small disk that needs room even to remove a name, as copy-on-write file systems do."""

    kept = "nothing"
    refusal = errno.ENOSPC

    def remove(self, path: Path) -> None:
        if path.name.endswith(self.kept) and path.exists():
            raise OSError(self.refusal, os.strerror(self.refusal))
        super().remove(path)


@pytest.mark.parametrize("refusal", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("kept", ["", ".tmp", ".prev", ".reserve"])
def test_full_disk_that_removes_nothing_is_said_plainly(directory: Path, kept: str, refusal: int) -> None:
    """Where not even a name can be removed, a change is refused in a sentence, and works again later."""
    disk = StubbornDisk(directory, 16 * MIB)
    store = TinyDBStore(directory, KEYRING, disk=disk)
    one, other = integration("one"), integration("other")
    add(store, one, other, *(integration(f"name-{number:03d}") for number in range(200)))
    record(store, 1)
    disk.capacity, disk.kept, disk.refusal = disk.used(), kept, refusal
    with pytest.raises(StoreFailure):
        add(store, *(integration(f"big-{number}") for number in range(500)))
    disk.capacity = disk.used()
    with pytest.raises(StoreFailure):
        delete(store, one)
    disk.capacity, disk.kept = 16 * MIB, "nothing"
    delete(store, other)
    store.close()

    assert len(names(store)) == 201


def test_reserve_keeps_room_on_a_disk_that_compresses(directory: Path) -> None:
    """What the reserve is made of does not shrink."""
    opened(directory, WatchedDisk()).close()
    kept = (directory / ".reserve").read_bytes()

    assert len(zlib.compress(kept)) >= len(kept) >= MIB


class NamingDisk(WatchedDisk):
    """A disk that notes which directories were flushed."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed: list[Path] = []

    def open_directory(self, path: Path) -> int:
        self.flushed.append(path)
        return super().open_directory(path)


def test_each_new_directory_outlives_a_power_cut(tmp_path: Path) -> None:
    """Of a data directory several levels deep, each directory that was made has its name flushed."""
    disk = NamingDisk()
    TinyDBStore(tmp_path / "a/b/c/data", KEYRING, disk=disk).close()
    above = [tmp_path, tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c", tmp_path / "a/b/c/data"]

    assert {*above} <= {*disk.flushed}


def test_directory_that_is_there_flushes_nothing_above(directory: Path) -> None:
    """A start in a directory that exists looks at nothing above it."""
    opened(directory).close()
    disk = NamingDisk()
    TinyDBStore(directory, KEYRING, disk=disk).close()

    assert directory.parent not in disk.flushed
