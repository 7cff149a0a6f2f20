"""Files that are at every instant as they were or as they will be, and their owner's alone."""

import os
from pathlib import Path


def replace_whole(path: Path, text: str) -> None:
    """
    Replace a file in one step, or make it, of mode 0600; it is on disk before this returns.

    A file that is there keeps its owner. Give a link's target, or the link is replaced. Raises ``OSError``.
    """
    owner = path.stat() if path.exists() else None
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if owner:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Bring a rename in a directory to disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
