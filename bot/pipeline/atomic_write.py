"""Files that are at every instant as they were or as they will be, and their owner's alone."""

import fcntl
import os
import re
from pathlib import Path
from types import ModuleType


def replace_whole(path: Path, text: str, system: ModuleType = os) -> None:
    """
    Replace a file in one step, or make it, of mode 0600; it is on disk before this returns.

    A file that is there keeps its owner. Pass a link's target, or the link is replaced. What a killed process
    left beside the file is removed first: it may hold the same secrets.

    Args:
        path: The file; its directory exists.
        text: What it holds from then on.
        system: Makes the calls to the operating system.

    Raises:
        OSError: The file is as it was.
    """
    directory = system.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Who holds the lock is the only writer here, so every other temporary file is a dead process's.
        if _is_locked(directory):
            _remove_left_over(path)
        _write_and_rename(path, text, system)
        # The names are flushed too: a rename that a power cut takes back would bring the old secrets back.
        system.fsync(directory)
    finally:
        system.close(directory)


def _remove_left_over(path: Path) -> None:
    """Remove the temporary files that killed processes left beside a file."""
    form = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}\.tmp")
    for left in path.parent.iterdir():
        if form.fullmatch(left.name):
            left.unlink(missing_ok=True)


def _is_locked(directory: int) -> bool:
    """Lock a directory until its descriptor is closed. False while another writes, or where nothing locks."""
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _write_and_rename(path: Path, text: str, system: ModuleType) -> None:
    """Write a temporary file and rename it. Raises ``OSError``."""
    owner = path.stat() if path.exists() else None
    # A new name each time: what a killed process left is in nobody's way, though process ids repeat.
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = system.open(temporary, flags, 0o600)
        try:
            if owner:
                system.fchown(descriptor, owner.st_uid, owner.st_gid)
            rest = memoryview(text.encode())
            while rest:
                rest = rest[system.write(descriptor, rest) :]
            system.fsync(descriptor)
        finally:
            system.close(descriptor)
        system.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
