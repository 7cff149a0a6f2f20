"""The web server: one WSGI callable that finds who answers, and waitress that serves it.

/slack/events -> the front (bot/slack/front.py) -> Bolt
/healthz      -> bot/web/health.py
other mounts  -> whatever was mounted there
"""

import json
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from threading import Event
from typing import TYPE_CHECKING, Any

from waitress import create_server, wasyncore  # type: ignore[import-untyped]  # it ships no types
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.task import ErrorTask  # type: ignore[import-untyped]

from bot.core.errors import QuaymasterError
from bot.web.json_answers import SECURITY_HEADERS, STATUS_LINES, answer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SLACK_PATH = "/slack/events"
HEALTH_PATH = "/healthz"

# 80, because a submitted form waits up to 2.2 s for a registry inside its own request: 64 such forms at
# once (more checks than that are not begun) must not delay anybody else's acknowledgement past 100 ms.
# Threads that wait for nothing cost next to nothing.
THREADS = 80

LIMITS = {
    "threads": THREADS,
    "connection_limit": 1000,
    "channel_timeout": 10,
    "cleanup_interval": 2,
    "max_request_body_size": 1024 * 1024,
    "asyncore_use_poll": True,  # `select` fails beyond 1,024 descriptors
    "ident": None,
}
"""Measured: with these, 200 half-sent requests delay an honest one by 2 ms, and all are closed."""

DRAIN_S = 5.0
"""How long running requests may take to finish after the stop signal; Slack waits 3 s for any of them."""

log = logging.getLogger(__name__)


def dispatcher(mounts: Mapping[str, "WSGIApplication"]) -> "WSGIApplication":
    """
    Build the one WSGI callable.

    Args:
        mounts: Application by path. Each also answers for the paths below its own; the longest path wins.
    """
    longest_first = sorted(
        ((prefix, f"{prefix.rstrip('/')}/", application) for prefix, application in mounts.items()),
        key=lambda mount: -len(mount[0]),
    )

    def dispatch(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        for prefix, below, application in longest_first:
            if path == prefix or path.startswith(below):
                return guarded(application, environ, start_response)
        return answer(start_response, HTTPStatus.NOT_FOUND, {"error": "not found"})

    return dispatch


def guarded(
    application: "WSGIApplication", environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """Call an application; whatever it raises is logged under an id, and the answer names only that id."""
    try:
        return application(environ, start_response)
    except Exception as error:
        error_id = secrets.token_hex(4)
        log.error("request failed", exc_info=error, extra={"error_id": error_id})
        fields = {"error": "internal error", "id": error_id}
        return answer(start_response, HTTPStatus.INTERNAL_SERVER_ERROR, fields)


TOO_LONG = "Send less."
UNREADABLE = {
    HTTPStatus.BAD_REQUEST: (
        "The request cannot be read: its address or a header holds what HTTP does not allow.",
        "A token that was read from a file may end with an invisible character: write it anew.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("The request's body is too large.", TOO_LONG),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ("The request's headers are too long.", TOO_LONG),
    HTTPStatus.NOT_IMPLEMENTED: ("The request's body is encoded in an unknown way.", "Send it as it is."),
}


class RefusedTask(ErrorTask):  # type: ignore[misc]  # waitress ships no types
    """Answers a request that no application gets to see: waitress's own words would repeat its headers."""

    def execute(self) -> None:
        """Answer as the API answers errors."""
        status = HTTPStatus(self.request.error.code)
        code = "invalid_request" if status in UNREADABLE else "internal_error"
        message, hint = UNREADABLE.get(status, ("Something went wrong inside Quaymaster.", ""))
        body = json.dumps({"code": code, "message": message, "hint": hint}).encode()
        self.status = STATUS_LINES[status]
        self.response_headers.extend([("Content-Type", "application/json"), *SECURITY_HEADERS])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection."""

    error_task_class = RefusedTask


def nothing() -> None:
    """Do nothing."""


class Server:
    """A waitress server on a socket of ours, with a stop that finishes what is running."""

    def __init__(
        self,
        wsgi: "WSGIApplication",
        host: str,
        port: int,
        stopping: Callable[[], None] = nothing,
        *,
        trusted_proxy: str | None = None,
    ) -> None:
        """
        Listen.

        Args:
            wsgi: Answers the requests.
            host: A name or address of this machine.
            port: 0 = any free one.
            stopping: Called when the stop begins, to let go of requests that wait on purpose.
            trusted_proxy: The address of a proxy whose word counts for where a request comes from.

        Raises:
            QuaymasterError: The address cannot be had.
        """
        listener = listen(host, port)
        self.url = url_of(listener)
        self.stopped_at = 0.0
        """When ``stop`` was first called, in monotonic seconds."""
        self._stop = Event()
        self._stopping = stopping
        self._map: dict[int, Any] = {}
        self._server = create_server(
            wsgi, map=self._map, sockets=[listener], **LIMITS, **behind(trusted_proxy)
        )
        self._server.channel_class = Channel

    def stop(self) -> None:
        """Begin to stop. May be called from a signal handler and from any thread, and more than once."""
        if not self._stop.is_set():
            self.stopped_at = time.monotonic()
            self._stop.set()
            self._server.pull_trigger()

    def run(self) -> None:
        """Serve until ``stop``, then finish what is running, for at most ``DRAIN_S`` seconds."""
        while not self._stop.is_set():
            self._turn(1.0)
        self._stopping()
        # Closed inside the loop's own thread, because the loop polls this socket.
        self._server.del_channel()
        self._server.socket.close()
        deadline = time.monotonic() + DRAIN_S
        self._turn(0.05)
        while self._is_busy() and time.monotonic() < deadline:
            self._turn(0.05)
        self.close()

    def close(self) -> None:
        """Close what is still open, if nothing runs any more. May be called more than once."""
        threads = self._server.task_dispatcher
        threads.shutdown(timeout=0.5)
        # A request that still runs will write to the loop's pipe: closed now, its number might by then
        # belong to a file of the store. The process is about to end anyway.
        if not threads.threads:
            wasyncore.close_all(self._map)

    def _turn(self, timeout_s: float) -> None:
        wasyncore.loop(timeout=timeout_s, use_poll=True, map=self._map, count=1)

    def _is_busy(self) -> bool:
        channels = list(self._server.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


def behind(trusted_proxy: str | None) -> dict[str, Any]:
    """Settings that make a request's address the one that a proxy tells. Nobody else is believed."""
    if trusted_proxy is None:
        return {}
    return {"trusted_proxy": trusted_proxy, "trusted_proxy_headers": {"x-forwarded-for"}}


def listen(host: str, port: int) -> socket.socket:
    """Open the socket. Raises ``QuaymasterError`` with one sentence when that fails."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        is_lookup = isinstance(error, socket.gaierror)
        reason = error.strerror if is_lookup else os.strerror(error.errno or 0)
        raise QuaymasterError(
            f"Quaymaster cannot listen on {host} port {port}: {str(reason).lower()}.",
            "Stop the other program, or set HOST and PORT to another address.",
        ) from error


def url_of(listener: socket.socket) -> str:
    """Give the address a listening socket is reached at."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(server: Server, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``ready`` is told the address once requests are answered."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    ready(server.url)
    server.run()
