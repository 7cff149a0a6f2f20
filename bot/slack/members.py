"""Who the people of a workspace are: asked of Slack, remembered for 5 minutes.

One question about one person is in flight at a time, whoever else needs the answer waits for the same one,
and an answer that comes too late for its asker is still there for the next try.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from threading import Lock
from typing import Any, Generic, TypeVar

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.core.errors import Busy, QuaymasterError, SettingsError
from bot.core.model import Workspace
from bot.core.ports.slack import Executor, Person
from bot.executor import BoundedExecutor

REMEMBERED_S = 300.0
REMEMBERED_AT_MOST = 10_000

# Slack waits 3 s for the whole acknowledgement. Before it may stand one question about the person and two
# about groups, those of the admins and those of the editors. A late answer is there for the next try.
PERSON_S = 2.0
GROUPS_S = 0.4

STRANGERS = ("user_not_found", "users_not_found", "user_not_visible")
"""Slack's ways of saying that a person does not belong to the workspace."""
LOST_TOKENS = ("account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked")

log = logging.getLogger(__name__)

Key = tuple[str, str]
Answer = TypeVar("Answer")


class SlackPeople:
    """The port ``People``, played by Slack's ``users.info`` and ``usergroups.users.list``."""

    def __init__(
        self, slack: Callable[[Workspace], WebClient], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._slack = slack
        # A lane of its own, so that a queue full of registry checks does not stop anybody from looking.
        lane = BoundedExecutor(threads=8, queue=200, name="people")
        self._persons = Memory[Person](lane, clock)
        self._groups = Memory[frozenset[str]](lane, clock)

    def person(self, workspace: Workspace, user_id: str) -> Person:
        """Ask Slack, or the memory of the last 5 minutes. Raises ``Busy`` when Slack is late."""

        def ask() -> Person:
            return ask_person(self._slack(workspace), workspace, user_id)

        return self._persons.get((workspace.key, user_id), ask, time.monotonic() + PERSON_S)

    def is_in_group(self, workspace: Workspace, user_id: str, group_ids: Iterable[str]) -> bool:
        """True when the person belongs to one of these user groups. Raises ``Busy`` when Slack is late."""
        deadline = time.monotonic() + GROUPS_S
        return any(user_id in self._members(workspace, group_id, deadline) for group_id in group_ids)

    def _members(self, workspace: Workspace, group_id: str, deadline: float) -> frozenset[str]:
        def ask() -> frozenset[str]:
            return ask_members(self._slack(workspace), group_id)

        return self._groups.get((workspace.key, group_id), ask, deadline)


class Memory(Generic[Answer]):
    """Answers by key for 5 minutes, one question in flight per key. Failures are not remembered."""

    def __init__(self, executor: Executor, clock: Callable[[], float]) -> None:
        self._executor = executor
        self._clock = clock
        self._lock = Lock()
        self._answers: dict[Key, tuple[float, Answer]] = {}
        self._in_flight: dict[Key, Future[Answer]] = {}

    def get(self, key: Key, ask: Callable[[], Answer], deadline: float) -> Answer:
        """Give the remembered answer, or ask and wait until ``deadline`` (monotonic seconds)."""
        with self._lock:
            kept = self._answers.get(key)
            if kept and self._clock() - kept[0] < REMEMBERED_S:
                return kept[1]
            question = self._in_flight.get(key)
            is_new = question is None
            if question is None:
                question = self._in_flight[key] = Future()
        if is_new:
            self._ask(key, ask, question)
        try:
            return question.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError as error:
            raise late() from error

    def _ask(self, key: Key, ask: Callable[[], Answer], question: "Future[Answer]") -> None:
        def answer() -> None:
            try:
                self._remember(key, found := ask())
                question.set_result(found)
            except Exception as error:
                log.warning("Slack did not say who somebody is", exc_info=error)
                self._forget(key)
                question.set_exception(failure(error))

        def turn_away() -> None:
            self._forget(key)
            question.set_exception(Busy())

        self._executor.submit(answer, on_full=turn_away)

    def _remember(self, key: Key, answer: Answer) -> None:
        with self._lock:
            self._answers.pop(key, None)
            self._answers[key] = (self._clock(), answer)
            self._in_flight.pop(key, None)
            if len(self._answers) > REMEMBERED_AT_MOST:
                del self._answers[next(iter(self._answers))]

    def _forget(self, key: Key) -> None:
        with self._lock:
            self._in_flight.pop(key, None)


def ask_person(slack: WebClient, workspace: Workspace, user_id: str) -> Person:
    """Ask ``users.info``. Somebody the workspace does not know is a person of no team."""
    try:
        user: Mapping[str, Any] = slack.users_info(user=user_id)["user"]
    except SlackApiError as error:
        if code_of(error) in STRANGERS:
            return Person(user_id, team_id="")
        raise
    return person_of(user, workspace, user_id)


def person_of(user: Mapping[str, Any], workspace: Workspace, user_id: str) -> Person:
    """Read Slack's user object; a field that is missing counts as no."""
    return Person(
        user_id=user_id,
        team_id=team_of(user, workspace),
        is_admin=any(user.get(key) for key in ("is_admin", "is_owner", "is_primary_owner")),
        is_guest=any(user.get(key) for key in ("is_restricted", "is_ultra_restricted", "is_stranger")),
        is_bot=bool(user.get("is_bot")) or user_id == "USLACKBOT",
        is_deleted=bool(user.get("deleted")),
    )


def team_of(user: Mapping[str, Any], workspace: Workspace) -> str:
    """Give the person's team. On Enterprise Grid one person may belong to several workspaces."""
    teams = (user.get("enterprise_user") or {}).get("teams") or ()
    return workspace.team_id if workspace.team_id in teams else str(user.get("team_id", ""))


def ask_members(slack: WebClient, group_id: str) -> frozenset[str]:
    """Ask ``usergroups.users.list``. A group that does not exist has no members."""
    try:
        return frozenset(slack.usergroups_users_list(usergroup=group_id)["users"])
    except SlackApiError as error:
        if code_of(error) in ("no_such_subteam", "subteam_not_found"):
            return frozenset()
        raise


def code_of(error: SlackApiError) -> str:
    """Give Slack's word for what went wrong, such as ``missing_scope``."""
    return str(error.response.get("error", ""))


def late() -> Busy:
    """The error for a Slack that does not answer in time."""
    return Busy("Slack did not say who you are in time; nothing was changed.", "Try again.")


def failure(error: Exception) -> QuaymasterError:
    """Put what went wrong between us and Slack into the person's words."""
    if isinstance(error, QuaymasterError):
        return error
    code = code_of(error) if isinstance(error, SlackApiError) else ""
    if isinstance(error, SlackApiError) and code == "missing_scope":
        needed = error.response.get("needed", "users:read")
        return SettingsError(
            f"Quaymaster's Slack app may not ask who you are: it lacks the scope {needed}.",
            "Ask the operator to add the scope and to reinstall the app.",
        )
    if code in LOST_TOKENS:
        return SettingsError(
            f"Slack no longer accepts Quaymaster's bot token ({code}).",
            "Ask the operator to set SLACK_BOT_TOKEN anew.",
        )
    return Busy("Slack did not say who you are; nothing was changed.", "Try again.")
