"""A wire between a client and a TCP server that counts turns and can be cut.

A turn is what a client waits for once: something sent, then an answer. So it counts round trips from outside,
however many statements travel in each.
"""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Cut:
    """Where the wire is cut, once."""

    needle: bytes
    """When the client sends this."""
    is_delivered: bool
    """True: the server still gets it, and only the answer is lost."""


class Wire:
    """Listens on a port of its own and passes everything on to a server on this machine."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.turns = 0
        self.cut: Cut | None = None
        self.is_open = True
        """False: nobody is let in, as if nobody listened."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self.is_open:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._server_port))
                _Link(self, client, server).start()


class _Link:
    """One connection through the wire."""

    def __init__(self, wire: Wire, client: socket.socket, server: socket.socket) -> None:
        self._wire = wire
        self._client = client
        self._server = server
        self._is_clients_turn = True
        self._is_answered = True

    def start(self) -> None:
        for work in (self._to_server, self._to_client):
            threading.Thread(target=work, daemon=True).start()

    def _to_server(self) -> None:
        with suppress(OSError):
            while sent := self._client.recv(_CHUNK):
                if self._is_clients_turn:
                    self._is_clients_turn = False
                    self._wire.turns += 1
                cut = self._wire.cut
                if cut and cut.needle in sent:
                    self._wire.cut = None
                    self._is_answered = False
                    if not cut.is_delivered:
                        break
                self._server.sendall(sent)
        self._end()

    def _to_client(self) -> None:
        with suppress(OSError):
            while answer := self._server.recv(_CHUNK):
                self._is_clients_turn = True
                if not self._is_answered:
                    break
                self._client.sendall(answer)
        self._end()

    def _end(self) -> None:
        for one in (self._client, self._server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
