"""One process does the work of the clock: the one that holds an advisory lock on a connection of its own.

The lock goes with the connection: when the leader ends or is cut off, PostgreSQL gives it to the next process
that asks, within ``_EVERY_S`` or what TCP takes to notice.
"""

import logging
import threading
import time

from storage.postgres.connections import (
    PATIENCE_S,
    Lost,
    StatementRefused,
    TimedConnection,
    connect,
    connection_string,
)

_EVERY_S = 3.0
_TRUSTED_S = 5.0
"""So long a leader trusts its lock without having asked: less than another process takes to get it."""

log = logging.getLogger(__name__)


class Leadership:
    """Whether this process leads. Safe to share between threads."""

    def __init__(self, url: str, every_s: float = _EVERY_S) -> None:
        """Remember where to ask: from the first ``is_held`` on, so that an operator's command never leads."""
        self._url = connection_string(url)
        self._every_s = every_s
        self._connection: TimedConnection | None = None
        self._held_at = float("-inf")
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def is_held(self) -> bool:
        """True while this process is the one that leads; from the first call on it asks to be."""
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="postgres-leadership", daemon=True)
                self._thread.start()
        return self._is_held()

    def _is_held(self) -> bool:
        return time.monotonic() - self._held_at < _TRUSTED_S

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
            if self._closed.wait(self._every_s):
                return

    def _ask(self) -> None:
        asked_at = time.monotonic()
        was_held = self._is_held()
        try:
            self._connection = self._connection or connect(self._url)
            self._connection.deadline = asked_at + PATIENCE_S
            is_held = bool(self._connection.ask(("lead", None))[0][0][0])
        except (Lost, StatementRefused):
            self._let_go()
            return
        self._held_at = asked_at if is_held else float("-inf")
        if is_held and not was_held:
            log.info("this process does the work of the clock")

    def _let_go(self) -> None:
        self._held_at = float("-inf")
        if self._connection:
            self._connection.close()
            self._connection = None
