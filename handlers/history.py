"""Who did what, when: the newest first, refused attempts too.

payload -> history -> read_history -> told -> ack
payload -> turn -> read_history -> told -> replace
"""

import json

from slack_bolt import Ack

from bot.core.access import Action
from bot.core.history_lookup import read_history
from bot.core.model import Actor
from bot.core.queries import HistoryPage
from bot.services import Services
from handlers.blocks import Message, actions, button, context, header, message, section
from handlers.command import Verb, Words
from handlers.phrases import history_line
from handlers.routes import Press, Routes
from handlers.surfaces import Surface

OLDER = "history.older"
NEWEST = "history.newest"


def register(routes: Routes) -> None:
    """Add the verb and the page buttons."""
    summary = "who did what, when; refused attempts too"
    routes.verb(Verb("history", history, "[NAME]", "my_registry", summary, ("log", "audit")), does=Action.SEE)
    routes.action(OLDER, turn, does=Action.SEE)
    routes.action(NEWEST, turn, does=Action.SEE)


def history(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``history [NAME]``."""
    about = " ".join(words.rest) or None
    ack(**told(read_history(services.store, actor, about), about))


def turn(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show older entries, or the newest again."""
    about, before = read_value(press.value)
    surface.replace(told(read_history(services.store, actor, about, before), about, is_first=before is None))


def read_value(value: str) -> tuple[str | None, int | None]:
    """Read a page button's value; anything else than one is the first page of everything."""
    try:
        about, before = json.loads(value)
        return (str(about) if about else None), (int(before) if before else None)
    except (ValueError, TypeError, OverflowError):
        return None, None


def told(page: HistoryPage, about: str | None, *, is_first: bool = True) -> Message:
    """A page of the history as a message."""
    title = f"History of {about}" if about else "History"
    lines = [context(history_line(entry)) for entry in page.entries] or [section("Nothing has happened yet.")]
    buttons = []
    if not is_first:
        buttons.append(button("Newest", NEWEST, json.dumps([about, None])))
    if page.older is not None:
        buttons.append(button("Older", OLDER, json.dumps([about, page.older])))
    blocks = [header(title), *lines]
    return message(title, [*blocks, actions(*buttons)] if buttons else blocks)
