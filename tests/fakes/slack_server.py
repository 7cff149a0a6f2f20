"""Serves the fake Slack over HTTP on loopback: ``/api/<method>`` and ``/hooks/<key>``."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.slack import Workspace


class SlackServer:
    """A server that lives as long as the test run; each test gives it a workspace of its own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.workspace: Workspace | None = None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.server.daemon_threads = True
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_address[1]}"
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def serve(self, workspace: Workspace) -> None:
        """Answer for this workspace from now on."""
        workspace.url = self.url
        self.workspace = workspace

    def close(self) -> None:
        """Stop."""
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


def handler_of(owner: SlackServer) -> type[BaseHTTPRequestHandler]:
    """Make the class that the standard library's server wants."""

    class Handler(BaseHTTPRequestHandler):
        """Answers one connection."""

        def do_GET(self) -> None:
            """Answer a call whose arguments stand in the address."""
            self.answer(dict(parse_qsl(urlsplit(self.path).query)))

        def do_POST(self) -> None:
            """Answer a call whose arguments stand in the body, or take a message."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_json = self.headers["Content-Type"].startswith("application/json")
            self.answer(json.loads(body) if is_json else dict(parse_qsl(body.decode())))

        def answer(self, arguments: dict[str, Any]) -> None:
            """Ask the workspace and write what it says."""
            workspace = owner.workspace
            assert workspace is not None
            _, place, name = urlsplit(self.path).path.split("/", 2)
            if place == "hooks":
                status, text = workspace.hook(name, arguments)
                return self.write(status, text.encode(), "text/plain")
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            said = workspace.answer(name, token, arguments)
            return self.write(200, json.dumps(said).encode(), "application/json")

        def write(self, status: int, body: bytes, content_type: str) -> None:
            """Write an answer."""
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it
            """Log nothing."""

    return Handler
