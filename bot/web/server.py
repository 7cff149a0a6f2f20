"""The web server: one WSGI callable that routes requests, and waitress, which serves it.

/slack/events -> the front (bot/slack/front.py) -> Bolt
/healthz      -> bot/web/health.py
other mounts  -> the application mounted there
"""

import logging
import os
import resource
import secrets
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address
from threading import Event
from typing import TYPE_CHECKING, Any

from waitress import create_server, wasyncore

from bot.core.errors import QuaymasterError
from bot.web.connection import Connection
from bot.web.json_answers import answer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SLACK_PATH = "/slack/events"
HEALTH_PATH = "/healthz"

_LARGEST_BODY = 1024 * 1024
_NEVER = 10**9

_SETTINGS = {
    # 80, because a submitted form waits up to 2.2 s for a registry inside its own request: 32 such forms at
    # once and 32 pipelines (bot/registry/capacity.py) must not delay another acknowledgment past 100 ms.
    # Idle threads cost next to nothing.
    "threads": 80,
    "max_request_body_size": _LARGEST_BODY,
    # Larger ones would go to a temporary file, and a form contains a secret.
    "inbuf_overflow": 2 * _LARGEST_BODY,
    "outbuf_overflow": 16 * _LARGEST_BODY,
    "asyncore_use_poll": True,  # `select` fails beyond 1,024 descriptors
    "ident": None,
    # Waitress counts from the last byte, with a clock that can be set back, and accepts nobody at its limit.
    # `WebServer` closes connections instead.
    "connection_limit": _NEVER,
    "channel_timeout": _NEVER,
    # The header is read here, by `_behind`: waitress answers a malformed one itself and logs its value.
    "clear_untrusted_proxy_headers": False,
}

_MOST_CONNECTIONS = 1000
_DESCRIPTORS_FOR_OTHERS = 200
"""Descriptors left for the store, for registries and for Slack."""
_LOOK_EVERY_S = 1.0

log = logging.getLogger(__name__)


def dispatcher(mounts: Mapping[str, "WSGIApplication"]) -> "WSGIApplication":
    """
    Build the one WSGI callable.

    Args:
        mounts: Application by path. Each also serves the paths below its own; the longest path wins.
    """
    longest_first = sorted(
        ((prefix, f"{prefix.rstrip('/')}/", application) for prefix, application in mounts.items()),
        key=lambda mount: -len(mount[0]),
    )

    def dispatch(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        for prefix, below, application in longest_first:
            if path == prefix or path.startswith(below):
                return _guarded(application, environ, start_response)
        return answer(start_response, HTTPStatus.NOT_FOUND, {"error": "not found"})

    return dispatch


def _guarded(
    application: "WSGIApplication", environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """Call an application; whatever it raises is logged under an id, and the answer names only that id."""
    try:
        # As a list, so that what an application raises later is not left to waitress, which logs the path.
        return list(application(environ, start_response))
    except Exception as error:
        error_id = secrets.token_hex(4)
        log.error("request failed", exc_info=error, extra={"error_id": error_id})
        fields = {"error": "internal error", "id": error_id}
        return answer(start_response, HTTPStatus.INTERNAL_SERVER_ERROR, fields)


def _nothing() -> None:
    """Do nothing."""


class WebServer:
    """
    A waitress server that slow clients cannot fill, and that finishes running requests when it stops.

    A request has ``request_s`` to arrive completely, however its bytes are spread. When there are too many
    connections, the address with the most idle ones loses the one that has been idle longest, so clients
    that hold connections open only harm themselves.
    """

    def __init__(
        self,
        wsgi: "WSGIApplication",
        host: str,
        port: int,
        stopping: Callable[[], None] = _nothing,
        *,
        trusted_proxy: str | None = None,
        most_connections: int | None = None,
        most_kept_bytes: int = 64 * 1024 * 1024,
        request_s: float = 10.0,
        drain_s: float = 5.0,
        linger_s: float = 0.0,
    ) -> None:
        """
        Listen.

        Args:
            wsgi: Answers the requests.
            host: A name or address on this machine.
            port: 0 = any free one.
            stopping: Called when the stop begins, to end requests that wait on purpose.
            trusted_proxy: The address of a proxy that is trusted to say where a request comes from.
            most_connections: ``None`` = 1,000, or what the limit on open files allows.
            most_kept_bytes: The limit for half-sent requests and unread answers, over all connections.
            request_s: How long a connection may be idle, and how long a request may take to arrive.
            drain_s: How long running requests may take to finish after the stop signal; Slack waits 3 s.
            linger_s: How long requests are accepted after the stop signal, while ``is_stopping`` tells the
                proxy of several replicas to stop sending: a request on its way must not be lost.

        Raises:
            QuaymasterError: The address cannot be used.
        """
        listener = _listen(host, port)
        self.url = _url_of(listener)
        self.stopped_at = 0.0
        """When ``stop`` was first called, in monotonic seconds."""
        self._stop = Event()
        self._stopping = stopping
        self._most_kept_bytes = most_kept_bytes
        self._request_s = request_s
        self._drain_s = drain_s
        self._linger_s = linger_s
        self._most_connections = most_connections or _most_connections()
        self._looked_at = 0.0
        self._map: dict[int, Any] = {}
        wsgi = _behind(trusted_proxy, wsgi) if trusted_proxy else wsgi
        self._server = create_server(wsgi, map=self._map, sockets=[listener], **_SETTINGS)
        self._server.channel_class = Connection

    def stop(self) -> None:
        """Begin to stop. May be called from a signal handler and from any thread, and more than once."""
        if not self._stop.is_set():
            self.stopped_at = time.monotonic()
            self._stop.set()
            self._server.pull_trigger()

    @property
    def is_stopping(self) -> bool:
        """True after the stop signal."""
        return self._stop.is_set()

    def run(self) -> None:
        """Serve until ``stop``, then finish what is running, for at most ``drain_s`` seconds."""
        while not self._stop.is_set():
            self._turn(1.0)
        while time.monotonic() < self.stopped_at + self._linger_s:
            self._turn(0.05)
        self._stopping()
        # Closed inside the loop's own thread, because the loop polls this socket.
        self._server.del_channel()
        self._server.socket.close()
        deadline = time.monotonic() + self._drain_s
        self._turn(0.05)
        while self._is_busy() and time.monotonic() < deadline:
            self._turn(0.05)
        self.close()

    def close(self) -> None:
        """Close what is still open, if nothing is running anymore. May be called more than once."""
        threads = self._server.task_dispatcher
        threads.shutdown(timeout=0.5)
        # A request that is still running will write to the loop's pipe: if that were closed now, its number
        # might belong to a file of the store by then. The process is about to end anyway.
        if not threads.threads:
            wasyncore.close_all(self._map)

    def _turn(self, timeout_s: float) -> None:
        wasyncore.loop(timeout=timeout_s, use_poll=True, map=self._map, count=1)
        # Between two turns, never within one: while the loop holds the results of its poll, a descriptor that
        # is closed may be reused for a new connection, which would then get the old one's result.
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            self._close_late(now)
        if len(self._server.active_channels) >= self._most_connections:
            self._make_room()

    def _connections(self) -> list[Connection]:
        return list(self._server.active_channels.values())

    def _close_late(self, now: float) -> None:
        for late in (one for one in self._connections() if one.is_late(now, self._request_s)):
            late.handle_close()
        kept = sorted(((one.kept_bytes, id(one), one) for one in self._connections()), reverse=True)
        surplus = sum(size for size, *_ in kept) - self._most_kept_bytes
        for size, _, largest in kept:
            if surplus <= 0:
                return
            surplus -= size
            largest.handle_close()

    def _make_room(self) -> None:
        waiting = [one for one in self._connections() if one.is_waiting]
        if not waiting:
            return
        log.warning("too many connections; closing an idle one")
        held = Counter(one.addr[0] for one in waiting)
        most = max(held.values())
        longest = min((one for one in waiting if held[one.addr[0]] == most), key=lambda one: one.waits_since)
        longest.handle_close()

    def _is_busy(self) -> bool:
        return any(one.requests or one.total_outbufs_len for one in self._connections())


def _most_connections() -> int:
    """Return how many connections the limit on open files leaves room for."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if descriptors == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(50, min(_MOST_CONNECTIONS, descriptors - _DESCRIPTORS_FOR_OTHERS))


def _behind(trusted_proxy: str, wsgi: "WSGIApplication") -> "WSGIApplication":
    """Read a request's address from the proxy's header. No other client is trusted; garbage is ignored."""
    trusted = _address_in(trusted_proxy)

    def told(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if _address_in(environ.get("REMOTE_ADDR", "")) == trusted:
            address = _address_in(environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2])
            environ["REMOTE_ADDR"] = str(address or environ["REMOTE_ADDR"])
        return wsgi(environ, start_response)

    return told


def _address_in(hop: str) -> IPv4Address | IPv6Address | None:
    """Read an address as proxies write it: in quotes, in brackets, with a port."""
    text = hop.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _listen(host: str, port: int) -> socket.socket:
    """Open the socket. Raises ``QuaymasterError`` with one sentence when that fails."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        is_lookup = isinstance(error, socket.gaierror)
        reason = error.strerror if is_lookup else os.strerror(error.errno or 0)
        raise QuaymasterError(
            f"Quaymaster cannot listen on {host} port {port}: {str(reason).lower()}.",
            "Stop the other program, or set HOST and PORT to a different address.",
        ) from error


def _url_of(listener: socket.socket) -> str:
    """Return the address of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(server: WebServer, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``ready`` receives the address once requests are answered."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    ready(server.url)
    server.run()
