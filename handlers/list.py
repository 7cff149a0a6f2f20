"""List and filter the integrations, ten a page: in a message, and on the Home tab.

payload -> show_list -> listing -> ack
payload -> turn | choose_group | choose_words -> listing -> replace

A state says what is shown; it travels in block ids and button values.
"""

from dataclasses import dataclass, replace

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.inventory import list_integrations
from bot.core.kinds import Kind
from bot.core.model import Actor, Check, Integration, Outcome, name_key
from bot.core.queries import Filter, Listed, Page, Window
from bot.services import Services
from handlers.add import OPEN as ADD
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    button,
    code,
    context,
    divider,
    escape,
    labelled,
    mention,
    menu,
    message,
    plain,
    section,
    text_input,
    when,
)
from handlers.command import Verb, Words
from handlers.delete import ASK as DELETE
from handlers.edit import OPEN as EDIT
from handlers.paging import pack, page_buttons, unpack
from handlers.routes import Press, Routes
from handlers.show import OPEN as SHOW
from handlers.surfaces import Surface
from handlers.tags import OPEN as TAGS
from handlers.test import OPEN as TEST

_PREVIOUS = "list.previous"
_NEXT = "list.next"
_GROUP = "list.group"
_WORDS = "list.words"
_ROW = "list.row"

_ROW_MENU = tuple(
    (plain(text), action) for text, action in (("Show", SHOW), ("Edit", EDIT), ("Test", TEST), ("Tags", TAGS))
)
"""The entries of each row's menu; their texts are made once, not forty times a page."""
_ALL = "All"
_NO_FILTER = "Filters"
_WORDS_LIMIT = 64
"""As long as a name, and short enough that a state fits into a block's id even if each one is escaped."""
_MARKS = {
    Outcome.PROVED: ":white_check_mark: login works",
    Outcome.ACCEPTED: ":ballot_box_with_check: login accepted",
    Outcome.REJECTED: ":x: login refused",
    Outcome.UNREACHABLE: ":warning: could not be checked",
}


_MOST_DRAWN = 500
_drawn: dict[str, tuple[Integration, int, list[Block]]] = {}
"""Rows by integration id: the same page is asked for far more often than a row of it changes."""


@dataclass(frozen=True, slots=True)
class State:
    """What a list shows."""

    group: str = _ALL
    words: str = ""
    after: str | None = None
    before: str | None = None

    def encoded(self, prefix: str = "") -> str:
        """As text of at most 255 characters."""
        return prefix + pack(self)


def decoded(text: str) -> State:
    """Read a state; anything else than one is the first page of everything."""
    return unpack(State, text[text.find("[") :]) or State()


def register(routes: Routes) -> None:
    """Add the verb, the page buttons, the menu and the box."""
    summary = "every integration, ten a page; words narrow it by type and name"
    routes.verb(
        Verb("list", show_list, "[words]", "docker my_", summary, ("filter", "ls", "search", "find")),
        does=Action.SEE,
    )
    routes.action(_PREVIOUS, turn, does=Action.SEE)
    routes.action(_NEXT, turn, does=Action.SEE)
    routes.action(_GROUP, choose_group, does=Action.SEE)
    routes.action(_WORDS, choose_words, does=Action.SEE)


def show_list(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """List what the typed words let through."""
    ack(**listing(services, actor, _typed_state(services, words.rest)))


def turn(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show the page before or after."""
    surface.replace(listing(services, actor, decoded(press.value)))


def choose_group(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Narrow the list to a group of the Filters menu."""
    state = replace(decoded(press.block_id), group=press.value, after=None, before=None)
    surface.replace(listing(services, actor, state))


def choose_words(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Narrow the list to names with the typed words."""
    state = replace(decoded(press.block_id), words=cleaned(press.value), after=None, before=None)
    surface.replace(listing(services, actor, state))


def _typed_state(services: Services, words: tuple[str, ...]) -> State:
    """Read typed words: the first that names a group chooses it, the others are looked for in names."""
    groups = {**_group_words(services), "all": _ALL}
    group = next((groups[word.lower()] for word in words if word.lower() in groups), _ALL)
    rest = [word for word in words if groups.get(word.lower()) != group]
    return State(group, cleaned(" ".join(rest)))


def _group_words(services: Services) -> dict[str, str]:
    """What people type for each group: ``quay`` and ``quay.io`` for Quay.io."""
    return {word: group for group in services.groups for word in (group.lower(), group.lower().split(".")[0])}


def listing(services: Services, actor: Actor, state: State) -> Message:
    """Look a page up and draw it."""
    window = Window(after=state.after, before=state.before)
    page = list_integrations(services.ports, actor, _narrowed(services, state), window)
    return _listed(page, state, services)


def cleaned(words: str) -> str:
    """Words as they are looked for: no more than fit, and nothing unseen in them."""
    return "".join(filter(str.isprintable, words))[:_WORDS_LIMIT]


def _narrowed(services: Services, state: State) -> Filter:
    """Turn a state into the store's question."""
    kinds = frozenset(kind.id for kind in services.kinds.values() if kind.group == state.group)
    return Filter(kinds if state.group != _ALL else None, tuple(name_key(state.words).split()))


def _listed(page: Page, state: State, services: Services) -> Message:
    """The list as a message: controls, rows, page buttons."""
    add = button("Add Integration", ADD, style="primary")
    # The first block's id says what is shown: the Home tab is published anew from it after a change.
    blocks = [section(f"*Integrations*   {_range_of(page)}", add, block_id=state.encoded("list"))]
    if page.everything:
        blocks += _controls(state, services.groups)
    for row in page.rows:
        blocks += _drawn_once(row, services.kinds[row.integration.kind])
    if not page.rows:
        blocks.append(section(_empty(page, state)))
    blocks += _page_turning(page, state)
    blocks.append(context("`/integrations help` shows everything you can do."))
    return message(f"Integrations {_range_of(page)}", blocks)


def _range_of(page: Page) -> str:
    """``11–20 of 57``."""
    if not page.rows:
        return "0"
    return f"{page.start + 1}–{page.start + len(page.rows)} of {page.total}"


def _empty(page: Page, state: State) -> str:
    """What an empty list says: there is nothing yet, or nothing fits."""
    if not page.everything:
        return "There is no integration yet. Press `Add Integration` to add the first one."
    words = f" with {code(state.words)} in its name" if state.words else ""
    group = f" of type {bold(state.group)}" if state.group != _ALL else ""
    return f"No integration{group}{words}. Choose `All` and empty the box to see all {page.everything}."


def _controls(state: State, groups: tuple[str, ...]) -> list[Block]:
    """The Filters menu and the Integration Name box; their ids carry the state and change with it."""
    first_page = replace(state, after=None, before=None)
    choices = [(group, group) for group in (_ALL, *groups)]
    box = text_input(
        _WORDS,
        state.words,
        "Part of a name, then Enter",
        max_length=_WORDS_LIMIT,
        dispatch_action_config={"trigger_actions_on": ["on_enter_pressed"]},
    )
    filters = menu(_GROUP, choices, chosen=state.group, placeholder=_NO_FILTER)
    return [
        section("Filters", filters, block_id=first_page.encoded("filters")),
        labelled("Integration Name", box, first_page.encoded("words"), optional=True, dispatch_action=True),
        divider(),
    ]


def _drawn_once(row: Listed, kind: Kind) -> list[Block]:
    """A row as it was drawn last, as long as it is the same. Nobody changes blocks once they are drawn."""
    integration = row.integration
    known = _drawn.get(integration.id)
    # A change makes a new object, so what the same one holds was not changed.
    if known and known[0] is integration and known[1] == row.dependencies:
        return known[2]
    if len(_drawn) >= _MOST_DRAWN:
        _drawn.clear()
    blocks = row_blocks(row, kind)
    _drawn[integration.id] = (integration, row.dependencies, blocks)
    return blocks


def row_blocks(row: Listed, kind: Kind) -> list[Block]:
    """One integration: what it is, and what can be done with it."""
    integration = row.integration
    facts = f"{bold(integration.name)}   {escape(kind.label)}\n{_summary_of(row)}"
    buttons = actions(
        button("Delete", DELETE, integration.id, label=f"Delete {integration.name}"),
        {
            "type": "overflow",
            "action_id": _ROW,
            "options": [{"text": text, "value": f"{action}:{integration.id}"} for text, action in _ROW_MENU],
        },
        block_id=f"row:{integration.id}",
    )
    return [section(facts), buttons]


def _summary_of(row: Listed) -> str:
    """Host, owner, number of dependencies, last check."""
    plain = ":unlock: " if row.integration.server.is_plain else ""
    return "  ·  ".join(
        (
            plain + code(row.integration.server.address),
            mention(row.integration.owner),
            _dependencies_in_words(row.dependencies),
            _last_check(row.integration),
        )
    )


def _dependencies_in_words(count: int) -> str:
    """``no dependency``, ``1 dependency``, ``5 dependencies``."""
    return "no dependency" if not count else f"{count} dependenc{'y' if count == 1 else 'ies'}"


def _last_check(integration: Integration) -> str:
    """What the last check found, and when."""
    check: Check | None = integration.check
    return ":white_circle: not checked" if check is None else f"{_MARKS[check.outcome]} {when(check.at)}"


def _page_turning(page: Page, state: State) -> list[Block]:
    """The page buttons, where there is a page to turn to."""
    previous = following = None
    if page.has_previous:
        first = page.rows[0].integration.key
        previous = _PREVIOUS, replace(state, after=None, before=first).encoded()
    if page.has_next:
        last = page.rows[-1].integration.key
        following = _NEXT, replace(state, after=last, before=None).encoded()
    buttons = page_buttons(previous, following)
    return [divider(), *buttons] if buttons else []
