"""The data directory: only the bot's own user can enter it, and only one process uses it at a time.

The lock is ``flock``: the system releases it however the process ends. Windows has none, and some network
file systems do not honor it.
"""

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bot.core.errors import StoreFailure, StoreInUse
from storage.tinydb.durable_files import Disk, flush_names, open_regular

META = "meta"
_WORKSPACE_KEY = re.compile(r"[A-Z0-9]{1,32}(-[A-Z0-9]{1,32})?")


@contextmanager
def said_plainly(directory: Path) -> Iterator[None]:
    """Turn what the system reports into a sentence for the operator."""
    try:
        yield
    except OSError as error:
        if error.filename and directory in Path(error.filename).parents:
            raise StoreFailure(
                f"{error.filename} cannot be used: {error.strerror}.",
                "Quaymaster did not create it like this. Find out who did, and move it elsewhere.",
            ) from error
        raise StoreFailure(
            f"The data directory {directory} cannot be used: {error.strerror}.",
            "Set QUAYMASTER_DATA_DIR to a directory that this user can write to.",
        ) from error


def prepare(directory: Path, disk: Disk) -> None:
    """
    Create the data directory if there is none, and make sure that nobody else can enter it.

    Raises:
        StoreFailure: It cannot be created, or its group or other users can enter it.
    """
    with said_plainly(directory):
        missing = [one for one in (directory, *directory.parents) if not one.exists()]
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(directory.stat().st_mode) & 0o077:
            raise StoreFailure(f"Other users can access {directory}.", f"Run `chmod 700 {directory}`.")
        (directory / "audit").mkdir(mode=0o700, exist_ok=True)
        if (directory / "audit").is_symlink():
            raise StoreFailure(
                f"{directory / 'audit'} is a symbolic link.",
                "Replace it with the directory that it points to.",
            )
        flush_names(disk, directory)
        for made in missing:  # each new name outlives a power cut only with the directory it is in
            flush_names(disk, made.parent)


def lock(directory: Path) -> ExitStack:
    """
    Hold the data directory until what is given back is closed.

    Its lock file can be removed while a process runs, so the directory itself is locked as well.

    Raises:
        StoreInUse: Another process holds it.
        StoreFailure: It cannot be locked.
    """
    with said_plainly(directory), ExitStack() as held:
        file = open_regular(directory / ".lock", os.O_RDWR | os.O_CREAT)
        held.callback(os.close, file)
        itself = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        held.callback(os.close, itself)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _lock_directory(itself)
        except BlockingIOError:
            raise _in_use() from None
        return held.pop_all()


def _lock_directory(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Some network file systems lock files alone.
        if error.errno not in (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP):
            raise


def _in_use() -> StoreInUse:
    """Say that a different process is using the directory, and what to do."""
    return StoreInUse(
        "Another copy of Quaymaster is using this data directory.",
        "Stop it first: only one can run at a time.",
    )


def sweep(directory: Path, disk: Disk) -> None:
    """Remove what an interrupted write has left; it is never read."""
    with said_plainly(directory):
        for leftover in sorted(directory.rglob("*.tmp")):
            disk.remove(leftover)


def workspace_keys(directory: Path) -> list[str]:
    """The keys of all workspaces with a file or a ``.prev``: a missing file next to a ``.prev`` is damage."""
    names = {path.name.removesuffix(".prev").removesuffix(".db") for path in directory.glob("*.db*")}
    return sorted(name for name in names if _WORKSPACE_KEY.fullmatch(name))


def workspace_path(directory: Path, key: str) -> Path:
    """Return the file of a workspace. Raises ``StoreFailure`` unless its key is one of Slack's."""
    if not _WORKSPACE_KEY.fullmatch(key):
        raise StoreFailure("That is not the id of a Slack workspace.", "Open Quaymaster from Slack again.")
    return directory / f"{key}.db"
