"""News: what people hear of without asking. It is kept in the change that it tells, and sent after it."""

from collections.abc import Iterable

from bot.core.model import Event, News, new_id
from bot.core.ports.store import Change, Reading

CHANNEL = "notify"
"""The setting with the id of the channel that news goes to; empty or not set = no channel."""


def channel_of(reading: Reading) -> str:
    """Return the id of the channel that news goes to; empty = none."""
    return reading.settings.get(CHANNEL) or ""


def record_news(change: Change, event: Event, to: Iterable[str]) -> None:
    """
    Record an event, and keep a message about it for each of these channels and people.

    Args:
        change: The change it tells.
        event: What happened; the sentence is made when it is sent.
        to: Ids of channels and people, empty ones left out. Whoever did it is not told.
    """
    change.record(event)
    for recipient in dict.fromkeys(to):
        if recipient and recipient != event.actor:
            change.put(News(new_id(), recipient, event.at, event))
