"""A server that answers in bytes a test decides, to see what a client makes of them."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

Script = Callable[[bytes], Iterable[bytes]]
"""From a request to the parts of its answer, each sent when it is given."""


def whole(answer: bytes) -> Script:
    """Answer everything with the same bytes."""
    return lambda _: [answer]


def reply(status: int, body: bytes, content_type: str = "application/json", *headers: str) -> bytes:
    """An HTTP answer with a length."""
    lines = (f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers, "", "")
    return f"HTTP/1.1 {status} X\r\n".encode() + "\r\n".join(lines).encode() + body


def drip(first: bytes, part: bytes, every_s: float) -> Script:
    """Answer with an endless drip behind a beginning."""

    def dripping(_: bytes) -> Iterable[bytes]:
        yield first
        while True:
            yield part
            time.sleep(every_s)

    return dripping


def whole_request(connection: socket.socket) -> bytes:
    """Read up to the empty line. Raises ``ConnectionError`` when the client leaves before that."""
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("the client left")
        request += part
    return request


class OddServer:
    """Listens on a free port of 127.0.0.1 and plays its script for each connection, then closes it."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.authority = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self._tls else 'http'}://{self.authority}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, plain: socket.socket) -> None:
        with plain:
            try:
                with self._tls.wrap_socket(plain, server_side=True) if self._tls else plain as connection:
                    request = whole_request(connection)
                    self.requests.append(request)
                    for part in self._script(request):
                        connection.sendall(part)
            except OSError:
                return
