"""Writes files atomically: the old file or the complete new one is there, and only its owner can read it."""

import fcntl
import os
import re
from pathlib import Path
from types import ModuleType


def replace_whole(path: Path, text: str, system: ModuleType = os) -> None:
    """
    Replace or create a file in one step, with mode 0600; it is on disk before this returns.

    An existing file keeps its owner. Pass a link's target, or the link is replaced. What a killed process
    left next to the file is removed first: it may contain the same secrets.

    Args:
        path: The file; its directory exists.
        text: Its new content.
        system: Makes the calls to the operating system.

    Raises:
        OSError: The file is unchanged.
    """
    directory = system.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # The lock's holder is the only writer here, so any other temporary file belongs to a dead process.
        if _is_locked(directory):
            _remove_left_over(path)
        _write_and_rename(path, text, system)
        # The names are flushed too: a power cut that undid the rename would bring the old secrets back.
        system.fsync(directory)
    finally:
        system.close(directory)


def _remove_left_over(path: Path) -> None:
    """Remove the temporary files that killed processes left next to a file."""
    form = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}\.tmp")
    for left in path.parent.iterdir():
        if form.fullmatch(left.name):
            left.unlink(missing_ok=True)


def _is_locked(directory: int) -> bool:
    """Lock a directory until its descriptor is closed. False = another writes, or nothing locks here."""
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _write_and_rename(path: Path, text: str, system: ModuleType) -> None:
    """Write a temporary file and rename it. Raises ``OSError``."""
    owner = path.stat() if path.exists() else None
    # A new name each time, so that a killed process's file is never in the way, even if process ids repeat.
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
