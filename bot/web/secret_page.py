"""The page on which a secret is entered outside Slack: ``/enter/<workspace>/<link>``.

GET  /enter/<workspace>/<link>        the page: the same bytes for every link. Does not use the link up.
POST /enter/<workspace>/<link>/form   which fields to show, if the sender has the link
POST /enter/<workspace>/<link>        what the page sealed; uses the link up once it is saved

The link's key is in the fragment, which no browser sends. No part of a body reaches the log.
"""

import base64
import hashlib
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING

from bot.core.errors import (
    Busy,
    InvalidFields,
    InvalidInput,
    LinkRefused,
    QuaymasterError,
    StoreFailure,
    TooOften,
    Unexpected,
)
from bot.core.integrations.secret_entry import describe, enter_secret
from bot.core.model import Actor, Workspace
from bot.core.ports.keyring import Box
from bot.core.token_bucket import Buckets
from bot.services import Services
from bot.web.json_answers import DATA_HEADERS, STATUS_LINES, answer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SECRETS_PATH = "/enter"
_PATH = re.compile(r"/enter/((?:(E[A-Z0-9]{2,20})-)?(T[A-Z0-9]{2,20}))/([0-9a-f]{32})(/form)?")
_LARGEST = 128 * 1024
_ASKS_A_MINUTE = 60
"""POSTs from one address: more than a person needs, too few to guess with."""

log = logging.getLogger(__name__)


class EntryRates:
    """Limits requests by address. Implements ``Counter``. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` returns monotonic seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._asks = Buckets(_ASKS_A_MINUTE)

    def take(self, address: str) -> None:
        """Count a POST. Raises ``TooOften``."""
        with self._lock:
            now = self._clock()
            wait_s = self._asks.take(address, now)
        if wait_s:
            raise TooOften("Too many requests from this address.", wait_s)

    def taken(self) -> Mapping[str, float]:
        """As ``Counter`` says."""
        with self._lock:
            return {f"page {key}": seconds for key, seconds in self._asks.taken().items()}

    def learn(self, debts: Mapping[str, float]) -> None:
        """As ``Counter`` says."""
        with self._lock:
            now = self._clock()
            for name, debt_s in debts.items():
                self._asks.learn(name.partition(" ")[2], debt_s, now)


def secret_page(
    services: Services, find_actor: Callable[[Workspace, str], Actor], rates: EntryRates | None = None
) -> "WSGIApplication":
    """
    Build the WSGI application.

    Args:
        services: The ports.
        find_actor: Looks up a person in a workspace by id, with their current role.
        rates: Its limits; ``None`` = the default ones.
    """
    return _SecretPage(services, find_actor, rates or EntryRates())


class _SecretPage:
    def __init__(
        self, services: Services, find_actor: Callable[[Workspace, str], Actor], rates: EntryRates
    ) -> None:
        self._services = services
        self._find_actor = find_actor
        self._rates = rates
        self._page = files("bot.web").joinpath("secret_page.html").read_bytes()
        self._headers = _headers_of(self._page)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        found = _PATH.fullmatch(environ.get("PATH_INFO", ""))
        method = environ["REQUEST_METHOD"]
        if found is None:
            return answer(
                start_response, HTTPStatus.NOT_FOUND, {"message": "There is no such page.", "hint": ""}
            )
        if method in ("GET", "HEAD") and not found[5]:
            start_response(STATUS_LINES[HTTPStatus.OK], self._headers)
            return [self._page] if method == "GET" else []
        if method != "POST":
            allowed = [("Allow", "POST" if found[5] else "GET, HEAD, POST")]
            return answer(start_response, HTTPStatus.METHOD_NOT_ALLOWED, None, allowed)
        workspace = Workspace(found[3], found[2])
        return answer(start_response, *self._answer(environ, workspace, found[4], is_form=bool(found[5])))

    def _answer(
        self, environ: "WSGIEnvironment", workspace: Workspace, link_id: str, *, is_form: bool
    ) -> tuple[HTTPStatus, Mapping[str, object]]:
        try:
            self._rates.take(environ.get("REMOTE_ADDR", ""))
            body = _body_of(environ)
            if is_form:
                return HTTPStatus.OK, self._form(workspace, link_id, body)
            return HTTPStatus.OK, self._enter(workspace, link_id, body)
        except InvalidFields as error:
            fields = dict(error.problems)
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"message": "", "hint": "", "fields": fields}
        except QuaymasterError as error:
            if isinstance(error, StoreFailure):
                log.error("a secret could not be saved", exc_info=error)
            return _status_of(error), {"message": error.message, "hint": error.hint}
        except Exception as error:
            error_id = secrets.token_hex(4)
            log.error("the page for secrets failed", exc_info=error, extra={"error_id": error_id})
            unexpected = Unexpected(error_id)
            fields = {"message": unexpected.message, "hint": unexpected.hint}
            return HTTPStatus.INTERNAL_SERVER_ERROR, fields

    def _form(self, workspace: Workspace, link_id: str, body: Mapping[str, str]) -> Mapping[str, object]:
        services = self._services
        proof = body.get("proof", "")
        asked = describe(services.ports, services.kinds, workspace, link_id, proof)
        fields = [
            {"key": one.key, "label": one.label, "hint": one.hint, "multiline": one.is_multiline}
            for one in asked.fields
        ]
        named = {"title": asked.title, "name": asked.name, "server": asked.server}
        ends_at = asked.ends_at.isoformat()
        return {**named, "fields": fields, "ends_at": ends_at, "can_skip_check": asked.can_skip_check}

    def _enter(self, workspace: Workspace, link_id: str, body: Mapping[str, str]) -> Mapping[str, object]:
        services = self._services
        box = Box(*(body.get(one, "") for one in ("proof", "ephemeral", "nonce", "sealed")))

        actor_of = partial(self._find_actor, workspace)
        return {"name": enter_secret(services.ports, services.kinds, workspace, link_id, box, actor_of)}


def _headers_of(page: bytes) -> list[tuple[str, str]]:
    """Return the page's headers: they allow its own script and style, and requests to this server."""
    script, style = (_hash_of(page, name) for name in (b"script", b"style"))
    policy = (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(page))),
        *DATA_HEADERS,
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "no-referrer"),
        ("X-Frame-Options", "DENY"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ]


def _hash_of(page: bytes, element: bytes) -> str:
    content = page.split(b"<%s>" % element, 1)[1].split(b"</%s>" % element, 1)[0]
    return f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"


def _body_of(environ: "WSGIEnvironment") -> Mapping[str, str]:
    """Read the body: a JSON object of strings. Raises ``InvalidInput``, which does not quote the body."""
    unreadable = InvalidInput("The page sent something that cannot be read.", "Reload it and try again.")
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip() != "application/json":
        raise unreadable
    raw = environ["wsgi.input"].read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise InvalidInput("That is too long for a secret.", "Enter at most 64 KiB.")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise unreadable from None
    if not isinstance(body, dict) or not all(isinstance(one, str) for one in body.values()):
        raise unreadable
    return body


def _status_of(error: QuaymasterError) -> HTTPStatus:
    if isinstance(error, LinkRefused):
        return HTTPStatus.GONE
    if isinstance(error, TooOften):
        return HTTPStatus.TOO_MANY_REQUESTS
    if isinstance(error, InvalidInput):
        return HTTPStatus.BAD_REQUEST
    is_later = isinstance(error, Busy | StoreFailure)
    return HTTPStatus.SERVICE_UNAVAILABLE if is_later else HTTPStatus.CONFLICT
