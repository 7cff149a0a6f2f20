"""The front: what a request must be before Bolt reads a byte of it.

1. A POST whose ``Content-Length`` is known and at most 1 MB.
2. Exactly one timestamp within 5 minutes of our clock, exactly one signature of the right form.
3. The signature holds, over the bytes as they came, compared in constant time.
4. The signature was not seen before. Slack signs its own retries anew, so a replay is somebody else's.
5. The payload has a shape that Slack sends (``bot/slack/payloads.py``).

Bolt parses a body before it checks the signature, and logs the whole body of a request it refuses; so
our own check comes first and logs no word of a body. Bolt's stays on behind it.
"""

import hmac
import io
import logging
import re
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

from bot.core.secrets import Secret
from bot.slack.payloads import Misshapen, check_shape
from bot.web.json_answers import answer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LARGEST_BODY = 1024 * 1024
CLOCK_WINDOW_S = 300
SEEN_FOR_S = 600
SEEN_AT_MOST = 20_000

TIMESTAMP = re.compile(r"[0-9]{10}")
SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")

log = logging.getLogger(__name__)


class Refused(Exception):
    """The request goes no further. What it says is logged and holds nothing of the request but numbers."""

    def __init__(self, status: HTTPStatus, reason: str, clock_difference_s: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.clock_difference_s = clock_difference_s


def slack_front(
    bolt: "WSGIApplication", signing_secret: Secret, clock: Callable[[], float] = time.time
) -> "WSGIApplication":
    """
    Put the front before Bolt's WSGI application.

    Args:
        bolt: Called with the requests that pass, its input rewound.
        signing_secret: The Slack app's.
        clock: Seconds since 1970.
    """
    seen = SeenSignatures()

    def front(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            body = body_of(environ)
            signature = verified_signature(environ, body, signing_secret, clock())
            if seen.before(signature, clock()):
                raise Refused(HTTPStatus.CONFLICT, "replayed")
            check_shape(body, environ.get("CONTENT_TYPE", ""))
        except Refused as refusal:
            return refused(start_response, refusal)
        except Misshapen as error:
            return refused(start_response, Refused(HTTPStatus.BAD_REQUEST, error.reason))
        environ["wsgi.input"] = io.BytesIO(body)
        return bolt(environ, start_response)

    return front


def refused(start_response: "StartResponse", refusal: Refused) -> list[bytes]:
    """Log why, by reason and clock difference only, and answer."""
    log.warning(
        "refused a Slack request",
        extra={"reason": refusal.reason, "clock_difference_s": refusal.clock_difference_s},
    )
    is_method = refusal.status is HTTPStatus.METHOD_NOT_ALLOWED
    headers = [("Allow", "POST")] if is_method else []
    return answer(start_response, refusal.status, {"error": "invalid request"}, headers)


def body_of(environ: "WSGIEnvironment") -> bytes:
    """Read the whole body of a POST. Raises ``Refused``."""
    if environ["REQUEST_METHOD"] != "POST":
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method")
    length = environ.get("CONTENT_LENGTH", "")
    if not re.fullmatch(r"[0-9]{1,10}", length):
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "length unknown")
    if int(length) > LARGEST_BODY:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large")
    body: bytes = environ["wsgi.input"].read(int(length))
    if len(body) != int(length):
        raise Refused(HTTPStatus.BAD_REQUEST, "cut short")
    return body


def verified_signature(environ: "WSGIEnvironment", body: bytes, secret: Secret, now: float) -> str:
    """
    Give the request's signature once it holds.

    Raises:
        Refused: With 401.

    Source: https://docs.slack.dev/authentication/verifying-requests-from-slack, version v0.
    """
    timestamp = environ.get("HTTP_X_SLACK_REQUEST_TIMESTAMP", "")
    # A server joins headers that come twice with a comma, so two of them match neither pattern.
    if not TIMESTAMP.fullmatch(timestamp):
        raise Refused(HTTPStatus.UNAUTHORIZED, "no timestamp")
    difference_s = round(now - int(timestamp))
    if abs(difference_s) > CLOCK_WINDOW_S:
        raise Refused(HTTPStatus.UNAUTHORIZED, "stale", difference_s)
    signature: str = environ.get("HTTP_X_SLACK_SIGNATURE", "")
    if not SIGNATURE.fullmatch(signature):
        raise Refused(HTTPStatus.UNAUTHORIZED, "no signature", difference_s)
    signed = b"v0:" + timestamp.encode() + b":" + body
    expected = "v0=" + hmac.digest(secret.reveal().encode(), signed, "sha256").hex()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise Refused(HTTPStatus.UNAUTHORIZED, "wrong signature", difference_s)
    return signature


class SeenSignatures:
    """The signatures of the last 10 minutes: twice the window in which a timestamp passes, both ways."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: dict[str, float] = {}

    def before(self, signature: str, now: float) -> bool:
        """Say whether a signature was seen before, and keep it."""
        with self._lock:
            self._drop_old(now)
            if signature in self._seen:
                return True
            self._seen[signature] = now
            return False

    def _drop_old(self, now: float) -> None:
        # Oldest first, because a dict keeps the order in which its keys came.
        while self._seen:
            oldest = next(iter(self._seen))
            if len(self._seen) < SEEN_AT_MOST and now - self._seen[oldest] <= SEEN_FOR_S:
                return
            del self._seen[oldest]
