"""Read a repository's image tags through Registry API V2.

payload -> tags -> read_tags -> tagged -> show
payload -> turn | narrow -> read_tags -> tagged -> replace
"""

import json
from dataclasses import dataclass

from bot.core.access import Action
from bot.core.integrations.checks import read_tags
from bot.core.integrations.inventory import find_integration, get_integration
from bot.core.model import Actor, Integration
from bot.core.ports.registry import Tags
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    button,
    code,
    context,
    escape,
    header,
    labelled,
    message,
    notice,
    section,
    text_input,
)
from handlers.command import Verb, Words
from handlers.error_answers import too_old
from handlers.routes import Press, Routes
from handlers.surfaces import Surface

OPEN = "tags.open"
PREVIOUS = "tags.previous"
NEXT = "tags.next"
WORDS = "tags.words"

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Which tags a message shows. It travels in button values, so it is read as input each time."""

    id: str
    repository: str
    words: str = ""
    page: int = 0

    def encoded(self) -> str:
        """As text."""
        return json.dumps([self.id, self.repository, self.words, self.page], ensure_ascii=False)


def read_place(text: str) -> Place:
    """Read a place. Raises ``InvalidInput`` for one that this version did not write."""
    try:
        integration_id, repository, words, page = json.loads(text)
        return Place(str(integration_id), str(repository), str(words), int(page))
    except (ValueError, TypeError, OverflowError) as error:
        raise too_old("tags") from error


def register(routes: Routes) -> None:
    """Add the verb, the row's menu entry, the page buttons and the box."""
    summary = "the image's tags, through Registry API V2"
    routes.verb(Verb("tags", tags, "NAME REPOSITORY", "my_registry team/app", summary), waits=True)
    routes.action(OPEN, explain, does=Action.SEE)
    routes.action(PREVIOUS, turn)
    routes.action(NEXT, turn)
    routes.action(WORDS, narrow)


def tags(words: Words, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer ``tags NAME REPOSITORY``."""
    integration = find_integration(services.store, actor, words.at(0, "The integration's name"))
    place = Place(integration.id, words.at(1, "The repository"))
    surface.show(answer(services, actor, integration, place))


def explain(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer a row's Tags entry: a repository must be named."""
    name = get_integration(services.store, actor, press.value).name
    surface.show(notice(f"Name the repository: {code(f'/integrations tags {name} team/app')}"))


def turn(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show another page."""
    place = read_place(press.value)
    integration = get_integration(services.store, actor, place.id)
    surface.replace(answer(services, actor, integration, place))


def narrow(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show only tags with the typed words."""
    old = read_place(press.block_id)
    integration = get_integration(services.store, actor, old.id)
    surface.replace(answer(services, actor, integration, Place(old.id, old.repository, press.value[:40])))


def answer(services: Services, actor: Actor, integration: Integration, place: Place) -> Message:
    """Read the tags and draw a page of them."""
    ports = (services.store, services.keyring, services.registry)
    return tagged(integration, read_tags(*ports, actor, integration, place.repository), place)


def tagged(integration: Integration, found: Tags, place: Place) -> Message:
    """A page of tags as a message."""
    names = [name for name in found.names if place.words.lower() in name.lower()]
    start = min(place.page, max(len(names) - 1, 0) // SHOWN) * SHOWN
    shown = names[start : start + SHOWN]
    total = f"{len(names)} tag{'' if len(names) == 1 else 's'}"
    order = "newest first" if found.is_ordered else "sorted by name"
    lines = "  ".join(code(name) for name in shown) or "No tag."
    blocks = [
        header(f"Tags of {found.repository}"),
        section(f"{bold(integration.name)}   {total}, {order}"),
        *box(place, len(found.names)),
        section(lines),
    ]
    if found.is_cut:
        stopped = f"The registry has more: reading stopped at {len(found.names)}."
        blocks.append(context(escape(found.cut_reason or stopped)))
    turning = page_buttons(place, start, len(names))
    return message(f"{found.repository}: {total}", [*blocks, *turning])


def box(place: Place, total: int) -> list[Block]:
    """The box that narrows the tags, where there are more than a page."""
    first_page = Place(place.id, place.repository, place.words).encoded()
    if total <= SHOWN or len(first_page) > 255:
        return []
    config = {"trigger_actions_on": ["on_enter_pressed"]}
    typed = text_input(
        WORDS, place.words, "Part of a tag, then Enter", max_length=40, dispatch_action_config=config
    )
    return [labelled("Tag", typed, first_page, optional=True, dispatch_action=True)]


def page_buttons(place: Place, start: int, total: int) -> list[Block]:
    """The page buttons, where there is a page to turn to."""
    number = start // SHOWN
    buttons = []
    if start:
        before = Place(place.id, place.repository, place.words, number - 1)
        buttons.append(button("Previous", PREVIOUS, before.encoded()))
    if start + SHOWN < total:
        after = Place(place.id, place.repository, place.words, number + 1)
        buttons.append(button("Next", NEXT, after.encoded()))
    return (
        [context(f"{start + 1}–{min(start + SHOWN, total)} of {total}"), actions(*buttons)] if buttons else []
    )
