"""Slack's limits on what it shows: one checker, for every test and for the try page.

Source: the limits of slack_sdk.models and of docs.slack.dev/reference/block-kit.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

_BLOCKS = {"message": 50, "modal": 100, "home": 100}
_TEXT = {
    "button": 75,
    "label": 2000,
    "hint": 2000,
    "placeholder": 150,
    "title": 24,
    "submit": 24,
    "close": 24,
}
_LENGTHS = {"block_id": 255, "action_id": 255, "callback_id": 255, "private_metadata": 3000, "url": 3000}
_VALUES = {"button": 2000}
_OPTIONS = {
    "static_select": 100,
    "multi_static_select": 100,
    "overflow": 5,
    "checkboxes": 10,
    "radio_buttons": 10,
}
_CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
_VIEW_BYTES = 250_000
_MESSAGE_TEXT = 4000

_TIMES = ("datepicker", "timepicker", "datetimepicker")
_TYPED = frozenset({"plain_text_input", "email_text_input", "url_text_input", "number_input", *_TIMES})
_SELECTS = ("static_select", "external_select", "users_select", "conversations_select", "channels_select")
_CHOSEN = frozenset({*_SELECTS, *(f"multi_{one}" for one in _SELECTS), "checkboxes", "radio_buttons"})
_INPUTS = _TYPED | _CHOSEN
_CONTROLS = _INPUTS | {"button", "overflow"}
_KINDS = frozenset(
    ("section", "divider", "header", "context", "actions", "input", "image", "markdown", "rich_text")
)


def problems(where: str, payload: Mapping[str, Any]) -> list[str]:
    """
    Say what Slack would refuse.

    Args:
        where: ``message``, ``modal``, ``home``, or ``options``.
        payload: A message (``text``, ``blocks``), a view, or the answer to a search in a menu.

    Returns:
        A sentence for each violation; empty if Slack accepts it.
    """
    return list(_walk(where, payload))


def _walk(where: str, payload: Mapping[str, Any]) -> Iterator[str]:
    """Find each violation in turn."""
    if where == "options":
        yield from _in_options("static_select", payload, at_least=0)
        return
    blocks = payload.get("blocks") or []
    if len(blocks) > _BLOCKS[where]:
        yield f"{len(blocks)} blocks; a {where} takes {_BLOCKS[where]}"
    if where == "message":
        if len(payload.get("text") or "") > _MESSAGE_TEXT:
            yield "the message's text is too long"
        if not blocks and not payload.get("text") and not payload.get("delete_original"):
            yield "a message needs text or blocks"
    else:
        yield from _in_view(where, payload)
    yield from _duplicates("block_id", [block.get("block_id") for block in blocks])
    for block in blocks:
        yield from _in_block(block)


def _in_view(where: str, view: Mapping[str, Any]) -> Iterator[str]:
    """Check what only views have."""
    if len(str(view).encode()) > _VIEW_BYTES:
        yield "view_too_large"
    if view.get("type") != where:
        yield f"the view's type is not {where}"
    if where == "modal" and not view.get("title"):
        yield "a modal needs a title"
    has_input = any(block.get("type") == "input" for block in view.get("blocks", []))
    if where == "modal" and has_input and not view.get("submit"):
        yield "a modal with inputs needs a submit button"
    for key in ("title", "submit", "close"):
        if key in view:
            yield from _in_text(view[key], _TEXT[key], key)
    for key in ("callback_id", "private_metadata"):
        yield from _in_length(view, key)


def _duplicates(what: str, ids: list[str | None]) -> Iterator[str]:
    """Name each id that occurs twice."""
    for one, count in Counter(one for one in ids if one).items():
        if count > 1:
            yield f"{what} {one} occurs {count} times"


def _in_length(thing: Mapping[str, Any], key: str) -> Iterator[str]:
    """Check an id's or another string's length."""
    text = thing.get(key)
    if text is not None and not (isinstance(text, str) and len(text) <= _LENGTHS[key]):
        yield f"{key} is longer than {_LENGTHS[key]}"


def _in_text(text: Any, limit: int, what: str) -> Iterator[str]:
    """Check a text object: its type, that it is not empty, its length."""
    if not isinstance(text, dict) or text.get("type") not in ("plain_text", "mrkdwn"):
        yield f"{what} is not a text object"
    elif not text.get("text"):
        yield f"{what} is empty"
    elif len(text["text"]) > limit:
        yield f"{what} has {len(text['text'])} characters; {limit} are allowed"


def _in_block(block: Mapping[str, Any]) -> Iterator[str]:
    """Check one block."""
    kind = block.get("type")
    if kind not in _KINDS:
        yield f"there is no block of type {kind}"
    yield from _in_length(block, "block_id")
    if kind in _CHECKS:
        yield from _CHECKS[kind](block)


def _in_section(block: Mapping[str, Any]) -> Iterator[str]:
    """A section has text or fields, and at most one control."""
    if "text" in block:
        yield from _in_text(block["text"], 3000, "section text")
    fields = block.get("fields", [])
    if "text" not in block and not fields:
        yield "a section needs text or fields"
    if len(fields) > 10:
        yield "a section takes 10 fields"
    for field in fields:
        yield from _in_text(field, 2000, "section field")
    if "accessory" in block:
        yield from _in_element(block["accessory"])


def _in_header(block: Mapping[str, Any]) -> Iterator[str]:
    """A header is short plain text."""
    yield from _in_text(block.get("text"), 150, "header")


def _in_context(block: Mapping[str, Any]) -> Iterator[str]:
    """Small text has one to ten elements."""
    elements = block.get("elements", [])
    if not 1 <= len(elements) <= 10:
        yield "a context takes 1 to 10 elements"
    for element in elements:
        if element.get("type") != "image":
            yield from _in_text(element, 3000, "context text")


def _in_actions(block: Mapping[str, Any]) -> Iterator[str]:
    """A row of controls has 1 to 25, each with its own action id."""
    elements = block.get("elements", [])
    if not 1 <= len(elements) <= 25:
        yield "actions take 1 to 25 elements"
    yield from _duplicates("action_id", [element.get("action_id") for element in elements])
    for element in elements:
        yield from _in_element(element)


def _in_input(block: Mapping[str, Any]) -> Iterator[str]:
    """An input has a label and one element that can be typed in or chosen from."""
    yield from _in_text(block.get("label"), _TEXT["label"], "label")
    if "hint" in block:
        yield from _in_text(block["hint"], _TEXT["hint"], "hint")
    element = block.get("element", {})
    if element.get("type") not in _INPUTS:
        yield f"an input cannot hold {element.get('type')}"
    yield from _in_element(element)


def _in_element(element: Mapping[str, Any]) -> Iterator[str]:
    """Check one control."""
    kind = str(element.get("type"))
    if kind not in _CONTROLS:
        yield f"there is no control of type {kind}"
    for key in ("action_id", "url"):
        yield from _in_length(element, key)
    if kind in _CONTROL_CHECKS:
        yield from _CONTROL_CHECKS[kind](element)
    if kind in _OPTIONS:
        yield from _in_options(kind, element)
    yield from _in_words_around(element)


def _in_words_around(element: Mapping[str, Any]) -> Iterator[str]:
    """Check what any control may have: a placeholder, and a dialog that asks first."""
    if "placeholder" in element:
        yield from _in_text(element["placeholder"], _TEXT["placeholder"], "placeholder")
    if "confirm" in element:
        for key, limit in _CONFIRM.items():
            yield from _in_text(element["confirm"].get(key), limit, f"confirm {key}")


def _in_text_field(element: Mapping[str, Any]) -> Iterator[str]:
    """Check what a text field starts with."""
    if len(element.get("initial_value", "")) > 3000:
        yield "initial_value is longer than 3000"


def _in_button(element: Mapping[str, Any]) -> Iterator[str]:
    """Check a button's text, value, style and label."""
    yield from _in_text(element.get("text"), _TEXT["button"], "button text")
    if len(element.get("value", "")) > _VALUES["button"]:
        yield "a button's value is longer than 2000"
    if element.get("style", "primary") not in ("primary", "danger"):
        yield "a button's style is primary or danger"
    if len(element.get("accessibility_label", "")) > 75:
        yield "accessibility_label is longer than 75"


def _in_options(kind: str, element: Mapping[str, Any], *, at_least: int = 1) -> Iterator[str]:
    """Check a menu's options: how many, how long, and that the initial ones are among them."""
    groups = element.get("option_groups")
    if groups is not None and not at_least <= len(groups) <= _OPTIONS[kind]:
        yield f"{kind} takes {at_least} to {_OPTIONS[kind]} groups of options"
    options = []
    for one in groups if groups is not None else [element]:
        options += one.get("options", [])
        if not at_least <= len(one.get("options", [])) <= _OPTIONS[kind]:
            yield f"{kind} takes {at_least} to {_OPTIONS[kind]} options"
        if "label" in one and one is not element:
            yield from _in_text(one["label"], 75, "label of a group")
    for option in options:
        yield from _in_option(option)
    initial = [element["initial_option"]] if element.get("initial_option") else []
    if any(one not in options for one in [*initial, *element.get("initial_options", [])]):
        yield "initial_option is not among the options"


def _in_option(option: Mapping[str, Any]) -> Iterator[str]:
    """Check one option: its text, its value, and what is below it."""
    yield from _in_text(option.get("text"), 75, "option text")
    if len(option.get("value", "")) > 150:
        yield "an option's value is longer than 150"
    if "description" in option:
        yield from _in_text(option["description"], 75, "option description")


_CONTROL_CHECKS = {"button": _in_button, "plain_text_input": _in_text_field}
_CHECKS = {
    "section": _in_section,
    "header": _in_header,
    "context": _in_context,
    "actions": _in_actions,
    "input": _in_input,
}
