"""The servers that Quaymaster is compared with, and the Slack that all of them ask.

    python -m tests.bench.servers noop | empty | slack

``noop``   Bolt with one command that says ``ok``, on Quaymaster's own server with its settings
``empty``  a WSGI function that says ``ok``, on the same server
``slack``  answers ``auth.test`` and ``users.info``: everybody is a member of the workspace; takes the rest

Each prints its address once it answers, and ends with SIGTERM.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.bench.report import say

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

OK = b"ok"
USER = re.compile(r"\buser=([A-Z0-9]+)")


def main(kind: str) -> None:
    """Serve until a signal."""
    if kind == "slack":
        return serve_slack()
    # Imported here, so that the start of a server that is timed holds only what it needs itself.
    from bot.web.server import WebServer, serve

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # as Quaymaster does
    return serve(WebServer(empty if kind == "empty" else bolt(), "127.0.0.1", 0), say)


def empty(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Read the request and say ``ok``."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(OK)))])
    return [OK]


def bolt() -> "WSGIApplication":
    """The least that Bolt can do: its own checks, one command, one answer."""
    from slack_bolt import Ack, App
    from slack_bolt.adapter.wsgi import SlackRequestHandler
    from slack_bolt.authorization import AuthorizeResult

    from tests.features.payloads import SIGNING_SECRET

    def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token="xoxb-bench")

    app = App(signing_secret=SIGNING_SECRET, authorize=authorize, process_before_response=True)

    @app.command("/integrations")
    def answer(ack: Ack) -> None:
        ack("ok")

    return SlackRequestHandler(app)


class Slack(BaseHTTPRequestHandler):
    """Answers one request to Slack's Web API."""

    def do_POST(self) -> None:
        """Answer a call, or take a message."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        found = USER.search(f"{self.path} {unquote(body)}")
        user = {"id": found[1] if found else "", "team_id": "T0ACME", "name": "bench"}
        answer = json.dumps({"ok": True, "team_id": "T0ACME", "user": user}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        """Answer a call whose arguments stand in the address."""
        self.do_POST()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it
        """Log nothing."""


def serve_slack() -> None:
    """Serve the fake Slack; SIGTERM ends it as it ends any program."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slack)
    server.daemon_threads = True
    say(f"http://127.0.0.1:{server.server_address[1]}")
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
