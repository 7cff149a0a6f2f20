"""A common budget of bytes: however many registries send large answers at once, memory stays bounded.

Small answers are free. What is larger counts while it is read, and what is kept of it
until the operation ends. Nobody waits for bytes: those who wait for each other would wait for ever.
"""

import threading

from bot.core.errors import Busy

FREE = 64 * 1024
"""So much of each operation counts as nothing: nearly all need no more."""

BYTES_AT_ONCE = 16 * 1024 * 1024
"""Four of the largest pages of tags. Parsing takes about three times as much again."""


class ByteBudget:
    """What all operations together may hold. Safe to share between threads."""

    def __init__(self, total: int = BYTES_AT_ONCE) -> None:
        self._left = total
        self._lock = threading.Lock()

    def change(self, more: int) -> None:
        """Take so many bytes, or give back if negative. Raises ``Busy`` when there are not as many."""
        with self._lock:
            if more > self._left:
                raise Busy("Registries are sending too much at once; nothing was changed.", "Try again.")
            self._left -= more


class Allowance:
    """What one operation holds of the budget."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._held = 0
        self._kept = 0

    def read(self, count: int) -> None:
        """Hold an answer of so many bytes, beside what is kept. Raises ``Busy``."""
        self._hold(self._kept + count)

    def keep(self, count: int) -> None:
        """Let go of the answer; so many bytes of all answers stay. Raises ``Busy``."""
        self._kept = count
        self._hold(count)

    def close(self) -> None:
        """Release everything."""
        self._hold(0)

    def _hold(self, count: int) -> None:
        counted = max(0, count - FREE)
        self._budget.change(counted - self._held)
        self._held = counted
