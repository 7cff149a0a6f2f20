"""Serves the Slack of a test over HTTP on loopback, as the page of ``quaymaster try`` does."""

import ssl
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from bot.simulator.page import TryPage
from bot.simulator.simulator import Simulator


class SlackServer:
    """A server that lives as long as the test run; each test gives it a simulator of its own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.page: Callable[..., Iterable[bytes]] | None = None
        self.server = _Threaded(("127.0.0.1", 0), _Quiet)
        self.server.set_app(self._answer)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_port}"
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def serve(self, simulator: Simulator) -> TryPage:
        """Answer for this simulator from now on."""
        simulator.base_url = self.url
        page = self.page = TryPage(simulator)
        return page

    def close(self) -> None:
        """Stop."""
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        assert self.page is not None
        return self.page(environ, start_response)


class _Threaded(ThreadingMixIn, WSGIServer):
    """A thread for each request, as the page's waiting and the app's calls need."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class names it
        """Log nothing."""

    def address_string(self) -> str:
        """Ask no name server."""
        return str(self.client_address[0])
