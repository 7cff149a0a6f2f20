"""What the API answers: a body of one type, or an error that says its code, what happened and what to do."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from bot.core.errors import (
    Ambiguous,
    Busy,
    Conflict,
    Deleted,
    InvalidInput,
    KeyringFailure,
    LinkedOnly,
    NoSuchPath,
    NotFound,
    NotPermitted,
    QuaymasterError,
    RegistryFailure,
    StoreFailure,
    TokenRefused,
    TooOften,
    Unreachable,
    WrongMethod,
)
from bot.core.model import Stage
from bot.web.json_answers import DATA_HEADERS, STATUS_LINES

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
EXPIRES = "X-Quaymaster-Expires-At"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Its ``repr`` does not show the body, which may hold what is handed out."""

    body: bytes = field(repr=False)
    content_type: str = JSON
    status: HTTPStatus = HTTPStatus.OK
    headers: Headers = ()


STATUSES: tuple[tuple[type[QuaymasterError], HTTPStatus, str], ...] = (
    (TokenRefused, HTTPStatus.UNAUTHORIZED, "unauthorized"),
    (TooOften, HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests"),
    (NoSuchPath, HTTPStatus.NOT_FOUND, "no_such_path"),
    (WrongMethod, HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed"),
    (InvalidInput, HTTPStatus.BAD_REQUEST, "invalid_request"),
    (Deleted, HTTPStatus.NOT_FOUND, "deleted"),
    (NotFound, HTTPStatus.NOT_FOUND, "not_found"),
    (LinkedOnly, HTTPStatus.FORBIDDEN, "linked_targets_only"),
    (NotPermitted, HTTPStatus.FORBIDDEN, "not_permitted"),
    (Ambiguous, HTTPStatus.CONFLICT, "ambiguous"),
    (Conflict, HTTPStatus.CONFLICT, "conflict"),
    (Unreachable, HTTPStatus.GATEWAY_TIMEOUT, "registry_unreachable"),
    (RegistryFailure, HTTPStatus.BAD_GATEWAY, "registry_refused"),
    (Busy, HTTPStatus.SERVICE_UNAVAILABLE, "busy"),
    (StoreFailure, HTTPStatus.SERVICE_UNAVAILABLE, "store_unavailable"),
    (KeyringFailure, HTTPStatus.INTERNAL_SERVER_ERROR, "credential_unreadable"),
)
"""The first row that fits an error decides. Codes are for programs and never change."""


def json_reply(fields: object, headers: Headers = ()) -> Reply:
    """Answer with JSON."""
    return Reply(json.dumps(fields, ensure_ascii=False).encode(), headers=headers)


def _refusal_of(error: QuaymasterError) -> tuple[HTTPStatus, str]:
    """Return an error's status and code."""
    if isinstance(error, RegistryFailure) and error.stage is Stage.REPOSITORY:
        # The registry was reached: it does not show the repository, or not to this login.
        return HTTPStatus.BAD_GATEWAY, "registry_refused"
    found = (row[1:] for row in STATUSES if isinstance(error, row[0]))
    return next(found, (HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error"))


def error_reply(error: QuaymasterError, *, as_text: bool) -> Reply:
    """
    Answer with an error.

    Args:
        error: What went wrong.
        as_text: Code, message and hint as three lines, for scripts without a JSON parser.
    """
    status, code = _refusal_of(error)
    fields = {"code": code, "message": error.message, "hint": error.hint}
    if as_text:
        lines = (f"{_one_line(text)}\n" for text in fields.values())
        return Reply("".join(lines).encode(), TEXT, status, _headers_of(error))
    return Reply(json_reply(fields).body, JSON, status, _headers_of(error))


def _one_line(text: str) -> str:
    """Take out what would begin a new line or move a terminal's cursor."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)


def _headers_of(error: QuaymasterError) -> Headers:
    """The headers that belong to an error's status."""
    if isinstance(error, TokenRefused):
        return (("WWW-Authenticate", "Bearer"),)
    if isinstance(error, TooOften):
        return (("Retry-After", str(error.wait_s)),)
    if isinstance(error, WrongMethod):
        return (("Allow", error.allowed),)
    return (("Retry-After", "1"),) if isinstance(error, Busy) else ()


def send(start_response: "StartResponse", reply: Reply, *, is_head: bool) -> Iterable[bytes]:
    """Begin the answer and give its body; to HEAD only the headers."""
    about_body = (("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body))))
    start_response(STATUS_LINES[reply.status], [*about_body, *DATA_HEADERS, *reply.headers])
    return [] if is_head else [reply.body]
