"""The shapes of Slack's payloads, checked before Bolt reads them.

Bolt takes for granted that a key it looks for has the type it expects; a payload that breaks this would end
in an exception. Here each kind of payload has a row that says what it must hold. What a row does not
name may be anything.
"""

import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

Shape = Callable[[object], bool]

MOST_FIELDS = 100
DEEPEST = 100
"""Slack's own views nest some 15 levels; Python's parsers fail near 1,000."""


class Misshapen(Exception):
    """The payload is none that Slack sends. ``reason`` repeats nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def text(value: object) -> bool:
    """Any text."""
    return isinstance(value, str)


def name(value: object) -> bool:
    """A text that is not empty."""
    return isinstance(value, str) and value != ""


def anything(_: object) -> bool:
    """Whatever."""
    return True


def record(required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    """An object with these keys; the optional ones may be missing or null."""

    def fits(value: object) -> bool:
        if not isinstance(value, dict):
            return False
        given = {key: shape for key, shape in (optional or {}).items() if value.get(key) is not None}
        return all(shape(value.get(key)) for key, shape in {**required, **given}.items())

    return fits


def each(shape: Shape) -> Shape:
    """An object whose every value has a shape."""
    return lambda value: isinstance(value, dict) and all(map(shape, value.values()))


def items(shape: Shape, least: int) -> Shape:
    """A list of at least so many items of a shape."""
    return lambda value: isinstance(value, list) and len(value) >= least and all(map(shape, value))


STATE = record({}, {"values": each(each(record({})))})
VIEW = record(
    {"id": name, "type": name},
    {
        "callback_id": text,
        "private_metadata": text,
        "hash": text,
        "state": STATE,
        "app_installed_team_id": name,
    },
)
ACTION = record(
    {"type": name, "action_id": name},
    {"block_id": text, "value": text, "selected_option": record({"value": text})},
)
WHO = {"user": record({"id": name}, {"team_id": name}), "team": record({"id": name})}
WHERE = {
    "enterprise": record({"id": name}),
    "channel": record({"id": name}),
    "container": record({}),
    "message": record({}),
    "state": STATE,
    "view": VIEW,
    "trigger_id": name,
    "response_url": name,
    "authorizations": items(record({}), 0),
}
SUBMITTED = {"view": record({"id": name, "type": name, "callback_id": text})}
CALLED = {"callback_id": name}

HOME_EVENT = record({"type": name, "user": name})


def event(value: object) -> bool:
    """Any event; the one we subscribe to must also say whose Home it is."""
    is_home = isinstance(value, dict) and value.get("type") == "app_home_opened"
    return HOME_EVENT(value) if is_home else record({"type": name})(value)


INTERACTIONS = {
    "block_actions": record({**WHO, "actions": items(ACTION, 1)}, WHERE),
    "block_suggestion": record({**WHO, "action_id": name}, {**WHERE, "block_id": text, "value": text}),
    "view_submission": record({**WHO, **SUBMITTED}, WHERE),
    "view_closed": record({**WHO, **SUBMITTED}, WHERE),
    "shortcut": record({**WHO, **CALLED}, WHERE),
    "message_action": record({**WHO, **CALLED}, WHERE),
}
EVENTS = {
    "url_verification": record({"challenge": name}),
    "event_callback": record(
        {"team_id": name, "event": event},
        {"authorizations": items(record({}), 0), "enterprise_id": name, "event_id": name},
    ),
}
COMMAND_FIELDS = ("command", "team_id", "user_id", "trigger_id")


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
            check_json(decoded, EVENTS)
        else:
            check_form(decoded)
    except ValueError as error:
        raise Misshapen("not readable") from error
    except RecursionError as error:
        raise Misshapen("nested too deeply") from error


def check_form(decoded: str) -> None:
    """
    Check a form: a command's fields, or one field that holds an interaction.

    A command is the most frequent request, and Bolt parses it anyway: here its fields are only looked for.
    """
    if decoded.count("&") >= MOST_FIELDS:
        raise Misshapen("too many fields")
    marked = f"&{decoded}&"
    if "&payload=" in marked:
        payload = dict(parse_qsl(decoded, keep_blank_values=True, errors="strict"))["payload"]
        check_json(payload, INTERACTIONS)
    elif "&ssl_check=1&" not in marked and not all(is_given(field, marked) for field in COMMAND_FIELDS):
        raise Misshapen("not a command")


def is_given(field: str, marked: str) -> bool:
    """Say whether a form, with ``&`` put before and behind it, holds a field that is not empty."""
    return f"&{field}=" in marked and f"&{field}=&" not in marked


def check_json(decoded: str, shapes: Mapping[str, Shape]) -> None:
    """Check a JSON payload against the row of its type."""
    payload = json.loads(decoded)
    kind = payload.get("type") if isinstance(payload, dict) else None
    if not isinstance(kind, str) or kind not in shapes:
        raise Misshapen("not a type that is served")
    # The brackets bound the depth, so only a payload with many of them needs counting.
    if decoded.count("{") + decoded.count("[") > DEEPEST and depth(payload) > DEEPEST:
        raise Misshapen("nested too deeply")
    if "\\ud" in decoded.lower():
        json.dumps(payload, ensure_ascii=False).encode()  # half a surrogate pair could not be written down
    if not shapes[kind](payload):
        raise Misshapen(f"not a {kind}")


def depth(payload: object) -> int:
    """Count the levels of a JSON value, level by level so that nothing recurses."""
    level, levels = [payload], 0
    while level:
        levels += 1
        level = [inner for value in level for inner in children(value)]
    return levels


def children(value: object) -> list[object]:
    """The values inside a JSON value."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
