"""How the watch judges an integration: what it believes, what it only suspects, and when people are told.

1. A single bad answer is only suspected. It is believed when a second one comes at least 10 minutes later.
2. A good answer is believed at once. An answer that says nothing of the login (429) changes nothing.
3. People are told when what is believed changes. After two messages without a quiet day between, a further
   change must last an hour first, so that a login that comes and goes does not fill a channel.
"""

import random
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.model import Health, Watch

INTERVAL = timedelta(hours=6)
_CONFIRM_AFTER = timedelta(minutes=10)
"""How far apart two bad answers must be before they are believed."""
_QUIET = timedelta(days=1)
"""How long what is believed must stay the same before the messages are counted from zero."""
_FLAPPING_MESSAGES = 2
_FLAPPING_HOLD = timedelta(hours=1)

_BAD = frozenset({Health.REFUSED, Health.UNREACHABLE})
_JITTER = 0.1


def observe(watch: Watch, seen: Health | None, at: datetime) -> Watch:
    """
    Take in what a check found.

    Args:
        watch: What was known before.
        seen: What the check found; ``None`` = it says nothing of the login: too many requests, no free place.
        at: When.

    Returns:
        What is known now, with the time of the next check. Whether people must be told is ``is_news``.
    """
    # Up to a tenth less, so that checks spread.
    next_at = at + INTERVAL * random.uniform(1 - _JITTER, 1)  # noqa: S311 - it spreads load, it hides nothing
    if seen is None:
        return replace(watch, next_at=next_at)
    if seen is watch.health:
        return replace(watch, suspected=None, suspected_at=None, next_at=next_at)
    if seen not in _BAD or _is_confirmed(watch, seen, at):
        is_quiet = watch.since is not None and at - watch.since >= _QUIET
        messages = 0 if is_quiet else watch.messages
        believed = replace(watch, health=seen, since=at, messages=messages)
        return replace(believed, suspected=None, suspected_at=None, next_at=next_at)
    first = watch.suspected_at if watch.suspected is seen and watch.suspected_at else at
    # Asked again soon, so that people are told of a revoked login within one interval.
    return replace(watch, suspected=seen, suspected_at=first, next_at=first + _CONFIRM_AFTER)


def is_news(watch: Watch, at: datetime) -> bool:
    """Return whether people must be told now what is believed: it changed, it lasts, nobody muted it."""
    if watch.health is watch.told or watch.health is Health.NOT_ASKED:
        return False
    if watch.muted_until and at < watch.muted_until:
        return False
    lasts = watch.since is not None and at - watch.since >= _FLAPPING_HOLD
    return watch.messages < _FLAPPING_MESSAGES or lasts


def as_told(watch: Watch) -> Watch:
    """Return the watch with a note that people were told what is believed."""
    return replace(watch, told=watch.health, messages=watch.messages + 1)


def _is_confirmed(watch: Watch, seen: Health, at: datetime) -> bool:
    return (
        watch.suspected is seen
        and watch.suspected_at is not None
        and at - watch.suspected_at >= _CONFIRM_AFTER
    )
