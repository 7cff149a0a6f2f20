"""Everything that runs on a schedule: housekeeping and reminders, the watch, and sending news."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.errors import QuaymasterError
from bot.core.integrations.ends import Askable, ask_end, find_askable, tell_ends
from bot.core.integrations.made_by_clock import Managed, find_managed, rotate_due
from bot.core.integrations.rotation import tell_rotations
from bot.core.integrations.watch import Due, Finding, ask_due, find_due, keep_findings
from bot.core.model import Workspace
from bot.core.ports import Ports
from bot.core.ports.registry import Registry
from bot.run.outbox import Outbox
from bot.run.schedule import Housekeeping, Ticker
from bot.services import Services
from bot.slack.installed_workspaces import InstalledWorkspaces
from handlers.notify import draw_closed, draw_news

_WATCH_EVERY_S = 1.0
"""At most one request to a registry per second."""
_SEND_EVERY_S = 5.0
_ENDS_EVERY_S = 600.0
_ASKED_EVERY_S = 5.0
_MADE_EVERY_S = 60.0
_TOKENS_EVERY_S = 60.0
_DEPARTURES_EVERY_S = 3600.0
_LOOK_EVERY = timedelta(minutes=10)
"""How often all integrations are read to find those whose registry is asked for an expiry or a new login."""
_LOOK_FOR_DUE_EVERY = timedelta(minutes=1)
_KEEP_EVERY = timedelta(seconds=30)
"""How long findings that change nothing can wait, so that they are saved together with others."""

log = logging.getLogger(__name__)


class Clockwork:
    """The threads of the schedule. If there are several processes, only the leader watches and sends."""

    def __init__(
        self,
        services: Services,
        registry: Registry,
        flush: Callable[[], None],
        *,
        is_watching: bool = True,
        is_leader: Callable[[], bool] = lambda: True,
        installed: InstalledWorkspaces | None = None,
    ) -> None:
        """
        Put the threads together; ``start`` lets them run.

        Args:
            services: What the scheduled jobs work with.
            registry: Sends the watch's requests to registries, so that it never takes a slot from people.
            flush: Writes what the store may have held in memory for a minute.
            is_watching: False = no integration is ever checked on a schedule.
            is_leader: Whether this process runs the jobs that only one process can run.
            installed: The workspaces that have installed the app; ``None`` = one bot token is served.
        """
        self.housekeeping = Housekeeping(services, flush, is_leader=is_leader)
        self._watcher = Watcher(replace(services.ports, registry=registry))
        end_asker, maker = EndAsker(services.ports), CredentialMaker(services.ports)
        self._outbox = Outbox(services, draw_news, draw_closed)
        self._is_leader = is_leader
        steps = [
            Ticker("news", _SEND_EVERY_S, self._if_leader(self._outbox.step)),
            Ticker("ends", _ENDS_EVERY_S, self._if_leader(lambda: tell_ends(services.ports))),
            Ticker("asked ends", _ASKED_EVERY_S, self._if_leader(end_asker.step)),
            Ticker("rotations", _ENDS_EVERY_S, self._if_leader(lambda: tell_rotations(services.ports))),
            Ticker("new credentials", _MADE_EVERY_S, self._if_leader(maker.step)),
        ]
        if is_watching:
            steps.append(Ticker("watch", _WATCH_EVERY_S, self._if_leader(self._watcher.step)))
        if installed:
            steps += [
                Ticker("tokens", _TOKENS_EVERY_S, self._if_leader(installed.refresh_due)),
                Ticker("doubts", _TOKENS_EVERY_S, installed.settle_doubts),
                Ticker("departures", _DEPARTURES_EVERY_S, self._if_leader(installed.forget_departed)),
            ]
        self._tickers = steps

    def start(self) -> None:
        """Start every thread."""
        self.housekeeping.start()
        for ticker in self._tickers:
            ticker.start()

    def stop(self, timeout_s: float) -> None:
        """Stop within the time, and save what is waiting to be saved."""
        for ticker in self._tickers:
            ticker.stop(timeout_s / 4)
        self._watcher.finish()
        self.housekeeping.stop(timeout_s / 2)

    def _if_leader(self, step: Callable[[], None]) -> Callable[[], None]:
        def led() -> None:
            if self._is_leader():
                step()

        return led


class Watcher:
    """Runs the watch, one request to a registry at a time. ``step``, called each second, sends one."""

    def __init__(self, ports: Ports) -> None:
        """``ports.registry`` must not share its slots with people: the watch is never in their way."""
        self._ports = ports
        self._due: deque[Due] = deque()
        self._looked_at: datetime | None = None
        self._found: dict[Workspace, list[Finding]] = {}
        self._kept_at: datetime | None = None

    def finish(self) -> None:
        """Save the findings that are waiting to be saved with more."""
        self._keep()

    def step(self) -> None:
        """Ask one registry if one is due; save what was found if it changed something or has waited long."""
        now = self._ports.now()
        if not self._due and (self._looked_at is None or now - self._looked_at >= _LOOK_FOR_DUE_EVERY):
            self._looked_at = now
            self._due.extend(find_due(self._ports, now))
        is_urgent = bool(self._due) and self._ask(self._due.popleft())
        if is_urgent or not self._due or self._kept_at is None or now - self._kept_at >= _KEEP_EVERY:
            self._kept_at = now
            self._keep()

    def _ask(self, due: Due) -> bool:
        """Ask one registry; True when its response differs from the stored health."""
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
                # Still due: the next round asks again.
                log.warning("could not save what the watch found: %s", error.message)
            del self._found[workspace]


class EndAsker:
    """Asks registries' APIs when credentials expire. ``step``, called every 5 seconds, asks at most one."""

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
            log.warning("could not ask a registry when a credential expires: %s", error.message)


class CredentialMaker:
    """Creates credentials on a schedule where one is due. ``step`` is called once a minute."""

    def __init__(self, ports: Ports) -> None:
        """Nothing is read before the first step."""
        self._ports = ports
        self._managed: tuple[Managed, ...] = ()
        self._looked_at: datetime | None = None

    def step(self) -> None:
        """Create what is due. Raises ``StoreFailure``."""
        now = self._ports.now()
        if self._looked_at is None or now - self._looked_at >= _LOOK_EVERY:
            self._managed = find_managed(self._ports)
            self._looked_at = now
        rotate_due(self._ports, self._managed)
