"""Who did what, when: the newest first, refused attempts too.

payload -> history -> read_history -> told -> ack
payload -> turn -> read_history -> told -> replace
"""

from dataclasses import dataclass

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.inventory import read_history
from bot.core.model import Actor
from bot.core.queries import HistoryPage
from bot.services import Services
from handlers.blocks import Message, actions, button, context, header, message, section
from handlers.command import Verb, Words
from handlers.paging import pack, unpack
from handlers.phrases import history_line
from handlers.routes import Press, Routes
from handlers.surfaces import Surface

_OLDER = "history.older"
_NEWEST = "history.newest"


def register(routes: Routes) -> None:
    """Add the verb and the page buttons."""
    summary = "who did what, when; refused attempts too"
    routes.verb(Verb("history", history, "[NAME]", "my_registry", summary, ("log", "audit")), does=Action.SEE)
    routes.action(_OLDER, turn, does=Action.SEE)
    routes.action(_NEWEST, turn, does=Action.SEE)


def history(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``history [NAME]``."""
    about = " ".join(words.rest) or None
    ack(**told(read_history(services.ports, actor, about), about))


def turn(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show older entries, or the newest again."""
    place = unpack(Place, press.value) or Place()
    page = read_history(services.ports, actor, place.about, place.before)
    surface.replace(told(page, place.about, is_first=place.before is None))


@dataclass(frozen=True, slots=True)
class Place:
    """What a page button carries: of what, and before which entry."""

    about: str | None = None
    before: int | None = None


def told(page: HistoryPage, about: str | None, *, is_first: bool = True) -> Message:
    """A page of the history as a message."""
    title = f"History of {about}" if about else "History"
    lines = [context(history_line(entry)) for entry in page.entries] or [section("Nothing has happened yet.")]
    buttons = []
    if not is_first:
        buttons.append(button("Newest", _NEWEST, pack(Place(about))))
    if page.older is not None:
        buttons.append(button("Older", _OLDER, pack(Place(about, page.older))))
    blocks = [header(title), *lines]
    return message(title, [*blocks, actions(*buttons)] if buttons else blocks)
