"""Whole files: what is called in which order, and what is left when a call fails."""

import errno
import os
import stat

import pytest

from bot.pipeline.atomic_write import replace_whole
from storage.tinydb.disk import Disk
from tests.storage.disks import WatchedDisk

WHOLE = ["create", "write", "sync file", "close", "replace", "open directory", "sync directory", "close"]


class Interrupted(Disk):
    """A person presses Ctrl-C before the file is renamed."""

    def replace(self, source, target):
        raise KeyboardInterrupt


class Killed(Interrupted):
    """The process ends there: it cleans nothing up."""

    def remove(self, path):
        pass


@pytest.fixture
def path(tmp_path):
    """A file with something in it."""
    made = tmp_path / "file"
    made.write_text("before")
    return made


@pytest.mark.parametrize("name", ["file", "new"])
def test_bytes_are_on_disk_before_the_name_and_the_name_before_the_end(path, name):
    """The bytes are flushed before the rename, and the directory after it: a power cut leaves old or new."""
    path = path.with_name(name)
    disk = WatchedDisk()
    replace_whole(path, "after", disk)

    assert disk.calls == WHOLE
    assert path.read_text() == "after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("call", ["create", "write", "sync file", "close", "replace"])
def test_failure_leaves_the_file_as_it_was(path, call):
    """When a call fails the file is as before, nothing lies beside it, and the error rises."""
    disk = WatchedDisk()
    disk.failing[call] = errno.ENOSPC
    with pytest.raises(OSError, match="No space left"):
        replace_whole(path, "after", disk)

    assert path.read_text() == "before"
    assert list(path.parent.iterdir()) == [path]


def test_interruption_leaves_nothing_beside_the_file(path):
    """A person's Ctrl-C is no reason to leave secrets behind."""
    with pytest.raises(KeyboardInterrupt):
        replace_whole(path, "after", Interrupted())

    assert path.read_text() == "before"
    assert list(path.parent.iterdir()) == [path]


def test_owner_is_kept(path, monkeypatch):
    """The new file gets the old one's owner and group before anything is written into it."""
    owned = []
    monkeypatch.setattr(
        os, "fchown", lambda descriptor, *ids: owned.append((os.fstat(descriptor).st_size, *ids))
    )
    replace_whole(path, "after")
    facts = path.stat()

    assert owned == [(0, facts.st_uid, facts.st_gid)]


def test_killed_process_is_in_nobodys_way(path):
    """What a killed process left has a name that no other takes, though its process id be the same."""
    with pytest.raises(KeyboardInterrupt):
        replace_whole(path, "lost", Killed())
    with pytest.raises(KeyboardInterrupt):
        replace_whole(path, "lost too", Killed())
    replace_whole(path, "after")
    left = [each for each in path.parent.iterdir() if each != path]

    assert path.read_text() == "after"
    assert [stat.S_IMODE(each.stat().st_mode) for each in left] == [0o600, 0o600]
