"""Asks registries' own APIs when credentials end: one at a time, and no more than one every few seconds."""

import logging
from collections import deque
from datetime import datetime, timedelta

from bot.core.errors import QuaymasterError
from bot.core.integrations.asked_ends import Askable, ask_end, find_askable
from bot.core.ports import Ports

_LOOK_EVERY = timedelta(minutes=10)

log = logging.getLogger(__name__)


class EndAsker:
    """``step`` asks one registry at most."""

    def __init__(self, ports: Ports) -> None:
        """Nothing is asked before the first step."""
        self._ports = ports
        self._due: deque[Askable] = deque()
        self._looked_at: datetime | None = None

    def step(self) -> None:
        """Ask about the next one that is due."""
        now = self._ports.now()
        if not self._due and (self._looked_at is None or now - self._looked_at >= _LOOK_EVERY):
            self._looked_at = now
            self._due.extend(find_askable(self._ports, now))
        if not self._due:
            return
        try:
            ask_end(self._ports, self._due.popleft())
        except QuaymasterError as error:
            log.warning("it could not be asked when a credential ends: %s", error.message)
