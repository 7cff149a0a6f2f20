"""Who may ask registries now, so that waiting never uses up the threads and nobody keeps the others waiting.

1. A person asks two questions at a time, and people ask an integration's registry one question at a time.
   What is one too many is refused at once: an answer is on its way already.
2. A workflow has a share for its target and for its token's creator. What is one too many waits for a moment,
   in a short queue. The last places are kept for targets and creators that have none.
3. People have places of their own, and so do workflows. A login that is kept takes no place; where there
   is no place, one that is due for renewal is given while it lasts.
4. What makes and ends credentials by a registry's own API asks in the places of people.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Condition

from bot.core.errors import Busy
from bot.core.kinds import Kind
from bot.core.ports.drivers import Described, Drivers, Ending, Minted, Order
from bot.core.ports.registry import (
    Asker,
    CheckResult,
    DockerLogin,
    Login,
    Registry,
    Repositories,
    Step,
    TagFacts,
    Tags,
    ignore_step,
)

MOST_FOR_PEOPLE = 32
MOST_FOR_WORKFLOWS = 24
MOST_WAITING = 8
"""Together 64: ``bot/web/server.py`` has 16 threads more for everything that does not wait."""

MOST_FOR_A_PERSON = 2
MOST_FOR_A_TARGET = 4
MOST_FOR_A_CREATOR = 8
KEPT_FOR_NEWCOMERS = 8
"""Of the workflows' places: for those who have none yet."""

MOST_WAITING_FOR_A_CREATOR = 2
_QUEUE_S = 1.0

_WAIT = "Wait for its answer, then try again."


class CappedRegistry:
    """The port ``Registry``, refusing politely what would be one question too many."""

    def __init__(self, registry: Registry, places: "Places | None" = None) -> None:
        """``places``: those that are shared with ``CappedDrivers``; ``None`` = its own."""
        self._registry = registry
        self._places = places or Places()

    def check(
        self,
        login: Login,
        *,
        deadline_s: float,
        repository: str | None = None,
        on_step: Callable[[Step], None] = ignore_step,
    ) -> CheckResult:
        """Ask whether a login works. Raises ``Busy`` when it is one question too many."""
        with self._places.taken(login.asker, deadline_s) as left_s:
            return self._registry.check(login, deadline_s=left_s, repository=repository, on_step=on_step)

    def kept_login(self, login: Login, *, while_valid: bool = False) -> DockerLogin | None:
        """What docker must send, where nobody need be asked for it."""
        return self._registry.kept_login(login, while_valid=while_valid)

    def docker_login(self, login: Login, *, deadline_s: float) -> DockerLogin:
        """What docker must send. Raises ``Busy``, but only where somebody must be asked for it."""
        kept = self.kept_login(login)
        if kept:
            return kept
        try:
            with self._places.taken(login.asker, deadline_s) as left_s:
                return self._registry.docker_login(login, deadline_s=left_s)
        except Busy:
            lasting = self.kept_login(login, while_valid=True)
            if lasting is None:
                raise
            return lasting

    def tags(self, login: Login, repository: str, *, deadline_s: float) -> Tags:
        """Read the tags of a repository. Raises ``Busy`` when it is one question too many."""
        with self._places.taken(login.asker, deadline_s) as left_s:
            return self._registry.tags(login, repository, deadline_s=left_s)

    def tag_facts(
        self, login: Login, repository: str, tags: Sequence[str], *, deadline_s: float
    ) -> Mapping[str, TagFacts]:
        """Read digest and age of tags. Raises ``Busy`` when it is one question too many."""
        with self._places.taken(login.asker, deadline_s) as left_s:
            return self._registry.tag_facts(login, repository, tags, deadline_s=left_s)

    def repositories(self, login: Login, *, deadline_s: float) -> Repositories:
        """Read the names of all repositories. Raises ``Busy`` when it is one question too many."""
        with self._places.taken(login.asker, deadline_s) as left_s:
            return self._registry.repositories(login, deadline_s=left_s)


class CappedDrivers:
    """The port ``Drivers`` in the same places: a registry's own API is a registry that may hang, too."""

    def __init__(self, drivers: Drivers, places: "Places") -> None:
        self._drivers = drivers
        self._places = places

    def form(self, kind: str) -> Kind | None:
        """The fields of a kind's management credential."""
        return self._drivers.form(kind)

    def describe(self, order: Order, *, deadline_s: float) -> Described:
        """Look. Raises ``Busy`` when it is one question too many."""
        with self._places.taken(order.login.asker, deadline_s) as left_s:
            return self._drivers.describe(order, deadline_s=left_s)

    def mint(self, order: Order, *, deadline_s: float) -> Minted:
        """Make a credential. Raises ``Busy`` when it is one question too many; none was made then."""
        with self._places.taken(order.login.asker, deadline_s) as left_s:
            return self._drivers.mint(order, deadline_s=left_s)

    def retire(self, order: Order, ending: Ending, *, deadline_s: float) -> bool:
        """End a credential. Raises ``Busy`` when it is one question too many, but never for ``RESTORE``."""
        if ending is Ending.RESTORE:
            # Pipelines may be failing until it is answered.
            return self._drivers.retire(order, ending, deadline_s=deadline_s)
        with self._places.taken(order.login.asker, deadline_s) as left_s:
            return self._drivers.retire(order, ending, deadline_s=left_s)

    def end_of(self, login: Login, *, deadline_s: float) -> datetime | None:
        """Ask when a login ends. Raises ``Busy`` when it is one question too many."""
        with self._places.taken(login.asker, deadline_s) as left_s:
            return self._drivers.end_of(login, deadline_s=left_s)


class Places:
    """The places in which registries are asked, and who has how many of them."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._taken: Counter[tuple[str, str]] = Counter()
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def taken(self, asker: Asker, deadline_s: float) -> Iterator[float]:
        """
        Hold a place for as long as the block runs.

        Args:
            asker: For whom.
            deadline_s: Seconds for everything, the queue included.

        Returns:
            The seconds that are left once there is a place.

        Raises:
            Busy: There is none.
        """
        keys = Counter(_keys_of(asker))
        with self._changed:
            waited_s = self._waited_s(asker, min(_QUEUE_S, deadline_s / 2)) if asker.target else 0.0
            if reason := self._lack(asker):
                raise Busy(reason, _WAIT)
            self._taken += keys
        try:
            yield deadline_s - waited_s
        finally:
            with self._changed:
                self._taken -= keys  # leaves out what is zero
                self._changed.notify_all()

    def _waited_s(self, asker: Asker, wait_s: float) -> float:
        """Wait for a place, unless too many do; return for how long."""
        is_too_long = (
            self._waiting.total() >= MOST_WAITING or self._waiting[asker.person] >= MOST_WAITING_FOR_A_CREATOR
        )
        if is_too_long or not self._lack(asker):
            return 0.0
        self._waiting[asker.person] += 1
        begin = time.monotonic()
        try:
            self._changed.wait_for(lambda: not self._lack(asker), wait_s)
            return min(wait_s, time.monotonic() - begin)
        finally:
            self._waiting -= Counter([asker.person])

    def _lack(self, asker: Asker) -> str:
        """Return what there is no place for; nothing when there is one."""
        return self._lack_for_workflow(asker) if asker.target else self._lack_for_person(asker)

    def _lack_for_person(self, asker: Asker) -> str:
        if asker.person and self._taken["person", asker.person] >= MOST_FOR_A_PERSON:
            return f"You are already checking {MOST_FOR_A_PERSON} registries; nothing was changed."
        if asker.integration and self._taken["integration", asker.integration]:
            return "The registry of this integration is being contacted right now; nothing was changed."
        if self._taken["people", ""] >= MOST_FOR_PEOPLE:
            return "Too many registries are being contacted right now; nothing was changed."
        return ""

    def _lack_for_workflow(self, asker: Asker) -> str:
        of_target, of_creator = self._taken["target", asker.target], self._taken["creator", asker.person]
        if of_target >= MOST_FOR_A_TARGET or of_creator >= MOST_FOR_A_CREATOR:
            return "Too many registries are being contacted for this target or its token's creator right now."
        kept = KEPT_FOR_NEWCOMERS if of_target or of_creator else 0
        if self._taken["workflows", ""] >= MOST_FOR_WORKFLOWS - kept:
            return "Too many registries are being contacted right now."
        return ""


def _keys_of(asker: Asker) -> tuple[tuple[str, str], ...]:
    """What a question counts for."""
    if asker.target:
        return ("workflows", ""), ("target", asker.target), ("creator", asker.person)
    return ("people", ""), ("person", asker.person), ("integration", asker.integration)
