"""Requests to registries and their token servers, and reading the answers, both small and bounded."""

import ssl
import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from bot.core.errors import CertificateWanted, Unreachable
from bot.registry.answer import Answer
from bot.registry.byte_budget import Allowance, ByteBudget
from bot.registry.certificates import is_certificate_wanted, no_client_certificate
from bot.registry.guard import Guard, joined, origin_of
from bot.registry.operation import Operation
from bot.registry.sockets import (
    Meter,
    PinnedHTTPConnection,
    PinnedHTTPSConnection,
    hears_that_a_certificate_is_wanted,
    too_much,
)

_HEADER_ROOM = 256 * 1024
SMALL = 64 * 1024
JSON = "application/json"
_CHUNK = 32 * 1024
_MOST_HOPS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class _PinnedAdapter(HTTPAdapter):
    """requests' own adapter, with pinned connections and one ready TLS context.

    It is used without a ``Session``. A session reads a redirect's whole body, unpacked, even when it is
    told not to follow; keeps cookies; and lets ``.netrc`` and proxy variables speak. An adapter does not.
    """

    def __init__(self, meter: Meter, context: ssl.SSLContext) -> None:
        self._meter = meter
        self._context = context
        super().__init__(pool_connections=4, pool_maxsize=1)

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: object, proxies: object = None, cert: object = None
    ) -> HTTPConnectionPool:
        """Return the pool of the request's origin. Proxies are not used: the guard judges addresses."""
        parts = urlsplit(request.url or "")
        pool: HTTPConnectionPool = self.poolmanager.connection_from_host(
            parts.hostname, parts.port, parts.scheme, {"ssl_context": self._context}
        )
        pinned = PinnedHTTPSConnection if isinstance(pool, HTTPSConnectionPool) else PinnedHTTPConnection
        made: Any = partial(pinned, meter=self._meter)  # it is only called
        pool.ConnectionCls = made
        return pool

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Do nothing: the context verifies. requests would load its bundle into it for each connection."""


class Wire:
    """The connections of one operation. Each goes where the guard allows and ends with the operation."""

    def __init__(
        self,
        operation: Operation,
        guard: Guard,
        context: ssl.SSLContext,
        budget: ByteBudget | None = None,
    ) -> None:
        """``budget``: shared with other operations; ``None`` = one of its own."""
        self.operation = operation
        self.allowance = Allowance(budget or ByteBudget())
        self._meter = Meter(operation, guard)
        self._adapter = _PinnedAdapter(self._meter, context)
        self._kept: set[str] = set()
        """Origins that have answered, so that a connection to them may have been kept."""

    def close(self) -> None:
        """Close every connection, and give the bytes back."""
        self._adapter.close()
        self.allowance.close()

    def fetch(
        self,
        url: str,
        authorization: str | None = None,
        limit: int | None = SMALL,
        *,
        accept: str = JSON,
        may_leave: bool = False,
    ) -> Answer:
        """
        GET, following redirects by hand: at most three, and to another origin only if it ``may_leave``.

        A server that asks to come back shortly is asked once more, when half of the time left allows it.

        Args:
            url: Absolute, judged by the caller.
            authorization: The header's value, for this origin only.
            limit: How many bytes the body may have; ``None`` = read little of it, the status is enough.
            accept: The types of media that are wanted.
            may_leave: True: a redirect may lead to another origin, without the header; for blobs, which
                registries keep elsewhere, and whose digest says whether they are the right ones.

        Raises:
            Unreachable: Nothing usable came back.
        """
        for _ in range(_MOST_HOPS + 1):
            answer = self.get(url, authorization, limit, accept)
            if answer.status == 429 and self._has_waited(answer):
                answer = self.get(url, authorization, limit, accept)
            target = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or target is None:
                return answer
            hop = self._next_hop(url, target, may_leave=may_leave)
            if origin_of(hop) != origin_of(url):
                authorization = None
            url = hop
        raise self._failure(f"{self.operation.host} keeps redirecting.", "Check the address of the registry.")

    def get(self, url: str, authorization: str | None, limit: int | None, accept: str = JSON) -> Answer:
        """Ask once. Raises ``Unreachable``."""
        return self._asked(self._prepared(url, authorization, accept), url, limit)

    def send(self, method: str, url: str, authorization: str, body: object = None) -> Answer:
        """
        Ask for a change, once: nothing is sent twice, and no redirect is followed.

        Args:
            method: ``POST``, ``PUT`` or ``DELETE``.
            url: Absolute, judged by the caller.
            authorization: The header's value.
            body: What is sent as JSON; ``None`` = nothing.

        Raises:
            Unreachable: Nothing usable came back; it may have been done.
        """
        request = self._prepared(url, authorization, JSON, method)
        if body is not None:
            request.prepare_body(None, None, json=body)
        return self._asked(request, url, SMALL)

    def _asked(self, request: requests.PreparedRequest, url: str, limit: int | None) -> Answer:
        self._meter.bytes_left = _HEADER_ROOM + (limit or SMALL)
        try:
            response = self._send(request)
            try:
                return Answer(response.status_code, url, response.headers, self._body(response, limit))
            finally:
                response.close()
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise self._cut_off(url, error) from error

    def _send(self, request: requests.PreparedRequest) -> requests.Response:
        origin = origin_of(request.url or "") or ""
        try:
            response = self._adapter.send(request, stream=True, timeout=self.operation.wait_s())
        except requests.ConnectionError:
            if origin not in self._kept or request.method != "GET":
                raise
            # The server may have closed the kept connection just then. A GET may be sent twice.
            self._kept.discard(origin)
            return self._send(request)
        self._kept.add(origin)
        return response

    def _prepared(
        self, url: str, authorization: str | None, accept: str, method: str = "GET"
    ) -> requests.PreparedRequest:
        headers = {"User-Agent": "quaymaster", "Accept": accept, "Accept-Encoding": "identity"}
        if authorization is not None:
            headers["Authorization"] = authorization
        try:
            request = requests.Request(method, url, headers).prepare()
        except (requests.RequestException, ValueError) as error:
            raise self._broken() from error
        # Two readers of one URL may differ about its host; then it is nobody's.
        if origin_of(url) is None or origin_of(request.url or "") != origin_of(url):
            raise self._broken()
        return request

    def _body(self, response: requests.Response, limit: int | None) -> bytes:
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("", "identity"):
            raise self._failure(
                f"{self.operation.host} sent a compressed answer, which was not requested.",
                "A proxy in between may have compressed it; configure it not to.",
            )
        body = bytearray()
        while chunk := response.raw.read(_CHUNK, decode_content=False):
            body += chunk
            if limit is None:
                break
            if len(body) > limit:
                raise too_much(self.operation)
            self.allowance.read(len(body))
        return bytes(body)

    def _has_waited(self, answer: Answer) -> bool:
        wait_s = answer.retry_after_s
        if wait_s is None or wait_s > self.operation.deadline.left_s() / 2:
            return False
        time.sleep(wait_s)
        return True

    def _next_hop(self, url: str, target: str, *, may_leave: bool) -> str:
        hop = joined(url, target)
        if hop is not None and origin_of(hop) == origin_of(url):
            return hop
        # What was asked for over TLS is not taken from a place without it.
        is_as_safe = hop is not None and (hop.startswith("https:") or not url.startswith("https:"))
        if may_leave and hop is not None and is_as_safe:
            return hop
        place = (hop and origin_of(hop)) or "an address that cannot be used"
        raise self._failure(
            f"{origin_of(url)} redirects to {place}; the login was not sent there.",
            "If the registry is there, use that address.",
        )

    def _cut_off(self, url: str, error: Exception) -> Unreachable:
        """Explain why no answer came: without a client certificate, a TLS connection just breaks."""
        parts = urlsplit(url)
        is_over_tls = parts.scheme == "https" and self.operation.deadline.left_s() > 0
        place = (parts.hostname or "", parts.port or 443, self._meter)
        if is_over_tls and (is_certificate_wanted(error) or hears_that_a_certificate_is_wanted(*place)):
            return CertificateWanted(*no_client_certificate(self.operation.host), self.operation.stage)
        return self._broken()

    def _broken(self) -> Unreachable:
        if self.operation.deadline.left_s() <= 0:
            return self.operation.late()
        return self._failure(
            f"{self.operation.host} did not answer as a web server does.",
            "Check the address and the port, and whether it needs https:// or http://.",
        )

    def _failure(self, message: str, hint: str) -> Unreachable:
        return Unreachable(message, hint, self.operation.stage)
