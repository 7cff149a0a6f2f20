"""News: what people hear of without asking. It is kept in the change that it tells, and sent after it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.access import require
from bot.core.audit import Action, AuditEntry, Event, News, Result, event
from bot.core.model import Actor, Setting, Workspace, new_id
from bot.core.ports import Ports
from bot.core.ports.store import Change, Reading
from bot.core.queries import HistoryQuery

_CHANNEL = "notify"
"""The setting with the id of the channel that news goes to; empty or not set = no channel."""
_TOLD = "notify told"
"""The setting with the sequence of the last entry of the history that the channel heard of."""
_CHANGES = frozenset({Action.ADD, Action.EDIT, Action.DELETE, Action.IMPORT})
"""What the channel hears of from the history itself: its entries are in the changes' own transactions."""
_SHOWN = "rotation shown "
"""The setting, by integration, with the messages about its running rotation, as places: channel/time."""
_MOST_SHOWN = 8
_READ_AT_ONCE = 100
_MOST_READ = 1000
_WAIT = timedelta(minutes=1)
"""How long news waits for more that says the same."""
_MOST_TOGETHER = 50
MOST_ATTEMPTS = 50
"""After so many failed attempts news is dropped; at one a minute, that is most of an hour."""


def channel_of(reading: Reading) -> str:
    """Return the id of the channel that news goes to; empty = none."""
    return reading.settings.get(_CHANNEL) or ""


def record_and_tell(change: Change, event: Event, to: Iterable[str]) -> None:
    """
    Record an event, and keep a message about it for each of these channels and people.

    Args:
        change: The change it tells.
        event: What happened; the sentence is made when it is sent.
        to: Ids of channels and people, empty ones left out, and messages that it replaces (``take_shown``).
            The person who did it is not told.
    """
    change.record(event)
    tell(change, event, (one for one in to if one != event.actor))


def tell(change: Change, event: Event, to: Iterable[str]) -> None:
    """Keep a message about an event for each of these channels and people, the one who did it included."""
    for recipient in dict.fromkeys(to):
        if recipient:
            change.put(News(new_id(), recipient, event.at, event))


def quiet_setting(integration_id: str) -> str:
    """The name of the setting of an owner who is not told about new targets of an integration anymore."""
    return f"quiet {integration_id}"


def take_shown(change: Change, integration_id: str, pressed: str = "") -> tuple[str, ...]:
    """
    Return the messages about a rotation that is over now, and forget them: news to these replaces them.

    ``pressed``: the one whose button was pressed, which is replaced by its answer.
    """
    name = _SHOWN + integration_id
    kept = change.settings.get(name) or ""
    if kept:
        change.remove(Setting(name, kept))
    return tuple(one for one in kept.split() if one != pressed)


def _note_shown(change: Change, integration_id: str, places: Iterable[str]) -> None:
    """Note messages about a rotation, while it is running."""
    found = change.integrations.get(integration_id)
    if found and found.former:
        name = _SHOWN + integration_id
        kept = [*(change.settings.get(name) or "").split(), *places]
        change.put(Setting(name, " ".join(kept[-_MOST_SHOWN:])))


def choose_channel(ports: Ports, actor: Actor, channel: str) -> None:
    """
    Let news go to a channel from now on; an empty one switches it off.

    Raises:
        NotPermitted: Only admins may.
    """
    require(ports, actor, Action.NOTIFY)
    with ports.store.change(actor.workspace) as change:
        change.put(Setting(_CHANNEL, channel))
        change.put(Setting(_TOLD, str(_newest(change))))
        change.record(event(actor, Action.NOTIFY, reason=channel or "off"))


def changes_to_tell(reading: Reading) -> tuple[tuple[News, ...], int]:
    """
    Collect what people changed since the channel heard of it last, the oldest first.

    Returns:
        The news, and the sequence up to which it tells; 0 = nothing is to be noted.
    """
    channel, told = channel_of(reading), reading.settings.get(_TOLD)
    if not channel:
        return (), 0
    newest = _newest(reading)
    if told is None:
        return (), newest
    entries = _since(reading, int(told)) if newest > int(told) else []
    news = tuple(
        News("", channel, one.event.at, one.event)
        for one in reversed(entries)
        if one.event.action in _CHANGES and one.event.result is Result.DONE
    )
    # Entries that tell nothing are noted in large steps only: each step is a write.
    return news, newest if news or len(entries) >= _READ_AT_ONCE else 0


def mark_told(ports: Ports, workspace: Workspace, sequence: int) -> None:
    """Note up to where the channel has heard. Raises ``StoreFailure``."""
    with ports.store.change(workspace) as change:
        change.put(Setting(_TOLD, str(sequence)))


def _newest(reading: Reading) -> int:
    """The sequence of the newest entry of the history; 0 = there is none."""
    entries = reading.history.page(HistoryQuery(size=1)).entries
    return entries[0].sequence if entries else 0


def _since(reading: Reading, told: int) -> list[AuditEntry]:
    """The entries after one, the newest first, at most 1,000."""
    found: list[AuditEntry] = []
    query: HistoryQuery | None = HistoryQuery(size=_READ_AT_ONCE)
    while query and len(found) < _MOST_READ:
        page = reading.history.page(query)
        new = [one for one in page.entries if one.sequence > told]
        found += new
        is_over = len(new) < len(page.entries) or page.older is None
        query = None if is_over else replace(query, before=page.older)
    return found


def take_news(reading: Reading, at: datetime) -> Iterator[tuple[News, ...]]:
    """
    Group the news that is ready to leave: what says the same of one server to one recipient is one message.

    News waits for a minute, so that a host with 50 integrations makes one message and not 50.
    """
    groups: dict[tuple[str, str, str, str], list[News]] = {}
    for one in reading.news:
        told = one.event
        groups.setdefault((one.to, told.action, told.server, told.reason), []).append(one)
    for group in groups.values():
        if at - group[0].at >= _WAIT or len(group) >= _MOST_TOGETHER:
            yield tuple(group[:_MOST_TOGETHER])


def mark_sent(ports: Ports, workspace: Workspace, news: Sequence[News], places: Sequence[str] = ()) -> None:
    """
    Remove news that was sent, or that nobody can receive. Raises ``StoreFailure``.

    ``places``: the messages that it became, as ``channel/time``. One about a single rotation is replaced
    when that is over.
    """
    with ports.store.change(workspace) as change:
        for one in news:
            change.remove(one)
        told = news[0].event
        if places and len(news) == 1 and told.action == Action.ROTATE and told.integration_id:
            _note_shown(change, told.integration_id, places)


def mark_tried(ports: Ports, workspace: Workspace, news: Iterable[News]) -> None:
    """Count an attempt to send news that failed. Raises ``StoreFailure``."""
    with ports.store.change(workspace) as change:
        for one in news:
            change.put(replace(one, attempts=one.attempts + 1))
