"""Keeps the files of the data directory: each whole or not at all, whatever stops the program or the disk.

1. The new bytes go to ``<name>.tmp`` beside the file, and are flushed.
2. ``<name>.prev`` becomes a second name of the present file, for repair by hand.
3. ``<name>.tmp`` is renamed over the file, and the directory is flushed. Only now is the change durable.

A full disk refuses what grows. What makes room (a deletion) is written in the place of ``.reserve``, and
the reserve is put back at once, so that deleting goes on working.
"""

import errno
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bot.core.errors import StoreFailure, StoreFull, StoreReadOnly
from storage.tinydb.disk import Disk, write_all
from storage.tinydb.reserve import Reserve

NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})

log = logging.getLogger(__name__)


class OutcomeUnknown(StoreReadOnly):
    """The directory could not be flushed: the change may be kept or not, and the file must be read again."""

    def __init__(self) -> None:
        super().__init__(
            "The disk reported an error while this was being kept, so it may or may not have been.",
            "Look at what is there now; nothing more is written until Quaymaster is started again.",
        )


class Volume:
    """The files of one data directory. Callers see to it that no two threads replace the same file."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        """Take a directory that exists and that this process alone holds."""
        self.directory = directory
        self.disk = disk
        self._reserve = Reserve(directory, disk)
        self._reserve.restore(0)
        self._is_full = False
        self._failure: str | None = None

    def health(self) -> str | None:
        """Say in one sentence why changes are refused; ``None`` when they are not."""
        if self._failure:
            return f"Nothing is written until the next start, because {self._failure}."
        if self._is_full and self._has_room_again():
            self._is_full = False
        return "The disk is full, so only deleting works." if self._is_full else None

    def read(self, path: Path) -> bytes | None:
        """Read a file; ``None`` when there is none. Raises ``StoreFailure`` when the disk cannot."""
        try:
            return self.disk.read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreFailure(f"{path} cannot be read: {error.strerror}.", "Look at the disk.") from error

    def replace(
        self, path: Path, pieces: Sequence[bytes], *, makes_room: bool = False, keeps_previous: bool = True
    ) -> None:
        """
        Write a file anew.

        Args:
            path: The file, in the data directory or one below it.
            pieces: All of its new bytes.
            makes_room: True for a deletion, which may use the reserve when the disk is full.
            keeps_previous: True when the version before stays as ``<name>.prev``.

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
                if keeps_previous and has_room:
                    self._keep_previous(path)
                self._rename(temporary, path)
                self._flush_names(directory)
        except BaseException:
            with suppress(OSError):
                self.disk.remove(temporary)
            raise
        self._reserve.restore(sum(map(len, pieces)))

    def _write_with_room(
        self, temporary: Path, path: Path, pieces: Sequence[bytes], makes_room: bool
    ) -> bool:
        """Write the temporary file, or make what room may be made and write it then; False says so."""
        try:
            self._write(temporary, pieces)
        except StoreFull:
            self._is_full = True
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
                    write_all(self.disk, descriptor, piece)
                self._flush(descriptor)
            finally:
                self.disk.close(descriptor)

    def _flush(self, descriptor: int) -> None:
        try:
            self.disk.sync(descriptor)
        except OSError as error:
            if error.errno in NO_ROOM:  # some disks find out only now; the file is thrown away anyway
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
            log.warning("%s could not be kept: %s", previous, error.strerror)

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
            raise OutcomeUnknown from error

    def _stop_writing(self, error: OSError) -> StoreReadOnly:
        self._failure = f"the disk reported “{error.strerror}”"
        log.error("Nothing is written until the next start: the disk reported %s", error.strerror)
        return self._read_only()

    def _read_only(self) -> StoreReadOnly:
        return StoreReadOnly(
            f"Nothing was changed, because {self._failure}.",
            "Ask the operator to look at the disk and to start Quaymaster again.",
        )

    @contextmanager
    def _said_plainly(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in NO_ROOM:
                raise StoreFull from error
            sentence = f"{path} cannot be written: {error.strerror}; nothing was changed."
            raise StoreFailure(sentence, "Ask the operator to look at the disk.") from error

    def _has_room_again(self) -> bool:
        self._reserve.restore(0)
        size = self._reserve.bytes
        return size > 0 and self.disk.free_bytes(self.directory) > size


def previous_of(path: Path) -> Path:
    """Where the version before a file is kept."""
    return path.with_name(f"{path.name}.prev")
