"""A team at work: they type, press and fill in, and everything goes the whole way through the real app.

person -> simulator -> signed payload -> front -> Bolt -> listener -> core -> real store -> view -> simulator
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.core.integrations.dependencies import link_target, unlink_target
from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Actor, Dependency, Integration, Role, Target, TargetKind, new_id
from bot.core.model import Workspace as TeamWorkspace
from bot.core.queries import HistoryQuery
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from bot.executor import BoundedExecutor, run_logged
from bot.services import Services
from bot.simulator.delivery import FORM
from bot.simulator.inputs import TouchedBlocks, options_by_value
from bot.simulator.world import View
from storage.tinydb.tinydb_store import TinyDBStore
from tests.fakes.people import MEMBER, TEAM
from tests.fakes.shown import NOTHING, Control, Shown
from tests.fakes.slack import OPS, Reply, Slack, shown_of
from tests.features import payloads

ACME = TeamWorkspace(TEAM)
SETTINGS = "https://ci.example.com/web-shop/settings"
TYPED = {"url": "https://registry.example.com", "username": "ci", "password": "correct horse"}


class QuietExecutor:
    """The port ``Executor``: runs everything when it is told to, in order, on the test's own thread."""

    def __init__(self) -> None:
        self.tasks: deque[Callable[[], None]] = deque()
        self.is_full = False

    def submit(
        self, task: Callable[[], None], *, on_full: Callable[[], None], asks_registry: bool = False
    ) -> None:
        """Keep a task, or what is done instead when there is no room."""
        self.tasks.append(on_full if self.is_full else task)

    def run(self) -> None:
        """Do what was kept. Like on the real one, what a task raises is logged."""
        while self.tasks:
            run_logged(self.tasks.popleft())


class LiveExecutor(BoundedExecutor):
    """The real executor, whose threads run by themselves."""

    def run(self) -> None:
        """Do nothing: nothing waits to be told."""


@dataclass(frozen=True)
class Answer:
    """What the app answered to a request."""

    status: int
    body: str

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


def _raw_of(surface: TouchedBlocks, control: Control, value: Any) -> Any:
    """What the page sends for a value: an option is told by its text, several by theirs."""
    options = [*control.options, *surface.offered.get(control.key, {}).values()]
    values = {one["text"]["text"]: one["value"] for one in options}
    if not values:
        return value
    return [values[one] for one in value] if isinstance(value, list) else values[value]


@dataclass
class Team:
    """The driver of the feature tests: it finds by name what a person sees; the simulator does the rest."""

    slack: Slack
    services: Services
    store: TinyDBStore
    executor: QuietExecutor | LiveExecutor
    app: Callable[..., Iterable[bytes]]
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Be the app that this Slack sends to."""
        self.slack.app = self.receive

    def receive(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Take a request of Slack's that is expected to be taken."""
        answer = self._answer_to(body, headers)
        self.slack.refused.extend([] if answer.status == 200 else [f"answered {answer.status}"])
        return answer.status, {}, answer.body.encode()

    def deliver(self, body: bytes) -> None:
        """Send what no person made, but Slack expects to be taken."""
        self.receive(body, payloads.signed(body))

    def send(self, body: bytes, content_type: str = FORM) -> Answer:
        """Send a signed request that no person made; nothing on the executor runs yet."""
        return self._answer_to(body, payloads.signed(body, content_type))

    def _answer_to(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Give the app a request; the acknowledgement comes before anything on the executor runs."""
        status: list[str] = []
        pieces = self.app(payloads.environ_of(body, headers), lambda line, *_: status.append(line))
        answer = Answer(int(status[0][:3]), b"".join(pieces).decode())
        self.answers.append(answer)
        return answer

    def command(self, text: str, user: str = MEMBER, *, wait_s: float = 0) -> Shown:
        """Type ``/integrations <text>``. ``wait_s``: how long the executor is busy with other things."""
        before = len(self.slack.shown)
        self.slack.command(user, OPS, "/integrations", text)
        return self.settled(user, before, wait_s)

    def press(self, name: str, user: str = MEMBER, on: Shown | None = None, *, wait_s: float = 0) -> Shown:
        """Press the button with this text or spoken label, on what is seen or on what was seen earlier."""
        seen = on or self.seen(user)
        return self.use(user, seen, seen.button(name), None, wait_s)

    def pick(self, entry: str, user: str = MEMBER, on: Shown | None = None, *, near: str = "") -> Shown:
        """Choose an entry of a menu; ``near`` is a text of the row that the menu belongs to."""
        seen = on or self.seen(user)
        control = seen.menu(entry, near)
        return self.use(user, seen, control, control.value_of(entry))

    def enter(self, label: str, text: str, user: str = MEMBER, on: Shown | None = None) -> Shown:
        """Type into a box that acts at once, and press Enter."""
        seen = on or self.seen(user)
        return self.use(user, seen, seen.box(label), text)

    def fill(self, values: Mapping[str, Any], user: str = MEMBER, on: Shown | None = None) -> None:
        """Type into the boxes of a form, by label."""
        seen = on or self.seen(user)
        for label, text in values.items():
            self.leave(seen, seen.box(label), text, user)

    def leave(self, seen: Shown, control: Control, value: Any, user: str = "") -> None:
        """Leave a value in an input: a text, or an option or several by their texts."""
        surface = self.slack.present(user or seen.user, seen).surface
        surface.given[control.key] = _raw_of(surface, control, value)

    def search(self, name: str, query: str, user: str = MEMBER, on: Shown | None = None) -> list[str]:
        """Type into a menu that searches as one types, and give the options that it then offers."""
        seen = on or self.seen(user)
        place = {"ts": seen.id} if seen.place == "message" else {"view": seen.id}
        found = self.slack.options(user, place, seen.control(name).key, query)
        return [one["text"]["text"] for one in options_by_value(found).values()]

    def choose(self, name: str, value: Any, user: str = MEMBER, on: Shown | None = None) -> Shown:
        """
        Choose in a menu, a picker or a box that acts at once.

        Args:
            name: What stands on it or beside it.
            value: The text of an option, or a list of them; the id of a person or channel; a date.
        """
        seen = on or self.seen(user)
        control = seen.control(name)
        raw = _raw_of(self.slack.present(user, seen).surface, control, value)
        return self.use(user, seen, control, raw)

    def shortcut(self, callback_id: str, user: str = MEMBER) -> Shown:
        """Run a global shortcut."""
        before = len(self.slack.shown)
        self.slack.shortcut(user, callback_id)
        return self.settled(user, before)

    def message_shortcut(self, callback_id: str, message: Shown, user: str = MEMBER) -> Shown:
        """Run a shortcut from a message's menu."""
        before = len(self.slack.shown)
        self.slack.message_shortcut(user, message.id, callback_id)
        return self.settled(user, before)

    def hand_over(self, kind: str, about: Mapping[str, Any], user: str = MEMBER) -> Shown:
        """
        Send an interaction whose facts no person of this workspace can make, such as another app's message.

        Args:
            kind: Its type.
            about: What it holds beside what every interaction holds.
            user: Who sends it.
        """
        before = len(self.slack.shown)
        grants = self.slack.world.grants
        url = self.slack.base_url + grants.response_url("app", user, OPS, None)
        lent = {"trigger_id": grants.trigger(user, OPS), "response_url": url}
        self.deliver(payloads.interaction(kind, user, **{**lent, **about}))
        return self.settled(user, before)

    def say(self, text: str, user: str = MEMBER) -> Shown:
        """Write a message that everybody in the channel sees."""
        self.slack.say(user, OPS, text)
        return self.in_channel()[-1]

    def in_channel(self) -> list[Shown]:
        """What everybody sees in the channel now, the newest last."""
        return [
            shown_of(one) for one in self.slack.world.messages if (one.channel, one.only_for) == (OPS, None)
        ]

    def change_person(self, user: str, **marks: Any) -> None:
        """Change somebody's account (``deleted=True``); Slack tells the app, if it asks to be told."""
        self.slack.change_person(user, **marks)
        self.executor.run()

    def tick(self, option: str, user: str = MEMBER) -> None:
        """Tick a box."""
        seen = self.seen(user)
        control = seen.menu(option)
        self.use(user, seen, control, [control.value_of(option)])

    def submit(
        self, values: Mapping[str, Any] | None = None, user: str = MEMBER, on: Shown | None = None
    ) -> Shown:
        """Fill in and submit a form."""
        seen = on or self.seen(user)
        self.fill(values or {}, user, seen)
        before = len(self.slack.shown)
        form = self.slack.present(user, seen)
        assert isinstance(form, View)
        self.slack.send(user, form)
        return self.settled(user, before)

    def open_home(self, user: str = MEMBER, tab: str = "home") -> Shown:
        """Open the app's Home tab."""
        before = len(self.slack.shown)
        self.slack.open_home(user, tab)
        return self.settled(user, before)

    def seen(self, user: str = MEMBER) -> Shown:
        """What somebody looks at: the modal on top, else what was shown last."""
        stack = self.slack.stack(user)
        mine = [shown for shown in self.slack.shown if shown.user == user and shown.place != "modal"]
        return stack[-1] if stack else (mine or [NOTHING])[-1]

    def close(self, user: str = MEMBER) -> None:
        """Close every modal."""
        self.slack.world.stacks[user].clear()

    def home(self, user: str = MEMBER) -> Shown:
        """Somebody's Home tab."""
        return shown_of(self.slack.world.homes[user])

    def use(self, user: str, seen: Shown, control: Control, raw: Any, wait_s: float = 0) -> Shown:
        """Press or choose, and give what is shown then."""
        before = len(self.slack.shown)
        self.slack.use(user, self.slack.present(user, seen), control.key, raw)
        return self.settled(user, before, wait_s)

    def settled(self, user: str, before: int, wait_s: float = 0) -> Shown:
        """Let the executor do its work, and give what was shown: beside the Home tab if there is any."""
        self.slack.clock.advance(wait_s)
        self.executor.run()
        new = [shown for shown in self.slack.shown[before:] if shown.user == user]
        beside = [shown for shown in new if shown.place != "home"]
        return (beside or new or [NOTHING])[-1]

    def actor(self, user: str = MEMBER, role: Role = Role.MEMBER) -> Actor:
        """Somebody who acts past Slack, to prepare a test."""
        return Actor(ACME, user, role, self.services.ports.now())

    def add(self, name: str, owner: str = MEMBER, kind: str = "private", **typed: str) -> Integration:
        """Keep an integration, unchecked."""
        draft = read_draft(self.services.kinds[kind], name, {**TYPED, **typed})
        return add_integration(self.services.ports, self.actor(owner), draft, is_checked=False).integration

    def link(self, name: str, kind: str, target: str, settings_url: str | None = None) -> None:
        """Let a target depend on an integration."""
        link_target(
            self.services.ports,
            self.actor(),
            name,
            Target(TargetKind(kind), target),
            settings_url,
            is_sure=True,
        )

    def fetch(self, name: str, kind: str, target: str, creator: str = MEMBER) -> None:
        """Let a workflow fetch an integration with a token that somebody has made for its target."""
        ports = self.services.ports
        text, _ = create_token(ports, self.actor(creator, Role.ADMIN), Target(TargetKind(kind), target), 90)
        fetch_named(ports, identify_caller(ports.store, text.reveal(), name, ports.now()), name)

    def link_many(self, name: str, count: int, kind: str = "project") -> None:
        """Let many targets depend on an integration, in one change: ``target-00`` and so on."""
        integration = self.find(name)
        assert integration is not None
        with self.store.change(ACME) as change:
            for number in range(count):
                target = Target(TargetKind(kind), f"target-{number:02}")
                change.put(Dependency(integration.id, target, MEMBER, self.services.ports.now()))

    def unlink_all(self, name: str) -> None:
        """Take every dependency away, as a colleague might in the meantime."""
        integration = self.find(name)
        assert integration is not None
        for dependency in self.store.read(ACME).dependencies.page(integration.id, 0, 1000).rows:
            unlink_target(self.services.ports, self.actor(), integration.id, dependency.target)

    def add_many(self, count: int, kind: str = "private") -> None:
        """Keep many integrations in one change: ``registry-000`` and so on."""
        first = self.add("registry-000", kind=kind)
        with self.store.change(ACME) as change:
            for number in range(1, count):
                change.put(replace(first, id=new_id(), name=f"registry-{number:03}"))

    def find(self, name: str) -> Integration | None:
        """The integration with this name, if there is one."""
        return self.store.read(ACME).integrations.named(name)

    def events(self) -> list[tuple[str, str, str]]:
        """Who did what with which result, the newest first."""
        entries = self.store.read(ACME).history.page(HistoryQuery(size=1000)).entries
        return [(one.event.actor, one.event.action, one.event.result.value) for one in entries]
