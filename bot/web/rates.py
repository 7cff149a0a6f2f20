"""How often a workflow may ask. Nobody is made to wait in a thread: the answer is 429 with ``Retry-After``.

A token may ask 600 times a minute, all at once if it likes. An address that shows invalid tokens gets an
honest 401 ten times a minute; from then on each further attempt doubles a delay, up to five minutes. A valid
token is never refused because of its address: behind a proxy or in a build cluster many share one.

The address is the connection's. Behind a reverse proxy that is the proxy's, until waitress is told to
trust it.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.core.errors import QuaymasterError

MINUTE_S = 60.0
ASKS_A_MINUTE = 600
FAILURES_A_MINUTE = 10
FIRST_DELAY_S = 2.0
LONGEST_DELAY_S = 300.0
MOST_STRIKES = 10
MOST_KEPT = 50_000
"""Tokens or addresses that are remembered; the oldest are forgotten first."""


class TooOften(QuaymasterError):
    """Asked too often. ``wait_s`` is how many whole seconds to wait."""

    def __init__(self, what: str, wait_s: float) -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        unit = "second" if self.wait_s == 1 else "seconds"
        super().__init__(what, f"Wait {self.wait_s} {unit}, then ask again.")


@dataclass(slots=True)
class Bucket:
    """What one token or address has left, as the moment at which everything will be back."""

    full_at: float
    strikes: int = 0
    shut_until: float = 0.0

    def is_idle(self, now: float) -> bool:
        """True when forgetting it changes nothing."""
        return max(self.full_at, self.shut_until) <= now


class Buckets:
    """A token bucket for each key, all of one size. The caller holds the lock."""

    def __init__(self, a_minute: int, most: int) -> None:
        self._every_s = MINUTE_S / a_minute
        self._most = most
        self._kept: dict[str, Bucket] = {}

    def of(self, key: str, now: float) -> Bucket:
        """The bucket of a key; a new or idle one is full."""
        bucket = self._kept.get(key)
        if bucket is None or bucket.is_idle(now):
            self._kept.pop(key, None)
            if len(self._kept) >= self._most:
                self._forget(now)
            bucket = self._kept[key] = Bucket(now)
        return bucket

    def take(self, bucket: Bucket, now: float) -> float:
        """Take one, and give 0.0; or take none, and give how many seconds are missing."""
        full_at = max(bucket.full_at, now) + self._every_s
        if full_at - now > MINUTE_S + 1e-9:
            return full_at - now - MINUTE_S
        bucket.full_at = full_at
        return 0.0

    def _forget(self, now: float) -> None:
        """Make room: forget every idle bucket, and the oldest if there is none."""
        busy = {key: bucket for key, bucket in self._kept.items() if not bucket.is_idle(now)}
        while len(busy) >= self._most:
            # A tenth at once, or each new key would go through all of them again.
            for key in list(busy)[: self._most // 10 + 1]:
                del busy[key]
        self._kept = busy

    def __len__(self) -> int:
        return len(self._kept)


class Rates:
    """The limits of the API for workflows. Safe to share between threads."""

    def __init__(
        self,
        *,
        asks_a_minute: int = ASKS_A_MINUTE,
        failures_a_minute: int = FAILURES_A_MINUTE,
        most: int = MOST_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` gives monotonic seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._asks = Buckets(asks_a_minute, most)
        self._failures = Buckets(failures_a_minute, most)

    def take(self, token_id: str) -> None:
        """Count a request of a valid token. Raises ``TooOften``."""
        with self._lock:
            now = self._clock()
            wait_s = self._asks.take(self._asks.of(token_id, now), now)
        if wait_s:
            raise TooOften("This workflow token asks too often.", wait_s)

    def fail(self, address: str) -> None:
        """Count an invalid token from an address. Raises ``TooOften``, each time with a longer delay."""
        with self._lock:
            now = self._clock()
            bucket = self._failures.of(address, now)
            if now >= bucket.shut_until and not self._failures.take(bucket, now):
                return
            bucket.strikes = min(bucket.strikes + 1, MOST_STRIKES)
            delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S**bucket.strikes)
            bucket.shut_until = now + delay_s
        raise TooOften("Too many invalid tokens came from this address.", delay_s)
