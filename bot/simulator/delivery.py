"""Signed requests from Slack to the app, and the three seconds the app has to answer.

payload -> form or JSON body -> signature v0 -> front -> AppAnswer, or None when Slack gives up
"""

import hashlib
import hmac
import http.client
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from bot.simulator.cast import Json

Front = Callable[[bytes, dict[str, str]], tuple[int, Mapping[str, str], bytes]]

PATIENCE_S = 3.0
FORM = "application/x-www-form-urlencoded"
# A front may still be reading from the app long after Slack would have hung up.
_CONNECTION_TIMEOUT_S = 30.0


def http_front(url: str) -> Front:
    """Return a front that posts each request to the app at ``url``, as Slack does."""
    target = urlsplit(url)

    def post(body: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection(
            target.hostname or "127.0.0.1", target.port or 80, timeout=_CONNECTION_TIMEOUT_S
        )
        try:
            connection.request("POST", target.path, body, headers)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    return post


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the ``X-Slack-Signature`` of a body (Slack's scheme v0)."""
    message = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def form_of_interaction(payload: Json) -> bytes:
    """Return the form body that holds an interaction."""
    return urlencode({"payload": json.dumps(payload)}).encode()


@dataclass(frozen=True)
class AppAnswer:
    """What the app answered in time."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Return the body as JSON, or None when it is empty or something else."""
        try:
            return json.loads(self.body) if self.body.strip() else None
        except ValueError:
            return None


class Delivery:
    """
    Sends requests to one app.

    Args:
        front: Takes each request to the app.
        signing_secret: The app's.
        clock: Unix time in seconds; signatures carry it, so it must be the app's own time.
        patience_s: How long Slack waits for each answer; ``None`` = as long as it takes, on the caller's
            own thread.
    """

    def __init__(
        self,
        front: Front,
        signing_secret: str,
        clock: Callable[[], float],
        patience_s: float | None = PATIENCE_S,
    ) -> None:
        self._front = front
        self._secret = signing_secret
        self._clock = clock
        self._patience_s = patience_s
        self._pool = ThreadPoolExecutor(max_workers=32, thread_name_prefix="slack-delivery")
        self._lock = threading.Lock()
        self._last: dict[bytes, int] = {}
        self._stopped = False

    def command(self, fields: Mapping[str, str]) -> AppAnswer | None:
        """Deliver a slash command."""
        return self._send(urlencode(fields).encode(), FORM, {})

    def interaction(self, payload: Json) -> AppAnswer | None:
        """Deliver a press, a submitted or closed form, or a search for options."""
        return self._send(form_of_interaction(payload), FORM, {})

    def event(self, payload: Json) -> AppAnswer | None:
        """Deliver an event; if the answer is not 200, send it once more at once."""
        body = json.dumps(payload).encode()
        answer = self._send(body, "application/json", {})
        if answer is not None and answer.status == http.HTTPStatus.OK:
            return answer
        reason = "http_timeout" if answer is None else "http_error"
        retry = {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": reason}
        return self._send(body, "application/json", retry)

    def stop(self) -> None:
        """Send nothing more; what is already running finishes."""
        self._stopped = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _send(self, body: bytes, content_type: str, extra: dict[str, str]) -> AppAnswer | None:
        if self._stopped:
            return None
        timestamp = str(self._timestamp(body))
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(len(body)),
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self._secret, timestamp, body),
            **extra,
        }
        try:
            status, answered, content = self._ask(body, headers)
        except (TimeoutError, OSError, http.client.HTTPException):
            return None
        return AppAnswer(status, content, answered)

    def _ask(self, body: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        if self._patience_s is None:
            return self._front(body, headers)
        return self._pool.submit(self._front, body, headers).result(self._patience_s)

    def _timestamp(self, body: bytes) -> int:
        """Return the time to sign with, never the same one twice for one body.

        Two equal searches within a second would otherwise carry one signature,
        and the app must take the second for a replay.
        """
        digest = hashlib.sha256(body).digest()
        with self._lock:
            now = int(self._clock())
            self._last = {key: at for key, at in self._last.items() if at >= now}
            stamped = max(now, self._last.get(digest, now - 1) + 1)
            self._last[digest] = stamped
            return stamped
