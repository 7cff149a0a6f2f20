"""The front: what a request must be before Bolt reads a byte of it.

1. A POST whose ``Content-Length`` is known and at most 1 MB.
2. Exactly one timestamp within 5 minutes of our clock, exactly one signature of the right form.
3. The signature holds, over the bytes as they came, compared in constant time.
4. The signature was not seen before. Slack signs its own retries again, so a replay is somebody else's.
5. The payload has a shape that Slack sends: each kind has a row that says what it must have.

Bolt parses a body before it checks the signature, and logs the whole body of a request it refuses; so
our own check comes first and logs no word of a body. Bolt then checks again.
"""

import hmac
import io
import json
import logging
import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl

from bot.core.secrets import Secret

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


_LARGEST_BODY = 1024 * 1024
_CLOCK_WINDOW_S = 300

_TIMESTAMP = re.compile(r"[0-9]{10}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")

_REFUSAL = b'{"error": "invalid request"}'
_REFUSAL_HEADERS = (
    ("Content-Type", "application/json"),
    ("Content-Length", str(len(_REFUSAL))),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)

log = logging.getLogger(__name__)
_Shape = Callable[[object], bool]
_MOST_FIELDS = 100
_DEEPEST = 100
"""Slack's own views nest some 15 levels; Python's parsers fail near 1,000."""
_COMMAND_FIELDS = ("command", "team_id", "user_id", "trigger_id")


class Seen(Protocol):
    """Remembers signatures for as long as their timestamps pass."""

    def before(self, signature: str, signed_at: int, now: float) -> bool:
        """
        Return whether a request may have been served already, and remember it.

        Args:
            signature: It holds.
            signed_at: Its timestamp, in seconds since 1970, within the window.
            now: The time, in seconds since 1970.
        """


class _Refused(Exception):
    """The request goes no further. What it says is logged and holds nothing of the request but numbers."""

    def __init__(self, status: HTTPStatus, reason: str, clock_difference_s: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.clock_difference_s = clock_difference_s


def slack_front(
    bolt: "WSGIApplication",
    signing_secret: Secret,
    seen: Seen | None = None,
    clock: Callable[[], float] = time.time,
) -> "WSGIApplication":
    """
    Put the front before Bolt's WSGI application.

    Args:
        bolt: Called with the requests that pass, its input rewound.
        signing_secret: The Slack app's.
        seen: Knows replays; ``None`` = this process alone remembers.
        clock: Seconds since 1970.
    """
    known: Seen = seen or SeenSignatures()
    key = signing_secret.reveal().encode()

    def front(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            body = _body_of(environ)
            now = clock()
            signature, signed_at = _verified_signature(environ, body, key, now)
            if known.before(signature, signed_at, now):
                raise _Refused(HTTPStatus.CONFLICT, "replayed", round(now - signed_at))
            check_shape(body, environ.get("CONTENT_TYPE", ""))
        except _Refused as refusal:
            return _refused(start_response, refusal)
        except Misshapen as error:
            return _refused(start_response, _Refused(HTTPStatus.BAD_REQUEST, error.reason))
        environ["wsgi.input"] = io.BytesIO(body)
        return bolt(environ, start_response)

    return front


def _refused(start_response: "StartResponse", refusal: _Refused) -> list[bytes]:
    """Log why, by reason and clock difference only, and answer."""
    log.warning(
        "refused a Slack request",
        extra={"reason": refusal.reason, "clock_difference_s": refusal.clock_difference_s},
    )
    is_method = refusal.status is HTTPStatus.METHOD_NOT_ALLOWED
    allow = [("Allow", "POST")] if is_method else []
    start_response(f"{refusal.status.value} {refusal.status.phrase}", [*_REFUSAL_HEADERS, *allow])
    return [_REFUSAL]


def _body_of(environ: "WSGIEnvironment") -> bytes:
    """Read the whole body of a POST. Raises ``_Refused``."""
    if environ["REQUEST_METHOD"] != "POST":
        raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method")
    length = environ.get("CONTENT_LENGTH", "")
    if not re.fullmatch(r"[0-9]{1,10}", length):
        raise _Refused(HTTPStatus.LENGTH_REQUIRED, "length unknown")
    if int(length) > _LARGEST_BODY:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large")
    body: bytes = environ["wsgi.input"].read(int(length))
    if len(body) != int(length):
        raise _Refused(HTTPStatus.BAD_REQUEST, "cut short")
    return body


def _verified_signature(environ: "WSGIEnvironment", body: bytes, key: bytes, now: float) -> tuple[str, int]:
    """
    Return the request's signature once it holds, and its timestamp.

    Raises:
        _Refused: With 401.

    Source: https://docs.slack.dev/authentication/verifying-requests-from-slack, version v0.
    """
    timestamp = environ.get("HTTP_X_SLACK_REQUEST_TIMESTAMP", "")
    # A server joins headers that come twice with a comma, so two of them match neither pattern.
    if not _TIMESTAMP.fullmatch(timestamp):
        raise _Refused(HTTPStatus.UNAUTHORIZED, "no timestamp")
    difference_s = round(now - int(timestamp))
    if abs(difference_s) > _CLOCK_WINDOW_S:
        raise _Refused(HTTPStatus.UNAUTHORIZED, "stale", difference_s)
    signature: str = environ.get("HTTP_X_SLACK_SIGNATURE", "")
    if not _SIGNATURE.fullmatch(signature):
        raise _Refused(HTTPStatus.UNAUTHORIZED, "no signature", difference_s)
    signed = b"v0:" + timestamp.encode() + b":" + body
    expected = "v0=" + hmac.digest(key, signed, "sha256").hex()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise _Refused(HTTPStatus.UNAUTHORIZED, "wrong signature", difference_s)
    return signature, int(timestamp)


class SeenSignatures:
    """
    The signatures that this process has seen and whose timestamps still pass.

    What was signed before the process began may have been served by the one before it, which remembers
    nothing for this one: it counts as seen. Only signatures that hold are kept, so only Slack fills this.
    """

    def __init__(self, uptime: Callable[[], float] | None = None) -> None:
        """``uptime`` returns for how many seconds this process has been serving."""
        began = time.monotonic()
        self._uptime = uptime or (lambda: time.monotonic() - began)
        self._lock = Lock()
        self._by_second: dict[int, set[bytes]] = {}
        self._dropped_until = 0
        self._looked_for = 0

    def before(self, signature: str, signed_at: int, now: float) -> bool:
        """Return whether a request may have been served already, and remember it."""
        digest = bytes.fromhex(signature[3:35])
        # Counted back from now, so that a clock that is set right later moves the beginning with it.
        began = math.floor(now - self._uptime())
        with self._lock:
            self._drop_old(math.floor(now) - _CLOCK_WINDOW_S)
            if signed_at < max(began, self._dropped_until):
                return True
            of_second = self._by_second.setdefault(signed_at, set())
            is_known = digest in of_second
            of_second.add(digest)
            return is_known

    def _drop_old(self, oldest: int) -> None:
        if oldest == self._looked_for:
            return
        self._looked_for = oldest
        for second in [one for one in self._by_second if one < oldest]:
            # What is forgotten must not pass again when the clock is set back.
            self._dropped_until = max(self._dropped_until, second + 1)
            del self._by_second[second]


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
        "selected_users": _items(_text, 0),
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

_REMOVALS = ("app_uninstalled", "tokens_revoked")
"""The events that may mean that the app is no longer installed."""
_EVENT = _record({"type": _name})
_SUBSCRIBED = {
    "app_home_opened": _record({"type": _name, "user": _name}),
    "user_change": _record({"type": _name, "user": _record({"id": _name})}),
}


def _event(value: object) -> bool:
    """Any event; those we subscribe to must also say whose Home it is, or who changed."""
    kind = value.get("type") if isinstance(value, dict) else None
    return _SUBSCRIBED.get(kind, _EVENT)(value) if isinstance(kind, str) else False


_ENVELOPE = _record(
    {"event": _event},
    {"team_id": _name, "authorizations": _items(_record({}), 0), "enterprise_id": _name, "event_id": _name},
)


def _event_callback(value: object) -> bool:
    """An event of a workspace; one that says that the app was removed may be an organization's."""
    return _ENVELOPE(value) and isinstance(value, dict) and bool(value.get("team_id") or _removed(value))


def _removed(payload: Mapping[str, Any]) -> bool:
    return bool(payload.get("enterprise_id")) and payload["event"]["type"] in _REMOVALS


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
    "event_callback": _event_callback,
}


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
    Check a form: a command's fields, or one field that contains an interaction.

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
