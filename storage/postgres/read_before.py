"""The integrations that were read last: a list is looked at again far more often than it changes."""

import threading

from bot.core.model import Integration
from storage.records import Fields

_MOST = 1_000
_Key = tuple[str, str]


class ReadBefore:
    """
    Gives an integration again for the same document. Safe to share between threads.

    The database is asked each time, and its whole document is compared, with its seal: one that differs is
    read anew. No password is in here: those stay sealed. Those with certificates of their own are left out,
    because they are large.
    """

    def __init__(self, most: int = _MOST) -> None:
        """``most`` integrations are kept; the one that was read first makes room."""
        self._most = most
        self._read: dict[_Key, tuple[Fields, Integration]] = {}
        self._lock = threading.Lock()

    def get(self, ws: str, integration_id: str, doc: Fields) -> Integration | None:
        """What was read from this document of this row."""
        known = self._read.get((ws, integration_id))
        return known[1] if known and known[0] == doc else None

    def keep(self, ws: str, doc: Fields, one: Integration) -> None:
        """Keep what was read from a document."""
        if one.ca is not None:
            return
        with self._lock:
            self._read.pop((ws, one.id), None)
            if len(self._read) >= self._most:
                del self._read[next(iter(self._read))]
            self._read[ws, one.id] = doc, one
