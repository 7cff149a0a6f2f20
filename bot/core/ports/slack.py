"""What the domain asks of Slack, and of what runs after an acknowledgement."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from bot.core.model import Workspace


@dataclass(frozen=True, slots=True)
class Person:
    """What Slack says of a person."""

    user_id: str
    team_id: str
    is_admin: bool = False
    """A workspace admin or owner."""
    is_outsider: bool = False
    """Somebody without rights here: a guest, a bot, a deactivated person. Only this is asked about rights."""
    is_deleted: bool = False
    """A deactivated person, who is an outsider too."""


class People(Protocol):
    """Who the people of a workspace are."""

    def person(self, workspace: Workspace, user_id: str, *, fresh: bool) -> Person:
        """
        Say who a person is at this moment, or, unless ``fresh``, within the last 5 minutes.

        Raises:
            Busy: Slack is late or failed. A remembered answer never replaces a fresh one.
        """

    def is_in_group(
        self, workspace: Workspace, user_id: str, group_ids: Iterable[str], *, fresh: bool
    ) -> bool:
        """Return whether the person belongs to one of these user groups: in the last 5 minutes, or 10 s."""


class Executor(Protocol):
    """Runs what is slower than memory, after the acknowledgement."""

    def submit(
        self, task: Callable[[], None], *, on_full: Callable[[], None], asks_registry: bool = False
    ) -> None:
        """
        Queue a task. When the queue is full, ``on_full`` runs on a thread of its own lane instead.

        ``asks_registry``: it may wait for a registry; such tasks have a lane of their own.
        """
