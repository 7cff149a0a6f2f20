"""Block Kit as plain dictionaries, the escaping of what people typed, and what a button carries.

Plain dictionaries cost a hundredth of the SDK's block classes. ``slack_limits.py`` knows Slack's limits.

Everything that a button, a box or a form carries came through the client: it is read as input each time, and
nothing in it is trusted. It has ids, versions and places, never a fact that is taken as true.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, get_type_hints

from bot.core.errors import InvalidInput
from bot.core.model import Actor, Target, TargetKind
from bot.core.queries import NumberedPage
from handlers.routes import COMMAND

Block = dict[str, Any]
Message = dict[str, Any]
"""``response_type``, ``text`` and ``blocks``: what ``ack`` and a response_url accept."""
View = dict[str, Any]
"""A modal or a Home tab."""
Option = tuple[str, str]
"""What people read, and the value that comes back."""
LONGEST_BLOCK_ID = 255
"""As many characters as Slack accepts; a longer state does not fit into a block's id."""
SHARE = ".share"
"""How the action ids of Share buttons end, so that the buttons are left out where there is no channel."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_T = TypeVar("_T")


def escape(text: str) -> str:
    """Make text safe inside mrkdwn: no mention, no link, no channel ping."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """Show text in a code span; backticks would end it."""
    return f"`{escape(text.replace('`', 'ˋ'))}`"


def bold(text: str) -> str:
    """Show text in bold; asterisks would end it."""
    return f"*{escape(text.replace('*', '∗'))}*"


def cut(text: str, limit: int) -> str:
    """Shorten escaped text, never inside an entity."""
    if len(text) <= limit:
        return text
    short = text[: limit - 1]
    amp = short.rfind("&")
    return (short[:amp] if amp >= 0 and ";" not in short[amp:] else short) + "…"


def mention(user_id: str) -> str:
    """Name a person; clients show the display name."""
    return f"<@{user_id}>" if user_id[:1] in ("U", "W") else escape(user_id)


def when(at: datetime) -> str:
    """A time in the reader's time zone; the fallback is UTC."""
    fallback = at.strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def link(url: str, label: str) -> str:
    """A link; ``url`` has been checked to contain no ``<``, ``>`` or ``|``."""
    return f"<{escape(url)}|{escape(label)}>"


def message(line: str, blocks: Sequence[Block]) -> Message:
    """A message only its reader sees; notifications and screen readers use ``line``, which is plain text."""
    return {"response_type": "ephemeral", "text": cut(escape(line), 3000), "blocks": list(blocks)}


def marked(text: str, blocks: Sequence[Block]) -> Message:
    """As ``message``, with a line of mrkdwn: Slack shows the people in it by name."""
    return {**message("", blocks), "text": cut(text, 3000)}


def notice(text: str) -> Message:
    """A message of one paragraph of mrkdwn."""
    return marked(text, [section(text)])


def posted(drawn: Message) -> Message:
    """A message as ``chat.postMessage`` accepts it: without ``response_type``."""
    return {name: part for name, part in drawn.items() if name != "response_type"}


def modal(title: str, blocks: Sequence[Block], **more: Any) -> View:
    """A modal; ``more`` has ``callback_id``, ``submit``, ``private_metadata``."""
    return {
        "type": "modal",
        "title": plain(title),
        "close": plain(more.pop("close", "Close")),
        "blocks": list(blocks),
        **more,
    }


def plain(text: str) -> dict[str, Any]:
    """Text that is shown as it is; ``:name:`` stays as typed."""
    return {"type": "plain_text", "text": text, "emoji": False}


def _mrkdwn(text: str) -> dict[str, Any]:
    """Text with Slack's markup."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def header(text: str) -> Block:
    """A title of at most 150 characters."""
    return {"type": "header", "text": plain(cut(text, 150))}


def section(text: str, accessory: Block | None = None, block_id: str = "") -> Block:
    """A paragraph of at most 3,000 characters, with at most one control on its right."""
    block: Block = {"type": "section", "text": _mrkdwn(cut(text, 3000))}
    if accessory:
        block["accessory"] = accessory
    return {**block, "block_id": block_id} if block_id else block


def paragraphs(lines: Iterable[str]) -> list[Block]:
    """Lines in as few sections as possible, none of them split: a link that is cut leads nowhere."""
    texts = [""]
    for line in lines:
        if texts[-1] and len(texts[-1]) + len(line) >= 3000:
            texts.append("")
        texts[-1] += f"\n{line}" if texts[-1] else line
    return [section(text) for text in texts]


def context(*texts: str) -> Block:
    """Small gray text."""
    return {"type": "context", "elements": [_mrkdwn(cut(text, 2000)) for text in texts]}


def divider() -> Block:
    """A line."""
    return {"type": "divider"}


def actions(*elements: Block, block_id: str = "") -> Block:
    """A row of controls."""
    block: Block = {"type": "actions", "elements": list(elements)}
    return {**block, "block_id": block_id} if block_id else block


def button(text: str, action_id: str, value: str = "", style: str = "", label: str = "") -> Block:
    """
    A button.

    Args:
        text: Its label.
        action_id: Which listener it calls.
        value: At most 2,000 characters; comes back as it is, through the client.
        style: ``primary`` or ``danger``.
        label: What a screen reader says instead of the text.
    """
    block: Block = {"type": "button", "text": plain(text), "action_id": action_id}
    if value:
        block["value"] = value
    if style:
        block["style"] = style
    if label:
        block["accessibility_label"] = label[:75]
    return block


def option(choice: Option) -> dict[str, Any]:
    """One option of a menu."""
    return {"text": plain(cut(choice[0], 75)), "value": choice[1]}


def menu(action_id: str, choices: Iterable[Option], chosen: str = "", placeholder: str = "") -> Block:
    """A drop-down menu; ``chosen`` is the value it starts with."""
    options = [option(choice) for choice in choices]
    block: Block = {"type": "static_select", "action_id": action_id, "options": options}
    initial = next((one for one in options if one["value"] == chosen), None)
    if initial:
        block["initial_option"] = initial
    return {**block, "placeholder": plain(placeholder)} if placeholder else block


def grouped_menu(
    action_id: str, grouped: Mapping[str, Sequence[Option]], chosen: str = "", placeholder: str = ""
) -> Block:
    """A drop-down menu whose options are grouped under labels; ``chosen`` is the value it starts with."""
    groups: list[Block] = []
    options: list[Block] = []
    for label, choices in grouped.items():
        groups.append({"label": plain(cut(label, 75)), "options": [option(choice) for choice in choices]})
        options += groups[-1]["options"]
    block: Block = {"type": "static_select", "action_id": action_id, "option_groups": groups}
    initial = next((one for one in options if one["value"] == chosen), None)
    if initial:
        block["initial_option"] = initial
    return {**block, "placeholder": plain(placeholder)} if placeholder else block


def text_input(action_id: str, initial: str = "", placeholder: str = "", **more: Any) -> Block:
    """A box to type in; ``more`` has ``multiline``, ``max_length``, ``dispatch_action_config``."""
    block: Block = {"type": "plain_text_input", "action_id": action_id, **more}
    if initial:
        block["initial_value"] = initial
    return {**block, "placeholder": plain(placeholder[:150])} if placeholder else block


def enter_box(action_id: str, initial: str, placeholder: str, max_length: int) -> Block:
    """A box that acts when Enter is pressed in it."""
    moments = {"trigger_actions_on": ["on_enter_pressed"]}
    return text_input(action_id, initial, placeholder, max_length=max_length, dispatch_action_config=moments)


def narrowing_box(label: str, box: Block, first_page: str) -> list[Block]:
    """A box that narrows what is shown; its block's id carries the first page, and is at most 255 long."""
    if len(first_page) > LONGEST_BLOCK_ID:
        return []
    return [labelled(label, box, first_page, optional=True, dispatch_action=True)]


def labelled(label: str, element: Block, block_id: str, **more: Any) -> Block:
    """An input with its label; ``more`` has ``optional``, ``hint``, ``dispatch_action``."""
    hint = more.pop("hint", "")
    block: Block = {"type": "input", "block_id": block_id, "label": plain(label), "element": element, **more}
    return {**block, "hint": plain(hint)} if hint else block


def pack(value: Any) -> str:
    """Write a dataclass of texts, numbers and ``None`` as a JSON list, without the defaults at its end."""
    kind: Any = type(value)
    known = _fields_of(kind)
    facts = [getattr(value, one.name) for one, _ in known]
    while facts and facts[-1] == known[len(facts) - 1][0].default:
        facts.pop()
    return _encode(facts)


def unpack(kind: type[_T], text: str) -> _T | None:
    """Read what ``pack`` wrote; ``None`` for anything else."""
    carried: Any = kind
    known = _fields_of(carried)
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(facts, list) or not _least(carried) <= len(facts) <= len(known):
        return None
    if not all(type(fact) in types for fact, (_, types) in zip(facts, known, strict=False)):
        return None
    return kind(*facts)


def read_value(kind: type[_T], text: str, verb: str) -> _T:
    """
    Read a button's value.

    Args:
        kind: What it carries.
        text: Its value.
        verb: The verb that shows a new button.

    Raises:
        InvalidInput: This version did not write it.
    """
    found = unpack(kind, text)
    if found is None:
        raise _too_old(verb)
    return found


def _too_old(verb: str) -> InvalidInput:
    """The error for a button whose value this version did not write; ``verb`` shows a new one."""
    return InvalidInput("This button is out of date.", f"Type {COMMAND} {verb} again.")


def read_pressed_target(kind: str, name: str, verb: str) -> Target:
    """The target that a button names, whatever it is called. Raises ``InvalidInput``."""
    if kind not in list(TargetKind):
        raise _too_old(verb)
    return Target(TargetKind(kind), name)


@dataclass(frozen=True, slots=True)
class _Link:
    """What the button of a row carries: a target of an integration."""

    integration_id: str
    kind: str
    name: str


def pack_link(integration_id: str, target: Target) -> str:
    """Write a target of an integration."""
    return pack(_Link(integration_id, target.kind.value, target.name))


def read_link(text: str, verb: str) -> tuple[str, Target]:
    """Read what ``pack_link`` wrote: the integration's id, and the target. Raises ``InvalidInput``."""
    link = read_value(_Link, text, verb)
    return link.integration_id, read_pressed_target(link.kind, link.name, verb)


@cache
def _fields_of(kind: type[Any]) -> tuple[tuple[Field[Any], frozenset[type]], ...]:
    """Each field with the types that its value may have."""
    hints = get_type_hints(kind)
    return tuple(
        (one, frozenset(getattr(hints[one.name], "__args__", (hints[one.name],)))) for one in fields(kind)
    )


@cache
def _least(kind: type[Any]) -> int:
    """How many fields have no default."""
    return sum(one.default is MISSING for one in fields(kind))


def share_button(feature: str, value: str) -> Block:
    """The button that puts a feature's answer where everybody in the channel sees it; ``value`` says what."""
    return button("Share", share_id(feature), value)


def share_id(feature: str) -> str:
    """The action id of a feature's Share button."""
    return f"{feature}{SHARE}"


def public(line: str, blocks: Sequence[Block], actor: Actor) -> Message:
    """A message that everybody in the channel sees, with who put it there. Nothing in it may be secret."""
    return message(line, [*blocks, context(f"Shared by {mention(actor.user_id)}")])


def page_buttons(previous: tuple[str, str] | None, following: tuple[str, str] | None) -> list[Block]:
    """
    The page buttons, where there is a page to turn to.

    Args:
        previous, following: The action and the value of each button; ``None`` = there is no such page.
    """
    buttons = [button("Previous", *previous)] if previous else []
    buttons += [button("Next", *following)] if following else []
    return [actions(*buttons)] if buttons else []


def turning(
    page: NumberedPage[Any], turn: tuple[str, str], at: Callable[[int], str], more: str = ""
) -> list[Block]:
    """
    Where we are among numbered pages, and the buttons to turn them; nothing when there is one page.

    Args:
        page: The page that is shown.
        turn: The actions of ``Previous`` and ``Next``.
        at: Makes a button's value of a page's number.
        more: A sentence after where we are.
    """
    if page.total <= page.size:
        return []
    first, last = page.number * page.size + 1, min((page.number + 1) * page.size, page.total)
    place = f"{first}–{last} of {page.total}{f'.  {more}' if more else ''}"
    previous = (turn[0], at(page.number - 1)) if page.number else None
    following = (turn[1], at(page.number + 1)) if last < page.total else None
    return [context(place), *page_buttons(previous, following)]
