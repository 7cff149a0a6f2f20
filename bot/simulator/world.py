"""Slack's memory of the workspace: messages, open forms, Home tabs, and what was refused.

Hold ``world.lock`` to read or write it. After a write call ``changed`` or ``show``, which wakes the pages.
"""

import itertools
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.simulator.cast import BOT_USER, Cast, Json, SlackApp, try_cast
from bot.simulator.grants import Grants
from bot.simulator.inputs import TouchedBlocks
from bot.simulator.kept_blocks import BlocksRefused, normalised
from bot.simulator.uploads import File, Uploads

_Check = Callable[[str, Json], list[str]]
_Kind = Literal["message", "slackbot", "refused"]

MAX_STACK = 3
_MAX_MESSAGES = 120


@dataclass
class Message:
    """
    A message, or the red box that replaces it when Slack would refuse it.

    Attributes:
        only_for: The one person who sees it, when it is ephemeral.
        details: What Slack's check found, for ``refused``.
        files: What is attached to it.
        thread_ts: The message that it answers, if any.
        warning: Shown below it when the app did not answer a press.
        revision: The world's version at its last change.
    """

    ts: str
    channel: str
    author: str
    text: str
    surface: TouchedBlocks
    only_for: str | None = None
    kind: _Kind = "message"
    details: list[str] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    thread_ts: str = ""
    warning: str = ""
    edited: bool = False
    revision: int = 0


@dataclass
class View:
    """
    An open form or a Home tab.

    Attributes:
        body: The view as the app sent it, without its blocks.
        errors: The red text below each input, by block_id.
    """

    id: str
    owner: str
    body: Json
    surface: TouchedBlocks
    hash: str
    root_id: str
    previous_id: str | None = None
    errors: dict[str, str] = field(default_factory=dict)
    warning: str = ""
    revision: int = 0


@dataclass(frozen=True)
class _Note:
    """A notice above the page, about a form or Home tab that Slack would refuse or about a shortcut."""

    id: str
    person: str
    title: str
    details: list[str]


class World:
    """
    Everything that the workspace remembers; lost when the program ends.

    Args:
        check: Returns what Slack would refuse in a "message", "modal" or "home" payload.
        clock: Unix time in seconds.
        app: What the app's manifest says.
        cast: The workspace and its people; by default those of the try page.

    Attributes:
        base_url: Where Slack's addresses are served; response URLs and upload URLs start with it.
    """

    def __init__(
        self,
        check: _Check,
        clock: Callable[[], float] = time.time,
        *,
        app: SlackApp | None = None,
        cast: Cast | None = None,
    ) -> None:
        self.app = app or SlackApp()
        self.cast = cast or try_cast()
        self.check = check
        self.clock = clock
        self.base_url = "http://127.0.0.1:3000"
        self.uploads = Uploads()
        self.grants = Grants(clock, self.cast.team_id)
        self.lock = threading.Condition()
        self.version = 1
        self.open = True
        self.messages: list[Message] = []
        self.stacks: defaultdict[str, list[View]] = defaultdict(list)
        self.homes: dict[str, View] = {}
        self.notes: list[_Note] = []
        self._count = itertools.count(1)

    def changed(self) -> int:
        """Wake every waiting page; return the new version."""
        self.version += 1
        self.lock.notify_all()
        return self.version

    def show(self, shown: Message | View) -> None:
        """Show a message or view as it is now to everybody who can see it."""
        shown.revision = self.changed()

    def next_ts(self) -> str:
        """Return a message timestamp that no other message has."""
        return f"{int(self.clock())}.{next(self._count):06d}"

    def post(self, channel: str, author: str, text: str, blocks: Any, **shown: Any) -> Message:
        """Add a message; ``shown`` are further attributes of it, such as ``only_for``."""
        surface = TouchedBlocks(normalised(blocks or []))
        message = Message(self.next_ts(), channel, author, text, surface, **shown)
        self.messages = [*self.messages, message][-_MAX_MESSAGES:]
        self.show(message)
        return message

    def rewrite(self, message: Message, text: str, blocks: Any) -> None:
        """Replace the content of a message."""
        message.surface.replace(normalised(blocks or []))
        message.text = text
        message.warning = ""
        message.edited = message.only_for is None
        self.show(message)

    def remove(self, message: Message) -> None:
        """Delete a message."""
        self.messages.remove(message)
        self.changed()

    def message(self, ts: str, viewer: str) -> Message:
        """
        Return a message as one person sees it.

        Raises:
            BlocksRefused: It does not exist, or not for this person.
        """
        for message in self.messages:
            if message.ts == ts and message.only_for in (None, viewer):
                return message
        raise BlocksRefused("message_not_found")

    def view(self, view_id: str) -> View:
        """
        Return an open form or a Home tab.

        Raises:
            BlocksRefused: It was closed, or never opened.
        """
        for view in itertools.chain(*self.stacks.values(), self.homes.values()):
            if view_id and view_id in (view.id, view.body.get("external_id")):
                return view
        raise BlocksRefused("not_found")

    def present(self, view: View) -> View:
        """Return a view as it is now, or the one given if it was closed in the meantime."""
        try:
            return self.view(view.id)
        except BlocksRefused:
            return view

    def put_view(self, owner: str, body: Json, stack: list[View], channel: str = "") -> View:
        """Show a new view on top of a stack; ``channel`` is what the person looked at before."""
        view = self._new_view(owner, body, stack)
        for block, element in view.surface.fields():
            if channel and element.get("default_to_current_conversation"):
                view.surface.given[block["block_id"], element["action_id"]] = channel
        stack.append(view)
        self.show(view)
        return view

    def put_home(self, owner: str, body: Json) -> View:
        """Show somebody's Home tab for the first time."""
        self.homes[owner] = view = self._new_view(owner, body, [])
        self.show(view)
        return view

    def rewrite_view(self, view: View, body: Json) -> None:
        """Replace the content of a view; fields with the same block_id and action_id keep what was typed."""
        view.surface.replace(normalised(body.get("blocks")))
        view.body = {key: value for key, value in body.items() if key != "blocks"}
        view.hash = self._new_hash()
        view.errors, view.warning = {}, ""
        self.show(view)

    def accept(
        self, where: str, payload: Json, *, person: str, channel: str | None = None, source: str
    ) -> None:
        """
        Hold a payload against Slack's limits.

        Raises:
            BlocksRefused: Slack would not take it; the page shows why.
        """
        problems = self.check(where, payload)
        if problems:
            self.refuse(f"Slack would refuse this {where} ({source}).", problems, person, channel)
            raise BlocksRefused("invalid_blocks", problems)

    def refuse(self, title: str, details: list[str], person: str, channel: str | None = None) -> None:
        """Show a person, in a channel or above their forms, what Slack would refuse."""
        if channel is not None:
            only_for = person or None
            self.post(channel, BOT_USER.id, title, [], kind="refused", details=details, only_for=only_for)
            return
        self.note(title, details, person)

    def note(self, title: str, details: list[str], person: str) -> None:
        """Show a person a notice that belongs to no message and no form."""
        self.notes.append(_Note(secrets.token_hex(4), person, title, details))
        self.changed()

    def _new_hash(self) -> str:
        return f"{int(self.clock())}.{secrets.token_urlsafe(6)}"

    def _new_view(self, owner: str, body: Json, stack: list[View]) -> View:
        shown = {key: value for key, value in body.items() if key != "blocks"}
        surface = TouchedBlocks(normalised(body.get("blocks")))
        view_id = "V" + secrets.token_hex(5).upper()
        root, previous = (stack[0].id, stack[-1].id) if stack else (view_id, None)
        return View(view_id, owner, shown, surface, self._new_hash(), root, previous)
