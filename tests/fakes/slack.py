"""A Slack that behaves: people, triggers, answer addresses, messages, modals and Home tabs, by Slack's rules.

It speaks real HTTP on loopback (``tests/fakes/slack_server.py``). What Slack would refuse is refused with
Slack's own word and kept in ``refused``, and the fixture fails the test when anything is left there.
"""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from handlers.slack_limits import problems
from tests.fakes.clock import Clock
from tests.fakes.people import TEAM, everybody
from tests.fakes.shown import Json, Shown

TOKEN = "xoxb-1-fake"
TRIGGER_S = 3
STACK = 3
REPLIES = 5
REPLIES_S = 1800


@dataclass
class Grant:
    """A trigger id or an answer address: whose, since when, how often used, for which message."""

    user: str
    since: float
    uses: int = 0
    message: str = ""


@dataclass(frozen=True)
class Call:
    """One call that reached Slack."""

    method: str
    arguments: Json


@dataclass
class Workspace:
    """All that Slack knows."""

    clock: Clock
    url: str = ""
    people: dict[str, Json] = field(default_factory=everybody)
    groups: dict[str, list[str]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    """Everything that was shown to anybody, in order."""
    refused: list[str] = field(default_factory=list)
    """What broke a rule of Slack's."""
    failing: dict[str, str] = field(default_factory=dict)
    """By method (or ``hook``): the error to answer with."""
    before_answer: Callable[[], object] = bool
    """Called before each answer, for a Slack that is slow."""
    messages: dict[str, Shown] = field(default_factory=dict)
    modals: dict[str, list[Shown]] = field(default_factory=dict)
    """By user: the stack, the top last."""
    homes: dict[str, Shown] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    ids: Any = field(default_factory=lambda: itertools.count(1))

    def grant(self, kind: str, user: str, message: str = "") -> str:
        """Hand out a trigger id (``trigger``), or an answer address of a ``command`` or an ``action``."""
        key = f"{kind}-{next(self.ids)}.7.{user.lower()}"
        self.grants[key] = Grant(user, self.clock.seconds(), message=message)
        return key if kind == "trigger" else f"{self.url}/hooks/{key}"

    def called(self, method: str) -> list[Json]:
        """The arguments of each call of a method."""
        return [call.arguments for call in self.calls if call.method == method]

    def answer(self, method: str, token: str, arguments: Json) -> Json:
        """Answer a call of the Web API."""
        self.calls.append(Call(method, arguments))
        self.before_answer()
        if token != TOKEN:
            return refusal("invalid_auth")
        if method in self.failing:
            return refusal(self.failing[method])
        return METHODS.get(method, unknown_method)(self, arguments)

    def hook(self, key: str, message: Json) -> tuple[int, str]:
        """Take a message at an answer address."""
        self.calls.append(Call("hook", message))
        grant = self.grants.get(key)
        if "hook" in self.failing:
            return 500, self.failing["hook"]
        if grant is None or grant.uses >= REPLIES or self.clock.seconds() - grant.since > REPLIES_S:
            return 404, "used_url" if grant else "no_such_hook"
        grant.uses += 1
        if not self.is_taken("message", message):
            return 400, "invalid_blocks"
        replaces = message.get("replace_original") and key.startswith("action") and grant.message
        self.show("message", grant.user, message, grant.message if replaces else "")
        return 200, "ok"

    def is_taken(self, where: str, content: Json) -> bool:
        """Say whether Slack takes a message or a view; if not, keep why."""
        found = problems(where, content)
        self.refused += [f"{where}: {problem}" for problem in found]
        return not found

    def show(self, place: str, user: str, content: Json, id_: str = "") -> Shown:
        """Show something to somebody, its blocks given ids as Slack gives them."""
        blocks = [{"block_id": f"b{next(self.ids)}", **block} for block in content.get("blocks", [])]
        shown = Shown(place, id_ or f"{place}{next(self.ids)}", user, {**content, "blocks": blocks})
        self.shown.append(shown)
        if place == "message":
            self.messages[shown.id] = shown
        elif place == "home":
            self.homes[user] = shown
        return shown

    def stack(self, user: str) -> list[Shown]:
        """The modals somebody has open."""
        return self.modals.setdefault(user, [])

    def put_modal(self, user: str, view: Json, id_: str = "") -> Shown:
        """Show a modal on top, or in the place of the one with this id."""
        fresh = {"hash": f"{next(self.ids)}.h"}
        shown = self.show("modal", user, {**view, **fresh}, id_)
        stack = self.stack(user)
        places = [place for place, one in enumerate(stack) if one.id == id_]
        stack[places[0] if places else len(stack) :] = [
            shown,
            *stack[places[0] + 1 if places else len(stack) :],
        ]
        return shown

    def beside_fields(self, user: str, errors: dict[str, str]) -> None:
        """Put sentences beside the inputs of the modal on top."""
        top = self.stack(user)[-1]
        inputs = {block["block_id"] for block in top.blocks if block["type"] == "input"}
        self.refused += [f"an error stands beside no input: {key}" for key in errors if key not in inputs]
        self.stack(user)[-1] = replace(top, errors=errors)
        self.shown.append(self.stack(user)[-1])


def refusal(code: str, *messages: str) -> Json:
    """Slack's way of saying no."""
    more = {"response_metadata": {"messages": list(messages)}} if messages else {}
    return {"ok": False, "error": code, **more}


def unknown_method(slack: Workspace, _arguments: Json) -> Json:
    """No such method."""
    slack.refused.append("a method that this Slack does not know")
    return refusal("unknown_method")


def auth_test(_slack: Workspace, _arguments: Json) -> Json:
    """``auth.test``."""
    return {"ok": True, "team_id": TEAM, "user_id": "UBOT", "bot_id": "B1"}


def users_info(slack: Workspace, arguments: Json) -> Json:
    """``users.info``."""
    user = slack.people.get(arguments["user"])
    return {"ok": True, "user": user} if user else refusal("user_not_found")


def usergroups_users_list(slack: Workspace, arguments: Json) -> Json:
    """``usergroups.users.list``."""
    group = slack.groups.get(arguments["usergroup"])
    return refusal("no_such_subteam") if group is None else {"ok": True, "users": group}


def chat_post_message(slack: Workspace, arguments: Json) -> Json:
    """``chat.postMessage`` to a person."""
    if arguments["channel"] not in slack.people:
        return refusal("channel_not_found")
    message = {**arguments, "blocks": blocks_of(arguments)}
    if not slack.is_taken("message", message):
        return refusal("invalid_blocks")
    slack.show("message", arguments["channel"], message)
    return {"ok": True}


def blocks_of(arguments: Json) -> list[Json]:
    """The blocks of a call, which the client sends as text in a form."""
    blocks = arguments.get("blocks", [])
    return json.loads(blocks) if isinstance(blocks, str) else blocks


def triggered(slack: Workspace, arguments: Json) -> tuple[str, str]:
    """Use up a trigger id: whose it is, or why it is refused."""
    grant = slack.grants.get(arguments.get("trigger_id", ""))
    if grant is None:
        return "", "invalid_trigger_id"
    grant.uses += 1
    if slack.clock.seconds() - grant.since > TRIGGER_S:
        return "", "expired_trigger_id"
    return grant.user, "exchanged_trigger_id" if grant.uses > 1 else ""


def put_on(slack: Workspace, arguments: Json, *, is_push: bool) -> Json:
    """Open a modal, alone or on top of others."""
    if not slack.is_taken("modal", arguments["view"]):
        return refusal("invalid_blocks", *slack.refused)
    user, error = triggered(slack, arguments)
    if error:
        return refusal(error)
    if is_push and not 0 < len(slack.stack(user)) < STACK:
        slack.refused.append("a modal is pushed on none, or on three")
        return refusal("push_limit_reached")
    if not is_push:
        slack.stack(user).clear()
    return {"ok": True, "view": shown_view(slack.put_modal(user, arguments["view"]))}


def views_update(slack: Workspace, arguments: Json) -> Json:
    """``views.update``."""
    owners = [user for user, stack in slack.modals.items() for one in stack if one.id == arguments["view_id"]]
    if not owners:
        return refusal("not_found")
    if not slack.is_taken("modal", arguments["view"]):
        return refusal("invalid_blocks", *slack.refused)
    return {
        "ok": True,
        "view": shown_view(slack.put_modal(owners[0], arguments["view"], arguments["view_id"])),
    }


def views_publish(slack: Workspace, arguments: Json) -> Json:
    """``views.publish``."""
    if not slack.is_taken("home", arguments["view"]):
        return refusal("invalid_blocks", *slack.refused)
    return {"ok": True, "view": shown_view(slack.show("home", arguments["user_id"], arguments["view"]))}


def shown_view(shown: Shown) -> Json:
    """A view as Slack gives it back."""
    return {"id": shown.id, **json.loads(json.dumps(shown.content))}


METHODS: dict[str, Callable[[Workspace, Json], Json]] = {
    "auth.test": auth_test,
    "chat.postMessage": chat_post_message,
    "users.info": users_info,
    "usergroups.users.list": usergroups_users_list,
    "views.open": lambda slack, arguments: put_on(slack, arguments, is_push=False),
    "views.push": lambda slack, arguments: put_on(slack, arguments, is_push=True),
    "views.update": views_update,
    "views.publish": views_publish,
}
