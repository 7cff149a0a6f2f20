"""Has the clock make credentials: looks for where that may be due now and then, and there each minute."""

from datetime import datetime, timedelta

from bot.core.integrations.made_by_clock import Managed, find_managed, rotate_due
from bot.core.ports import Ports

_LOOK_EVERY = timedelta(minutes=10)
"""All integrations are read so often; few of them are managed."""


class CredentialMaker:
    """``step`` is called once a minute."""

    def __init__(self, ports: Ports) -> None:
        """Nothing is read before the first step."""
        self._ports = ports
        self._managed: tuple[Managed, ...] = ()
        self._looked_at: datetime | None = None

    def step(self) -> None:
        """Do what is due. Raises ``StoreFailure``."""
        now = self._ports.now()
        if self._looked_at is None or now - self._looked_at >= _LOOK_EVERY:
            self._managed = find_managed(self._ports)
            self._looked_at = now
        rotate_due(self._ports, self._managed)
