"""A proxy before a server that keeps every byte that passes: what whoever ends TLS would see."""

import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class LoggingProxy:
    """Listens on a free port of 127.0.0.1 and passes everything on, both ways."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._parts: list[bytes] = []
        self._thread = threading.Thread(target=self._accept)
        self._relays: list[threading.Thread] = []

    @property
    def seen(self) -> bytes:
        """Everything that has passed."""
        return b"".join(self._parts)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A listener that is only closed goes on waiting.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        for relay in self._relays:
            relay.join(10)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            relay = threading.Thread(target=self._relay, args=(near,))
            relay.start()
            self._relays.append(relay)

    def _relay(self, near: socket.socket) -> None:
        with near, socket.create_connection((self._to.hostname or "", self._to.port or 80)) as far:
            back = threading.Thread(target=self._pass, args=(far, near))
            back.start()
            self._pass(near, far)
            back.join()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while part := source.recv(65536):
                self._parts.append(part)
                target.sendall(part)
        except OSError:
            pass
        finally:
            for one in (source, target):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
