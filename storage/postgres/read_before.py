"""The rows that were read last: they are read far more often than they change."""

import threading
from collections.abc import Callable
from typing import TypeVar

_MOST = 4_000
_Row = tuple[str | int, ...]
T = TypeVar("T")


class ReadBefore:
    """
    Gives a value again for the same columns of the same row. Safe to share between threads.

    The database is asked each time, and the whole document is compared, with its seal: one that differs is
    read again. No password is in here: those stay sealed.
    """

    def __init__(self, most: int = _MOST) -> None:
        """At most ``most`` values are remembered; the oldest one makes room."""
        self._most = most
        self._read: dict[_Row, tuple[object, object]] = {}
        self._lock = threading.Lock()

    def value(self, kind: type[T], row: _Row, columns: object, read: Callable[[], T]) -> T:
        """What was read from these columns, or what ``read`` makes of them now."""
        known, value = self._read.get(row, (None, None))
        if isinstance(value, kind) and known == columns:
            return value
        made = read()
        with self._lock:
            self._read.pop(row, None)
            if len(self._read) >= self._most:
                del self._read[next(iter(self._read))]
            self._read[row] = columns, made
        return made
