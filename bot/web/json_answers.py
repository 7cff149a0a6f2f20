"""Our own HTTP answers: JSON, never cached, never mistaken for another type."""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

DATA_HEADERS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
"""For what is never a page: no browser treats it as one, so it needs none of the headers for pages."""

SECURITY_HEADERS = (
    *DATA_HEADERS,
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
)

STATUS_LINES = {status: f"{status.value} {status.phrase}" for status in HTTPStatus}
"""Built once: an enum's attributes are slow to read."""


def answer(
    start_response: "StartResponse",
    status: HTTPStatus,
    fields: Mapping[str, object] | None = None,
    headers: Iterable[tuple[str, str]] = (),
) -> list[bytes]:
    """Start an answer and return its body: ``fields`` as JSON, or nothing."""
    body = b"" if fields is None else json.dumps(fields).encode()
    about_body = (("Content-Type", "application/json"), ("Content-Length", str(len(body))))
    start_response(STATUS_LINES[status], [*about_body, *SECURITY_HEADERS, *headers])
    return [body]
