"""Whole files: what is called in which order, what is left when a call fails or the process is killed."""

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bot.pipeline.atomic_write import replace_whole

ROOT = Path(__file__).parents[2]
WHOLE = ["open directory", "open", "write", "fsync", "close", "replace", "fsync", "close"]
KEYS = "first key\nsecond key\n"


class System:
    """The operating system. It notes the name of each call, and fails at those it is told to."""

    def __init__(self, **failing):
        self.calls = []
        self.failing = failing
        self.owned = []

    def _call(self, name, *arguments, seen_as=None):
        self.calls.append(seen_as or name)
        if name in self.failing:
            raise self.failing[name]
        return getattr(os, name)(*arguments)

    def open(self, path, flags, mode=0o777):
        """Open a file or a directory."""
        return self._call(
            "open", path, flags, mode, seen_as="open directory" if flags & os.O_DIRECTORY else None
        )

    def write(self, descriptor, data):
        """Write some bytes, at most eight at a time."""
        return self._call("write", descriptor, data[:8])

    def fsync(self, descriptor):
        """Flush."""
        return self._call("fsync", descriptor)

    def close(self, descriptor):
        """Close."""
        return self._call("close", descriptor)

    def replace(self, source, target):
        """Rename."""
        return self._call("replace", source, target)

    def fchown(self, descriptor, user, group):
        """Note what a file is given to, and how much stood in it then."""
        self.owned.append((os.fstat(descriptor).st_size, user, group))


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
    system = System()
    replace_whole(path, "after", system)

    assert system.calls == WHOLE
    assert path.read_text() == "after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_long_text_is_written_whole(path):
    """The system may take fewer bytes than asked; all of them arrive."""
    replace_whole(path, KEYS * 10, System())

    assert path.read_text() == KEYS * 10


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_failure_leaves_the_file_as_it_was(path, call, error):
    """When a call fails, or a person presses Ctrl-C, the file is as before and nothing lies beside it."""
    with pytest.raises(type(error)):
        replace_whole(path, "after", System(**{call: error}))

    assert path.read_text() == "before"
    assert list(path.parent.iterdir()) == [path]


def test_owner_is_kept(path):
    """The new file gets the old one's owner and group before anything is written into it."""
    system = System()
    replace_whole(path, "after", system)
    facts = path.stat()

    assert system.owned == [(0, facts.st_uid, facts.st_gid)]


KILLED = """
import os, signal, sys, types
from pathlib import Path
from bot.pipeline.atomic_write import replace_whole

class Killed:
    open, write, fsync, close, fchown = os.open, os.write, os.fsync, os.close, os.fchown
    def replace(*_):
        os.kill(os.getpid(), signal.SIGKILL)

replace_whole(Path(sys.argv[1]), "secret", Killed)
"""


def killed(path):
    """Let a process be killed in the middle of writing a file."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL


def test_what_a_killed_process_left_is_removed_at_the_next_run(path):
    """The temporary file may hold keys in clear, so the next run removes it."""
    killed(path)
    (left,) = [each for each in path.parent.iterdir() if each != path]
    facts = (left.read_text(), stat.S_IMODE(left.stat().st_mode), path.read_text())
    replace_whole(path, "after")

    assert facts == ("secret", 0o600, "before")
    assert list(path.parent.iterdir()) == [path]


def test_other_files_of_the_directory_stay(path):
    """Only what such a process leaves for this very file is removed."""
    others = [
        ".file.tmp",
        ".file.0123456789abcdef.tmp2",
        ".other.0123456789abcdef.tmp",
        "file.0123456789abcdef.tmp",
    ]
    [path.with_name(name).touch() for name in others]
    replace_whole(path, "after")

    assert sorted(each.name for each in path.parent.iterdir()) == sorted(["file", *others])


def test_file_of_a_process_that_still_writes_stays(path):
    """While another process writes here, its temporary file is not taken from it."""
    other = path.with_name(".file.0123456789abcdef.tmp")
    other.touch()
    directory = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    replace_whole(path, "after")
    os.close(directory)

    assert other.exists()
    assert path.read_text() == "after"
