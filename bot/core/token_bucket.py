"""Token buckets: how often somebody may ask. Nobody waits in a thread; they are told how long to wait."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Protocol

_MINUTE_S = 60.0
MOST_KEPT = 50_000
"""Buckets that are remembered; the oldest are forgotten first."""


class Counter(Protocol):
    """Counts what was taken, alone or together with the counters of other processes."""

    def taken(self) -> Mapping[str, float]:
        """Return what was taken since the last time: by bucket, how many seconds it takes to come back."""

    def learn(self, debts: Mapping[str, float]) -> None:
        """Know of what was taken anywhere: by bucket, in how many seconds everything will be back."""


@dataclass(slots=True)
class _Bucket:
    """What one token or address has left, as the moment at which everything will be back."""

    full_at: float
    strikes: int = 0
    shut_until: float = 0.0

    def is_idle(self, now: float) -> bool:
        """True when forgetting it changes nothing."""
        return max(self.full_at, self.shut_until) <= now


class Buckets:
    """A token bucket for each key, all of one size. The caller has the lock."""

    def __init__(self, a_minute: int, most: int = MOST_KEPT) -> None:
        self._every_s = _MINUTE_S / a_minute
        self._most = most
        self._kept: dict[Hashable, _Bucket] = {}
        self._taken: dict[Hashable, float] | None = None
        """In seconds, since the last time that it was asked for; ``None`` = nobody asks."""

    def of(self, key: Hashable, now: float) -> _Bucket:
        """The bucket of a key; a new or idle one is full."""
        bucket = self._kept.get(key)
        if bucket is None or bucket.is_idle(now):
            self._kept.pop(key, None)
            if len(self._kept) >= self._most:
                self._forget(now)
            bucket = self._kept[key] = _Bucket(now)
        return bucket

    def take(self, key: Hashable, now: float) -> float:
        """Take one, and give 0.0; or take none, and give how many seconds are missing."""
        bucket = self.of(key, now)
        full_at = max(bucket.full_at, now) + self._every_s
        if full_at - now > _MINUTE_S + 1e-9:
            return full_at - now - _MINUTE_S
        bucket.full_at = full_at
        if self._taken is not None:
            self._taken[key] = self._taken.get(key, 0.0) + self._every_s
        return 0.0

    def taken(self) -> Mapping[Hashable, float]:
        """Return what was taken since the last time, in seconds by key; nothing the first time."""
        taken, self._taken = self._taken, {}
        return taken or {}

    def learn(self, key: Hashable, debt_s: float, now: float) -> None:
        """Know in how many seconds all of a key will be back, apart from what ``taken`` has not given yet."""
        bucket = self.of(key, now)
        mine_s = self._taken.get(key, 0.0) if self._taken else 0.0
        bucket.full_at = max(bucket.full_at, now + debt_s + mine_s)

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
