"""``/healthz``: whether this process can do its work, for its supervisor."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from bot.web.json_answers import answer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Health = Callable[[], str | None]
"""Returns ``None`` while all is well, otherwise one sentence that says what is wrong."""


def health_page(health: Health, notice: Health = lambda: None) -> "WSGIApplication":
    """
    Build the WSGI application: 200 ``{"ok": true}``, or 503 with the sentence.

    ``notice`` returns a sentence about a problem that does not stop work yet; it is sent with ``"ok": true``.
    """

    def page(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            status = HTTPStatus.METHOD_NOT_ALLOWED
            return answer(start_response, status, {"error": "use GET"}, [("Allow", "GET, HEAD")])
        trouble = health()
        if trouble is not None:
            return answer(start_response, HTTPStatus.SERVICE_UNAVAILABLE, {"ok": False, "error": trouble})
        told = notice()
        return answer(start_response, HTTPStatus.OK, {"ok": True, **({"notice": told} if told else {})})

    return page
