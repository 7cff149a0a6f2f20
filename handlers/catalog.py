"""List the repositories of a registry, if it allows that.

payload -> catalog -> read_repositories -> _listed -> show
payload -> catalog_pressed -> read_repositories -> _listed -> follow
payload -> turn | narrow -> read_repositories -> _listed -> replace
"""

from dataclasses import dataclass, replace

from bot.core.integrations.checks import read_repositories
from bot.core.integrations.inventory import find_integration, get_integration
from bot.core.model import Actor, Integration
from bot.core.ports.registry import Repositories
from bot.core.queries import NumberedPage, numbered_page
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    code,
    context,
    cut,
    enter_box,
    escape,
    header,
    marked,
    menu,
    narrowing_box,
    pack,
    read_value,
    section,
    turning,
)
from handlers.picker import open_picker
from handlers.routes import Ask, Press, Routes, Verb, Words
from handlers.surfaces import Surface
from handlers.tags import CATALOG, CHOSEN

_PREVIOUS = "catalog.previous"
_NEXT = "catalog.next"
_WORDS = "catalog.words"
_SHOWN = 20
_LONGEST_VALUE = 150
_LONGEST_WORDS = 40


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Which repositories a message shows. It travels in button values and block ids."""

    id: str
    words: str = ""
    page: int = 0


def register(routes: Routes) -> None:
    """Add the verb, the page buttons and the box."""
    summary = "lists a registry's repositories, if it allows that"
    opens, names = {"": open_picker("Catalog", CATALOG)}, ("repositories", "repos")
    routes.verb(
        Verb("catalog", catalog, "NAME [words]", "my_registry web", summary, names, opens), waits=True
    )
    routes.action(CATALOG, catalog_pressed)
    routes.action(_PREVIOUS, turn)
    routes.action(_NEXT, turn)
    routes.action(_WORDS, narrow)


def catalog(words: Words, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Answer ``catalog NAME [words]``."""
    integration = find_integration(services.ports, actor, words.at(0, "The integration's name"))
    shelf = _Shelf(integration.id, " ".join(words.rest[1:])[:_LONGEST_WORDS])
    ask(lambda: surface.show(_answer(services, actor, integration, shelf)))


def catalog_pressed(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """List the repositories of a button's or a menu's integration."""
    integration = get_integration(services.ports, actor, press.value)
    follower = surface.follow()
    ask(lambda: follower.finish(_answer(services, actor, integration, _Shelf(integration.id))))


def turn(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Show another page."""
    shelf = read_value(_Shelf, press.value, "catalog")
    integration = get_integration(services.ports, actor, shelf.id)
    ask(lambda: surface.replace(_answer(services, actor, integration, shelf)))


def narrow(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Show only repositories with the typed words."""
    old = read_value(_Shelf, press.block_id, "catalog")
    integration = get_integration(services.ports, actor, old.id)
    shelf = _Shelf(old.id, press.value[:_LONGEST_WORDS])
    ask(lambda: surface.replace(_answer(services, actor, integration, shelf)))


def _answer(services: Services, actor: Actor, integration: Integration, shelf: _Shelf) -> Message:
    """Read the repositories and draw a page of them."""
    return _listed(integration, read_repositories(services.ports, actor, integration), shelf)


def _listed(integration: Integration, found: Repositories, shelf: _Shelf) -> Message:
    words = shelf.words.casefold().split()
    names = [name for name in found.names if all(word in name.casefold() for word in words)]
    page = numbered_page(names, shelf.page, _SHOWN)
    total = f"{len(names)} repositor{'y' if len(names) == 1 else 'ies'}"
    blocks = [
        header(f"Repositories of {integration.name}"),
        section(f"{code(integration.server.address)}   {total}"),
        *_box(shelf, len(found.names)),
        section("\n".join(map(code, page.rows)) or "No repositories."),
        *_tags_menu(shelf, page),
    ]
    if found.is_cut:
        stopped = f"The registry has more: reading stopped at {len(found.names)}."
        blocks.append(context(escape(found.cut_reason or stopped)))
    pages = turning(page, (_PREVIOUS, _NEXT), lambda number: pack(replace(shelf, page=number)))
    return marked(f"{bold(integration.name)}: {total}", [*blocks, *pages])


def _tags_menu(shelf: _Shelf, page: NumberedPage[str]) -> list[Block]:
    """The menu that shows the tags of one of these."""
    choices = [(cut(name, 75), name) for name in page.rows if len(name) <= _LONGEST_VALUE]
    if not choices:
        return []
    return [
        actions(
            menu(CHOSEN, choices, placeholder="Show tags of …"),
            block_id=f"catalog.tags {pack(_Shelf(shelf.id))}",
        )
    ]


def _box(shelf: _Shelf, total: int) -> list[Block]:
    """The box that narrows the repositories, if there is more than one page of them."""
    box = enter_box(_WORDS, shelf.words, "Part of a name, then Enter", _LONGEST_WORDS)
    return narrowing_box("Repository", box, pack(replace(shelf, page=0))) if total > _SHOWN else []
