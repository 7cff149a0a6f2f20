"""Who the people of a workspace are, asked of Slack and remembered, and how often they may ask us.

What changes, creates or reveals something asks at that moment (``bot/core/access.py`` says what does). Slack
lets an app ask only 20 times a minute for the members of groups, so even then a group's members may be those
of 10 seconds ago.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from threading import BoundedSemaphore, Lock
from typing import Any, Generic, TypeVar

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.core.access import role_of
from bot.core.errors import Busy, QuaymasterError, SettingsError, TooOften
from bot.core.model import Actor, Workspace
from bot.core.ports.slack import Executor, Person
from bot.core.token_bucket import Buckets
from bot.services import Services
from bot.slack.slack_errors import code_of, explained_refusal, why_unreachable

_REMEMBERED_S = 300.0
_GROUPS_OF_THIS_MOMENT_S = 10.0

# Slack waits 3 s for the whole acknowledgement. Before it may stand one question about the person and two
# about groups, those of the admins and those of the editors.
_PERSON_S = 2.0
_GROUPS_S = 0.4

_STRANGERS = ("user_not_found", "users_not_found", "user_not_visible")
"""Slack's ways of saying that a person does not belong to the workspace."""
_OUTSIDERS = ("is_restricted", "is_ultra_restricted", "is_stranger", "is_bot", "deleted")
"""The fields of somebody who is a guest, of another workspace, a bot or deactivated."""
_SHARED_S = 1.0
"""A request for an answer of this moment shares a question that is at most so old."""
_ABANDONED_S = 3.0
"""A question that could not begin for so long has nobody waiting for it any more."""
_Answer = TypeVar("_Answer")
log = logging.getLogger(__name__)
PEOPLE_AT_ONCE = 10
"""So many people may use up their minute at the same time."""


def find_actor(
    services: Services, workspace: Workspace, user_id: str, *, fresh: bool, request_id: str = ""
) -> Actor:
    """
    Find out who is acting, in which role.

    Args:
        services: The services.
        workspace: Where.
        user_id: Who.
        fresh: True = at this moment; False = within the last 5 minutes.
        request_id: What the same request has when it comes twice.

    Raises:
        Busy: Slack did not say in time.
    """
    rules = services if services.rules is None else services.rules.of(workspace, fresh=fresh)
    person = services.people.person(workspace, user_id, fresh=fresh)

    def is_among(ids: tuple[str, ...]) -> bool:
        groups = [one for one in ids if one.startswith("S")]
        return user_id in ids or (
            bool(groups) and services.people.is_in_group(workspace, user_id, groups, fresh=fresh)
        )

    people = tuple([admin for admin in rules.admins if admin[:1] in "UW"])
    role = role_of(
        person,
        workspace.team_id,
        is_named_admin=is_among(rules.admins),
        is_editor=not rules.editors or is_among(rules.editors),
    )
    return Actor(workspace, user_id, role, services.ports.now(), request_id=request_id, admins=people)


def actor_finder(services: Services) -> Callable[[Workspace, str], Actor]:
    """Return what finds out who somebody of a workspace is at this moment, for the page for secrets."""
    return partial(find_actor, services, fresh=True)


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
        most_waiting: int = 60,
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
            (workspace, user_id),
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
            return _ask_members(self._slack(workspace), workspace, group_id)

        return self._groups.get((workspace, group_id), ask, max_age_s=max_age_s, deadline=deadline)


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
        is_outsider=user_id == "USLACKBOT" or any(user.get(key) for key in _OUTSIDERS),
        is_deleted=bool(user.get("deleted")),
    )


def _team_of(user: Mapping[str, Any], workspace: Workspace) -> str:
    """Return the person's team. On Enterprise Grid one person may belong to several workspaces."""
    teams = (user.get("enterprise_user") or {}).get("teams") or ()
    return workspace.team_id if workspace.team_id in teams else str(user.get("team_id", ""))


def _ask_members(slack: WebClient, workspace: Workspace, group_id: str) -> frozenset[str]:
    """Ask ``usergroups.users.list``. A group that does not exist has no members."""
    try:
        # An organization's token does not say which of its workspaces is meant; for any other it is harmless.
        found = slack.usergroups_users_list(usergroup=group_id, team_id=workspace.team_id)
        return frozenset(found["users"])
    except SlackApiError as error:
        if code_of(error) in ("no_such_subteam", "subteam_not_found"):
            return frozenset()
        raise


class Patience:
    """How many requests may wait for Slack at once: the others need threads too."""

    def __init__(self, most_waiting: int = 60) -> None:
        self._places = BoundedSemaphore(most_waiting)

    def wait(self, question: "Future[_Answer]", deadline: float) -> _Answer:
        """Wait until ``deadline`` (monotonic seconds). Raises ``Busy``."""
        if not self._places.acquire(blocking=False):
            raise _late()
        try:
            return question.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError as error:
            raise _late() from error
        finally:
            self._places.release()


class Questions(Generic[_Answer]):
    """
    Answers that several requests need: asked once at a time, remembered for a while.

    If you need an answer, you wait on your own thread, within Slack's three seconds; the question itself runs
    on a lane of its own. An answer that comes too late for the one who asked is still remembered. Failures
    are not. Safe to share between threads.
    """

    def __init__(
        self,
        lane: Executor,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
        *,
        most_remembered: int = 10_000,
    ) -> None:
        """``clock`` gives the seconds by which answers grow old."""
        self._lane = lane
        self._patience = patience
        self._clock = clock
        self._most_remembered = most_remembered
        self._lock = Lock()
        self._answers: dict[Hashable, tuple[float, _Answer]] = {}
        """By key: when it was asked for, and the answer; the oldest first."""
        self._in_flight: dict[Hashable, tuple[float, Future[_Answer]]] = {}
        """By key: when the newest question was asked (monotonic seconds), and its answer to come."""

    def get(self, key: Hashable, ask: Callable[[], _Answer], *, max_age_s: float, deadline: float) -> _Answer:
        """
        Return an answer that was asked for at most ``max_age_s`` seconds ago, or ask.

        Args:
            key: What is asked about.
            ask: Asks Slack; runs on the lane.
            max_age_s: 0 = an answer of this moment.
            deadline: In monotonic seconds.

        Raises:
            Busy: Slack is late, failed, or too many wait for it.
            SettingsError: Slack does not let this app ask.
        """
        now = time.monotonic()
        with self._lock:
            kept = self._answers.get(key)
            if kept and self._clock() - kept[0] < max_age_s:
                return kept[1]
            asked_at, question = self._in_flight.get(key, (0.0, None))
            is_new = question is None or now - asked_at > max(max_age_s, _SHARED_S)
            if question is None or is_new:
                question = Future()
                self._in_flight[key] = now, question
        if is_new:
            self._ask(key, ask, question, now)
        return self._patience.wait(question, deadline)

    def _ask(
        self, key: Hashable, ask: Callable[[], _Answer], question: "Future[_Answer]", asked_at: float
    ) -> None:
        aged_from = self._clock()

        def answer() -> None:
            try:
                if time.monotonic() - asked_at > _ABANDONED_S:
                    raise _late()
                found = ask()
            except Exception as error:
                if why := why_unreachable(error):
                    log.warning("Slack cannot be reached: %s", why)
                else:
                    log.warning("Slack did not answer a question", exc_info=error)
                self._forget(key, question)
                question.set_exception(_failure(error))
            else:
                self._remember(key, found, aged_from)
                self._forget(key, question)
                question.set_result(found)

        def turn_away() -> None:
            self._forget(key, question)
            question.set_exception(Busy())

        self._lane.submit(answer, on_full=turn_away)

    def _remember(self, key: Hashable, answer: _Answer, asked_at: float) -> None:
        with self._lock:
            known_since = self._answers.get(key, (asked_at, answer))[0]
            if asked_at < known_since:
                return  # a later question was answered sooner
            self._answers.pop(key, None)
            self._answers[key] = asked_at, answer
            if len(self._answers) > self._most_remembered:
                del self._answers[next(iter(self._answers))]

    def _forget(self, key: Hashable, question: "Future[_Answer]") -> None:
        with self._lock:
            if self._in_flight.get(key, (0.0, None))[1] is question:
                del self._in_flight[key]


def _late() -> Busy:
    return Busy("Slack did not tell Quaymaster in time who you are; nothing was changed.", "Try again.")


def _failure(error: Exception) -> QuaymasterError:
    """Name what an operator must fix; anything else may be over at the next try."""
    known = explained_refusal(error)
    if known is not None and (known is error or isinstance(known, SettingsError)):
        return known
    return Busy("Slack did not tell Quaymaster who you are; nothing was changed.", "Try again.")


class SlackRates:
    """
    How often people may ask: a script that plays a person must not keep the others from their answers.

    A person may send so many commands, presses and forms a minute (``QUAYMASTER_RATE_LIMIT``), all at once if
    they like; a workspace ten times as many. Anything more is answered with how long to wait, and not done.
    Safe to share between threads.
    """

    def __init__(
        self,
        a_minute: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        limit_of: Callable[[Workspace], int] | None = None,
    ) -> None:
        """
        Begin to count.

        Args:
            a_minute: A person's.
            clock: Gives monotonic seconds.
            limit_of: What a workspace has chosen for a person; ``None`` = ``a_minute`` for all.
        """
        self._a_minute = a_minute
        self._clock = clock
        self._limit_of = limit_of
        self._lock = threading.Lock()
        self._buckets = {a_minute: _of_size(a_minute)}
        """Those of people and those of workspaces, by what a person may send."""

    def take(self, workspace: Workspace, user_id: str) -> None:
        """Count what a person sends. Raises ``TooOften``."""
        a_minute = self._limit_of(workspace) if self._limit_of else self._a_minute
        with self._lock:
            now = self._clock()
            people, workspaces = self._of_size(a_minute)
            wait_s = people.take(f"{workspace.team_id}/{user_id}", now)
            if wait_s:
                raise TooOften(
                    f"That is more than {a_minute} commands and button presses a minute; nothing was done.",
                    wait_s,
                )
            wait_s = workspaces.take(workspace.team_id, now)
        if wait_s:
            most = a_minute * PEOPLE_AT_ONCE
            raise TooOften(
                f"This workspace sends more than {most} commands and button presses a minute; nothing was "
                "done.",
                wait_s,
            )

    def taken(self) -> Mapping[str, float]:
        """As ``Counter`` says: people and workspaces, apart by what a person may send."""
        with self._lock:
            return {
                f"{a_minute} {key}": seconds
                for a_minute, both in self._buckets.items()
                for one in both
                for key, seconds in one.taken().items()
            }

    def learn(self, debts: Mapping[str, float]) -> None:
        """As ``Counter`` says."""
        with self._lock:
            now = self._clock()
            for name, debt_s in debts.items():
                a_minute, _, key = name.partition(" ")
                people, workspaces = self._of_size(int(a_minute))
                (people if "/" in key else workspaces).learn(key, debt_s, now)

    def _of_size(self, a_minute: int) -> tuple[Buckets, Buckets]:
        return self._buckets.get(a_minute) or self._buckets.setdefault(a_minute, _of_size(a_minute))


def _of_size(a_minute: int) -> tuple[Buckets, Buckets]:
    return Buckets(a_minute), Buckets(a_minute * PEOPLE_AT_ONCE)
