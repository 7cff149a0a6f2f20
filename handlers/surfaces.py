"""Where an answer appears: a message, a modal or the Home tab.

A listener says what to show; the surface it was asked on knows how. ``replace`` changes what the person
pressed on, ``show`` puts something beside it, ``open`` opens a form.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.core.errors import Busy
from bot.core.model import Workspace
from bot.services import Services
from handlers.blocks import Message, View, modal

HOME = "home"
"""The fact in a modal's ``private_metadata`` that says it was opened from the Home tab: its list's state."""

LATE = frozenset({"expired_trigger_id", "exchanged_trigger_id"})


class Surface(Protocol):
    """Somewhere to answer."""

    def replace(self, message: Message) -> None:
        """Show a message in place of what was pressed."""

    def show(self, message: Message) -> None:
        """Show a message beside what was pressed."""

    def open(self, view: View) -> None:
        """Open a form."""


@dataclass(frozen=True, slots=True)
class MessageSurface:
    """A command's or a message's answer address."""

    services: Services
    client: WebClient
    response_url: str
    trigger_id: str

    def replace(self, message: Message) -> None:
        """Post in place of the message. A command has no message to replace; then it is shown."""
        self.services.replies.post(self.response_url, {**message, "replace_original": True})

    def show(self, message: Message) -> None:
        """Post another message that only this person sees."""
        self.services.replies.post(self.response_url, {**message, "replace_original": False})

    def open(self, view: View) -> None:
        """Open a modal."""
        in_time(self.client, "views.open", trigger_id=self.trigger_id, view=view)


@dataclass(frozen=True, slots=True)
class ModalSurface:
    """An open modal."""

    client: WebClient
    view_id: str
    trigger_id: str
    facts: Mapping[str, Any]
    """Its ``private_metadata``, read."""

    def replace(self, message: Message) -> None:
        """Put the message into the modal."""
        view = with_facts(as_modal(message), inherited(self.facts))
        self.client.api_call("views.update", json={"view_id": self.view_id, "view": view})

    def show(self, message: Message) -> None:
        """Put the message into a modal on top."""
        self.open(as_modal(message))

    def open(self, view: View) -> None:
        """Put another modal on top."""
        view = with_facts(view, inherited(self.facts))
        in_time(self.client, "views.push", trigger_id=self.trigger_id, view=view)

    def redraw(self, view: View) -> None:
        """Change the form itself; what was typed stays where the block and action ids stay."""
        view = with_facts(view, inherited(self.facts))
        self.client.api_call("views.update", json={"view_id": self.view_id, "view": view})


@dataclass(frozen=True, slots=True)
class HomeSurface:
    """A person's Home tab."""

    client: WebClient
    user_id: str
    trigger_id: str
    state: str
    """The id of the tab's first block, which says what the list is narrowed to."""

    def replace(self, message: Message) -> None:
        """Publish the message's blocks as the tab."""
        self.client.api_call("views.publish", json={"user_id": self.user_id, "view": as_home(message)})

    def show(self, message: Message) -> None:
        """Open the message as a modal."""
        self.open(as_modal(message))

    def open(self, view: View) -> None:
        """Open a modal that knows it came from here."""
        view = with_facts(view, {HOME: self.state})
        in_time(self.client, "views.open", trigger_id=self.trigger_id, view=view)


def in_time(client: WebClient, method: str, **arguments: Any) -> None:
    """Call a method that takes a trigger id, which Slack honours for 3 seconds only."""
    try:
        client.api_call(method, json=arguments)
    except SlackApiError as error:
        if error.response.get("error") in LATE:
            raise Busy("Slack's three seconds had passed, so nothing was opened.") from error
        raise


def as_modal(message: Message) -> View:
    """Show a message's blocks in a modal."""
    return modal("Integrations", message["blocks"])


def as_home(message: Message) -> View:
    """Show a message's blocks as the Home tab."""
    return {"type": "home", "blocks": message["blocks"]}


def read_facts(view: Mapping[str, Any]) -> dict[str, Any]:
    """Read a view's ``private_metadata``; what is not a JSON object is no facts."""
    try:
        facts = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def with_facts(view: View, facts: Mapping[str, Any]) -> View:
    """Add facts to a view's ``private_metadata``; those it has stay."""
    together = {**facts, **read_facts(view)}
    return {**view, "private_metadata": json.dumps(together)} if together else view


def inherited(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a modal on top of another must know of it: whether they came from the Home tab."""
    return {HOME: facts[HOME]} if HOME in facts else {}


def surface_of(services: Services, workspace: Workspace, user_id: str, body: Mapping[str, Any]) -> Surface:
    """Find where a command was typed or a button pressed."""
    client = services.slack(workspace)
    trigger_id = str(body.get("trigger_id", ""))
    view = body.get("view") or {}
    if view.get("type") == "home":
        first = next(iter(view.get("blocks") or ()), {})
        return HomeSurface(client, user_id, trigger_id, str(first.get("block_id", "")))
    if view:
        return ModalSurface(client, str(view.get("id", "")), trigger_id, read_facts(view))
    return MessageSurface(services, client, str(body.get("response_url", "")), trigger_id)
