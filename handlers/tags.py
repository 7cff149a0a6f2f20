"""Read a repository's image tags through Registry API V2.

payload -> tags -> read_tags -> tagged -> show
payload -> tags | ask_pressed -> _form -> open; payload -> suggest -> known_repositories -> ack
payload -> read -> read_tags -> tagged -> follow
payload -> turn | narrow -> read_tags -> tagged -> replace
"""

from dataclasses import dataclass, replace

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.checks import known_repositories, read_tags
from bot.core.integrations.inventory import find_integration, get_integration
from bot.core.model import Actor, Integration
from bot.core.ports.registry import Tags
from bot.core.queries import NumberedPage
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    View,
    actions,
    bold,
    code,
    context,
    cut,
    escape,
    header,
    labelled,
    message,
    modal,
    option,
    pack,
    read_value,
    section,
    text_input,
    turning,
)
from handlers.picker import open_picker, searching_menu
from handlers.routes import Ask, Press, Routes, Verb, Words
from handlers.surfaces import GIVES_WAY, Surface, with_facts

OPEN = "tags.open"
_PREVIOUS = "tags.previous"
_NEXT = "tags.next"
_WORDS = "tags.words"
_REPOSITORY = "tags.repository"
_CHOSEN = "tags.chosen"
_LONGEST = 150
"""Characters of an option's value; a repository whose name is longer is typed after the command."""

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Place:
    """Which tags a message shows. It travels in button values."""

    id: str
    repository: str
    words: str = ""
    page: int = 0


def register(routes: Routes) -> None:
    """Add the verb, the row's menu entry, the page buttons and the box."""
    summary = "the image's tags, through Registry API V2"
    opens, example = {"": open_picker("Tags", OPEN)}, "my_registry team/app"
    routes.verb(Verb("tags", tags, "NAME [REPOSITORY]", example, summary, (), opens), waits=True)
    routes.action(OPEN, ask_pressed, does=Action.SEE)
    routes.suggestion(_REPOSITORY, suggest)
    routes.action(_CHOSEN, read)
    routes.action(_PREVIOUS, turn)
    routes.action(_NEXT, turn)
    routes.action(_WORDS, narrow)


def tags(words: Words, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Answer ``tags NAME REPOSITORY``."""
    integration = find_integration(services.ports, actor, words.at(0, "The integration's name"))
    if not words.optional(1):
        return surface.open(_form(integration))
    place = _Place(integration.id, words.at(1, "The repository"))
    return ask(lambda: surface.show(_answer(services, actor, integration, place)))


def ask_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer a row's Tags entry: ask which repository."""
    surface.open(_form(get_integration(services.ports, actor, press.value)))


def suggest(ack: Ack, query: str, block_id: str, services: Services, actor: Actor) -> None:
    """Offer what was typed, and the repositories seen before that it fits."""
    place = read_value(_Place, block_id.partition(" ")[2], "tags")
    known = known_repositories(services.ports, actor, place.id)
    typed = "".join(query.split())
    fitting = [one for one in known if typed.casefold() in one.casefold()]
    offered = dict.fromkeys(one for one in (typed, *fitting) if 0 < len(one) <= _LONGEST)
    ack(options=[option((cut(one, 75), one)) for one in offered])


def read(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Show the tags of the repository that was chosen."""
    old = read_value(_Place, press.block_id.partition(" ")[2], "tags")
    integration = get_integration(services.ports, actor, old.id)
    place, follower = _Place(old.id, press.value[:_LONGEST]), surface.follow()
    ask(lambda: follower.finish(_answer(services, actor, integration, place)))


def _form(integration: Integration) -> View:
    """The modal that asks which repository; the tags then take its place."""
    box = {**searching_menu(_CHOSEN, "Such as team/app"), "focus_on_load": True}
    blocks = [
        section(f"Tags of which repository of {bold(integration.name)}?"),
        actions(box, block_id=f"{_REPOSITORY} {pack(_Place(integration.id, ''))}"),
    ]
    return with_facts(modal("Tags", blocks, close="Cancel"), {GIVES_WAY: True})


def turn(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Show another page."""
    place = read_value(_Place, press.value, "tags")
    integration = get_integration(services.ports, actor, place.id)
    ask(lambda: surface.replace(_answer(services, actor, integration, place)))


def narrow(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Show only tags with the typed words."""
    old = read_value(_Place, press.block_id, "tags")
    integration = get_integration(services.ports, actor, old.id)
    place = _Place(old.id, old.repository, press.value[:40])
    ask(lambda: surface.replace(_answer(services, actor, integration, place)))


def _answer(services: Services, actor: Actor, integration: Integration, place: _Place) -> Message:
    """Read the tags and draw a page of them."""
    found = read_tags(services.ports, actor, integration, place.repository)
    return _tagged(integration, found, place)


def _tagged(integration: Integration, found: Tags, place: _Place) -> Message:
    """A page of tags as a message."""
    names = [name for name in found.names if place.words.lower() in name.lower()]
    number = max(0, min(place.page, (len(names) - 1) // _SHOWN))
    page = NumberedPage(tuple(names[number * _SHOWN :][:_SHOWN]), number, len(names), _SHOWN)
    total = f"{len(names)} tag{'' if len(names) == 1 else 's'}"
    order = "newest first" if found.is_ordered else "sorted by name"
    lines = "  ".join(code(name) for name in page.rows) or "No tag."
    blocks = [
        header(f"Tags of {found.repository}"),
        section(f"{bold(integration.name)}   {total}, {order}"),
        *_box(place, len(found.names)),
        section(lines),
    ]
    if found.is_cut:
        stopped = f"The registry has more: reading stopped at {len(found.names)}."
        blocks.append(context(escape(found.cut_reason or stopped)))
    pages = turning(page, (_PREVIOUS, _NEXT), lambda number: pack(replace(place, page=number)))
    return message(f"{found.repository}: {total}", [*blocks, *pages])


def _box(place: _Place, total: int) -> list[Block]:
    """The box that narrows the tags, where there are more than a page."""
    first_page = pack(replace(place, page=0))
    if total <= _SHOWN or len(first_page) > 255:
        return []
    config = {"trigger_actions_on": ["on_enter_pressed"]}
    typed = text_input(
        _WORDS, place.words, "Part of a tag, then Enter", max_length=40, dispatch_action_config=config
    )
    return [labelled("Tag", typed, first_page, optional=True, dispatch_action=True)]
