"""One process runs the scheduled jobs: the one that holds an advisory lock on a connection of its own.

The lock is tied to the connection: when the leader ends or is cut off, PostgreSQL gives it to the next
process that asks, within ``_EVERY_S`` or the time TCP takes to notice. A process that gets it waits for
``_TRUSTED_S`` before it leads: when the database fails over, the lock is free at once, but for that long the
old leader may not know it yet.
"""

import logging
import threading
import time

from storage.postgres.connections import PATIENCE_S, Address, Lost, StatementRefused, TimedConnection

_EVERY_S = 1.0
_TRUSTED_S = 3.0
"""How long a leader trusts its lock without asking again: longer than asking can take."""

log = logging.getLogger(__name__)


class Leadership:
    """Whether this process leads. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Remember where to ask. ``is_held`` starts asking, so an operator's command never leads."""
        self._address = Address(url)
        self._connection: TimedConnection | None = None
        self._held_since = self._held_at = float("-inf")
        self._is_told = False
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def is_held(self) -> bool:
        """Return whether this process leads; the first call makes it a candidate."""
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="postgres-leadership", daemon=True)
                self._thread.start()
        return self._is_held()

    def _is_held(self) -> bool:
        now = time.monotonic()
        return now - self._held_at < _TRUSTED_S <= now - self._held_since

    def close(self) -> None:
        """Let another process lead."""
        with self._lock:
            self._closed.set()
        if self._thread:
            self._thread.join(PATIENCE_S)
        self._let_go()

    def _run(self) -> None:
        while True:
            self._ask()
            if self._closed.wait(_EVERY_S):
                return

    def _ask(self) -> None:
        try:
            self._connection = self._connection or self._address.connect()
            asked_at = time.monotonic()
            self._connection.deadline = asked_at + PATIENCE_S
            is_held = bool(self._connection.ask(("lead", None))[0][0][0])
        except (Lost, StatementRefused):
            self._let_go()
            return
        if not is_held:
            self._held_at, self._is_told = float("-inf"), False
            return
        if asked_at - self._held_at >= _TRUSTED_S:
            self._held_since = asked_at
        self._held_at = asked_at
        if self._is_held() and not self._is_told:
            log.info("this process now runs the scheduled jobs")
        self._is_told = self._is_held()

    def _let_go(self) -> None:
        self._held_at, self._is_told = float("-inf"), False
        if self._connection:
            self._connection.close()
            self._connection = None
