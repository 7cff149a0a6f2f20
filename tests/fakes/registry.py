"""A registry that misbehaves: a raw socket server whose every byte a test decides.

An answer is a function from a request to pieces of bytes. Each piece is sent as it comes, so an answer can be
slow, endless, or wrong at any place.
"""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

from bot.core.model import Server
from bot.core.ports.registry import Login
from bot.core.secrets import Secret
from tests.fakes.certificates import Certified
from tests.fakes.token_server import tls_context

HEAD_END = b"\r\n\r\n"
CLOSE = b""
"""A piece that ends the connection."""


@dataclass(frozen=True)
class Request:
    """What a client sent. Header names are in lower case."""

    path: str
    headers: Mapping[str, str] = field(repr=False)

    @property
    def scheme(self) -> str:
        """The scheme of its ``Authorization``, in lower case; empty when there is none."""
        return self.headers.get("authorization", "").partition(" ")[0].lower()


Behaviour = Callable[[Request], Iterable[bytes]]


class FakeRegistry:
    """Listens on a free port of 127.0.0.1, answers as it is told, remembers what it was asked."""

    def __init__(self, behaviour: Behaviour, *, tls: Certified | None = None, host: str = "") -> None:
        self.behaviour = behaviour
        self.requests: list[Request] = []
        self.sent = 0
        """Bytes handed to the network so far."""
        self._context = tls_context(tls) if tls else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = int(self._listener.getsockname()[1])
        self._host = host or ("localhost" if tls else "127.0.0.1")
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def server(self) -> Server:
        """Its address."""
        return Server("https" if self._context else "http", self._host, self.port)

    def login(self, **changes: object) -> Login:
        """A login to it, of the kind Private Docker Registry."""
        fields = {"kind": "private", "server": self.server, "username": "ci"} | changes
        return Login(**{"credential": {"password": Secret("marker-secret")}, **fields})  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A blocked accept() wakes up when its socket is shut down, not when it is closed.
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._thread.join(timeout=5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._open.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            stream = self._context.wrap_socket(sock, server_side=True) if self._context else sock
            self._open.append(stream)
            for request in requests_on(stream):
                self.requests.append(request)
                if not self._answer(stream, request):
                    break
            stream.close()

    def _answer(self, sock: socket.socket, request: Request) -> bool:
        """Send an answer; true when the connection may be kept."""
        is_kept = True
        for piece in self.behaviour(request):
            sock.sendall(piece)
            self.sent += len(piece)
            is_kept = is_kept and piece != CLOSE and b"Connection: close" not in piece
        return is_kept


def requests_on(sock: socket.socket | ssl.SSLSocket) -> Iterator[Request]:
    """Read one request after another; none of them has a body."""
    waiting = b""
    while True:
        while HEAD_END not in waiting:
            piece = sock.recv(65536)
            if not piece:
                return
            waiting += piece
        head, _, waiting = waiting.partition(HEAD_END)
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        yield Request(first.split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs})


def reply(status: int = 200, body: bytes | object = b"", *headers: str) -> bytes:
    """A whole answer. What is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


def always(*pieces: bytes) -> Behaviour:
    """Answer every request with these pieces."""
    return lambda _: pieces


def basic_only(then: Behaviour) -> Behaviour:
    """Ask for Basic at first; answer requests with a login as told."""

    def behave(request: Request) -> Iterable[bytes]:
        return then(request) if request.scheme else (challenge('Basic realm="fake"'),)

    return behave


def on_tags(then: Behaviour) -> Behaviour:
    """A registry open to all, whose lists of tags are as told."""

    def behave(request: Request) -> Iterable[bytes]:
        return then(request) if "/tags/list" in request.path else (reply(200, {}),)

    return behave


def bearer(
    tokens: Callable[[str], bytes], then: Behaviour, header: str = 'Bearer realm="/token"'
) -> Behaviour:
    """
    A registry with a token server of its own.

    Args:
        tokens: From the scopes that are asked for, joined with spaces, to the token server's answer.
        then: Answers requests that carry a token.
        header: The challenge.
    """

    def behave(request: Request) -> Iterable[bytes]:
        place, _, query = request.path.partition("?")
        if place in ("/token", "/v2/token"):
            return [tokens(" ".join(parse_qs(query).get("scope", ())))]
        return then(request) if request.scheme == "bearer" else [challenge(header)]

    return behave


TOKEN = {"token": "opaque"}


def unless_scope(refusal: bytes) -> Callable[[str], bytes]:
    """A token server that takes the login, and refuses whatever is asked for with it."""
    return lambda scopes: refusal if scopes else reply(200, TOKEN)


def only_scope(refusal: bytes) -> Callable[[str], bytes]:
    """A token server that gives no token unless it is for something."""
    return lambda scopes: reply(200, TOKEN) if scopes else refusal


def challenge(header: str, status: int = 401) -> bytes:
    """An answer that asks for a login."""
    return reply(status, b"", f"WWW-Authenticate: {header}")


def dripped(content: bytes, pause_s: float = 0.02) -> Iterator[bytes]:
    """Send byte after byte, each in good time."""
    for position in range(len(content)):
        time.sleep(pause_s)
        yield content[position : position + 1]


def endless(begin: bytes, again: bytes) -> Iterator[bytes]:
    """Begin, then go on for ever."""
    yield begin
    while True:
        yield again
