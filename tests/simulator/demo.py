"""A small app to play Slack with: one command, a form, a menu, a Home tab; it calls Slack over the wire."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from urllib.request import Request, urlopen
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from bot.simulator.cast import Shortcut, SlackApp
from bot.simulator.delivery import signature
from bot.simulator.page import TryPage
from bot.simulator.simulator import Simulator
from bot.simulator.world import World
from tests.simulator.blocks_sample import (
    CONFIRMATION,
    FORM,
    HOME,
    LIST,
    PICKERS,
    SECOND,
    TEAMS,
    plain,
    section,
)

SECRET = "demo-signing-secret"
DEMO = SlackApp(
    shortcuts=(
        Shortcut("global", "add", "Add an integration", "Opens the form"),
        Shortcut("message", "which", "Which login is this?", "Reads image names"),
    )
)
Reply = tuple[int, dict[str, str], bytes]


@dataclass
class DemoApp:
    """
    The app.

    Attributes:
        requests: Every payload that arrived with a right signature, in order.
        slack: Calls a Web API method; set once the address is known.
    """

    requests: list[dict[str, Any]] = field(default_factory=list)
    slack: Callable[[str, dict[str, Any]], dict[str, Any]] = field(default=lambda _method, _args: {})

    def __call__(self, body: bytes, headers: dict[str, str]) -> Reply:
        """Answer one signed request, as ``Front`` asks."""
        expected = signature(SECRET, headers["X-Slack-Request-Timestamp"], body)
        if headers["X-Slack-Signature"] != expected:
            return 401, {}, b""
        payload = self.read(body, headers["Content-Type"])
        self.requests.append(payload)
        answer = self.answer(payload)
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode() if answer else b""

    def read(self, body: bytes, content_type: str) -> dict[str, Any]:
        """Return the payload of a command, an interaction or an event."""
        if content_type == "application/json":
            return dict(json.loads(body))
        fields = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        return dict(json.loads(fields["payload"])) if "payload" in fields else fields

    def answer(self, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Return the acknowledgement."""
        if "command" in payload:
            return self.command(payload)
        if payload["type"] == "block_actions":
            self.pressed(payload)
        if payload["type"] == "block_suggestion":
            return {"options": [team for team in TEAMS if payload["value"] in team["value"]]}
        if payload["type"] in ("shortcut", "message_action"):
            self.slack("views.open", {"trigger_id": payload["trigger_id"], "view": PICKERS})
        if payload["type"] == "view_submission":
            return self.submitted(payload["view"]["state"]["values"])
        if payload["type"] == "event_callback" and payload["event"]["tab"] == "home":
            self.slack("views.publish", {"user_id": payload["event"]["user"], "view": HOME})
        return None

    def command(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Answer the slash command."""
        if payload["text"] == "too-long":
            return {"text": "", "blocks": [section("x" * 3001)]}
        if payload["text"] == "pickers":
            self.slack("views.open", {"trigger_id": payload["trigger_id"], "view": PICKERS})
            return {}
        if payload["text"] == "add":
            self.slack("views.open", {"trigger_id": payload["trigger_id"], "view": FORM})
            return {}
        return {"response_type": "ephemeral", "text": "2 integrations", "blocks": LIST}

    def pressed(self, payload: dict[str, Any]) -> None:
        """Act on a press."""
        action = payload["actions"][0]
        if action["action_id"] == "add":
            self.slack("views.open", {"trigger_id": payload["trigger_id"], "view": FORM})
        elif action["action_id"] == "push":
            self.slack("views.push", {"trigger_id": payload["trigger_id"], "view": SECOND})
        elif action["action_id"] == "delete":
            self.replace(payload, CONFIRMATION)
        elif action["action_id"] == "menu":
            self.replace(payload, [section(f"You chose *{action['selected_option']['value']}*.")])
        elif action["action_id"] == "remove":
            self.replace(payload, [section(":white_check_mark: No dependency")])

    def submitted(self, values: dict[str, Any]) -> dict[str, Any]:
        """Answer the form: a password of ``wrong`` is refused beside its field."""
        if values.get("password", {}).get("password", {}).get("value") == "wrong":
            return {"response_action": "errors", "errors": {"password": "The registry refused this login."}}
        saved = [section("The integration will now be available to all your workflows.")]
        done = {"type": "modal", "title": plain("Saved"), "close": plain("Done"), "blocks": saved}
        return {"response_action": "update", "view": done}

    def replace(self, payload: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
        """Replace the pressed message."""
        body = {"replace_original": True, "text": "changed", "blocks": blocks}
        post(payload["response_url"], body)


def post(url: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    """Post JSON to an address of the try page."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - an address on this machine
    with urlopen(request, timeout=10) as response:  # noqa: S310 - the same
        return dict(json.loads(response.read()))


def long_sections(where: str, payload: dict[str, Any]) -> list[str]:
    """Refuse sections of more than 3000 characters; enough of Slack's limits for a demo."""
    blocks = payload.get("blocks", [])
    texts = [block["text"]["text"] for block in blocks if block["type"] == "section" and "text" in block]
    return [f"{where}: section text is {len(text)} characters long" for text in texts if len(text) > 3000]


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """A thread for each request, as the page's waiting and the app's calls need."""


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing of a request."""


@dataclass(frozen=True)
class Demo:
    """A running page: where it is, the address that opens it once, and the workspace behind it."""

    url: str
    address: str
    simulator: Simulator


@contextmanager
def served(app: DemoApp, port: int = 0) -> Iterator[Demo]:
    """Serve the try page for a demo app on this machine."""
    simulator = Simulator(app, SECRET, World(long_sections, app=DEMO))
    page = TryPage(simulator)
    server = Server(("127.0.0.1", port), Quiet)
    server.set_app(page)
    simulator.base_url = f"http://127.0.0.1:{server.server_port}"
    app.slack = lambda method, args: post(f"{simulator.base_url}/api/{method}", args, simulator.token)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield Demo(simulator.base_url, page.admission.address(simulator.base_url), simulator)
    finally:
        page.stop()
        server.shutdown()
        server.server_close()
        thread.join(10)
