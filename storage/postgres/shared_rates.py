"""What people and workflows have asked for, counted by all processes together.

A request is counted in memory, so it waits for nobody. What was counted goes to the database a few times a
second, in one statement, whose answer is what all processes have counted. A person who uses several
processes can exceed the limit by what the others answer within a quarter of a second; the excess is deducted
afterward.
"""

import hashlib
import logging
import threading
from collections.abc import Mapping

from bot.core.errors import QuaymasterError
from bot.core.token_bucket import Counter
from storage.postgres.connections import PATIENCE_S, Pool

_EVERY_S = 0.25
_AT_ONCE = 500

log = logging.getLogger(__name__)


class SharedRates:
    """Safe to share between threads."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` is allowed to write."""
        self._pool = pool
        self._counters: list[Counter] = []
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def share(self, counter: Counter) -> None:
        """Make a counter count together with its counterparts in other processes, from now on."""
        counter.taken()
        self._counters.append(counter)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="postgres-rates", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Share nothing more."""
        self._closed.set()
        if self._thread:
            self._thread.join(PATIENCE_S)

    def forget_old(self) -> None:
        """Forget what was settled long ago."""
        self._pool.ask(("forget_rates", None))

    def _run(self) -> None:
        while not self._closed.wait(_EVERY_S):
            for counter in self._counters:
                try:
                    self._exchange(counter)
                except QuaymasterError as error:
                    # Each process goes on by what it knows; without the database nothing is answered anyway.
                    log.info("rates are not shared at present: %s", error.message)

    def _exchange(self, counter: Counter) -> None:
        """Add what was counted here, and learn what was counted everywhere, unless nothing was."""
        taken = counter.taken()
        # In one order, so that no two processes wait for each other's rows.
        buckets = sorted((_digest(name), name, seconds) for name, seconds in taken.items())
        for start in range(0, len(buckets), _AT_ONCE):
            part = buckets[start : start + _AT_ONCE]
            given = {"buckets": [one[0] for one in part], "taken": [one[2] for one in part]}
            debts: Mapping[str, float] = dict(self._pool.ask(("share_rates", given))[0])
            counter.learn({name: debts[digest] for digest, name, _ in part if digest in debts})


def _digest(name: str) -> str:
    """What a bucket is called in the database, which need not know whose it is."""
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
