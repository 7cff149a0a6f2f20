"""How often each target fetched each integration in an hour, so that a busy pipeline is one line of history.

The first fetch of an hour is written before it is answered; the others are counted here, and the count is
written when the hour is over.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.core.group_commit import Batches
from bot.core.model import Result, Target, Workspace

HOUR = timedelta(hours=1)


class Tally(NamedTuple):
    """One target, one integration, one token, one hour, one way of using it."""

    workspace: Workspace
    integration_id: str
    name: str
    target: Target
    token_id: str
    hour: datetime
    action: str
    result: Result = Result.DONE


@dataclass(slots=True)
class Count:
    """How many fetches a tally has seen: counted in place, because a tally is slow to look up."""

    fetches: int = 0


class Tallies:
    """Counts fetches, for all threads. A killed process loses counts, never the first fetch of an hour."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Tally, Count] = {}
        self.firsts = Batches()
        """Where first fetches wait for the disk, and meet."""

    def is_new(self, tally: Tally) -> bool:
        """True when this hour's first fetch is not written yet."""
        return tally not in self._counts

    def count(self, tally: Tally) -> None:
        """Count a fetch; the hour's first is written by now."""
        with self._lock:
            self._counts.setdefault(tally, Count()).fetches += 1

    def count_more(self, tally: Tally) -> bool:
        """Count a fetch that is not its hour's first; false, and not counted, when that is to be written."""
        with self._lock:
            known = self._counts.get(tally)
            if known:
                known.fetches += 1
        return known is not None

    def over(self, at: datetime) -> list[tuple[Tally, int]]:
        """Take out the hours that are over, with how many fetches followed the first of each."""
        with self._lock:
            done = [tally for tally in self._counts if tally.hour + HOUR <= at]
            taken = [(tally, self._counts.pop(tally).fetches - 1) for tally in done]
        return [(tally, more) for tally, more in taken if more]

    def put_back(self, done: Iterable[tuple[Tally, int]]) -> None:
        """Count again what was taken out and could not be written."""
        with self._lock:
            for tally, more in done:
                self._counts.setdefault(tally, Count(1)).fetches += more
