"""The shapes of Slack's payloads, checked before Bolt reads them.

Bolt takes for granted that a key it looks for has the type it expects; a payload that breaks this would end
in an exception. Here each kind of payload has a row that says what it must hold. What a row does not
name may be anything.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

_Shape = Callable[[object], bool]

_MOST_FIELDS = 100
_DEEPEST = 100
"""Slack's own views nest some 15 levels; Python's parsers fail near 1,000."""


class Misshapen(Exception):
    """Slack does not send such a payload. ``reason`` repeats nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _text(value: object) -> bool:
    """Any text."""
    return isinstance(value, str)


def _name(value: object) -> bool:
    """A text that is not empty."""
    return isinstance(value, str) and value != ""


def _plain(value: object) -> bool:
    """A text of our own that Slack gives back: nothing in it is nested so deeply that reading it fails."""
    return isinstance(value, str) and value.count("[") + value.count("{") <= _DEEPEST


def _record(required: Mapping[str, _Shape], optional: Mapping[str, _Shape] | None = None) -> _Shape:
    """An object with these keys; the optional ones may be missing or null."""

    def fits(value: object) -> bool:
        if not isinstance(value, dict):
            return False
        given = {key: shape for key, shape in (optional or {}).items() if value.get(key) is not None}
        return all(shape(value.get(key)) for key, shape in {**required, **given}.items())

    return fits


def _each(shape: _Shape) -> _Shape:
    """An object whose every value has a shape."""
    return lambda value: isinstance(value, dict) and all(map(shape, value.values()))


def _items(shape: _Shape, least: int) -> _Shape:
    """A list of at least so many items of a shape."""
    return lambda value: isinstance(value, list) and len(value) >= least and all(map(shape, value))


_OPTION = _record({"value": _text})
_INPUT = _record(
    {},
    {
        "value": _text,
        "selected_option": _OPTION,
        "selected_options": _items(_OPTION, 0),
        "selected_user": _text,
        "selected_channel": _text,
        "selected_conversation": _text,
        "selected_date": _text,
    },
)
_STATE = _record({}, {"values": _each(_each(_INPUT))})
_VIEW = _record(
    {"id": _name, "type": _name},
    {
        "callback_id": _text,
        "private_metadata": _plain,
        "hash": _text,
        "state": _STATE,
        "app_installed_team_id": _name,
    },
)
_ACTION = _record(
    {"type": _name, "action_id": _name},
    {
        "block_id": _text,
        "value": _plain,
        "selected_option": _record({"value": _plain}),
        "selected_user": _text,
    },
)
_WHO = {"user": _record({"id": _name}, {"team_id": _name})}
_WHERE = {
    "team": _record({"id": _name}),
    "enterprise": _record({"id": _name}),
    "channel": _record({"id": _name}),
    "container": _record({}),
    "message": _record({}),
    "state": _STATE,
    "view": _VIEW,
    "trigger_id": _name,
    "response_url": _name,
    "authorizations": _items(_record({}), 0),
}
_SUBMITTED = {"view": _record({"id": _name, "type": _name, "callback_id": _text})}
_CALLED = {"callback_id": _name}

_EVENT = _record({"type": _name})
_SUBSCRIBED = {
    "app_home_opened": _record({"type": _name, "user": _name}),
    "user_change": _record({"type": _name, "user": _record({"id": _name})}),
}


def _event(value: object) -> bool:
    """Any event; those we subscribe to must also say whose Home it is, or who changed."""
    kind = value.get("type") if isinstance(value, dict) else None
    return _SUBSCRIBED.get(kind, _EVENT)(value) if isinstance(kind, str) else False


def _interaction(required: Mapping[str, _Shape], optional: Mapping[str, _Shape] | None = None) -> _Shape:
    """
    An interaction of somebody in some workspace.

    With an org-wide installation ``team`` may be null; the workspace is then the person's, or the view's.
    """
    fits = _record({**_WHO, **required}, {**_WHERE, **(optional or {})})

    def fits_somewhere(value: object) -> bool:
        return fits(value) and isinstance(value, dict) and any(_teams_of(value))

    return fits_somewhere


def _teams_of(payload: Mapping[str, Any]) -> tuple[object, ...]:
    view = payload.get("view") or {}
    return payload.get("team"), payload["user"].get("team_id"), view.get("app_installed_team_id")


_INTERACTIONS = {
    "block_actions": _interaction({"actions": _items(_ACTION, 1)}),
    "block_suggestion": _interaction({"action_id": _name}, {"block_id": _text, "value": _text}),
    "view_submission": _interaction(_SUBMITTED),
    "view_closed": _interaction(_SUBMITTED),
    "shortcut": _interaction(_CALLED),
    "message_action": _interaction(_CALLED),
}
_EVENTS = {
    "url_verification": _record({"challenge": _name}),
    "event_callback": _record(
        {"team_id": _name, "event": _event},
        {"authorizations": _items(_record({}), 0), "enterprise_id": _name, "event_id": _name},
    ),
}
_COMMAND_FIELDS = ("command", "team_id", "user_id", "trigger_id")


def check_shape(body: bytes, content_type: str) -> None:
    """
    Let pass what Slack sends.

    Args:
        body: The raw body of a request whose signature holds.
        content_type: Its header. Like Bolt, we also take a body that begins with ``{`` for JSON.

    Raises:
        Misshapen: Not UTF-8, not a form, not JSON, nested too deeply, or of a shape Slack does not send.
    """
    try:
        decoded = body.decode()
        if content_type.partition(";")[0].strip().lower() == "application/json" or decoded.startswith("{"):
            _check_json(decoded, _EVENTS)
        else:
            _check_form(decoded)
    except ValueError as error:
        raise Misshapen("not readable") from error
    except RecursionError as error:
        raise Misshapen("nested too deeply") from error


def _check_form(decoded: str) -> None:
    """
    Check a form: a command's fields, or one field that holds an interaction.

    A command is the most frequent request, and Bolt parses it anyway: here its fields are only looked for.
    """
    if decoded.count("&") >= _MOST_FIELDS:
        raise Misshapen("too many fields")
    marked = f"&{decoded}&"
    if "&payload=" in marked:
        payload = dict(parse_qsl(decoded, keep_blank_values=True, errors="strict"))["payload"]
        _check_json(payload, _INTERACTIONS)
    elif "&ssl_check=1&" not in marked and not all(_is_given(field, marked) for field in _COMMAND_FIELDS):
        raise Misshapen("not a command")


def _is_given(field: str, marked: str) -> bool:
    """Return whether a form, with ``&`` put before and after it, holds a field that is not empty."""
    return f"&{field}=" in marked and f"&{field}=&" not in marked


def _check_json(decoded: str, shapes: Mapping[str, _Shape]) -> None:
    """Check a JSON payload against the row of its type."""
    payload = json.loads(decoded)
    kind = payload.get("type") if isinstance(payload, dict) else None
    if not isinstance(kind, str) or kind not in shapes:
        raise Misshapen("not a type that is served")
    # The brackets bound the depth, so only a payload with many of them needs counting.
    if decoded.count("{") + decoded.count("[") > _DEEPEST and _depth(payload) > _DEEPEST:
        raise Misshapen("nested too deeply")
    if "\\ud" in decoded.lower():
        json.dumps(payload, ensure_ascii=False).encode()  # half a surrogate pair could not be written down
    if not shapes[kind](payload):
        raise Misshapen(f"not a {kind}")


def _depth(payload: object) -> int:
    """Count the levels of a JSON value, level by level so that nothing recurses."""
    level, levels = [payload], 0
    while level:
        levels += 1
        level = [inner for value in level for inner in _children(value)]
    return levels


def _children(value: object) -> list[object]:
    """The values inside a JSON value."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
