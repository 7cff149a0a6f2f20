"""``.reserve``: ballast on the disk, given up so that a deletion can be written when nothing else can."""

import logging
import threading
from contextlib import suppress
from pathlib import Path

from storage.tinydb.disk import Disk, write_all

LEAST_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


class Reserve:
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
        """Make the ballast anew when it is missing or smaller than a file; nothing happens without room."""
        with self._lock:
            if self.bytes >= max(file_bytes, LEAST_BYTES):
                return
            wanted = max(LEAST_BYTES, 2 * file_bytes if self.bytes else file_bytes)
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
            write_all(self._disk, descriptor, bytes(size))
        finally:
            self._disk.close(descriptor)
        self.bytes = size
