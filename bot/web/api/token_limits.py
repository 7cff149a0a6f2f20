"""How often a workflow may ask. Nobody is made to wait in a thread: the answer is 429 with ``Retry-After``.

A token may ask 600 times a minute, all at once if it likes. An address that shows invalid tokens gets an
honest 401 ten times a minute; from then on each further attempt doubles a delay, up to five minutes. A valid
token is never refused because of its address: behind a proxy or in a build cluster many share one.

Of an IPv6 address the first 64 bits count: every host has all addresses of its network. The address is the
connection's. Behind a reverse proxy that is the proxy's, unless
``QUAYMASTER_TRUSTED_PROXY`` names it.
"""

import threading
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from bot.core.errors import TooOften
from bot.core.token_bucket import MOST_KEPT, Buckets

_ASKS_A_MINUTE = 600
_FAILURES_A_MINUTE = 10
_FIRST_DELAY_S = 2.0
_LONGEST_DELAY_S = 300.0
_MOST_STRIKES = 10
"""Enough for the longest delay; without it a number that only grows would one day be too large."""


class Rates:
    """The limits of the API for workflows. Safe to share between threads."""

    def __init__(
        self,
        *,
        asks_a_minute: int = _ASKS_A_MINUTE,
        failures_a_minute: int = _FAILURES_A_MINUTE,
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
            bucket = self._failures.of(_network_of(address), now)
            if now >= bucket.shut_until and not self._failures.take(bucket, now):
                return
            bucket.strikes = min(bucket.strikes + 1, _MOST_STRIKES)
            delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** (bucket.strikes - 1))
            bucket.shut_until = now + delay_s
        raise TooOften("This workflow token is not valid, like many others from this address.", delay_s)


def _network_of(address: str) -> str:
    """Return what one host is known by: its IPv4 address, or the network of its IPv6 address."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return known.exploded[:19] if isinstance(known, IPv6Address) else address
