"""Disks for the store's tests: one that counts and fails on demand, a small one, and one that remembers
everything, so that a power cut can be played at any instant."""

import errno
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from storage.tinydb.durable_files import Disk


class PowerCut(BaseException):
    """The program ends here."""


WITHOUT_BALLAST = 1 << 30
"""The size of a ballast that is larger than any file of the tests, so that none is written."""


class QuickDisk(Disk):
    """The real disk, but nothing is flushed, and there is no ballast: for tests that only look at files."""

    def sync(self, descriptor: int) -> None:
        """Leave it to the system."""

    def size(self, path: Path) -> int:
        """Say that the ballast is there."""
        return WITHOUT_BALLAST


class WatchedDisk(Disk):
    """The real disk. It notes the name of each call, and fails or stops at those it is told to."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failing: dict[str, int] = {}
        """Error numbers by the name of the call that fails."""
        self.stops_at: int | None = None
        """The call, counted from 0, before which the program ends."""
        self._directories: set[int] = set()

    def _called(self, name: str) -> None:
        if self.stops_at is not None and len(self.calls) >= self.stops_at:
            raise PowerCut
        self.calls.append(name)
        if name in self.failing:
            raise OSError(self.failing[name], os.strerror(self.failing[name]))

    def create(self, path: Path) -> int:
        self._called("create")
        return super().create(path)

    def write(self, descriptor: int, data: memoryview) -> int:
        self._called("write")
        return super().write(descriptor, data[: 64 * 1024])

    def sync(self, descriptor: int) -> None:
        self._called("sync directory" if descriptor in self._directories else "sync file")

    def close(self, descriptor: int) -> None:
        self._directories.discard(descriptor)
        super().close(descriptor)
        self._called("close")

    def open_directory(self, path: Path) -> int:
        self._called("open directory")
        descriptor = super().open_directory(path)
        self._directories.add(descriptor)
        return descriptor

    def link(self, source: Path, target: Path) -> None:
        self._called("link")
        super().link(source, target)

    def replace(self, source: Path, target: Path) -> None:
        self._called("replace")
        super().replace(source, target)

    def remove(self, path: Path) -> None:
        self._called("remove")
        super().remove(path)

    def read(self, path: Path) -> bytes:
        self._called("read")
        return super().read(path)


class RoomyDisk(WatchedDisk):
    """The same, without a ballast."""

    def size(self, path: Path) -> int:
        """Say that the ballast is there."""
        return WITHOUT_BALLAST


class SmallDisk(Disk):
    """A disk of a few bytes: writing fails once the files of its directory fill it."""

    def __init__(self, directory: Path, capacity: int, error: int = errno.ENOSPC) -> None:
        self.directory = directory
        self.capacity = capacity
        self.error = error

    def used(self) -> int:
        """The bytes of all files; two names of one file count once."""
        found = {
            path.stat().st_ino: path.stat().st_size for path in self.directory.rglob("*") if path.is_file()
        }
        return sum(found.values())

    def write(self, descriptor: int, data: memoryview) -> int:
        room = self.capacity - self.used()
        if room <= 0:
            raise OSError(self.error, os.strerror(self.error))
        return super().write(descriptor, data[:room])

    def sync(self, descriptor: int) -> None:
        """Nothing waits for the disk here."""

    def free_bytes(self, directory: Path) -> int:
        return max(0, self.capacity - self.used())


@dataclass
class Inode:
    """A file's bytes: those that are safe, and those that a power cut may lose."""

    safe: bytes = b""
    written: bytes = b""

    def after_a_cut(self) -> Iterator[bytes]:
        """What may be found: safe bytes, and any part of the others, or zeros where they should be."""
        yield self.safe
        if self.written != self.safe:
            half = len(self.written) // 2
            yield self.written[:half]
            yield self.written[:half] + bytes(len(self.written) - half)
            yield self.written


Names = dict[str, Inode]


@dataclass
class ModelDisk(Disk):
    """A disk in memory that tells what may be left of it after a power cut."""

    safe: Names = field(default_factory=dict)
    """Names that outlive a power cut."""
    names: Names = field(default_factory=dict)
    unsafe: list[Names] = field(default_factory=list)
    """The names after each change since the directory was last flushed: a cut leaves any one of them."""
    calls: int = 0
    stops_at: int | None = None
    _open: dict[int, Inode] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1000))

    def _called(self) -> None:
        if self.calls == self.stops_at:
            raise PowerCut
        self.calls += 1

    def _renamed(self) -> None:
        self.unsafe.append(dict(self.names))

    def create(self, path: Path) -> int:
        self._called()
        number = next(self._numbers)
        self.names[path.name] = self._open[number] = Inode()
        self._renamed()
        return number

    def write(self, descriptor: int, data: memoryview) -> int:
        self._called()
        some = bytes(data[: max(1, len(data) // 2)])
        self._open[descriptor].written += some
        return len(some)

    def sync(self, descriptor: int) -> None:
        self._called()
        if descriptor in self._open:
            self._open[descriptor].safe = self._open[descriptor].written
            return
        self.safe, self.unsafe = dict(self.names), []

    def close(self, descriptor: int) -> None:
        self._called()
        self._open.pop(descriptor, None)

    def open_directory(self, path: Path) -> int:
        self._called()
        return 0

    def link(self, source: Path, target: Path) -> None:
        self._called()
        if source.name not in self.names:
            raise FileNotFoundError(source)
        self.names[target.name] = self.names[source.name]
        self._renamed()

    def replace(self, source: Path, target: Path) -> None:
        self._called()
        self.names[target.name] = self.names.pop(source.name)
        self._renamed()

    def remove(self, path: Path) -> None:
        self._called()
        if self.names.pop(path.name, None):
            self._renamed()

    def read(self, path: Path) -> bytes:
        if path.name not in self.names:
            raise FileNotFoundError(path)
        return self.names[path.name].written

    def size(self, path: Path) -> int:
        """Say that the ballast is there."""
        return WITHOUT_BALLAST

    def after_a_cut(self, name: str) -> Iterator[bytes | None]:
        """Everything that may be found under a name; ``None`` for nothing."""
        for names in [self.safe, *self.unsafe]:
            if name in names:
                yield from names[name].after_a_cut()
            else:
                yield None
