"""What people are told when an integration gets a new owner, or when its owner has left."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.audit import Action, Event, News
from bot.core.integrations.owners import GRACE, belongings_of
from bot.core.model import Integration
from bot.core.ports.store import Reading
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    context,
    marked,
    mention,
    pack,
    plain,
    section,
    when,
)
from handlers.routes import COMMAND

GIVE_TO = "give.to"
GIVE_ONE = "give.one"

_MOST_TOLD = 15
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Leaver:
    """What a control carries: whose belongings."""

    person: str


@dataclass(frozen=True, slots=True)
class Owned:
    """What the control of one integration carries: which one, and whose it was when it was shown."""

    id: str
    owner: str


def is_about_owners(event: Event) -> bool:
    """True for what ``draw_owners`` draws."""
    return event.action in (Action.GIVE, Action.GIVE_ALL, Action.ORPHAN)


def draw_owners(reading: Reading, group: Sequence[News]) -> Message:
    """What a person or a channel is told about owners."""
    told = [_told(reading, one) for one in group[:_MOST_TOLD]]
    blocks = [block for text, more in told for block in (section(text), *more)]
    rest = len(group) - len(told)
    blocks += [section(f"… and {rest} more")] if rest else []
    return marked(told[0][0], blocks)


def _told(reading: Reading, news: News) -> tuple[str, list[Block]]:
    if news.event.action == Action.ORPHAN:
        return _orphaned(reading, news)
    return _given(news) if news.event.action == Action.GIVE else _all_given(news)


def _given(news: News) -> tuple[str, list[Block]]:
    event = news.event
    to = "you" if news.to == event.person else mention(event.person)
    return f":handshake: {mention(event.actor)} gave {bold(event.name)} to {to}.", []


def _all_given(news: News) -> tuple[str, list[Block]]:
    event = news.event
    if news.to == event.person:
        listed = f"`{COMMAND} list mine` shows what you own."
        return f":handshake: {mention(event.actor)} gave you {event.reason}. {listed}", []
    return f":handshake: {mention(event.actor)} gave your {event.reason} to {mention(event.person)}.", []


def _orphaned(reading: Reading, news: News) -> tuple[str, list[Block]]:
    """What no longer has an owner, and the menu that gives it to somebody."""
    person, at = news.event.person, news.event.at
    text = f":warning: {mention(person)} is no longer a full member and leaves behind {news.event.reason}."
    found = belongings_of(reading, person, at)
    if not found:
        return f"{text} All of it has an owner again.", []
    named = [bold(one.name) for one in found.integrations[:_MOST_NAMED]]
    more = len(found.integrations) - len(named)
    names = ", ".join(named) + (f" and {more} more" if more else "")
    blocks = [section(names)] if named else []
    if found.tokens:
        ends = (
            "The workflow tokens can't fetch anything until somebody takes them over, and they expire "
            f"{when(at + GRACE)}."
        )
        blocks.append(context(ends))
    return text, [*blocks, _give_to(person), context(f"`{COMMAND} list orphaned` shows the integrations.")]


def _give_to(person: str) -> Block:
    """The menu that gives everything a person owns to the person who is chosen."""
    chooser = {"type": "users_select", "action_id": GIVE_TO, "placeholder": plain("Give to …")}
    return actions(chooser, block_id=f"give{pack(Leaver(person))}")


def give_one(integration: Integration) -> Block:
    """The menu that gives one integration to the person who is chosen; its block's id is ``owned_id``."""
    asking = {
        "title": plain("Give it to this person?"),
        "text": plain(f"{integration.name} gets a new owner, who can then edit and delete it."),
        "confirm": plain("Give it"),
        "deny": plain("Keep it"),
    }
    chooser = {"type": "users_select", "action_id": GIVE_ONE, "placeholder": plain("Give to …")}
    return {**chooser, "confirm": asking}


def owned_id(integration: Integration) -> str:
    """The id of the block with the menu of ``give_one``."""
    return f"owned{pack(Owned(integration.id, integration.owner))}"
