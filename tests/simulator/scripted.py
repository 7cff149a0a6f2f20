"""An app that answers what a test tells it to, and a clock that a test turns."""

import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from bot.simulator.cast import ADMIN, INTEGRATIONS
from bot.simulator.simulator import Simulator
from bot.simulator.world import World

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW = 1700000000.0
Json = dict[str, Any]


@dataclass
class Clock:
    """Unix time that stands still until it is moved."""

    now: float = NOW

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class ScriptedApp:
    """
    Records what Slack sends and answers as told.

    Attributes:
        answer: A dict for a JSON answer, text for ``text/plain``, None for an empty one.
        delay_s: How long it takes to answer.
        received: The body and headers of each request.
    """

    answer: Json | str | None = None
    status: int = 200
    delay_s: float = 0.0
    received: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)

    def __call__(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Answer one request."""
        self.received.append((body, headers))
        time.sleep(self.delay_s)
        if isinstance(self.answer, str):
            return self.status, {"Content-Type": "text/plain"}, self.answer.encode()
        return self.status, {}, json.dumps(self.answer).encode() if self.answer is not None else b""

    def form(self) -> dict[str, str]:
        """Return the last request's form fields."""
        return {name: values[0] for name, values in parse_qs(self.received[-1][0].decode(), True).items()}

    def payload(self) -> Json:
        """Return the last interaction's payload."""
        return dict(json.loads(self.form()["payload"]))


@dataclass
class Stage:
    """A simulator with its scripted app and clock, and what Slack's limits are to say."""

    app: ScriptedApp = field(default_factory=ScriptedApp)
    clock: Clock = field(default_factory=Clock)
    problems: list[str] = field(default_factory=list)
    simulator: Simulator = field(init=False)

    def __post_init__(self) -> None:
        """Connect the parts."""
        world = World(lambda _where, _payload: self.problems, self.clock)
        self.simulator = Simulator(self.app, SECRET, world, patience_s=0.2)

    def call(self, method: str, **args: Any) -> Json:
        """Call the Web API with the right token."""
        return self.simulator.web_api(method, args, self.simulator.token)

    def command(self, answer: Json | str | None, person: str = ADMIN.id) -> None:
        """Type a command that the app answers so."""
        self.app.answer = answer
        self.simulator.say(person, INTEGRATIONS.id, "/integrations list")

    def trigger(self) -> str:
        """Type a command and return its trigger id."""
        self.command(None)
        return self.app.form()["trigger_id"]

    def open_form(self, blocks: list[Json], **more: Any) -> Json:
        """Open a form for the admin and return the view."""
        view = {"type": "modal", "title": plain("Form"), "submit": plain("Save"), "blocks": blocks, **more}
        return dict(self.call("views.open", trigger_id=self.trigger(), view=view)["view"])

    def press(self, place: Json, block_id: str, action_id: str, raw: Any = None, **values: Any) -> Json:
        """Act as the admin and return the payload the app got."""
        self.simulator.act(ADMIN.id, place, (block_id, action_id), raw, values)
        return self.app.payload()

    def respond(self, url: str, **body: Any) -> tuple[int, Json]:
        """Post to a response URL."""
        path = url.removeprefix(self.simulator.base_url)
        return self.simulator.response_url(path, json.dumps(body).encode())

    def texts(self) -> list[str]:
        """Return the texts of all messages, oldest first."""
        return [message.text for message in self.simulator.world.messages]

    def last_ts(self) -> str:
        """Return the newest message's timestamp."""
        return self.simulator.world.messages[-1].ts


def plain(text: str) -> Json:
    """Return a plain text object."""
    return {"type": "plain_text", "text": text}


def option(value: str) -> Json:
    """Return an option of a menu."""
    return {"text": plain(value.upper()), "value": value}


def field_block(name: str, element: Json, **more: Any) -> Json:
    """Return an input block whose block_id and action_id are one name."""
    return {
        "type": "input",
        "block_id": name,
        "label": plain(name.title()),
        "element": {"action_id": name, **element},
        **more,
    }


TEXT = {"type": "plain_text_input"}
BUTTONS = {
    "type": "actions",
    "block_id": "row",
    "elements": [
        {"type": "button", "action_id": "go", "text": plain("Go"), "value": "17:3"},
        {"type": "overflow", "action_id": "more", "options": [option("show"), option("edit")]},
    ],
}
