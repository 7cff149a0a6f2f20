"""List and filter the integrations: 15 a page in a message, 30 on the Home tab.

payload -> show_list -> listing -> ack
payload -> turn | choose_group | choose_words | choose_owner | show_all -> listing -> replace | show_home

A state says what is shown; it travels in block ids and button values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from slack_bolt import Ack

from bot.core.access import may
from bot.core.audit import Action
from bot.core.integrations.inventory import list_integrations
from bot.core.kinds import Kind
from bot.core.model import Actor, Check, Integration, Outcome, Refused
from bot.core.queries import Filter, IntegrationPage, Listed, Window
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
    enter_box,
    escape,
    grouped_menu,
    labelled,
    mention,
    message,
    pack,
    page_buttons,
    plain,
    public,
    section,
    share_button,
    share_id,
    unpack,
    when,
)
from handlers.delete import ASK as DELETE
from handlers.edit import OPEN as EDIT
from handlers.history import OPEN as HISTORY
from handlers.link import OPEN as LINK
from handlers.narrowing import read_filter
from handlers.phrases import due_in_words
from handlers.rotate import OPEN as ROTATE
from handlers.routes import PERSON, Press, Routes, Verb, Words
from handlers.show import OPEN as SHOW
from handlers.surfaces import Surface
from handlers.tags import OPEN as TAGS
from handlers.test import OPEN as TEST

_PREVIOUS = "list.previous"
_NEXT = "list.next"
_GROUP = "list.group"
_WORDS = "list.words"
_OWNER = "list.owner"
_EVERYTHING = "list.everything"
_ROW = "list.row"

_ROW_MENU = tuple(
    (plain(text), action)
    for text, action in (
        ("Test", TEST),
        ("Tags", TAGS),
        ("Rotate", ROTATE),
        ("Link", LINK),
        ("History", HISTORY),
    )
)
"""The entries of each row's menu; their texts are made once, not forty times a page."""
_A_PAGE = 15
_FRESH_FOR = timedelta(days=2)
"""A check that is older is shown in gray: much may have happened since."""
_ALL = "All"
_NO_FILTER = "Filters"
_MORE = (
    "Words are parts of a name, a type, a server, `@owner`, or: `mine`, `broken`, `unchecked`, `ending`, "
    "`unused`, `open`, `rotating`, `orphaned`. All must match."
)
_MINE = "mine"
_ONLY = {
    _MINE: "Mine",
    "broken": "Broken",
    "ending": "Expiring soon",
    "unused": "Unused for 90 days",
    "unchecked": "Not checked",
    "rotating": "Rotation in progress",
    "orphaned": "Owner has left",
}
"""What the Filters menu offers in addition to types, by the word that means the same."""
_LONGEST_ID = 20
"""Characters of a person's id in a state."""
_WORDS_LIMIT = 64
"""As long as a name, and short enough that a state fits into a block's id even if each one is escaped."""
_HEALTH = {
    Outcome.PROVED: (":white_check_mark: login works", "login worked"),
    Outcome.ACCEPTED: (":ballot_box_with_check: login accepted", "login was accepted"),
    Outcome.REJECTED: (":x: login refused", "login was refused"),
    Outcome.UNREACHABLE: (":warning: unreachable", "unreachable"),
}
"""What a check found: the text for a fresh check, and for an old one."""
_NOT_ASKED = (":hourglass: not asked: too many requests", "not asked: too many requests")
"""The same for a check that came after too many requests."""

_ShowHome = Callable[[str], None] | None
"""Publishes the Home tab for a state; ``None`` = the press was elsewhere."""

_MOST_DRAWN = 500
_drawn: dict[tuple[str, bool, bool, bool, date], tuple[Integration, int, list[Block]]] = {}
"""Rows by integration id, permissions and day: pages are shown far more often than their rows change."""


@dataclass(frozen=True, slots=True)
class State:
    """What a list shows."""

    group: str = _ALL
    words: str = ""
    after: str | None = None
    before: str | None = None
    owner: str = ""
    """The id of the person whose integrations are shown; empty = everybody's."""

    def encoded(self, prefix: str = "") -> str:
        """As text of at most 255 characters."""
        return prefix + pack(self)


_drawn_controls: dict[State, tuple[Mapping[str, Kind], list[Block]]] = {}
"""Controls by the state that they show, and the kinds that their menu offers."""


def decoded(text: str) -> State:
    """Read a state; anything that is not a state means the first page of everything."""
    return unpack(State, text[text.find("[") :]) or State()


def register(routes: Routes) -> None:
    """Add the verb, the page buttons, the menu and the box."""
    summary = "lists all integrations, or those that match your words"
    names = ("filter", "ls", "search", "find")
    routes.verb(
        Verb("list", show_list, "[words]", "docker my_", summary, names, more=_MORE),
        does=Action.SEE,
    )
    routes.action(_PREVIOUS, turn, does=Action.SEE)
    routes.action(_NEXT, turn, does=Action.SEE)
    routes.action(_GROUP, choose_group, does=Action.SEE)
    routes.action(_WORDS, choose_words, does=Action.SEE)
    routes.action(_OWNER, choose_owner, does=Action.SEE)
    routes.action(_EVERYTHING, show_all, does=Action.SEE)
    routes.action(share_id("list"), share_pressed)


def show_list(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """List what matches the typed words."""
    shown = listing(services, actor, _typed_state(services, words.rest))
    shown["blocks"][1:1] = _first_owner_only(words.rest)
    ack(**shown)


def turn(press: Press, surface: Surface, services: Services, actor: Actor, show_home: _ShowHome) -> None:
    """Show the page before or after."""
    _show(decoded(press.value), surface, services, actor, show_home)


def choose_group(
    press: Press, surface: Surface, services: Services, actor: Actor, show_home: _ShowHome
) -> None:
    """Narrow the list to a type or a group of the Filters menu."""
    before = decoded(press.block_id)
    owner = "" if press.value == _MINE else before.owner
    state = replace(before, group=press.value, owner=owner, after=None, before=None)
    _show(state, surface, services, actor, show_home)


def choose_words(
    press: Press, surface: Surface, services: Services, actor: Actor, show_home: _ShowHome
) -> None:
    """Narrow the list to what matches the typed words."""
    state = replace(decoded(press.block_id), words=_cleaned(press.value), after=None, before=None)
    _show(state, surface, services, actor, show_home)


def choose_owner(
    press: Press, surface: Surface, services: Services, actor: Actor, show_home: _ShowHome
) -> None:
    """Narrow the list to what one person owns."""
    before = decoded(press.block_id)
    group = _ALL if before.group == _MINE else before.group
    state = replace(before, group=group, owner=_owner_of(f"@{press.value}"), after=None, before=None)
    _show(state, surface, services, actor, show_home)


def show_all(surface: Surface, services: Services, actor: Actor, show_home: _ShowHome) -> None:
    """Show everything again."""
    _show(State(), surface, services, actor, show_home)


def share_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show the channel this page of the list."""
    state = decoded(press.value)
    surface.share(_for_others(_page_of(services, actor, state), state, services, actor))


def _for_others(page: IntegrationPage, state: State, services: Services, actor: Actor) -> Message:
    """A page of the list as everybody in a channel may read it; nobody is mentioned, so nobody is called."""
    words = f"   {code(state.words)}" if state.words else ""
    blocks = [section(f"*Integrations*   {_range_of(page)}{words}")]
    for row in page.rows:
        one = row.integration
        is_fresh = one.check is not None and actor.at - one.check.at < _FRESH_FOR
        facts = "  ·  ".join(_facts_of(row, is_fresh=is_fresh))
        blocks.append(section(f"{bold(one.name)}   {escape(services.kinds[one.kind].label)}\n{facts}"))
    if not page.rows:
        blocks.append(section(_empty(page, state, services)))
    return public(f"Integrations {_range_of(page)}", blocks, actor)


def _show(state: State, surface: Surface, services: Services, actor: Actor, show_home: _ShowHome) -> None:
    """Show a list in the place of what was pressed; on the Home tab the whole tab is published again."""
    if show_home:
        show_home(state.encoded("list"))
    else:
        surface.replace(listing(services, actor, state))


def _typed_state(services: Services, words: tuple[str, ...]) -> State:
    """Read typed words: the first group and person count, further persons do not; other words narrow."""
    groups = {**_group_words(services), "all": _ALL}
    group = next((groups[word.lower()] for word in words if word.lower() in groups), _ALL)
    owner = next(filter(None, map(_owner_of, words)), "")
    rest = [word for word in words if groups.get(word.lower()) != group and not _owner_of(word)]
    return State(group, _cleaned(" ".join(rest)), owner=owner)


def _owner_of(word: str) -> str:
    """The id in a mention; empty for any other word, and for one that fits into no state."""
    found = PERSON.fullmatch(word)
    return found[1] if found and len(found[1]) <= _LONGEST_ID else ""


def _first_owner_only(words: tuple[str, ...]) -> list[Block]:
    """Say whose integrations are listed, when several people were typed."""
    owners = list(dict.fromkeys(filter(None, map(_owner_of, words))))
    text = "A list can show only one owner at a time; this one shows {}. List the others separately."
    return [context(text.format(mention(owners[0])))] if len(owners) > 1 else []


def _group_words(services: Services) -> dict[str, str]:
    """What people type for each group: ``quay`` and ``quay.io`` for Quay.io."""
    return {word: group for group in services.groups for word in (group.lower(), group.lower().split(".")[0])}


def listing(services: Services, actor: Actor, state: State) -> Message:
    """Look a page up and draw it."""
    return _listed(_page_of(services, actor, state), state, services, actor)


def _page_of(services: Services, actor: Actor, state: State) -> IntegrationPage:
    window = Window(after=state.after, before=state.before, size=_A_PAGE)
    return list_integrations(services.ports, actor, narrowed(services, actor, state), window)


def _cleaned(words: str) -> str:
    """Words as they are looked for: no more than fit, and nothing unseen in them."""
    return "".join(filter(str.isprintable, words))[:_WORDS_LIMIT]


def narrowed(services: Services, actor: Actor, state: State) -> Filter:
    """Turn a state into the store's question."""
    kinds = frozenset(one.id for one in services.kinds.values() if state.group in (one.group, one.id))
    only = state.group if state.group in _ONLY else ""
    found = read_filter(services, actor, f"{state.words} {only}")
    owner = state.owner or found.owner
    return replace(found, kinds=kinds if state.group != _ALL and not only else None, owner=owner)


def _listed(page: IntegrationPage, state: State, services: Services, actor: Actor) -> Message:
    """The list as a message: controls, rows, page buttons."""
    title, shown = f"Integrations {_range_of(page)}", state.encoded()
    blocks = list_blocks(page, state, services, actor)
    blocks += [divider(), actions(share_button("list", shown))] if page.rows else []
    blocks.append(context("`/integrations help` shows everything you can do."))
    return message(title, blocks)


def list_blocks(page: IntegrationPage, state: State, services: Services, actor: Actor) -> list[Block]:
    """A page of the list with its controls."""
    title, shown = f"*Integrations*   {_range_of(page)}", state.encoded("list")
    # The first block's id says what is shown: the Home tab is published again from it after a change.
    blocks = [section(title, button("Add Integration", ADD, style="primary"), block_id=shown)]
    if page.everything:
        blocks += _controls_drawn_once(replace(state, after=None, before=None), services)
    for row in page.rows:
        blocks += _drawn_once(row, services.kinds[row.integration.kind], actor)
    if not page.rows:
        blocks.append(section(_empty(page, state, services)))
    return [*blocks, *_page_turning(page, state)]


def _range_of(page: IntegrationPage) -> str:
    """``11–20 of 57``."""
    if not page.rows:
        return "0"
    return f"{page.start + 1}–{page.start + len(page.rows)} of {page.total}"


def _empty(page: IntegrationPage, state: State, services: Services) -> str:
    """What an empty list says: there is nothing yet, or nothing matches."""
    if not page.everything:
        return "There are no integrations yet. Press `Add Integration` to add the first one."
    words = f" that match {code(state.words)}" if state.words else ""
    owner = " with this owner" if state.owner else ""
    kind = services.kinds.get(state.group)
    group = f" of type {bold(kind.label if kind else state.group)}" if state.group != _ALL else ""
    if state.group in _ONLY:
        group = f" under {bold(_ONLY[state.group])}"
    return f"There are no integrations{group}{owner}{words}. *Show all* shows all {page.everything}."


def _controls_drawn_once(state: State, services: Services) -> list[Block]:
    """The controls of a first page as they were drawn last: they depend only on its state."""
    known = _drawn_controls.get(state)
    if known and known[0] is services.kinds:
        return known[1]
    if len(_drawn_controls) >= _MOST_DRAWN:
        _drawn_controls.clear()
    blocks = _controls(state, services)
    _drawn_controls[state] = (services.kinds, blocks)
    return blocks


def _controls(state: State, services: Services) -> list[Block]:
    """The Filters menu and the Integration Name box; their ids carry the state and change with it."""
    encoded = state.encoded()
    example = "Name, type, server, broken, mine …, then Enter"
    box = enter_box(_WORDS, state.words, example, _WORDS_LIMIT)
    owner: Block = {"type": "users_select", "action_id": _OWNER, "placeholder": plain("Owner")}
    if state.owner:
        owner["initial_user"] = state.owner
    everything = [button("Show all", _EVERYTHING)] if state != State() else []
    return [
        section("Filters", _filters(state, services), block_id=f"filters{encoded}"),
        actions(owner, *everything, block_id=f"owner{encoded}"),
        labelled("Integration Name", box, f"words{encoded}", optional=True, dispatch_action=True),
        divider(),
    ]


def _filters(state: State, services: Services) -> Block:
    """The Filters menu: every kind, under the name of its group."""
    grouped = {"All types": [(_ALL, _ALL)], "Only": [(label, word) for word, label in _ONLY.items()]}
    for group in services.groups:
        kinds = [(kind.label, kind.id) for kind in services.kinds.values() if kind.group == group]
        # A group of one kind needs no entry of its own.
        grouped[group] = [(group, group)] if len(kinds) == 1 else [(group, group), *kinds]
    return grouped_menu(_GROUP, grouped, chosen=state.group, placeholder=_NO_FILTER)


def _drawn_once(row: Listed, kind: Kind, actor: Actor) -> list[Block]:
    """A row as it was drawn last, if it has not changed. Nobody changes blocks once they are drawn."""
    integration = row.integration
    is_fresh = integration.check is not None and actor.at - integration.check.at < _FRESH_FOR
    rights = may(actor, Action.EDIT, integration.owner), may(actor, Action.NOTE)
    key = (integration.id, *rights, is_fresh, actor.at.date())
    known = _drawn.get(key)
    # A change makes a new object, so what the same one contains was not changed.
    if known and known[0] is integration and known[1] == row.dependencies:
        return known[2]
    if len(_drawn) >= _MOST_DRAWN:
        _drawn.clear()
    due = due_in_words(integration, actor.at)
    blocks = row_blocks(row, kind, is_theirs=rights[0], may_link=rights[1], is_fresh=is_fresh, due=due)
    _drawn[key] = (integration, row.dependencies, blocks)
    return blocks


def row_blocks(
    row: Listed, kind: Kind, *, is_theirs: bool, may_link: bool, is_fresh: bool, due: str = ""
) -> list[Block]:
    """One integration: what it is, and what this person can do with it."""
    integration = row.integration
    name, value = integration.name, integration.id
    ends = f"   {due}" if due else ""
    facts = f"{bold(name)}   {escape(kind.label)}{ends}\n{_summary_of(row, is_fresh=is_fresh)}"
    buttons = [button("Show", SHOW, value, label=f"Show {name}")]
    if is_theirs:
        buttons.append(button("Edit", EDIT, value, label=f"Edit {name}"))
        buttons.append(button("Delete", DELETE, value, label=f"Delete {name}"))
    hidden = {ROTATE} if not (is_theirs and integration.secret) else set()
    hidden |= set() if may_link else {LINK}
    entries = [one for one in _ROW_MENU if one[1] not in hidden]
    more = {
        "type": "overflow",
        "action_id": _ROW,
        "options": [{"text": text, "value": f"{action}:{value}"} for text, action in entries],
    }
    return [section(facts), actions(*buttons, more, block_id=f"row:{value}")]


def _summary_of(row: Listed, *, is_fresh: bool) -> str:
    """Host, last check, number of dependencies, owner."""
    owner = mention(row.integration.owner) + (" (has left)" if row.integration.orphaned_at else "")
    return "  ·  ".join((*_facts_of(row, is_fresh=is_fresh), owner))


def _facts_of(row: Listed, *, is_fresh: bool) -> tuple[str, str, str]:
    """Host, last check, number of dependencies."""
    plain = ":unlock: " if row.integration.server.is_plain else ""
    return (
        plain + code(row.integration.server.address),
        health_in_words(row.integration, is_fresh=is_fresh),
        _dependencies_in_words(row.dependencies),
    )


def _dependencies_in_words(count: int) -> str:
    """``no dependencies``, ``1 dependency``, ``5 dependencies``."""
    return "no dependencies" if not count else f"{count} dependenc{'y' if count == 1 else 'ies'}"


def health_in_words(integration: Integration, *, is_fresh: bool = True) -> str:
    """What the last check found, and when."""
    check: Check | None = integration.check
    if check is None:
        return ":white_circle: not checked"
    fresh, old = _NOT_ASKED if check.refused is Refused.RATE else _HEALTH[check.outcome]
    return f"{fresh} {when(check.at)}" if is_fresh else f":white_circle: {old} {when(check.at)}"


def _page_turning(page: IntegrationPage, state: State) -> list[Block]:
    """The page buttons, if there is more than one page."""
    previous = following = None
    if page.has_previous:
        first = page.rows[0].integration.key
        previous = _PREVIOUS, replace(state, after=None, before=first).encoded()
    if page.has_next:
        last = page.rows[-1].integration.key
        following = _NEXT, replace(state, after=last, before=None).encoded()
    buttons = page_buttons(previous, following)
    return [divider(), *buttons] if buttons else []
