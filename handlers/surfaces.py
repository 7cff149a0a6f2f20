"""Where a reply appears: a message, a modal or the Home tab.

A listener says what to show; the surface it was asked on knows how. ``replace`` changes what the person
pressed on, ``show`` puts something next to it, ``open`` opens a form.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from slack_sdk import WebClient

from bot.core.errors import InvalidInput
from bot.core.model import Workspace
from bot.services import Services
from handlers.blocks import SHARE, Block, Message, View, modal, notice

HOME = "home"
"""The fact in a modal's ``private_metadata`` that says it was opened from the Home tab: its list's state."""
GIVES_WAY = "gives_way"
"""The fact that says a modal is done once something is chosen in it: what is opened takes its place."""

_DIRECT = "directmessage"
"""What Slack calls the channel of a conversation between two people."""
_PATIENCE_S = 2.0
"""After this long without a reply, a person wants to see some progress."""

_WORKING = notice(":hourglass_flowing_sand: Checking with the registry …")


class Surface(Protocol):
    """Somewhere to answer."""

    def replace(self, message: Message) -> None:
        """Show a message in place of what was pressed."""

    def show(self, message: Message) -> None:
        """Show a message next to what was pressed."""

    def open(self, view: View) -> None:
        """Open a form."""

    def share(self, message: Message) -> None:
        """Show a message to everybody in the channel. Raises ``InvalidInput`` where there is none."""

    def follow(self) -> "Follower":
        """Begin an answer that grows."""


class Follower(Protocol):
    """An answer that grows while something runs."""

    def update(self, message: Message) -> None:
        """Show the progress, if it is time for an update."""

    def finish(self, message: Message) -> None:
        """Show the end."""


@dataclass(slots=True)
class _PostedFollower:
    """Through a response_url, which accepts five posts and edits none: few, and only if it is slow."""

    surface: "_MessageSurface"
    last: float = field(default_factory=time.monotonic)
    left: int = 2

    def update(self, message: Message) -> None:
        """Post the progress when 2 s have passed without a reply, twice at most."""
        if self.left and time.monotonic() - self.last >= _PATIENCE_S:
            self.left -= 1
            self.last = time.monotonic()
            self.surface.show(message)

    def finish(self, message: Message) -> None:
        """Post the end."""
        self.surface.show(message)


@dataclass(slots=True)
class _ModalFollower:
    """In a modal of its own, which changes with every step."""

    client: WebClient
    view: View
    view_id: str

    def update(self, message: Message) -> None:
        """Put the progress into the modal."""
        view = with_facts(as_modal(message), read_facts(self.view))
        self.client.api_call("views.update", json={"view_id": self.view_id, "view": view})

    def finish(self, message: Message) -> None:
        """Put the end into the modal."""
        self.update(message)


@dataclass(frozen=True, slots=True)
class _MessageSurface:
    """The response_url of a command or a message."""

    services: Services
    client: WebClient
    response_url: str
    trigger_id: str
    channel_name: str

    def replace(self, message: Message) -> None:
        """Post in place of the message. A command has no message to replace; then it is shown."""
        self.services.replies.post(self.response_url, {**message, "replace_original": True})

    def show(self, message: Message) -> None:
        """Post another message that only this person sees."""
        self.services.replies.post(self.response_url, {**message, "replace_original": False})

    def open(self, view: View) -> None:
        """Open a modal."""
        _in_time(self.client, "views.open", trigger_id=self.trigger_id, view=view)

    def share(self, message: Message) -> None:
        """Post for everybody in the channel. The response_url also works where the app is not a member."""
        if self.channel_name == _DIRECT:
            raise _no_channel()
        shared = {**message, "response_type": "in_channel", "replace_original": False}
        self.services.replies.post(self.response_url, shared)

    def follow(self) -> Follower:
        """Begin an answer in messages."""
        return _PostedFollower(self)


@dataclass(frozen=True, slots=True)
class ModalSurface:
    """An open modal."""

    client: WebClient
    view_id: str
    trigger_id: str
    facts: Mapping[str, Any]
    """Its ``private_metadata``, read."""
    has_room: bool = True
    """False for the third on the stack: Slack accepts no other on top of it."""

    def replace(self, message: Message) -> None:
        """Put the message into the modal."""
        self.redraw(as_modal(message))

    def show(self, message: Message) -> None:
        """Put the message into a modal on top."""
        self.open(as_modal(message))

    def open(self, view: View) -> None:
        """Put another modal on top, or in place of one that gives way or has no room above it."""
        self._opened(with_facts(view, inherited(self.facts)))

    def follow(self) -> Follower:
        """Begin an answer in a modal, placed as ``open`` places it."""
        view = with_facts(as_modal(_WORKING), inherited(self.facts))
        return _ModalFollower(self.client, view, self._opened(view))

    def share(self, message: Message) -> None:
        """Refuse: a modal is in no channel."""
        raise _no_channel()

    def redraw(self, view: View) -> None:
        """Change the form itself; what was typed stays where the block and action ids stay."""
        self._updated(with_facts(view, inherited(self.facts)))

    def _opened(self, view: View) -> str:
        """Show a view; return its id."""
        if GIVES_WAY in self.facts or not self.has_room:
            return self._updated(view)
        return _in_time(self.client, "views.push", trigger_id=self.trigger_id, view=view)

    def _updated(self, view: View) -> str:
        self.client.api_call("views.update", json={"view_id": self.view_id, "view": view})
        return self.view_id


@dataclass(frozen=True, slots=True)
class _ShortcutSurface:
    """Where a global shortcut was run: there is nothing to answer in but modals."""

    client: WebClient
    trigger_id: str

    def replace(self, message: Message) -> None:
        """Open the message as a modal: there is nothing to replace."""
        self.open(as_modal(message))

    def show(self, message: Message) -> None:
        """Open the message as a modal."""
        self.open(as_modal(message))

    def open(self, view: View) -> None:
        """Open a modal."""
        _in_time(self.client, "views.open", trigger_id=self.trigger_id, view=view)

    def share(self, message: Message) -> None:
        """Refuse: a shortcut is run in no channel."""
        raise _no_channel()

    def follow(self) -> Follower:
        """Begin an answer in a modal."""
        view = as_modal(_WORKING)
        view_id = _in_time(self.client, "views.open", trigger_id=self.trigger_id, view=view)
        return _ModalFollower(self.client, view, view_id)


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
        self.client.api_call("views.publish", json={"user_id": self.user_id, "view": _as_home(message)})

    def show(self, message: Message) -> None:
        """Open the message as a modal."""
        self.open(as_modal(message))

    def open(self, view: View) -> None:
        """Open a modal that knows it came from here."""
        view = with_facts(view, {HOME: self.state})
        _in_time(self.client, "views.open", trigger_id=self.trigger_id, view=view)

    def share(self, message: Message) -> None:
        """Refuse: the Home tab is in no channel."""
        raise _no_channel()

    def follow(self) -> Follower:
        """Begin an answer in a modal."""
        view = with_facts(as_modal(_WORKING), {HOME: self.state})
        view_id = _in_time(self.client, "views.open", trigger_id=self.trigger_id, view=view)
        return _ModalFollower(self.client, view, view_id)


def _in_time(client: WebClient, method: str, **arguments: Any) -> str:
    """Call a method that takes a trigger id, which Slack honors for only 3 seconds; return the view's id."""
    answer = client.api_call(method, json=arguments)
    return str((answer.get("view") or {}).get("id", ""))


def _no_channel() -> InvalidInput:
    """The error for places that only the person who asks can see."""
    hint = "Type the command in a channel, and press Share there."
    return InvalidInput("There is no channel here to share this with.", hint)


def as_modal(message: Message) -> View:
    """Show a message's blocks in a modal."""
    return modal("Integrations", _for_modal(message["blocks"]))


def _for_modal(blocks: Sequence[Block]) -> list[Block]:
    """Blocks as they are shown in a modal: without what needs a channel, and without boxes."""
    drawn = []
    for block in blocks:
        if block.get("type") == "input":
            # Slack accepts an input only in a modal with a submit button, which a shown message lacks.
            continue
        if block.get("type") == "actions":
            kept = [one for one in block["elements"] if not one.get("action_id", "").endswith(SHARE)]
            block = {**block, "elements": kept}
        if block.get("type") != "actions" or block["elements"]:
            drawn.append(block)
    return drawn


def _as_home(message: Message) -> View:
    """Show a message's blocks as the Home tab."""
    return {"type": "home", "blocks": message["blocks"]}


def with_facts(view: View, facts: Mapping[str, Any]) -> View:
    """Add facts to a view's ``private_metadata``; those it has stay."""
    together = {**facts, **read_facts(view)}
    return {**view, "private_metadata": json.dumps(together)} if together else view


def read_facts(view: Mapping[str, Any]) -> dict[str, Any]:
    """Read a view's ``private_metadata``; what is not a JSON object has no facts."""
    try:
        facts = json.loads(view.get("private_metadata") or "{}")
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def inherited(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a modal on top of another must know about it: whether they came from the Home tab."""
    return {HOME: facts[HOME]} if HOME in facts else {}


def surface_of(services: Services, workspace: Workspace, user_id: str, body: Mapping[str, Any]) -> Surface:
    """Find where a command was typed, a button pressed or a shortcut run."""
    client = services.slack(workspace)
    trigger_id = str(body.get("trigger_id", ""))
    view = body.get("view") or {}
    if view.get("type") == "home":
        first: Mapping[str, Any] = next(iter(view.get("blocks") or ()), {})
        return HomeSurface(client, user_id, trigger_id, str(first.get("block_id", "")))
    if view:
        below = view.get("previous_view_id")
        has_room = not below or below == view.get("root_view_id")
        return ModalSurface(client, str(view.get("id", "")), trigger_id, read_facts(view), has_room)
    if body.get("type") == "shortcut":
        return _ShortcutSurface(client, trigger_id)
    name = str(body.get("channel_name") or (body.get("channel") or {}).get("name") or "")
    return _MessageSurface(services, client, str(body.get("response_url", "")), trigger_id, name)
