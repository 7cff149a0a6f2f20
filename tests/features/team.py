"""A team at work: they type, press and fill in, and everything goes the whole way through the real app.

signed payload -> front -> Bolt -> listener -> core -> real store -> view -> fake Slack
"""

import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from bot.core.integrations.dependencies import link_target, unlink_target
from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Actor, Dependency, Integration, Role, Target, TargetKind, new_id
from bot.core.model import Workspace as TeamWorkspace
from bot.core.workflows.fetch import hand_out
from bot.core.workflows.tokens import caller_of, create_token
from bot.executor import run_logged
from bot.services import Services
from storage.tinydb.tinydb_store import TinyDBStore
from tests.fakes.people import MEMBER, TEAM
from tests.fakes.shown import NOTHING, Control, Json, Shown, state_of
from tests.fakes.slack import Workspace
from tests.features import payloads

ACME = TeamWorkspace(TEAM)
SETTINGS = "https://ci.example.com/web-shop/settings"
TYPED = {"url": "https://registry.example.com", "username": "ci", "password": "correct horse"}


class QuietExecutor:
    """The port ``Executor``: runs everything when it is told to, in order, on the test's own thread."""

    def __init__(self) -> None:
        self.tasks: deque[Callable[[], None]] = deque()
        self.is_full = False

    def submit(self, task: Callable[[], None], *, on_full: Callable[[], None]) -> None:
        """Keep a task, or what is done instead when there is no room."""
        self.tasks.append(on_full if self.is_full else task)

    def run(self) -> None:
        """Do what was kept. Like on the real one, what a task raises is logged."""
        while self.tasks:
            run_logged(self.tasks.popleft())


@dataclass(frozen=True)
class Answer:
    """What the app answered to a request."""

    status: int
    body: str

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass
class Team:
    """The driver of the feature tests."""

    slack: Workspace
    services: Services
    store: TinyDBStore
    executor: QuietExecutor
    app: Callable[..., Iterable[bytes]]
    answers: list[Answer] = field(default_factory=list)
    typed: dict[str, Json] = field(default_factory=dict)
    """By modal: what was typed into it, by block id. Like Slack, it outlives a redrawing."""

    def send(self, body: bytes, content_type: str = payloads.FORM) -> Answer:
        """Send a signed request; the acknowledgement comes before anything on the executor runs."""
        status: list[str] = []
        environ = payloads.signed(body, content_type)
        pieces = self.app(environ, lambda line, *_: status.append(line))
        answer = Answer(int(status[0][:3]), b"".join(pieces).decode())
        self.answers.append(answer)
        return answer

    def deliver(self, body: bytes, content_type: str = payloads.FORM) -> Answer:
        """Send what Slack expects to be taken."""
        answer = self.send(body, content_type)
        self.slack.refused += [] if answer.status == 200 else [f"answered {answer.status}"]
        return answer

    def command(self, text: str, user: str = MEMBER, *, wait_s: float = 0) -> Shown:
        """Type ``/integrations <text>``. ``wait_s``: how long the executor is busy with other things."""
        before = len(self.slack.shown)
        trigger, reply = self.slack.grant("trigger", user), self.slack.grant("command", user)
        answer = self.deliver(payloads.command(text, user, trigger, reply))
        if answer.body:
            message = answer.json() if answer.body.startswith("{") else {"text": answer.body}
            self.slack.is_taken("message", message)
            self.slack.show("message", user, message)
        return self.settled(user, before, wait_s)

    def press(self, name: str, user: str = MEMBER, on: Shown | None = None, *, wait_s: float = 0) -> Shown:
        """Press the button with this text or spoken label, on what is seen or on what was seen earlier."""
        seen = on or self.seen(user)
        control = seen.button(name)
        return self.act(user, seen, payloads.action_of(control.block, control.element), wait_s)

    def pick(self, entry: str, user: str = MEMBER, on: Shown | None = None, *, near: str = "") -> Shown:
        """Choose an entry of a menu; ``near`` is a text of the row that the menu belongs to."""
        seen = on or self.seen(user)
        control = seen.menu(entry, near)
        option = control.option(entry)
        assert option is not None
        self.keep(seen, control, {"type": "static_select", "selected_option": option})
        return self.act(
            user, seen, payloads.action_of(control.block, control.element, selected_option=option)
        )

    def enter(self, label: str, text: str, user: str = MEMBER, on: Shown | None = None) -> Shown:
        """Type into a box that acts at once, and press Enter."""
        seen = on or self.seen(user)
        control = seen.box(label)
        self.keep(seen, control, {"type": "plain_text_input", "value": text or None})
        return self.act(user, seen, payloads.action_of(control.block, control.element, value=text or None))

    def fill(self, values: dict[str, str], user: str = MEMBER, on: Shown | None = None) -> None:
        """Type into the boxes of a form, by label."""
        seen = on or self.seen(user)
        for label, text in values.items():
            self.keep(seen, seen.box(label), {"type": "plain_text_input", "value": text or None})

    def tick(self, option: str, user: str = MEMBER) -> None:
        """Tick a box."""
        seen = self.seen(user)
        control = seen.menu(option)
        self.keep(seen, control, {"type": "checkboxes", "selected_options": [control.option(option)]})
        self.act(user, seen, payloads.action_of(control.block, control.element))

    def submit(
        self, values: dict[str, str] | None = None, user: str = MEMBER, on: Shown | None = None
    ) -> Shown:
        """Fill in and submit a form."""
        seen = on or self.seen(user)
        self.fill(values or {}, user, seen)
        before = len(self.slack.shown)
        view = payloads.view_of(seen, state_of(seen.blocks, self.typed.get(seen.id, {})))
        trigger = self.slack.grant("trigger", user)
        answer = self.deliver(
            payloads.interaction("view_submission", user, trigger, view=view, response_urls=[])
        )
        self.answered(user, answer.json() if answer.body else {"response_action": "close"})
        return self.settled(user, before)

    def open_home(self, user: str = MEMBER, tab: str = "home") -> Shown:
        """Open the app's Home tab."""
        before = len(self.slack.shown)
        self.deliver(payloads.home_opened(user, next(self.slack.ids), tab), payloads.JSON)
        return self.settled(user, before)

    def seen(self, user: str = MEMBER) -> Shown:
        """What somebody looks at: the modal on top, else what was shown last."""
        stack = self.slack.stack(user)
        mine = [shown for shown in self.slack.shown if shown.user == user and shown.place != "modal"]
        return stack[-1] if stack else (mine or [NOTHING])[-1]

    def close(self, user: str = MEMBER) -> None:
        """Close every modal."""
        self.slack.stack(user).clear()

    def home(self, user: str = MEMBER) -> Shown:
        """Somebody's Home tab."""
        return self.slack.homes[user]

    def keep(self, seen: Shown, control: Control, value: Json) -> None:
        """Remember what stands in an input."""
        self.typed.setdefault(seen.id, {})[control.block["block_id"]] = value

    def act(self, user: str, seen: Shown, action: Json, wait_s: float = 0) -> Shown:
        """Send a press."""
        before = len(self.slack.shown)
        trigger, reply = self.slack.grant("trigger", user), self.slack.grant("action", user, seen.id)
        state = state_of(seen.blocks, self.typed.get(seen.id, {}))
        more = payloads.pressed_in(seen, state, reply)
        self.deliver(payloads.interaction("block_actions", user, trigger, actions=[action], **more))
        return self.settled(user, before, wait_s)

    def answered(self, user: str, answer: Json) -> None:
        """Do with the form on top what the acknowledgement says."""
        stack, what = self.slack.stack(user), answer.get("response_action")
        if what == "errors":
            self.slack.beside_fields(user, answer["errors"])
        elif what in ("update", "push"):
            self.slack.is_taken("modal", answer["view"])
            self.slack.put_modal(user, answer["view"], stack[-1].id if what == "update" else "")
        else:
            stack.clear()

    def settled(self, user: str, before: int, wait_s: float = 0) -> Shown:
        """Let the executor do its work, and give what was shown: beside the Home tab if there is any."""
        self.slack.clock.advance(wait_s)
        self.executor.run()
        new = [shown for shown in self.slack.shown[before:] if shown.user == user]
        beside = [shown for shown in new if shown.place != "home"]
        return (beside or new or [NOTHING])[-1]

    def actor(self, user: str = MEMBER, role: Role = Role.MEMBER) -> Actor:
        """Somebody who acts past Slack, to prepare a test."""
        return Actor(ACME, user, role, self.services.now())

    def add(self, name: str, owner: str = MEMBER, kind: str = "private", **typed: str) -> Integration:
        """Keep an integration, unchecked."""
        draft = read_draft(self.services.kinds[kind], name, {**TYPED, **typed})
        ports = (self.store, self.services.keyring, self.services.registry)
        return add_integration(*ports, self.actor(owner), draft, is_checked=False)

    def link(self, name: str, kind: str, target: str, settings_url: str | None = None) -> None:
        """Let a target depend on an integration."""
        link_target(self.store, self.actor(), name, Target(TargetKind(kind), target), settings_url)

    def fetch(self, name: str, kind: str, target: str, creator: str = MEMBER) -> None:
        """Let a workflow fetch an integration with a token that somebody has made for its target."""
        services, at = self.services, self.services.now()
        integration = self.find(name)
        assert integration is not None
        text, _ = create_token(self.store, self.actor(creator), Target(TargetKind(kind), target), 90)
        ports = (self.store, services.keyring, services.registry, services.tallies)
        hand_out(*ports, caller_of(self.store, text.reveal(), at), integration)

    def link_many(self, name: str, count: int, kind: str = "project") -> None:
        """Let many targets depend on an integration, in one change: ``target-00`` and so on."""
        integration = self.find(name)
        assert integration is not None
        with self.store.transaction(ACME) as change:
            for number in range(count):
                target = Target(TargetKind(kind), f"target-{number:02}")
                change.put_dependency(Dependency(integration.id, target, MEMBER, self.services.now()))

    def unlink_all(self, name: str) -> None:
        """Take every dependency away, as a colleague might meanwhile."""
        integration = self.find(name)
        assert integration is not None
        for dependency in self.store.dependencies(ACME, integration.id, 0, 1000).rows:
            unlink_target(self.store, self.actor(), integration.id, dependency.target)

    def add_many(self, count: int, kind: str = "private") -> None:
        """Keep many integrations in one change: ``registry-000`` and so on."""
        first = self.add("registry-000", kind=kind)
        with self.store.transaction(ACME) as change:
            for number in range(1, count):
                change.put_integration(replace(first, id=new_id(), name=f"registry-{number:03}"))

    def find(self, name: str) -> Integration | None:
        """The integration with this name, if there is one."""
        return self.store.integration_named(ACME, name)

    def events(self) -> list[tuple[str, str, str]]:
        """Who did what with which result, the newest first."""
        entries = self.store.history(ACME, size=1000).entries
        return [(one.event.actor, one.event.action, one.event.result.value) for one in entries]
