"""One connection: when it counts as late, what it refuses to read, and how it says so."""

import json
import logging
import sys
import time
from http import HTTPStatus

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask

from bot.web.json_answers import SECURITY_HEADERS, STATUS_LINES

_TIMES_AS_LONG = 3
"""How many times longer the client can take to read an answer than to send a request."""

_MOST_PIPELINED = 4
"""Requests that a client can send before it has read the first answer. Our clients never send two."""

_SEND_LESS = "Send less."
_UNREADABLE = {
    HTTPStatus.BAD_REQUEST: (
        "The request cannot be read: its address or a header contains something that HTTP does not allow.",
        "A token read from a file may end with an invisible character; save the file again without it.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("The request's body is too large.", _SEND_LESS),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ("The request's headers are too long.", _SEND_LESS),
    HTTPStatus.NOT_IMPLEMENTED: ("The request's body is encoded in an unknown way.", "Send it unencoded."),
}

log = logging.getLogger(__name__)


class _Request(HTTPRequestParser):
    """A request that is being read."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head. Raises ``ParsingError``, which is answered with 400."""
        try:
            super().parse_header(header_plus)
        except ValueError:
            # A host such as "[x]", or a length of thousands of digits.
            raise ParsingError("unreadable") from None
        # With two lengths, or a transfer coding that HTTP/1.0 does not have, a proxy may see the body end
        # somewhere else (RFC 9112, section 6.1).
        if (self.chunked and "CONTENT_LENGTH" in self.headers) or "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("two lengths")
        if self.body_rcv is None:
            # There is no body to continue with: waitress would wait for one.
            self.expect_continue = False


class _Refusal(ErrorTask):
    """Answers a request that reaches no application. Waitress's own answer would repeat its headers."""

    def execute(self) -> None:
        """Answer in the API's format for errors."""
        status = HTTPStatus(self.request.error.code)
        code = "invalid_request" if status in _UNREADABLE else "internal_error"
        message, hint = _UNREADABLE.get(status, ("Something went wrong inside Quaymaster.", ""))
        log.warning("refused a request that cannot be read", extra={"status": status.value})
        body = json.dumps({"code": code, "message": message, "hint": hint}).encode()
        self.status = STATUS_LINES[status]
        self.response_headers.extend([("Content-Type", "application/json"), *SECURITY_HEADERS])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Connection(HTTPChannel):
    """A connection that records, in monotonic time, when it began to wait for its client."""

    parser_class = _Request
    error_task_class = _Refusal
    waits_since: float
    """When it was opened or its last answer was ready. Meaningless while a request is running."""
    _is_running = False
    _begun_at: float | None = None
    """When the first byte after that arrived."""

    def __init__(self, *args: object, **more: object) -> None:
        self.waits_since = time.monotonic()
        super().__init__(*args, **more)

    @property
    def is_waiting(self) -> bool:
        """True while none of its requests is running: its client is idle, sending, or reading an answer."""
        return not (self._is_running or self.requests)

    @property
    def kept_bytes(self) -> int:
        """How many bytes are held for it: an unfinished request and unread answers."""
        unread: int = self.total_outbufs_len
        return unread + (self.request.body_bytes_received if self.request else 0)

    def is_late(self, now: float, request_s: float) -> bool:
        """Return whether the client has used up its time. Sending single bytes does not extend it."""
        if not self.is_waiting:
            return False
        if self.total_outbufs_len:
            return now - self.waits_since > _TIMES_AS_LONG * request_s
        return now - (self._begun_at or self.waits_since) > request_s

    def received(self, data: bytes) -> bool:
        """Process what the client sent."""
        if self._begun_at is None:
            self._begun_at = time.monotonic()
        taken = bool(super().received(data))
        if len(self.requests) > _MOST_PIPELINED:
            # Each would be answered even if the client does not read, and the answers would be held here.
            self.handle_close()
        return taken

    def service(self) -> None:
        """Answer one request, on one of the server's threads."""
        self._is_running = True
        try:
            super().service()
        finally:
            self._begun_at, self.waits_since = None, time.monotonic()
            self._is_running = False

    def handle_error(self) -> None:
        """Close a connection after an unexpected failure, and log nothing it sent."""
        log.error("a connection failed", exc_info=sys.exc_info())
        self.handle_close()
