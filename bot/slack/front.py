"""The front: what a request must be before Bolt reads a byte of it.

1. A POST whose ``Content-Length`` is known and at most 1 MB.
2. Exactly one timestamp within 5 minutes of our clock, exactly one signature of the right form.
3. The signature holds, over the bytes as they came, compared in constant time.
4. The signature was not seen before. Slack signs its own retries again, so a replay is somebody else's.
5. The payload has a shape that Slack sends (``bot/slack/payloads.py``).

Bolt parses a body before it checks the signature, and logs the whole body of a request it refuses; so
our own check comes first and logs no word of a body. Bolt then checks again.
"""

import hmac
import io
import logging
import math
import re
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from bot.core.secrets import Secret
from bot.slack.payloads import Misshapen, check_shape

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

    def front(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            body = _body_of(environ)
            now = clock()
            signature, signed_at = _verified_signature(environ, body, signing_secret, now)
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


def _verified_signature(
    environ: "WSGIEnvironment", body: bytes, secret: Secret, now: float
) -> tuple[str, int]:
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
    expected = "v0=" + hmac.digest(secret.reveal().encode(), signed, "sha256").hex()
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
