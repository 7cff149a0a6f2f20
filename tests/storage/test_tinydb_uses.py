"""The embedded store's last uses, tokens and look-ups: what is written when, and how much work they are."""

import errno
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import OutcomeUnknown, StoreReadOnly
from bot.core.model import Workspace
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import SmallDisk, WatchedDisk
from tests.storage.samples import (
    KEYRING,
    NOON,
    PROJECT,
    T1,
    T2,
    add,
    delete,
    dependency,
    integration,
    link,
    only_integration,
    opened,
    record,
    whole_history,
)
from tests.storage.tokens import (
    LATER,
    TOKEN_ID,
    holder,
    keep,
    last_use,
    token,
    touch,
    used_integration,
)

MIB = 1024 * 1024
META = 1
"""The store's own file, which is told how far each workspace has come."""


class LateDisk(WatchedDisk):
    """A disk during whose flush an integration is used once more."""

    store: TinyDBStore | None = None
    used_id = ""

    def sync(self, descriptor: int) -> None:
        if self.store:
            self.store.note_use(T1, self.used_id, PROJECT, TOKEN_ID, LATER + timedelta(seconds=1))
        super().sync(descriptor)


@pytest.fixture
def disk() -> LateDisk:
    """A disk that counts, and fails on demand."""
    return LateDisk()


@pytest.fixture
def watched(directory: Path, disk: LateDisk) -> Iterator[TinyDBStore]:
    """A store on that disk, in two workspaces of which an integration can be used."""
    store = TinyDBStore(directory, KEYRING, disk=disk)
    used_integration(store)
    used_integration(store, T2)
    disk.calls.clear()
    yield store
    disk.failing, disk.store = {}, None
    store.close()


def reopened_use(store: TinyDBStore, directory: Path) -> object:
    """What the files say of the last use, after a stop."""
    store.close()
    again = opened(directory)
    again.close()
    return last_use(again, only_integration(again))


def test_use_touches_no_file(watched: TinyDBStore, disk: LateDisk) -> None:
    """However often it is noted and read, a use makes no call to the system."""
    one = only_integration(watched)
    for second in range(100):
        touch(watched, one, LATER + timedelta(seconds=second))
    watched.read(T1).dependencies.of_target(PROJECT)
    watched.token_holder(TOKEN_ID)

    assert disk.calls == []


@pytest.mark.parametrize("workspace", [T1, Workspace("TNEW")])
def test_change_of_nothing_flushes_nothing(
    watched: TinyDBStore, disk: LateDisk, directory: Path, workspace: Workspace
) -> None:
    """A block that only reads writes nothing, even when uses are noted, or the workspace is new."""
    touch(watched, only_integration(watched))
    with watched.change(workspace) as change:
        change.tokens.get(TOKEN_ID)
        change.remove(replace(dependency(integration()), integration_id="unknown"))

    assert set(disk.calls) <= {"read"}
    assert not (directory / "TNEW.db").exists()
    assert last_use(watched, only_integration(watched)) == LATER


def test_next_change_writes_the_uses(watched: TinyDBStore, disk: LateDisk) -> None:
    """What was noted is written with the workspace's next change, in its one file; then nothing is left."""
    touch(watched, only_integration(watched))
    record(watched, 1)
    after_change = list(disk.calls)
    watched.flush()
    watched.flush()

    assert after_change.count("create") == after_change.count("sync file") == 1
    assert disk.calls.count("sync file") == 1 + META


def test_flush_writes_once(watched: TinyDBStore, disk: LateDisk) -> None:
    """Each workspace that has something noted is written once, the others and the next time nothing."""
    for second in range(10):
        touch(watched, only_integration(watched), LATER + timedelta(seconds=second))
    entries = whole_history(watched)
    watched.flush()
    after_one = disk.calls.count("sync file")
    watched.flush()

    assert (after_one, disk.calls.count("sync file")) == (1 + META, 1 + META)
    assert whole_history(watched) == entries


def test_flush_writes_every_workspace(watched: TinyDBStore, disk: LateDisk) -> None:
    """Two workspaces with something noted are two files, beside the store's own."""
    touch(watched, only_integration(watched))
    watched.note_use(
        T2, watched.read(T2).dependencies.of_target(PROJECT)[0].integration.id, PROJECT, "T2oken00", LATER
    )
    watched.flush()

    assert disk.calls.count("sync file") == 2 + META


def test_use_known_already_is_not_written(watched: TinyDBStore, disk: LateDisk) -> None:
    """A use that the file tells of already costs no write."""
    touch(watched, only_integration(watched))
    watched.flush()
    disk.calls.clear()
    touch(watched, only_integration(watched))
    touch(watched, only_integration(watched), NOON)
    watched.flush()

    assert disk.calls == []


@pytest.mark.parametrize("write", [TinyDBStore.flush, TinyDBStore.close])
def test_flushed_use_is_there_after_a_restart(directory: Path, write: object) -> None:
    """Flushing and closing bring uses to the file."""
    store = opened(directory)
    one = used_integration(store)
    touch(store, one)
    assert callable(write)
    write(store)
    copy = opened_copy(directory)

    assert last_use(copy, one) == LATER
    store.close()


def opened_copy(directory: Path) -> TinyDBStore:
    """What another process would find in the files now."""
    copy = directory.with_name("copy")
    copy.mkdir(mode=0o700)
    for path in directory.glob("*.db"):
        (copy / path.name).write_bytes(path.read_bytes())
    store = opened(copy)
    store.close()
    return store


def test_use_during_a_write_is_not_lost(watched: TinyDBStore, disk: LateDisk, directory: Path) -> None:
    """A use that is noted while the file is being written is seen after it, and written the next time."""
    one = only_integration(watched)
    touch(watched, one)
    disk.used_id, disk.store = one.id, watched
    watched.flush()
    disk.store = None
    written = last_use(opened_copy(directory), one)

    assert (written, last_use(watched, one)) == (LATER, LATER + timedelta(seconds=1))
    assert reopened_use(watched, directory) == LATER + timedelta(seconds=1)


def test_deletion_writes_no_uses(watched: TinyDBStore, directory: Path) -> None:
    """A deletion leaves noted uses to the next change: on a full disk it must not grow."""
    other = integration("other")
    add(watched, other)
    touch(watched, only_integration(watched))
    delete(watched, other)
    written = (directory / "T1.db").read_text()
    watched.flush()

    assert "last_used_at" not in written
    assert "last_used_at" in (directory / "T1.db").read_text()


def test_killed_process_loses_only_what_was_noted(directory: Path) -> None:
    """Killed by SIGKILL, a store has lost the uses noted since the last flush, and nothing else."""
    ended = subprocess.run([sys.executable, "-m", "tests.storage.touching", str(directory)], check=False)
    store = opened(directory)
    one = only_integration(store)
    store.close()

    assert ended.returncode == -signal.SIGKILL
    assert store.read(T1).dependencies.of_target(PROJECT)[0].dependency == replace(
        dependency(one), last_used_at=NOON
    )
    assert holder(store, TOKEN_ID) == (T1, replace(token(), last_used_at=NOON))
    assert len(whole_history(store)) == 1


def test_full_disk_keeps_uses_in_memory(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """On a full disk flushing raises nothing and loses nothing; once there is room it is written."""
    disk = SmallDisk(directory, 16 * MIB)
    store = TinyDBStore(directory, KEYRING, disk=disk)
    one = used_integration(store)
    touch(store, one)
    disk.capacity = 0
    store.flush()
    seen = last_use(store, one)
    disk.capacity = 16 * MIB

    assert "T1: last uses could not be written and are held in memory: The disk is full" in caplog.text
    assert seen == LATER
    assert reopened_use(store, directory) == LATER


@pytest.mark.parametrize("call", ["sync file", "replace"])
def test_store_that_is_read_only_closes(
    watched: TinyDBStore, disk: LateDisk, directory: Path, call: str
) -> None:
    """When nothing is written any more, flushing and closing raise nothing, and uses are still seen."""
    disk.failing = {call: errno.EIO}
    with pytest.raises(StoreReadOnly):
        record(watched, 1)
    touch(watched, only_integration(watched))
    watched.flush()

    assert last_use(watched, only_integration(watched)) == LATER
    assert reopened_use(watched, directory) is None


def test_uses_outlive_a_write_of_unknown_outcome(watched: TinyDBStore, disk: LateDisk) -> None:
    """When the file is read again after a failed flush of the directory, what was noted is still seen."""
    one = only_integration(watched)
    disk.used_id, disk.store = one.id, watched
    disk.failing = {"sync directory": errno.EIO}
    with pytest.raises(OutcomeUnknown):
        keep(watched, token("unsure00"))

    assert last_use(watched, one) == LATER + timedelta(seconds=1)
    assert holder(watched, "unsure00") == (T1, token("unsure00"))


def test_tokens_are_found_after_a_restart(watched: TinyDBStore, directory: Path) -> None:
    """At the start every workspace's tokens are known again."""
    watched.close()
    again = opened(directory)
    again.close()

    assert holder(again, TOKEN_ID) == (T1, token())
    assert holder(again, "T2oken00") == (T2, token("T2oken00"))


def test_many_uses_of_one_integration_are_written_together(watched: TinyDBStore, disk: LateDisk) -> None:
    """A thousand targets that used one integration are one write, and each has its own last use."""
    one = only_integration(watched)
    targets = [PROJECT._replace(name=f"project-{number:04d}") for number in range(1000)]
    link(watched, *(dependency(one, target) for target in targets))
    disk.calls.clear()
    for number, target in enumerate(targets):
        touch(watched, one, LATER + timedelta(seconds=number), target)
    watched.flush()

    assert disk.calls.count("sync file") == 1 + META
    assert last_use(watched, one, targets[999]) == LATER + timedelta(seconds=999)
    assert last_use(watched, one) is None
