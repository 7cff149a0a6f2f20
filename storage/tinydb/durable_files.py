"""Writes the files of the data directory: each completely or not at all, whatever stops the program or disk.

1. The new bytes go to ``<name>.tmp`` next to the file, and are flushed.
2. ``<name>.prev`` becomes a second name of the present file, for ``quaymaster store repair``.
3. ``<name>.tmp`` is renamed over the file, and the directory is flushed. Only now is the change durable.

When the present file contains a secret that must be gone, step 2 removes the file under every name it has,
and after step 3 ``<name>.prev`` is written as a copy of the new file.

On a full disk, writes that need more room fail. What makes room (a deletion) is written in place of
``.reserve``, and the reserve is created again at once, so that deleting keeps working.
"""

import errno
import logging
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path

from bot.core.errors import OutcomeUnknown, StoreFailure, StoreFull, StoreReadOnly

_NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})

_LEAST_BYTES = 1024 * 1024
_MOST_BYTES = 512 * _LEAST_BYTES
"""More than any file has: a directory of the largest size that it is made for keeps a tenth of it in one."""

log = logging.getLogger(__name__)


class Disk:
    """
    Every call to the operating system that the store makes for its files, one a method.

    Errors rise as ``OSError``. Tests count the calls, or fail or stop the program at any one of them.
    """

    def create(self, path: Path) -> int:
        """Open a new empty file of mode 0600 for writing, and return its descriptor."""
        # An existing file may also have a name elsewhere, or be a pipe: it is not written to.
        path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, 0o600)

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write some of the bytes, and return how many: the system may accept fewer."""
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
        os.link(source, target, follow_symlinks=False)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file over ``target``: a reader finds the old file or the complete new one."""
        os.replace(source, target)

    def remove(self, path: Path) -> None:
        """Remove a name; nothing happens if there is none."""
        path.unlink(missing_ok=True)

    def read(self, path: Path) -> bytes:
        """Read a whole file, unless it is a link, a pipe or a device, or larger than any that is written."""
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise OSError(errno.EFBIG, _TOO_LARGE)
        return data

    def siblings(self, path: Path) -> list[Path]:
        """The files whose names begin with a file's name and a dot, but the one that is being written."""
        found = path.parent.glob(f"{path.name}.*")
        return sorted(one for one in found if one.suffix != ".tmp")

    def size(self, path: Path) -> int:
        """Return the size of a file in bytes; 0 if there is none, or it has a second name elsewhere."""
        try:
            found = path.lstat()
        except FileNotFoundError:
            return 0
        return found.st_size if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 else 0

    def free_bytes(self, directory: Path) -> int:
        """Return how much room an ordinary user has left on the disk of a directory."""
        room = os.statvfs(directory)
        return room.f_bavail * room.f_frsize


REAL_DISK = Disk()
_NOT_REGULAR = "it is not a regular file"
_TOO_LARGE = "it is larger than any file that Quaymaster writes"


def open_regular(path: Path, flags: int) -> int:
    """Open a file of the directory. Raises ``OSError`` for a link, a pipe, a device, or one too large."""
    try:
        # Without O_NONBLOCK, opening a pipe would wait.
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise OSError(errno.EINVAL, _NOT_REGULAR, str(path)) from error
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
        os.close(descriptor)
        reason = _TOO_LARGE if stat.S_ISREG(found.st_mode) else _NOT_REGULAR
        raise OSError(errno.EINVAL, reason, str(path))
    return descriptor


def _write_all(disk: Disk, descriptor: int, data: bytes) -> None:
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


class Previous(Enum):
    """What ``<name>.prev`` is after a write."""

    LINK = auto()
    """The version before."""
    COPY = auto()
    """A copy of the new version: the previous one contains what must be gone, or there was none."""


class _Reserve:
    """The ballast of one data directory: as large as its largest file, and at least 1 MiB."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        """Find the ballast of an earlier run, if any; nothing is written yet."""
        self._path = directory / ".reserve"
        self._disk = disk
        self._lock = threading.Lock()
        self.bytes = disk.size(self._path)

    def give_up(self) -> None:
        """Free the room for a deletion."""
        with self._lock:
            self._disk.remove(self._path)
            self.bytes = 0

    def restore(self, file_bytes: int) -> None:
        """Create the ballast again if it is missing or smaller than a file; nothing happens without room."""
        with self._lock:
            if self.bytes >= max(file_bytes, _LEAST_BYTES):
                return
            wanted = max(_LEAST_BYTES, 2 * file_bytes if self.bytes else file_bytes)
            try:
                self._fill(wanted)
            except OSError as error:
                log.warning("No room for %s: %s", self._path, error.strerror)
                with suppress(OSError):
                    self._disk.remove(self._path)
                self.bytes = 0

    def _fill(self, size: int) -> None:
        descriptor = self._disk.create(self._path)
        try:
            # Random bytes: a file system that compresses would reserve no room for zeros.
            _write_all(self._disk, descriptor, os.urandom(size))
        finally:
            self._disk.close(descriptor)
        self.bytes = size


class Volume:
    """The files of one data directory. Callers make sure that no two threads replace the same file."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        """Use an existing directory that only this process uses."""
        self.directory = directory
        self.disk = disk
        self._reserve = _Reserve(directory, disk)
        self._reserve.restore(0)
        self._is_full = False
        self._failure: str | None = None

    def health(self) -> str | None:
        """Say in one sentence why changes are refused; ``None`` when they are not."""
        if self._failure:
            return f"Nothing is written, because {self._failure}."
        if self._is_full and self._has_room_again():
            self._is_full = False
        return "The disk is full, so only deleting works." if self._is_full else None

    def stop_writing(self, reason: str) -> None:
        """Refuse every change from now on. ``reason`` is a clause after "because"."""
        self._failure = reason

    def read(self, path: Path) -> bytes | None:
        """Read a file; ``None`` when there is none. Raises ``StoreFailure`` when the disk cannot."""
        try:
            return self.disk.read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreFailure(f"{path} cannot be read: {error.strerror}.", "Check the disk.") from error

    def replace(
        self,
        path: Path,
        pieces: Sequence[bytes],
        previous: Previous | None = None,
        *,
        makes_room: bool = False,
    ) -> None:
        """
        Write a whole file.

        Args:
            path: The file, in the data directory or one below it.
            pieces: All of its new bytes.
            previous: What ``<name>.prev`` is to be; ``None`` = it stays as it is.
            makes_room: True for a deletion, which may use the reserve when the disk is full.

        Raises:
            StoreFull, StoreFailure: The file is as it was.
            StoreReadOnly: The same, and nothing more is written until the next start.
            OutcomeUnknown: It may be as it was or as it was to become.
        """
        if self._failure:
            raise self._read_only()
        temporary = path.with_name(f"{path.name}.tmp")
        try:
            has_room = self._write_with_room(temporary, path, pieces, makes_room)
            # Opened before the rename: a process out of descriptors then changes nothing.
            with self._open_directory(path.parent) as directory:
                if previous is Previous.COPY:
                    self._remove_former(path)
                elif previous is Previous.LINK and has_room:
                    self._keep_previous(path)
                self._rename(temporary, path)
                self._flush_names(directory)
        except BaseException:
            with suppress(OSError):
                self.disk.remove(temporary)
            raise
        if previous is Previous.COPY:
            self.copy_to_previous(path, pieces)
        self._reserve.restore(sum(map(len, pieces)))

    def remove(self, path: Path) -> None:
        """Remove a file under every name it has. Raises ``StoreFailure``."""
        with self._said_plainly(path), self._open_directory(path.parent) as directory:
            for kept in (path, *self.disk.siblings(path)):
                self.disk.remove(kept)
            self._flush_names(directory)

    def _write_with_room(
        self, temporary: Path, path: Path, pieces: Sequence[bytes], makes_room: bool
    ) -> bool:
        """Write the temporary file, if needed after making room; False = room was made."""
        try:
            self._write(temporary, pieces)
        except StoreFull:
            self._is_full = True
            with self._said_plainly(path):  # some file systems need room even to remove a name
                self.disk.remove(temporary)
                self.disk.remove(previous_of(path))
                if makes_room:
                    self._reserve.give_up()
            self._write(temporary, pieces)
            return False
        self._is_full = False
        return True

    def _write(self, path: Path, pieces: Sequence[bytes]) -> None:
        with self._said_plainly(path):
            descriptor = self.disk.create(path)
            try:
                for piece in pieces:
                    _write_all(self.disk, descriptor, piece)
                self._flush(descriptor)
            finally:
                self.disk.close(descriptor)

    def _flush(self, descriptor: int) -> None:
        try:
            self.disk.sync(descriptor)
        except OSError as error:
            if error.errno in _NO_ROOM:  # some disks find out only now; the file is thrown away anyway
                raise
            # Flushing again would report success although the system may have dropped the pages.
            raise self._stop_writing(error) from error

    def _keep_previous(self, path: Path) -> None:
        """Link ``.prev`` to the present file. It only serves repair by hand: a failure stops nothing."""
        previous = previous_of(path)
        try:
            self.disk.remove(previous)
            self.disk.link(path, previous)
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("%s could not be saved: %s", previous, error.strerror)

    def _remove_former(self, path: Path) -> None:
        """Remove every file with an old version, before the new one gets the file's name."""
        with self._said_plainly(path):
            for former in self.disk.siblings(path):
                self.disk.remove(former)

    def copy_to_previous(self, path: Path, pieces: Sequence[bytes]) -> None:
        """Write ``.prev`` as a file of its own. It only serves repair: a failure stops nothing."""
        previous = previous_of(path)
        temporary = previous.with_name(f"{previous.name}.tmp")
        try:
            descriptor = self.disk.create(temporary)
            try:
                for piece in pieces:
                    _write_all(self.disk, descriptor, piece)
            finally:
                self.disk.close(descriptor)
            # Not flushed: a power cut may leave it cut, which its checksum shows; the file itself is whole.
            self.disk.replace(temporary, previous)
        except OSError as error:
            log.warning("%s could not be saved: %s", previous, error.strerror)
            with suppress(OSError):
                self.disk.remove(temporary)

    def _rename(self, temporary: Path, path: Path) -> None:
        try:
            self.disk.replace(temporary, path)
        except OSError as error:
            raise self._stop_writing(error) from error

    @contextmanager
    def _open_directory(self, path: Path) -> Iterator[int]:
        with self._said_plainly(path):
            descriptor = self.disk.open_directory(path)
        try:
            yield descriptor
        finally:
            with suppress(OSError):
                self.disk.close(descriptor)

    def _flush_names(self, directory: int) -> None:
        try:
            self.disk.sync(directory)
        except OSError as error:
            self._stop_writing(error)
            raise OutcomeUnknown(
                "The disk reported an error while this was being saved, so it may or may not have been "
                "saved.",
                "Check what is there now; nothing more will be written until Quaymaster is restarted.",
            ) from error

    def _stop_writing(self, error: OSError) -> StoreReadOnly:
        self._failure = f"the disk reported “{error.strerror}”"
        log.error("Nothing is written until Quaymaster is restarted: the disk reported %s", error.strerror)
        return self._read_only()

    def _read_only(self) -> StoreReadOnly:
        return StoreReadOnly(
            f"Nothing was changed, because {self._failure}.",
            "Ask the operator to check the disk and restart Quaymaster.",
        )

    @contextmanager
    def _said_plainly(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise StoreFull from error
            # Not always the file itself: something else may have a name that belongs to it.
            sentence = f"{error.filename or path} cannot be written: {error.strerror}; nothing was changed."
            raise StoreFailure(sentence, "Ask the operator to check the disk.") from error

    def _has_room_again(self) -> bool:
        self._reserve.restore(0)
        size = self._reserve.bytes
        return size > 0 and self.disk.free_bytes(self.directory) > size


def previous_of(path: Path) -> Path:
    """Where the version before a file is kept."""
    return path.with_name(f"{path.name}.prev")
