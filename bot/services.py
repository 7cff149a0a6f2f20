"""What listeners and web pages receive by name: the ports, and a few facts about this installation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from slack_sdk import WebClient

from bot.core.kinds import Kinds
from bot.core.model import Workspace
from bot.core.ports import Ports
from bot.core.ports.slack import Executor, People
from bot.core.workspace_rules import RuleBook


class Replies(Protocol):
    """Posts to the address that came with a command or a button press."""

    def post(self, response_url: str, message: Mapping[str, Any]) -> None:
        """
        Post a message.

        Args:
            response_url: Trusted only on Slack's own hooks host or the origin of ``SLACK_API_URL``. Anybody
                who has it can post, so it is never logged and never stored.
            message: ``text`` and ``blocks``, and ``replace_original`` or ``delete_original``.
        """


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a listener can use. Built once, in ``bot/run/wiring.py``."""

    ports: Ports
    kinds: Kinds
    groups: tuple[str, ...]
    """The rows of the ``Filters`` menu after ``All``, in order."""
    people: People
    executor: Executor
    replies: Replies
    slack: Callable[[Workspace], WebClient]
    base_url: str | None = None
    """Where pipelines reach this installation, without a slash at its end; ``None`` = not set."""
    admins: tuple[str, ...] = ()
    """User ids of ``QUAYMASTER_ADMINS``."""
    default_linked_only: bool = False
    """What ``Who may fetch it`` starts with: True = *Linked targets only*."""
    editors: tuple[str, ...] = ()
    """User and group ids of ``QUAYMASTER_EDITORS``; empty = every member."""
    rules: RuleBook | None = None
    """What each workspace has chosen; ``None`` = one is served, and the operator's settings apply."""

    is_secret_entered_on_page: bool = False
    """True: no form in Slack has a field for a secret."""

    def admins_of(self, workspace: Workspace) -> tuple[str, ...]:
        """Return the ids of people and groups who are admins of a workspace in addition to Slack's own."""
        return self.rules.of(workspace).admins if self.rules else self.admins

    def within(self, workspace: Workspace) -> "Services":
        """Return the same services with the rules of a workspace."""
        if self.rules is None:
            return self
        rules = self.rules.of(workspace)
        return replace(
            self,
            admins=rules.admins,
            editors=rules.editors,
            default_linked_only=rules.default_linked_only,
        )
