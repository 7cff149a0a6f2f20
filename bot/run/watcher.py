"""Runs the watch: one question to a registry at a time, at most one a second."""

import logging
from collections import deque
from datetime import datetime, timedelta

from bot.core.errors import QuaymasterError
from bot.core.integrations.watch import Due, Finding, ask_due, find_due, keep_findings
from bot.core.model import Workspace
from bot.core.ports import Ports

_LOOK_EVERY = timedelta(minutes=1)
_KEEP_EVERY = timedelta(seconds=30)
"""How long findings that change nothing may wait, to be kept together with others."""

log = logging.getLogger(__name__)


class Watcher:
    """Asks what is due. ``step`` asks one registry at most; it is called once a second."""

    def __init__(self, ports: Ports) -> None:
        """``ports.registry`` must not share its places with people: the watch is never in their way."""
        self._ports = ports
        self._due: deque[Due] = deque()
        self._looked_at: datetime | None = None
        self._found: dict[Workspace, list[Finding]] = {}
        self._kept_at: datetime | None = None

    def finish(self) -> None:
        """Keep what was found and waits to be kept with more."""
        self._keep()

    def step(self) -> None:
        """Ask one registry if one is due; keep what was found if it changed something, or has waited long."""
        now = self._ports.now()
        if not self._due and (self._looked_at is None or now - self._looked_at >= _LOOK_EVERY):
            self._looked_at = now
            self._due.extend(find_due(self._ports, now))
        is_urgent = bool(self._due) and self._ask(self._due.popleft())
        if is_urgent or not self._due or self._kept_at is None or now - self._kept_at >= _KEEP_EVERY:
            self._kept_at = now
            self._keep()

    def _ask(self, due: Due) -> bool:
        """Ask one registry; True when what it said differs from what is believed."""
        try:
            finding = ask_due(self._ports, due)
        except QuaymasterError as error:
            log.warning("an integration could not be checked: %s", error.message)
            return False
        if finding is None:
            return False
        self._found.setdefault(due.workspace, []).append(finding)
        return finding.result.health is not due.integration.watch.health

    def _keep(self) -> None:
        for workspace in list(self._found):
            try:
                keep_findings(self._ports, workspace, self._found[workspace])
            except QuaymasterError as error:
                # Still due: it is asked again in the next round.
                log.warning("what the watch found could not be kept: %s", error.message)
            del self._found[workspace]
