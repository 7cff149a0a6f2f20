"""The API for workflows: ``/v1``, separate from Bolt.

1. The path and the method select the endpoint (``bot/web/api/endpoints.py``).
2. The token in the ``Authorization`` header identifies the caller. Every refusal is the same 401.
3. The limits apply: requests per token, and invalid tokens per address (``Rates``).
4. The query is read, and the endpoint answers. Every error becomes a code, a sentence and a hint.

If a registry is needed (ECR, tags), the request's own thread waits for it, at most 8 s, in one of the slots
of ``bot/registry/capacity.py``: when all are in use, the answer is 503 at once. No query, token or secret
reaches the log.
"""

import logging
import math
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from bot.core.errors import (
    InvalidInput,
    KeyringFailure,
    NoSuchPath,
    QuaymasterError,
    StoreFailure,
    TokenRefused,
    TooOften,
    Unexpected,
    WrongMethod,
)
from bot.core.model import Server
from bot.core.token_bucket import MOST_KEPT, Buckets
from bot.core.workflows.tokens import Caller, identify_caller
from bot.services import Services
from bot.web.api.endpoints import ENDPOINTS, JSON, Call, Endpoint, Reply, error_reply, read_query, send

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


WORKFLOWS_PATH = "/v1"
_NAMED = "/v1/integrations/"

_BEARER = re.compile(r"bearer +([\x21-\x7e]+)", re.IGNORECASE)

OPEN_TO_ALL = {
    "/v1/openapi.json": ("bot.web", "openapi.json", JSON),
    "/v1/helper.sh": ("bot.pipeline", "docker_credential.sh", "application/x-sh"),
}
"""Files that anybody can read, by path."""

_OFTEN_INVALID = "This workflow token is not valid, and this address has sent too many invalid tokens."
_VALID_AT_ONCE = "A valid token works at once: /integrations token list shows the tokens."

log = logging.getLogger(__name__)


_ASKS_A_MINUTE = 600
_FAILURES_A_MINUTE = 10
_FIRST_DELAY_S = 2.0
_LONGEST_DELAY_S = 300.0
_ROUNDING = 0.01
_MOST_STRIKES = 10
"""Enough for the longest delay; without a limit, the number would eventually be too large."""


class Rates:
    """
    How many requests workflows can send. No thread is made to wait: the answer is 429 with ``Retry-After``.

    A token can be used for 600 requests per minute, all at once if needed. An address that sends invalid
    tokens gets a plain 401 ten times per minute; after that, each attempt doubles a delay, up to five
    minutes. A valid token is never refused because of its address: behind a proxy or in a build cluster many
    share one.

    Only the first 64 bits of an IPv6 address count: a host can use every address of its network. The address
    is the connection's. Behind a reverse proxy that is the proxy's, unless ``QUAYMASTER_TRUSTED_PROXY`` names
    the proxy. Safe to share between threads.
    """

    def __init__(
        self,
        *,
        asks_a_minute: int = _ASKS_A_MINUTE,
        failures_a_minute: int = _FAILURES_A_MINUTE,
        most: int = MOST_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` returns monotonic seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._asks = Buckets(asks_a_minute, most)
        self._failures = Buckets(failures_a_minute, most)
        self._delays: dict[str, float] | None = None
        """How much each delay grew since ``taken`` was last called; ``None`` = it was never called."""

    def take(self, token_id: str) -> None:
        """Count a request of a valid token. Raises ``TooOften``."""
        with self._lock:
            now = self._clock()
            wait_s = self._asks.take(token_id, now)
        if wait_s:
            raise TooOften("This workflow token has made too many requests.", wait_s)

    def fail(self, address: str) -> None:
        """Count an invalid token from an address. Raises ``TooOften``, each time with a longer delay."""
        key = _network_of(address)
        with self._lock:
            now = self._clock()
            bucket = self._failures.of(key, now)
            if now >= bucket.shut_until and not self._failures.take(key, now):
                return
            bucket.strikes = min(bucket.strikes + 1, _MOST_STRIKES)
            delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** (bucket.strikes - 1))
            grown_s = now + delay_s - max(bucket.shut_until, now)
            bucket.shut_until = now + delay_s
            if self._delays is not None:
                self._delays[key] = self._delays.get(key, 0.0) + grown_s
        raise TooOften(_OFTEN_INVALID, delay_s, _VALID_AT_ONCE)

    def taken(self) -> Mapping[str, float]:
        """As ``Counter`` says: the tokens, the addresses, and the addresses' delays."""
        with self._lock:
            delays, self._delays = self._delays or {}, {}
            failures = self._failures.taken()
            # For each address that failed, to learn about a delay that began in another process.
            grown = {**dict.fromkeys(map(str, failures), 0.0), **delays}
            return {
                **{f"token {key}": seconds for key, seconds in self._asks.taken().items()},
                **{f"address {key}": seconds for key, seconds in failures.items()},
                **{f"delay {key}": seconds for key, seconds in grown.items()},
            }

    def learn(self, debts: Mapping[str, float]) -> None:
        """As ``Counter`` says."""
        with self._lock:
            now = self._clock()
            for name, debt_s in debts.items():
                kind, _, key = name.partition(" ")
                if kind == "delay":
                    self._learn_delay(key, debt_s, now)
                else:
                    (self._asks if kind == "token" else self._failures).learn(key, debt_s, now)

    def _learn_delay(self, key: str, delay_s: float, now: float) -> None:
        delay_s = min(_LONGEST_DELAY_S, delay_s + (self._delays or {}).get(key, 0.0))
        if not delay_s:
            return
        bucket = self._failures.of(key, now)
        bucket.shut_until = max(bucket.shut_until, now + delay_s)
        strikes = math.ceil(math.log2(delay_s / _FIRST_DELAY_S) - _ROUNDING) + 1
        bucket.strikes = min(max(bucket.strikes, strikes), _MOST_STRIKES)


def _network_of(address: str) -> str:
    """Return what one host is known by: its IPv4 address, or the network of its IPv6 address."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return known.exploded[:19] if isinstance(known, IPv6Address) else address


def workflow_api(services: Services, rates: Rates | None = None) -> "WSGIApplication":
    """
    Build the WSGI application.

    Args:
        services: The ports.
        rates: The limits; ``None`` = the default ones.
    """
    return _WorkflowApi(services, rates or Rates())


class _WorkflowApi:
    """The API. It answers each request on the thread that received it."""

    def __init__(self, services: Services, rates: Rates) -> None:
        self._ports = services.ports
        self._rates = rates
        self._files = {
            path: Reply(files(package).joinpath(name).read_bytes(), content_type)
            for path, (package, name, content_type) in OPEN_TO_ALL.items()
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        try:
            reply = self._reply(environ)
        except QuaymasterError as error:
            _log_trouble(error)
            reply = error_reply(error, as_text=_wants_text(environ))
        except Exception as error:
            error_id = secrets.token_hex(4)
            log.error("request failed", exc_info=error, extra={"error_id": error_id})
            reply = error_reply(Unexpected(error_id), as_text=_wants_text(environ))
        return send(start_response, reply, is_head=environ["REQUEST_METHOD"] == "HEAD")

    def _reply(self, environ: "WSGIEnvironment") -> Reply:
        path: str = environ.get("PATH_INFO", "")
        known = self._files.get(path)
        if known is not None:
            _require_method(environ, "GET", "HEAD")
            return known
        endpoint, name = _route(path)
        # HEAD would have to hand something out and then not send it.
        _require_method(environ, "GET")
        query: dict[str, str] = {}
        asked = problem = None
        try:
            query = read_query(environ.get("QUERY_STRING", ""), endpoint.required, endpoint.optional)
            asked = endpoint.asked(name, query)
        except InvalidInput as error:
            problem = error
        caller = self._caller(environ, asked)
        if problem:
            # Only now: only a caller with a valid token is told what is wrong with a query.
            raise problem
        return endpoint.answer(Call(self._ports, caller, name, query))

    def _caller(self, environ: "WSGIEnvironment", asked: Server | str | None) -> Caller:
        """Identify the caller. Raises ``TokenRefused``, ``TooOften``."""
        shown = _BEARER.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
        try:
            token = shown.group(1) if shown else ""
            caller = identify_caller(self._ports.store, token, asked, self._ports.now())
        except TokenRefused:
            address = environ.get("REMOTE_ADDR", "")
            self._rates.fail(address)
            log.warning("refused a workflow token", extra={"address": address})
            raise
        self._rates.take(caller.token.id)
        return caller


def _route(path: str) -> tuple[Endpoint, str]:
    """
    Find the endpoint of a path, and the integration the path names. Raises ``NoSuchPath``.

    Args:
        path: As WSGI gives it: each byte a character (PEP 3333).
    """
    name = ""
    if path.startswith(_NAMED):
        name, slash, rest = path[len(_NAMED) :].partition("/")
        path = f"{_NAMED}{{name}}{slash}{rest}"
    endpoint = ENDPOINTS.get(path)
    if endpoint is None or (not name and "{" in path):
        raise NoSuchPath("The API has no such path.", "GET /v1/openapi.json lists every path.")
    return endpoint, name if name.isascii() else name.encode("latin-1").decode(errors="replace")


def _require_method(environ: "WSGIEnvironment", *allowed: str) -> None:
    """Accept only these methods. Raises ``WrongMethod``."""
    if environ["REQUEST_METHOD"] not in allowed:
        raise WrongMethod(", ".join(allowed))


def _log_trouble(error: QuaymasterError) -> None:
    """Log what the operator must see; a workflow's own mistakes are not logged."""
    if isinstance(error, StoreFailure | KeyringFailure):
        log.error("a workflow could not be answered", exc_info=error)
    elif isinstance(error, TooOften):
        log.info("a workflow asked too often", extra={"wait_s": error.wait_s})


def _wants_text(environ: "WSGIEnvironment") -> bool:
    """True for a script that reads an error as three lines of text."""
    return bool(environ.get("HTTP_ACCEPT") == "text/plain")
