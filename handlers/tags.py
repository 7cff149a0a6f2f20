"""Read a repository's image tags through Registry API V2, and what a registry says about one tag.

payload -> tags -> read_tags -> _tagged -> show
payload -> tags | ask_pressed -> _form -> open; payload -> suggest -> known_repositories -> ack
payload -> read -> read_tags -> _tagged -> follow
payload -> turn | narrow -> read_tags, read_tag_facts -> _tagged -> replace
payload -> show_tag -> read_tag_facts -> _told -> show
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.checks import known_repositories, read_tag_facts, read_tags
from bot.core.integrations.inventory import find_integration, get_integration
from bot.core.model import Actor, Integration
from bot.core.ports.registry import TagFacts, Tags
from bot.core.queries import NumberedPage, numbered_page
from bot.services import Services
from handlers.blocks import (
    LONGEST_BLOCK_ID,
    Block,
    Message,
    View,
    actions,
    bold,
    button,
    code,
    context,
    cut,
    enter_box,
    escape,
    header,
    menu,
    message,
    modal,
    narrowing_box,
    option,
    pack,
    read_value,
    section,
    turning,
    when,
)
from handlers.picker import open_picker, searching_menu
from handlers.routes import Ask, Press, Routes, Verb, Words
from handlers.surfaces import GIVES_WAY, Surface, with_facts

OPEN = "tags.open"
_PREVIOUS = "tags.previous"
_NEXT = "tags.next"
_WORDS = "tags.words"
_REPOSITORY = "tags.repository"
CHOSEN = "tags.chosen"
"""The menu that shows the tags of a repository; after a space its block's id has the integration's."""
CATALOG = "catalog.open"
"""The button that lists all repositories."""
_DATES = "tags.dates"
_TAG = "tags.tag"
_LONGEST = 150
"""Characters of an option's value; a repository whose name is longer is typed after the command."""

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Place:
    """Which tags a message shows. It travels in button values."""

    id: str
    repository: str = ""
    words: str = ""
    page: int = 0
    is_dated: bool = False
    """True: with the date when each tag of the page was created."""


def register(routes: Routes) -> None:
    """Add the verb, the row's menu entry, the page buttons and the box."""
    summary = "lists a repository's tags, digests and dates"
    opens, example = {"": open_picker("Tags", OPEN)}, "my_registry team/app"
    routes.verb(Verb("tags", tags, "NAME [REPOSITORY]", example, summary, (), opens), waits=True)
    routes.action(OPEN, ask_pressed, does=Action.SEE)
    routes.suggestion(_REPOSITORY, suggest)
    routes.action(CHOSEN, read)
    routes.action(_PREVIOUS, turn)
    routes.action(_NEXT, turn)
    routes.action(_WORDS, narrow)
    routes.action(_DATES, turn)
    routes.action(_TAG, show_tag)


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
    """Offer what was typed, and the repositories seen before that match it."""
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
    box = {**searching_menu(CHOSEN, "Such as team/app"), "focus_on_load": True}
    blocks = [
        section(f"Tags of which repository of {bold(integration.name)}?"),
        actions(box, block_id=f"{_REPOSITORY} {pack(_Place(integration.id))}"),
        actions(button("All repositories", CATALOG, integration.id)),
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
    place = replace(old, words=press.value[:40], page=0)
    ask(lambda: surface.replace(_answer(services, actor, integration, place)))


def _answer(services: Services, actor: Actor, integration: Integration, place: _Place) -> Message:
    """Read the tags and draw a page of them."""
    found = read_tags(services.ports, actor, integration, place.repository)
    page = _page_of(found, place)
    facts = None
    if place.is_dated:
        facts = read_tag_facts(services.ports, actor, integration, found.repository, page.rows)
    return _tagged(integration, found, page, facts, place)


def show_tag(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Show what the registry says about one tag."""
    place = read_value(_Place, press.block_id.partition(" ")[2], "tags")
    integration, follower = get_integration(services.ports, actor, place.id), surface.follow()
    tag = press.value[:_LONGEST]

    def answer() -> None:
        found = read_tag_facts(services.ports, actor, integration, place.repository, (tag,))
        follower.finish(_told(integration, place.repository, tag, found[tag]))

    ask(answer)


def _told(integration: Integration, repository: str, tag: str, facts: TagFacts) -> Message:
    """What the registry says about one tag."""
    lines = [("Digest", code(facts.digest) if facts.digest else "unknown")]
    lines.append(("Created", when(facts.created_at) if facts.created_at else "unknown"))
    lines += [("Platforms", ", ".join(map(code, facts.platforms)))] if facts.platforms else []
    image = f"{integration.server.address}/{repository}"
    lines += [("To pull this exact image", code(f"{image}@{facts.digest}"))] if facts.digest else []
    blocks = [
        header(f"{repository}:{tag}"),
        section("\n".join(f"*{label}:*  {value}" for label, value in lines)),
        context(f"{bold(integration.name)}  ·  {escape(image)}"),
    ]
    blocks += [context(escape(facts.trouble))] if facts.trouble else []
    return message(f"{repository}:{tag}  {facts.digest}", blocks)


def _page_of(found: Tags, place: _Place) -> NumberedPage[str]:
    names = [name for name in found.names if place.words.lower() in name.lower()]
    return numbered_page(names, place.page, _SHOWN)


def _tagged(
    integration: Integration,
    found: Tags,
    page: NumberedPage[str],
    facts: Mapping[str, TagFacts] | None,
    place: _Place,
) -> Message:
    """A page of tags as a message."""
    total = f"{page.total} tag{'' if page.total == 1 else 's'}"
    order = "newest first" if found.is_ordered else "sorted by name"
    lines = "  ".join(code(name) for name in page.rows) or "No tags."
    blocks = [
        header(f"Tags of {found.repository}"),
        section(f"{bold(integration.name)}   {total}, {order}"),
        *_box(place, len(found.names)),
        *(_dated(page, facts) if facts else [section(lines)]),
        *_more_of_tags(page, replace(place, repository=found.repository)),
    ]
    if found.is_cut:
        stopped = f"The registry has more: reading stopped at {len(found.names)}."
        blocks.append(context(escape(found.cut_reason or stopped)))
    # A page needs up to sixty requests to the registry, so dates are asked for page by page.
    undated = replace(place, is_dated=False)
    pages = turning(page, (_PREVIOUS, _NEXT), lambda number: pack(replace(undated, page=number)))
    return message(f"{found.repository}: {total}", [*blocks, *pages])


def _dated(page: NumberedPage[str], facts: Mapping[str, TagFacts]) -> list[Block]:
    """The tags of a page with the date when each was created, newest first."""
    never = datetime.min.replace(tzinfo=UTC)
    rows = sorted(page.rows, key=lambda name: facts[name].created_at or never, reverse=True)
    ages = {name: facts[name].created_at for name in rows}
    lines = [f"{code(name)}   {when(at) if at else 'unknown'}" for name, at in ages.items()]
    of_page = "Newest on this page first. " if page.total > page.size else "Newest first. "
    blocks = [section("\n".join(lines)), context(f"{of_page}Dates are what each image says about itself.")]
    # Plain: it may contain a registry's own sentence.
    trouble = next((facts[name].trouble for name, at in ages.items() if not at), "")
    return [*blocks, *([context(f"Unknown: {escape(trouble)}")] if trouble else [])]


def _more_of_tags(page: NumberedPage[str], place: _Place) -> list[Block]:
    """The menu that shows one tag, and the button that shows when the tags of this page were created."""
    carried = f"{_TAG} {pack(replace(place, page=page.number))}"
    if not page.rows or len(carried) > LONGEST_BLOCK_ID:
        return []
    shown = menu(_TAG, [(cut(name, 75), name) for name in page.rows], placeholder="Show a tag …")
    dates = button("Show dates", _DATES, pack(replace(place, page=page.number, is_dated=True)))
    return [actions(shown, *([] if place.is_dated else [dates]), block_id=carried)]


def _box(place: _Place, total: int) -> list[Block]:
    """The box that narrows the tags, if there is more than one page of them."""
    box = enter_box(_WORDS, place.words, "Part of a tag, then Enter", 40)
    return narrowing_box("Tag", box, pack(replace(place, page=0))) if total > _SHOWN else []
