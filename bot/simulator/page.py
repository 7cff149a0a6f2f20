"""The try page over HTTP: one WSGI callable.

``/``, ``/static/…``: the page. ``/try/…``: what the page asks. ``/api/…``, ``/hooks/…``,
``/upload/…``: what the app calls. ``/files/…``: what the app uploaded.

The page and what it asks is given to one browser (``bot/simulator/browser_guard.py``); the app is known by
its bot token, and a response URL is a capability of its own.
"""

import importlib.resources
import json
import mimetypes
import secrets
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from bot.simulator import browser_guard as guard
from bot.simulator.cast import Json
from bot.simulator.kept_blocks import BlocksRefused
from bot.simulator.page_requests import REQUESTS, Said
from bot.simulator.screen import wait
from bot.simulator.simulator import Simulator

_POLL_S = 20.0
# Each waiting page holds a thread of the server; further pages are told to ask again soon.
_MAX_POLLERS = 3
_MAX_PAGES = 50
_MAX_BODY = 1_048_576
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_STATIC = importlib.resources.files("bot.simulator") / "static"

_FOR_THE_APP = ("/api/", "/hooks/", "/upload/")
_RETRY_AFTER = [("Retry-After", "30")]
_NOT_YOURS = (
    "This page opens only in the browser that first opened the address that quaymaster try printed.\n"
    "That address works once. For a new one, press Ctrl+C in the terminal and start quaymaster try again."
)

_Reply = tuple[int, str, bytes]
_StartResponse = Callable[..., Any]


class TryPage:
    """
    The WSGI callable.

    Args:
        simulator: The workspace that it shows.
        poll_s: How long a page waits for news before it asks again.
        seats: How many pages may wait at once.

    Attributes:
        token: What the page sends with each of its own requests.
        admission: Which browser the page is given to.
    """

    def __init__(self, simulator: Simulator, poll_s: float = _POLL_S, seats: int = _MAX_POLLERS) -> None:
        self.simulator = simulator
        self.token = secrets.token_urlsafe(24)
        self.admission = guard.Admission()
        self._poll_s = poll_s
        self._seats = threading.Semaphore(seats)
        self._latest: dict[str, object] = {}

    def __call__(self, environ: guard.Environ, start_response: _StartResponse) -> Iterable[bytes]:
        """Answer one request; every answer carries the page's security headers."""
        arrival = self._arrival(environ)
        status, content_type, body = (303, "text/plain", b"") if arrival else self._reply(environ)
        headers = [
            *guard.HEADERS,
            *arrival,
            *(_RETRY_AFTER if status == HTTPStatus.TOO_MANY_REQUESTS else []),
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
        ]
        start_response(f"{status} {_REASONS[status]}", headers)
        return [body]

    def stop(self) -> None:
        """Release waiting pages, so that the server can stop."""
        self.simulator.stop()

    def _arrival(self, environ: guard.Environ) -> list[tuple[str, str]]:
        """Return the headers that admit a browser with the key and send it to an address without the key."""
        is_arrival = environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"] == "/"
        if not is_arrival or not guard.from_this_machine(environ):
            return []
        cookie = self.admission.exchange(environ)
        if cookie is None:
            return []
        return [("Set-Cookie", cookie), ("Location", "/")]

    def _reply(self, environ: guard.Environ) -> _Reply:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if not guard.from_this_machine(environ):
            return _refusal("Open this page at its own address, http://127.0.0.1.")
        if method != "GET" and not guard.from_this_page(environ):
            return _refusal("This request comes from another website.")
        if path.startswith(_FOR_THE_APP):
            return self._called(environ, path, method)
        if not self.admission.is_given(environ):
            return _refusal(_NOT_YOURS)
        if path.startswith("/try/"):
            return self._asked(environ, path.removeprefix("/try/"))
        if method != "GET":
            return _json({"error": "method_not_allowed"}, 405)
        return self._upload(path) if path.startswith("/files/") else self._file(path)

    def _called(self, environ: guard.Environ, path: str, method: str) -> _Reply:
        """Answer the app: the Web API by its token, the others by their unguessable paths."""
        if path.startswith("/api/"):
            return self._web_api(environ, path.removeprefix("/api/"))
        if method != "POST":
            return _json({"error": "method_not_allowed"}, 405)
        if path.startswith("/upload/"):
            status, text = self.simulator.upload(path, _body(environ))
            return status, "text/plain; charset=utf-8", text.encode()
        status, answer = self.simulator.response_url(path, _body(environ))
        return _json(answer, status)

    def _file(self, path: str) -> _Reply:
        if path == "/":
            page = (_STATIC / "index.html").read_text("utf-8")
            return 200, "text/html; charset=utf-8", page.replace("PAGE_TOKEN", self.token).encode()
        name = path.removeprefix("/static/")
        known = {entry.name for entry in _STATIC.iterdir() if entry.is_file()}
        if not path.startswith("/static/") or name not in known:
            return _json({"error": "not_found"}, 404)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return 200, "text/javascript" if name.endswith(".js") else kind, (_STATIC / name).read_bytes()

    def _upload(self, path: str) -> _Reply:
        try:
            file = self.simulator.world.uploads.uploaded(path.removeprefix("/files/"))
        except BlocksRefused:
            return _json({"error": "not_found"}, 404)
        return 200, "application/octet-stream", file.content or b""

    def _web_api(self, environ: guard.Environ, method: str) -> _Reply:
        args = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        args |= _arguments(environ)
        _, _, bearer = environ.get("HTTP_AUTHORIZATION", "").partition("Bearer ")
        token = bearer or str(args.pop("token", ""))
        args.pop("token", None)
        answer = self.simulator.web_api(method, args, token)
        return _json(answer, 429 if answer.get("error") == "ratelimited" else 200)

    def _asked(self, environ: guard.Environ, what: str) -> _Reply:
        if not guard.has_token(environ, self.token):
            return _refusal("Reload the page: it was opened before the program was restarted.")
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        person, people = query.get("as", ""), self.simulator.world.cast.people
        if person not in people or people[person].get("is_bot"):
            return _json({"error": "user_not_found"}, 400)
        if what == "state" and environ["REQUEST_METHOD"] == "GET":
            return self._state(person, query.get("since", ""), query.get("page", ""))
        if what not in REQUESTS or environ["REQUEST_METHOD"] != "POST":
            return _json({"error": "not_found"}, 404)
        return self._done(person, what, _body(environ))

    def _state(self, person: str, since: str, page: str) -> _Reply:
        seen = int(since) if since.isdecimal() else 0
        ticket = self._newest_question(page)
        seated = self._seats.acquire(blocking=False)
        try:
            patience_s = self._poll_s if seated else 0
            shown = wait(
                self.simulator.world, person, seen, patience_s, lambda: self._latest.get(page) is not ticket
            )
        finally:
            if seated:
                self._seats.release()
        return _json({**shown, "again_after_ms": 0 if seated else 1000})

    def _newest_question(self, page: str) -> object:
        """Release the page's previous request: the page has abandoned it, and its thread is needed."""
        ticket = object()
        with self.simulator.world.lock:
            self._latest = {**dict(list(self._latest.items())[-_MAX_PAGES:]), page: ticket}
            self.simulator.world.lock.notify_all()
        return ticket

    def _done(self, person: str, what: str, body: bytes) -> _Reply:
        try:
            answer = REQUESTS[what](self.simulator, person, Said.read(body))
        except BlocksRefused as refused:
            return _json(refused.answer(), 400)
        return _json({"answer": answer, "state": self.simulator.snapshot(person)})


def _json(answer: Json, status: int = 200) -> _Reply:
    return status, "application/json; charset=utf-8", json.dumps(answer).encode()


def _refusal(reason: str) -> _Reply:
    return 403, "text/plain; charset=utf-8", reason.encode() + b"\n"


def _body(environ: guard.Environ) -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    size = int(length) if length.isdecimal() else 0
    body: bytes = environ["wsgi.input"].read(min(size, _MAX_BODY))
    return body


def _arguments(environ: guard.Environ) -> Json:
    """Return the arguments of a Web API call, which may come as JSON or as a form."""
    body = _body(environ)
    if not environ.get("CONTENT_TYPE", "").startswith("application/json"):
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
