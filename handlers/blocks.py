"""Block Kit as plain dictionaries, and the escaping that keeps what people typed from being more than text.

Plain dictionaries cost a hundredth of the SDK's block classes. ``slack_limits.py`` knows Slack's limits.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

Block = dict[str, Any]
Message = dict[str, Any]
"""``response_type``, ``text`` and ``blocks``: what ``ack`` and a response_url take."""
View = dict[str, Any]
"""A modal or a Home tab."""
Option = tuple[str, str]
"""What people read, and the value that comes back."""


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
    """A link; ``url`` has been checked to hold no ``<``, ``>`` or ``|``."""
    return f"<{escape(url)}|{escape(label)}>"


def message(line: str, blocks: Sequence[Block]) -> Message:
    """A message only its reader sees; notifications and screen readers use ``line``, which is plain text."""
    return {"response_type": "ephemeral", "text": cut(escape(line), 3000), "blocks": list(blocks)}


def notice(text: str) -> Message:
    """A message of one paragraph of mrkdwn."""
    return {**message("", [section(text)]), "text": cut(text, 3000)}


def modal(title: str, blocks: Sequence[Block], **more: Any) -> View:
    """A modal; ``more`` holds ``callback_id``, ``submit``, ``private_metadata``."""
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
    return {"type": "mrkdwn", "text": text}


def header(text: str) -> Block:
    """A title of at most 150 characters."""
    return {"type": "header", "text": plain(cut(text, 150))}


def section(text: str, accessory: Block | None = None, block_id: str = "") -> Block:
    """A paragraph of at most 3,000 characters, with at most one control at its right."""
    block: Block = {"type": "section", "text": _mrkdwn(cut(text, 3000))}
    if accessory:
        block["accessory"] = accessory
    return {**block, "block_id": block_id} if block_id else block


def paragraphs(lines: Iterable[str]) -> list[Block]:
    """Lines in as few sections as hold each of them whole: a link that is cut leads nowhere."""
    texts = [""]
    for line in lines:
        if texts[-1] and len(texts[-1]) + len(line) >= 3000:
            texts.append("")
        texts[-1] += f"\n{line}" if texts[-1] else line
    return [section(text) for text in texts]


def context(*texts: str) -> Block:
    """Small grey text."""
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
        text: What stands on it.
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
    """A drop-down menu whose options stand under labels; ``chosen`` is the value it starts with."""
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
    """A box to type in; ``more`` holds ``multiline``, ``max_length``, ``dispatch_action_config``."""
    block: Block = {"type": "plain_text_input", "action_id": action_id, **more}
    if initial:
        block["initial_value"] = initial
    return {**block, "placeholder": plain(placeholder[:150])} if placeholder else block


def labelled(label: str, element: Block, block_id: str, **more: Any) -> Block:
    """An input with its label; ``more`` holds ``optional``, ``hint``, ``dispatch_action``."""
    hint = more.pop("hint", "")
    block: Block = {"type": "input", "block_id": block_id, "label": plain(label), "element": element, **more}
    return {**block, "hint": plain(hint)} if hint else block


def state_value(values: Mapping[str, Any], block_id: str, action_id: str) -> str:
    """What was typed or chosen in one input; an empty one gives ``""``."""
    element = values.get(block_id, {}).get(action_id) or {}
    chosen = element.get("selected_option")
    return str((chosen["value"] if chosen else element.get("value")) or "")
