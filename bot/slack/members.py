"""Who the people of a workspace are: asked of Slack, and remembered for those who only look.

What changes, creates or reveals something asks at that moment (``bot/core/access.py`` says what does). Slack
lets an app ask only 20 times a minute for the members of groups, so even then a group's members may be those
of 10 seconds ago.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.core.model import Workspace
from bot.core.ports.slack import Executor, Person
from bot.slack.questions import Patience, Questions
from bot.slack.slack_errors import code_of

_REMEMBERED_S = 300.0
_GROUPS_OF_THIS_MOMENT_S = 10.0

# Slack waits 3 s for the whole acknowledgement. Before it may stand one question about the person and two
# about groups, those of the admins and those of the editors.
_PERSON_S = 2.0
_GROUPS_S = 0.4

_STRANGERS = ("user_not_found", "users_not_found", "user_not_visible")
"""Slack's ways of saying that a person does not belong to the workspace."""


class SlackPeople:
    """The port ``People``, played by Slack's ``users.info`` and ``usergroups.users.list``."""

    def __init__(
        self,
        slack: Callable[[Workspace], WebClient],
        lane: Executor,
        clock: Callable[[], float] = time.monotonic,
        *,
        person_s: float = _PERSON_S,
        most_remembered: int = 10_000,
        most_waiting: int = 40,
    ) -> None:
        """
        Args:
            slack: The client of a workspace.
            lane: Runs the questions, and nothing else: a queue full of checks must stop nobody from looking.
            clock: The seconds by which answers grow old.
            person_s: How long a request waits for an answer about a person.
            most_remembered: Answers about people, and about groups.
            most_waiting: Requests that wait for Slack at once.
        """
        self._slack = slack
        self._person_s = person_s
        patience = Patience(most_waiting)
        self._persons = Questions[Person](lane, patience, clock, most_remembered=most_remembered)
        self._groups = Questions[frozenset[str]](lane, patience, clock, most_remembered=most_remembered)

    def person(self, workspace: Workspace, user_id: str, *, fresh: bool) -> Person:
        """Ask Slack, or the memory of the last 5 minutes. Raises ``Busy`` when Slack is late."""

        def ask() -> Person:
            return _ask_person(self._slack(workspace), workspace, user_id)

        return self._persons.get(
            f"{workspace.key} {user_id}",
            ask,
            max_age_s=0 if fresh else _REMEMBERED_S,
            deadline=time.monotonic() + self._person_s,
        )

    def is_in_group(
        self, workspace: Workspace, user_id: str, group_ids: Iterable[str], *, fresh: bool
    ) -> bool:
        """Return whether the person belongs to one of these user groups. Raises ``Busy``."""
        deadline = time.monotonic() + _GROUPS_S
        max_age_s = _GROUPS_OF_THIS_MOMENT_S if fresh else _REMEMBERED_S
        members = (self._members(workspace, group_id, max_age_s, deadline) for group_id in group_ids)
        return any(user_id in one for one in members)

    def _members(
        self, workspace: Workspace, group_id: str, max_age_s: float, deadline: float
    ) -> frozenset[str]:
        def ask() -> frozenset[str]:
            return _ask_members(self._slack(workspace), group_id)

        return self._groups.get(f"{workspace.key} {group_id}", ask, max_age_s=max_age_s, deadline=deadline)


def _ask_person(slack: WebClient, workspace: Workspace, user_id: str) -> Person:
    """Ask ``users.info``. Somebody the workspace does not know is a person of no team."""
    try:
        user: Mapping[str, Any] = slack.users_info(user=user_id)["user"]
    except SlackApiError as error:
        if code_of(error) in _STRANGERS:
            return Person(user_id, team_id="")
        raise
    # A field that is missing counts as no.
    return Person(
        user_id=user_id,
        team_id=_team_of(user, workspace),
        is_admin=any(user.get(key) for key in ("is_admin", "is_owner", "is_primary_owner")),
        is_guest=any(user.get(key) for key in ("is_restricted", "is_ultra_restricted", "is_stranger")),
        is_bot=bool(user.get("is_bot")) or user_id == "USLACKBOT",
        is_deleted=bool(user.get("deleted")),
    )


def _team_of(user: Mapping[str, Any], workspace: Workspace) -> str:
    """Return the person's team. On Enterprise Grid one person may belong to several workspaces."""
    teams = (user.get("enterprise_user") or {}).get("teams") or ()
    return workspace.team_id if workspace.team_id in teams else str(user.get("team_id", ""))


def _ask_members(slack: WebClient, group_id: str) -> frozenset[str]:
    """Ask ``usergroups.users.list``. A group that does not exist has no members."""
    try:
        return frozenset(slack.usergroups_users_list(usergroup=group_id)["users"])
    except SlackApiError as error:
        if code_of(error) in ("no_such_subteam", "subteam_not_found"):
            return frozenset()
        raise
