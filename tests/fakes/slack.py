"""The Slack of the tests: the simulator, which keeps what it was told and can be told to fail.

What Slack would refuse is kept in ``refused``, and the fixture fails the test when anything is left there.
Every payload is held against ``handlers/slack_limits.py`` and against the models of ``slack_sdk``.
"""

import json
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib.resources import files

from bot.simulator.app_answers import TROUBLE
from bot.simulator.cast import Cast, Channel, SlackApp
from bot.simulator.sent_payloads import view_object
from bot.simulator.simulator import Simulator
from bot.simulator.world import Message, View, World
from handlers.slack_limits import problems
from tests.fakes.clock import Clock
from tests.fakes.people import TEAM, everybody
from tests.fakes.sdk_models import sdk_problems
from tests.fakes.shown import Json, Shown

TOKEN = "xoxb-1-fake"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
OPS = "C0OPS"
"""The channel in which everybody types."""

MANIFEST = json.loads(files("bot").joinpath("manifest.json").read_text("utf-8"))

Reply = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Call:
    """One call that reached Slack."""

    method: str
    arguments: Json


class WatchedWorld(World):
    """A workspace that keeps everything that was shown to anybody, in order, and what broke a rule."""

    def __init__(self, clock: Clock, cast: Cast | None = None) -> None:
        if cast is None:
            people = everybody()
            ops = Channel(OPS, "ops", "", frozenset(people))
            cast = Cast(TEAM, "acme", "Acme", people, {OPS: ops})
        super().__init__(both_opinions, clock.seconds, app=SlackApp.from_manifest(MANIFEST), cast=cast)
        self.everything: list[Shown] = []
        self.refused: list[str] = []

    def show(self, shown: Message | View) -> None:
        """Show it, and keep how it looked."""
        super().show(shown)
        is_ours = shown.warning == TROUBLE or (isinstance(shown, Message) and shown.kind != "message")
        self.everything += [] if is_ours else [shown_of(shown)]

    def refuse(self, title: str, details: list[str], person: str, channel: str | None = None) -> None:
        """Refuse it, and keep why."""
        self.refused += [f"{title} {detail}" for detail in details]
        super().refuse(title, details, person, channel)


class Slack(Simulator):
    """The simulator with the workspace of the tests."""

    world: WatchedWorld

    def __init__(self, clock: Clock, url: str, world: WatchedWorld | None = None) -> None:
        super().__init__(
            lambda body, headers: self.app(body, headers),
            SIGNING_SECRET,
            world or WatchedWorld(clock),
            signing_clock=time.time,
            patience_s=None,
        )
        self.clock = clock
        self.token = TOKEN
        self.base_url = self.url = url
        self.app: Callable[[bytes, dict[str, str]], Reply] = lambda _body, _headers: (503, {}, b"")
        """Takes a signed request to the app under test."""
        self.calls: list[Call] = []
        self.failing: dict[str, str | Json] = {}
        """By method (or ``hook``): the error to answer with, or the whole answer."""
        self.before_answer: Callable[[], object] = bool
        """Called before each answer, for a Slack that is slow."""

    @property
    def people(self) -> dict[str, Json]:
        """Each person's user object, which a test may change."""
        return self.world.cast.people

    @property
    def groups(self) -> dict[str, list[str]]:
        """The members of each user group, which a test may change."""
        return self.world.cast.groups

    @property
    def shown(self) -> list[Shown]:
        """Everything that was shown to anybody, in order."""
        return self.world.everything

    @property
    def refused(self) -> list[str]:
        """What broke a rule of Slack's."""
        return self.world.refused

    def web_api(self, method: str, args: Json, token: str) -> Json:
        """Keep a call of the Web API, then answer it or fail as told."""
        self.calls.append(Call(method, args))
        self.before_answer()
        if method in self.failing and token == TOKEN:
            said = self.failing[method]
            return {"ok": False, "error": said} if isinstance(said, str) else {"ok": False, **said}
        answer = super().web_api(method, args, token)
        is_wrong = answer.get("error") in ("unknown_method", "push_limit_reached")
        self.refused.extend([f"{method}: {answer['error']}"] if is_wrong else [])
        return answer

    def response_url(self, path: str, body: bytes) -> tuple[int, Json]:
        """Keep an answer that came to a response URL, then take it or fail as told."""
        self.calls.append(Call("hook", json.loads(body)))
        if "hook" in self.failing:
            return 500, {"ok": False, "error": self.failing["hook"]}
        return super().response_url(path, body)

    def called(self, method: str) -> list[Json]:
        """The arguments of each call of a method."""
        return [call.arguments for call in self.calls if call.method == method]

    def grant(self, kind: str, user: str) -> str:
        """Hand out a trigger id (``trigger``), or a response URL of a ``command`` or an ``action``."""
        if kind == "trigger":
            return self.world.grants.trigger(user)
        is_command = kind == "command"
        path = self.world.grants.response_url("commands" if is_command else "actions", user, OPS, None)
        return self.url + path

    def stack(self, user: str) -> list[Shown]:
        """The modals somebody has open, the top last."""
        return [shown_of(view) for view in self.world.stacks[user]]

    def reopen(self, user: str, form: Shown) -> None:
        """Put a form that was shown before on top of what somebody has open: the very same one."""
        assert isinstance(form.origin, View)
        self.world.stacks[user].append(replace(form.origin, owner=user))

    def put_modal(self, user: str, view: Json) -> None:
        """Put a new form on top of what somebody has open."""
        with self.world.lock:
            self.world.put_view(user, view, self.world.stacks[user])

    def view_of(self, shown: Shown) -> Json:
        """A modal or Home tab as payloads hold it."""
        assert isinstance(shown.origin, View)
        return view_object(self.world, shown.origin)

    def present(self, user: str, seen: Shown) -> Message | View:
        """What a person has before them: what is there now, or what they still see although it changed."""
        was = seen.origin
        assert was is not None
        if isinstance(was, Message) and was.only_for not in (None, user):
            was = replace(was, ts=self.world.next_ts(), only_for=user)
            self.world.messages.append(was)
        now = next((one for one in self._everything_of(user) if _name(one) == _name(was)), was)
        return now if _looks(now) == _looks(was) else was

    def _everything_of(self, user: str) -> list[Message | View]:
        return [*self.world.messages, *self.world.stacks[user], *self.world.homes.values()]


def both_opinions(where: str, payload: Json) -> list[str]:
    """Return what breaks a limit of Slack's, or what Slack's SDK does not understand."""
    return problems(where, payload) + sdk_problems(where, payload)


def shown_of(shown: Message | View) -> Shown:
    """Keep how a message or view looks at this moment."""
    blocks = deepcopy(shown.surface.blocks)
    # What is typed later goes into the same fields, until other blocks take their place.
    origin = replace(shown, surface=replace(shown.surface, blocks=blocks))
    if isinstance(origin, View):
        content = {**origin.body, "hash": origin.hash, "blocks": blocks}
        return Shown(str(origin.body["type"]), origin.id, origin.owner, content, dict(origin.errors), origin)
    is_direct = origin.channel.startswith("D")
    user = origin.only_for or (f"U{origin.channel[1:]}" if is_direct else "")
    seen_by = "in_channel" if user == "" else "ephemeral"
    content = {"text": origin.text, "blocks": blocks, "response_type": seen_by}
    return Shown("message", origin.ts, user, content, {}, origin)


def _name(shown: Message | View) -> str:
    return shown.ts if isinstance(shown, Message) else shown.id


def _looks(shown: Message | View) -> tuple[str, list[Json]]:
    return (shown.hash if isinstance(shown, View) else ""), shown.surface.blocks
