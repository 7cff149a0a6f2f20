"""The list as people see it: in a message, and on the Home tab.

A state says what is shown; it travels in block ids and button values. ``list.py`` and ``home.py`` show it.
"""

import json
from dataclasses import dataclass, replace

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
    cut,
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
from handlers.delete import ASK as DELETE
from handlers.edit import OPEN as EDIT
from handlers.show import OPEN as SHOW
from handlers.tags import OPEN as TAGS
from handlers.test import OPEN as TEST

PREVIOUS = "list.previous"
NEXT = "list.next"
GROUP = "list.group"
WORDS = "list.words"
ROW = "list.row"

ROW_MENU = tuple(
    (plain(text), action) for text, action in (("Show", SHOW), ("Edit", EDIT), ("Test", TEST), ("Tags", TAGS))
)
"""The entries of each row's menu; their texts are made once, not forty times a page."""
ALL = "All"
NO_FILTER = "Filters"
WORDS_LIMIT = 64
"""As long as a name, and short enough that a state fits into a block's id even if each one is escaped."""
MARKS = {
    Outcome.PROVED: ":white_check_mark: login works",
    Outcome.ACCEPTED: ":ballot_box_with_check: login accepted",
    Outcome.REJECTED: ":x: login refused",
    Outcome.UNREACHABLE: ":warning: could not be checked",
}
encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class State:
    """What a list shows. It travels in block ids and button values, so it is read as input each time."""

    group: str = ALL
    words: str = ""
    after: str | None = None
    before: str | None = None

    def encoded(self, prefix: str = "") -> str:
        """As text of at most 255 characters."""
        parts = {"group": self.group, "words": self.words, "after": self.after, "before": self.before}
        return prefix + encode_json({key: part for key, part in parts.items() if part})


def decoded(text: str) -> State:
    """Read a state; anything else than one is the first page of everything."""
    try:
        parts = json.loads(text[text.index("{") :])
        known = {key: str(parts[key]) for key in ("group", "words", "after", "before") if parts.get(key)}
    except (ValueError, AttributeError, TypeError):
        return State()
    return State(**known)


def listing(services: Services, actor: Actor, state: State) -> Message:
    """Look a page up and draw it."""
    window = Window(after=state.after, before=state.before)
    page = list_integrations(services.store, actor, narrowed(services, state), window)
    return listed(page, state, services)


def cleaned(words: str) -> str:
    """Words as they are looked for: no more than fit, and nothing unseen in them."""
    return "".join(filter(str.isprintable, words))[:WORDS_LIMIT]


def narrowed(services: Services, state: State) -> Filter:
    """Turn a state into the store's question."""
    kinds = frozenset(kind.id for kind in services.kinds.values() if kind.group == state.group)
    return Filter(kinds if state.group != ALL else None, tuple(name_key(state.words).split()))


def listed(page: Page, state: State, services: Services) -> Message:
    """The list as a message: controls, rows, page buttons."""
    add = button("Add Integration", ADD, style="primary")
    # The first block's id says what is shown: the Home tab is published anew from it after a change.
    blocks = [section(f"*Integrations*   {range_of(page)}", add, block_id=state.encoded("list"))]
    if page.everything:
        blocks += controls(state, services.groups)
    for row in page.rows:
        blocks += row_blocks(row, services.kinds[row.integration.kind])
    if not page.rows:
        blocks.append(section(empty(page, state)))
    blocks += turning(page, state)
    blocks.append(context("`/integrations help` shows everything you can do."))
    return message(f"Integrations {range_of(page)}", blocks)


def range_of(page: Page) -> str:
    """``11–20 of 57``."""
    if not page.rows:
        return "0"
    return f"{page.start + 1}–{page.start + len(page.rows)} of {page.total}"


def empty(page: Page, state: State) -> str:
    """What an empty list says: there is nothing yet, or nothing fits."""
    if not page.everything:
        return "There is no integration yet. Press `Add Integration` to add the first one."
    words = f" with {code(state.words)} in its name" if state.words else ""
    group = f" of type {bold(state.group)}" if state.group != ALL else ""
    return f"No integration{group}{words}. Choose `All` and empty the box to see all {page.everything}."


def controls(state: State, groups: tuple[str, ...]) -> list[Block]:
    """The Filters menu and the Integration Name box; their ids carry the state and change with it."""
    first_page = replace(state, after=None, before=None)
    choices = [(group, group) for group in (ALL, *groups)]
    box = text_input(
        WORDS,
        state.words,
        "Part of a name, then Enter",
        max_length=WORDS_LIMIT,
        dispatch_action_config={"trigger_actions_on": ["on_enter_pressed"]},
    )
    filters = menu(GROUP, choices, chosen=state.group, placeholder=NO_FILTER)
    return [
        section("Filters", filters, block_id=first_page.encoded("filters")),
        labelled("Integration Name", box, first_page.encoded("words"), optional=True, dispatch_action=True),
        divider(),
    ]


def row_blocks(row: Listed, kind: Kind) -> list[Block]:
    """One integration: what it is, and what can be done with it."""
    integration = row.integration
    facts = f"{bold(integration.name)}   {escape(kind.label)}\n{summary_of(row)}"
    buttons = actions(
        button("Delete", DELETE, integration.id, label=f"Delete {integration.name}"),
        {
            "type": "overflow",
            "action_id": ROW,
            "options": [{"text": text, "value": f"{action}:{integration.id}"} for text, action in ROW_MENU],
        },
        block_id=f"row:{integration.id}",
    )
    return [section(facts), buttons]


def summary_of(row: Listed) -> str:
    """Host, owner, number of dependencies, last check."""
    plain = ":unlock: " if row.integration.server.is_plain else ""
    return "  ·  ".join(
        (
            plain + code(row.integration.server.address),
            mention(row.integration.owner),
            dependencies_in_words(row.dependencies),
            last_check(row.integration),
        )
    )


def dependencies_in_words(count: int) -> str:
    """``no dependency``, ``1 dependency``, ``5 dependencies``."""
    return "no dependency" if not count else f"{count} dependenc{'y' if count == 1 else 'ies'}"


def last_check(integration: Integration) -> str:
    """What the last check found, and when."""
    check: Check | None = integration.check
    return ":white_circle: not checked" if check is None else f"{MARKS[check.outcome]} {when(check.at)}"


def turning(page: Page, state: State) -> list[Block]:
    """The page buttons, where there is a page to turn to."""
    buttons = []
    if page.has_previous:
        first = page.rows[0].integration.key
        buttons.append(button("Previous", PREVIOUS, replace(state, after=None, before=first).encoded()))
    if page.has_next:
        last = page.rows[-1].integration.key
        buttons.append(button("Next", NEXT, replace(state, after=last, before=None).encoded()))
    return [divider(), actions(*buttons, block_id=cut(f"pages:{page.start}", 255))] if buttons else []
