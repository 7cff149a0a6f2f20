"""How often people may ask: a script that plays a person must not keep the others from their answers.

A person may send so many commands, presses and forms a minute (``QUAYMASTER_RATE_LIMIT``), all at once if
they like; a workspace ten times as many. Anything more is answered with how long to wait, and not done.
"""

import threading
import time
from collections.abc import Callable

from bot.core.errors import TooOften
from bot.core.model import Workspace
from bot.core.token_bucket import Buckets

PEOPLE_AT_ONCE = 10
"""So many people may use up their minute at the same time."""


class SlackRates:
    """The limits of commands, presses and forms. Safe to share between threads."""

    def __init__(self, a_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``a_minute`` is a person's; ``clock`` gives monotonic seconds."""
        self._a_minute = a_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._people = Buckets(a_minute)
        self._workspaces = Buckets(a_minute * PEOPLE_AT_ONCE)

    def take(self, workspace: Workspace, user_id: str) -> None:
        """Count what a person sends. Raises ``TooOften``."""
        with self._lock:
            now = self._clock()
            wait_s = self._people.take(self._people.of(f"{workspace.key} {user_id}", now), now)
            if wait_s:
                raise TooOften(f"That is more than {self._a_minute} a minute; nothing was done.", wait_s)
            wait_s = self._workspaces.take(self._workspaces.of(workspace.key, now), now)
        if wait_s:
            most = self._a_minute * PEOPLE_AT_ONCE
            raise TooOften(f"This workspace sends more than {most} a minute; nothing was done.", wait_s)
