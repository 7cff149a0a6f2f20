"""Every call to the operating system that the embedded store makes for its files.

One small object, so that tests can count the calls, or fail or stop the program at any one of them.
"""

import os
from pathlib import Path


class Disk:
    """The real disk. Each method is one system call; errors rise as ``OSError``."""

    def create(self, path: Path) -> int:
        """Open a new empty file of mode 0600 for writing and give its descriptor."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, 0o600)

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write some of the bytes and say how many: the system may take fewer than asked."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Bring a file's bytes, or a directory's names, to the disk itself."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    def open_directory(self, path: Path) -> int:
        """Open a directory, to flush the names in it."""
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name."""
        os.link(source, target)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file over another: whoever opens ``target`` finds the old one or the new, whole."""
        os.replace(source, target)

    def remove(self, path: Path) -> None:
        """Remove a name; nothing happens when there is none."""
        path.unlink(missing_ok=True)

    def read(self, path: Path) -> bytes:
        """Read a whole file."""
        return path.read_bytes()

    def siblings(self, path: Path) -> list[Path]:
        """The files whose names begin with a file's name and a dot, but the one that is being written."""
        found = path.parent.glob(f"{path.name}.*")
        return sorted(one for one in found if one.suffix != ".tmp")

    def size(self, path: Path) -> int:
        """The size of a file in bytes; 0 when there is none."""
        return path.stat().st_size if path.exists() else 0

    def free_bytes(self, directory: Path) -> int:
        """How much room an ordinary user has left on the disk of a directory."""
        room = os.statvfs(directory)
        return room.f_bavail * room.f_frsize


REAL_DISK = Disk()


def write_all(disk: Disk, descriptor: int, data: bytes) -> None:
    """Write all bytes, in as many calls as the system wants."""
    rest = memoryview(data)
    while rest:
        rest = rest[disk.write(descriptor, rest) :]


def flush_names(disk: Disk, directory: Path) -> None:
    """Flush the names in a directory, so that a rename or a new file in it outlives a power cut."""
    descriptor = disk.open_directory(directory)
    try:
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)
