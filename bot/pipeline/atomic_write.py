"""Files that are at every instant as they were or as they will be, and their owner's alone."""

import os
from pathlib import Path

from storage.tinydb.disk import REAL_DISK, Disk, flush_names, write_all


def replace_whole(path: Path, text: str, disk: Disk = REAL_DISK) -> None:
    """
    Replace a file in one step, or make it, of mode 0600; it is on disk before this returns.

    A file that is there keeps its owner. Give a link's target, or the link is replaced. Raises ``OSError``.
    """
    owner = path.stat() if path.exists() else None
    # A new name each time: what a killed process left is in nobody's way, though process ids repeat.
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    try:
        descriptor = disk.create(temporary)
        try:
            if owner:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            write_all(disk, descriptor, text.encode())
            disk.sync(descriptor)
        finally:
            disk.close(descriptor)
        disk.replace(temporary, path)
    except BaseException:
        disk.remove(temporary)
        raise
    flush_names(disk, path.parent)
