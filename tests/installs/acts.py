"""Random acts of tenants who would like to see what others have, and the search for anything they saw."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bot.run.outbox import Outbox
from bot.simulator import sent_payloads
from bot.simulator.kept_blocks import BlocksRefused
from bot.simulator.world import Message, View
from handlers.notify import draw_closed, draw_news
from tests.fakes.shown import Json
from tests.fakes.slack_cloud import SlackCloud, Tenant
from tests.installs.replicas import Replica

PEOPLE = ("admin", "member", "other", "guest")
_TOKEN = re.compile(r"qm_[0-9A-Za-z_]{20,}")
_KINDS = ("project", "environment", "image")
_MOST_BUTTONS = 200
_MOST_KEPT = 12
_MOST_MESSAGES = 20
"""What was shown was searched: a channel that only grows would slow each act down."""


def marker_of(team: str) -> str:
    """What every name, server and secret of a workspace has in it, and nothing of another."""
    return f"mk{team.lower()}zz"


@dataclass
class Known:
    """What is known of a tenant, to everybody: tenants try what others have."""

    tenant: Tenant
    names: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    buttons: list[Json] = field(default_factory=list)
    """Actions as payloads hold them, of what was shown."""
    forms: list[Json] = field(default_factory=list)
    count: int = 0

    @property
    def marker(self) -> str:
        """Its marker."""
        return marker_of(self.tenant.team)

    @property
    def server(self) -> str:
        """A server of its own."""
        return f"{self.marker}.example.com"


class Acts:
    """Acts of all tenants on all replicas, in an order that a seed decides."""

    def __init__(self, cloud: SlackCloud, replicas: list[Replica], seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - it guards nothing
        self.cloud = cloud
        self.replicas = replicas
        self.known = [Known(one) for one in cloud.tenants.values()]
        self.leaks: list[str] = []
        self.counts: dict[str, int] = {}
        self.last = ""
        self.exported = 0
        """How many files were searched."""
        self.opened = 0
        """How often a token fetched something of its own workspace."""
        self.acts: list[Callable[[Known], None]] = [
            *([self.add] * 3),
            *([self.type] * 6),
            *([self.press] * 4),
            *([self.press_foreign] * 2),
            *([self.fetch] * 2),
            self.make_token,
            self.export,
            self.fetch_foreign,
            self.home,
            self.submit_foreign,
            self.send_news,
        ]

    def run(self, count: int) -> None:
        """Act so many times."""
        for _ in range(count):
            self.once()
        self.make_room()

    def make_room(self) -> None:
        """Take the oldest integrations away, so that a long run is as quick at its end as at first."""
        store = self.replicas[0].store
        for workspace in store.workspaces():
            reading = store.read(workspace)
            kept = sorted(reading.integrations.all(), key=lambda one: one.created_at)
            for one in kept[:-_MOST_KEPT]:
                with store.change(workspace) as change:
                    for row in change.dependencies.page(one.id, 0, 1000).rows:
                        change.remove(row)
                    change.remove(one)

    def once(self) -> None:
        """Act once."""
        who, act = self.random.choice(self.known), self.random.choice(self.acts)
        self.last = act.__name__
        self.counts[act.__name__] = self.counts.get(act.__name__, 0) + 1
        replica = self.random.choice(self.replicas)
        replica.serve(who.tenant)
        self.cloud.calls.clear()
        try:
            act(who)
        except BlocksRefused:
            return  # what they acted on was closed
        replica.settle()
        if act != self.send_news:
            self.check_calls(who)
        for one in self.known:
            self.check(one)

    def check_calls(self, who: Known) -> None:
        """Look whether Slack was asked with another token than that of who acted."""
        foreign = {token for _, token in self.cloud.calls if f"-{who.tenant.holder}-" not in token}
        self.leaks += [f"{who.tenant.team} asked Slack with {token}" for token in foreign]

    def check(self, one: Known) -> None:
        """Look through everything a workspace was shown since the last time, and remember its buttons."""
        world = one.tenant.world
        for shown in world.everything:
            self.search(one, json.dumps(shown.content))
            if shown.origin is not None:
                self.remember(one, shown.origin)
        world.everything.clear()
        one.tenant.calls.clear()
        for message in world.messages:
            for file in message.files:
                self.exported += 1
                self.search(one, (file.content or b"").decode())
            message.files = []
        del world.messages[:-_MOST_MESSAGES]

    def search(self, one: Known, text: str) -> None:
        """Find what belongs to another workspace."""
        for other in self.known:
            if other is not one and other.marker in text.lower():
                at = text.lower().index(other.marker)
                seen = text[max(0, at - 80) : at + 40]
                self.leaks.append(f"{self.last}: {one.tenant.team} saw of {other.tenant.team}: {seen}")
        one.tokens += _TOKEN.findall(text)

    def remember(self, one: Known, origin: Message | View) -> None:
        """Keep the buttons and forms that were shown."""
        for block in origin.surface.blocks:
            elements = [*block.get("elements", []), *filter(None, [block.get("accessory")])]
            for element in elements:
                if element.get("type") == "button" and "action_id" in element:
                    used = sent_payloads.action(origin.surface, block, element, None, "1.1")
                    one.buttons.append(used)
        if isinstance(origin, View) and origin.body.get("callback_id"):
            one.forms.append(sent_payloads.view_object(one.tenant.world, origin))
        del one.buttons[:-_MOST_BUTTONS], one.forms[:-20], one.tokens[:-40]

    def other(self, one: Known) -> Known:
        """Another tenant."""
        return self.random.choice([each for each in self.known if each is not one])

    def name(self, one: Known) -> str:
        """A name that a tenant has, or once had."""
        return self.random.choice(one.names or [f"{one.marker}-none"])

    def words(self, who: Known, of: Known) -> str:
        """A command about something of a tenant."""
        name, target = self.name(of), f"{of.marker}-t{self.random.randrange(5)}"
        kind = self.random.choice(_KINDS)
        return self.random.choice(
            [
                *("", "list", "help", "history", "targets", "token list", "unused 0", "settings workspace"),
                *(f"show {name}", f"delete {name}", f"edit {name}", f"test {name}", f"list {name}"),
                *(f"link {name} {kind} {target}", f"unlink {name} {kind} {target}"),
                *(f"settings {kind} {target}", f"token create {kind} {who.marker}-t1"),
                *(f"which {of.server}/a", f"filter {of.marker}", f"history {name}", f"tags {name} a"),
                *(f"notify #{who.tenant.channel}", f"token revoke {self.token_id(of)}"),
                f"give {name} @{who.tenant.id_of('other')}",
            ]
        )

    def token_id(self, of: Known) -> str:
        """The public id of a token."""
        return self.random.choice(of.tokens)[3:11] if of.tokens else "Aaaaaaaa"

    def type(self, who: Known) -> None:
        """Type a command, now and then about what another tenant has."""
        of = self.other(who) if self.random.random() < 0.3 else who
        words = self.words(who, of)
        self.last = f"{who.tenant.team} about {of.tenant.team}: {words}"
        who.tenant.type(words, self.random.choice(PEOPLE))
        self.replicas[0].settle(), self.replicas[-1].settle()
        if of is not who:
            self.forgive(who, of, words)

    def forgive(self, who: Known, of: Known, words: str) -> None:
        """What somebody has typed themselves may be repeated to them, and to nobody else."""
        pieces = {piece for word in words.split() for piece in (word, *word.split("/"))}
        typed_words = {one for one in pieces if of.marker in one.lower()}
        for typed in sorted(typed_words, key=len, reverse=True):
            for shown in who.tenant.world.everything:
                text = json.dumps(shown.content)
                rest = re.sub(re.escape(typed), "", text, flags=re.IGNORECASE)
                # Its buttons carry what was typed, so nobody goes on from there.
                object.__setattr__(shown, "content", json.loads(rest))
                object.__setattr__(shown, "origin", None)

    def add(self, who: Known) -> None:
        """Add an integration through the form."""
        person = who.tenant.id_of(self.random.choice(("admin", "member")))
        who.tenant.command(person, who.tenant.channel, "/integrations", "add private")
        [one.settle() for one in self.replicas]
        stack = who.tenant.world.stacks[person]
        if not stack:
            return
        who.count += 1
        name = f"{who.marker}-{who.count}"
        typed = {
            "name": name,
            "url": f"https://{who.server}",
            "username": f"{who.marker}-user",
            "password": f"{who.marker}-password",
            "note": f"{who.marker}-note",
        }
        view = stack[-1]
        for block, element in view.surface.fields():
            if block["block_id"] in typed:
                view.surface.given[block["block_id"], element["action_id"]] = typed[block["block_id"]]
        who.tenant.send(person, view)
        who.names.append(name)
        del who.names[:-30]

    def make_token(self, who: Known) -> None:
        """Let an admin make a workflow token."""
        who.tenant.type(f"token create project {who.marker}-t{self.random.randrange(5)}")

    def export(self, who: Known) -> None:
        """Let an admin export the history as a file."""
        buttons = [one for one in who.buttons if one["action_id"] == "history.export"]
        if not buttons:
            return who.tenant.type("history")
        return self.press_action(who, buttons[-1], "admin")

    def press(self, who: Known) -> None:
        """Press a button that was shown in one's own workspace."""
        if who.buttons:
            self.press_action(who, self.random.choice(who.buttons))

    def press_foreign(self, who: Known) -> None:
        """Press what was shown in another workspace, as somebody who has copied its values would."""
        of = self.other(who)
        if of.buttons:
            self.press_action(who, as_own(self.random.choice(of.buttons), of, who))

    def press_action(self, who: Known, action: Json, name: str = "") -> None:
        """Send a press of an action on a message of one's own, as somebody or as anybody."""
        tenant, person = who.tenant, who.tenant.id_of(name or self.random.choice(PEOPLE))
        payload = sent_payloads.interaction(tenant.world, "block_actions", person)
        container = {
            "type": "message",
            "message_ts": "1.1",
            "channel_id": tenant.channel,
            "is_ephemeral": True,
        }
        payload |= {"container": container, "channel": {"id": tenant.channel, "name": "ops"}}
        payload |= tenant._lent("actions", person, tenant.channel, None)
        tenant._delivery.interaction({**payload, "actions": [action]})

    def submit_foreign(self, who: Known) -> None:
        """Submit a form that was opened in another workspace."""
        of = self.other(who)
        if of.forms:
            person = who.tenant.id_of("admin")
            mine = {"team_id": who.tenant.team, "app_installed_team_id": who.tenant.team}
            view = {**as_own(self.random.choice(of.forms), of, who), **mine, "id": "V0FOREIGN"}
            payload = sent_payloads.interaction(who.tenant.world, "view_submission", person)
            payload["trigger_id"] = who.tenant.world.grants.trigger(person)
            answer = who.tenant._delivery.interaction({**payload, "view": view, "response_urls": []})
            assert answer is not None
            self.search(who, answer.body.decode())

    def home(self, who: Known) -> None:
        """Open the Home tab."""
        who.tenant.open_home(who.tenant.id_of(self.random.choice(PEOPLE)), "home")

    def fetch(self, who: Known) -> None:
        """Let a workflow fetch with a token of its own workspace."""
        if who.tokens:
            self.ask(who, self.random.choice(who.tokens), who)

    def fetch_foreign(self, who: Known) -> None:
        """Let a workflow ask with its own token for what another workspace has."""
        if who.tokens:
            self.ask(who, self.random.choice(who.tokens), self.other(who))

    def ask(self, who: Known, token: str, of: Known) -> None:
        """Ask the API for something, and search what it answers."""
        name = self.name(of)
        path = self.random.choice(
            [
                f"/v1/credentials?server={of.server}",
                "/v1/credentials",
                "/v1/integrations",
                f"/v1/integrations/{name}",
                f"/v1/integrations/{name}/env",
                "/v1/docker/config.json",
                f"/v1/kubernetes/secret?name={name}",
            ]
        )
        got = self.random.choice(self.replicas).get(path, authorization=f"Bearer {token}")
        self.opened += got.status == 200 and who.marker in got.body
        asked = name if of is not who else ""
        body = got.body.replace(asked, "").replace(of.server, "") if asked else got.body
        self.search(who, body)

    def send_news(self, _: Known) -> None:
        """Let the clock send what waits, to all workspaces."""
        services = self.random.choice(self.replicas).wired.services
        later = replace(services.ports, now=lambda: services.ports.now() + timedelta(minutes=2))
        Outbox(replace(services, ports=later), draw_news, draw_closed).step()


def as_own(payload: Json, of: Known, who: Known) -> Json:
    """What somebody would copy of another's: its ids as they are, its words as their own."""
    own: Json = json.loads(json.dumps(payload).replace(of.marker, who.marker))
    return own


def lines_of_each(lines: list[str]) -> dict[str, str]:
    """The lines of an export, by workspace."""
    found: dict[str, str] = {}
    key = ""
    for line in lines[1:-1]:
        read: Any = json.loads(line)
        if isinstance(read, dict):
            key = read["workspace"]
        found[key] = found.get(key, "") + line
    return found
