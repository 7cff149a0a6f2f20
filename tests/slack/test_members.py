"""Who people are: roles read from Slack's answers, remembered, and asked once at a time."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from slack_sdk.errors import SlackApiError

from bot.core.errors import Busy, SettingsError
from bot.core.model import Workspace
from bot.core.ports.slack import Person
from bot.executor import BoundedExecutor
from bot.slack.members import SlackPeople

ACME = Workspace("T1")


@dataclass
class Directory:
    """The two methods of Slack's Web API that know people."""

    users: dict[str, dict] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    before: Callable[[], object] = bool

    def users_info(self, user):
        """Answer like ``users.info``."""
        self.asked.append(user)
        self.before()
        self.answered.append(user)
        if user not in self.users:
            raise refusal("user_not_found")
        return {"ok": True, "user": self.users[user]}

    def usergroups_users_list(self, usergroup, team_id):
        """Answer like ``usergroups.users.list``."""
        assert team_id
        self.asked.append(usergroup)
        self.before()
        if usergroup not in self.groups:
            raise refusal("no_such_subteam")
        return {"ok": True, "users": self.groups[usergroup]}


class Seconds:
    """A clock that moves when told."""

    now = 1000.0

    def __call__(self):
        return self.now


def refusal(code, **more):
    """What slack_sdk raises when Slack answers with an error."""
    return SlackApiError("refused", {"ok": False, "error": code, **more})


def raising(error):
    """A function that raises."""

    def act():
        raise error

    return act


@pytest.fixture
def directory():
    """A workspace of one plain member and one user group."""
    return Directory(users={"U1": {"id": "U1", "team_id": "T1"}}, groups={"S1": ["U1"]})


@pytest.fixture
def clock():
    """The time."""
    return Seconds()


@pytest.fixture
def make_people(directory, clock):
    """Make the people of that workspace; named arguments are limits."""
    lane = BoundedExecutor(threads=8, name="people")
    return lambda **limits: SlackPeople(lambda _: directory, lane, clock, **limits)


@pytest.fixture
def people(make_people):
    """The people of that workspace."""
    return make_people()


ROLES = [
    ({"team_id": "T1"}, Person("U2", "T1")),
    ({"team_id": "T1", "is_admin": True}, Person("U2", "T1", is_admin=True)),
    ({"team_id": "T1", "is_owner": True}, Person("U2", "T1", is_admin=True)),
    ({"team_id": "T1", "is_primary_owner": True}, Person("U2", "T1", is_admin=True)),
    ({"team_id": "T1", "is_restricted": True}, Person("U2", "T1", is_outsider=True)),
    ({"team_id": "T1", "is_ultra_restricted": True}, Person("U2", "T1", is_outsider=True)),
    ({"team_id": "T1", "is_stranger": True}, Person("U2", "T1", is_outsider=True)),
    ({"team_id": "T1", "is_bot": True}, Person("U2", "T1", is_outsider=True)),
    ({"team_id": "T1", "deleted": True}, Person("U2", "T1", is_outsider=True, is_deleted=True)),
    ({"team_id": "T9"}, Person("U2", "T9")),
    ({"team_id": "T9", "enterprise_user": {"teams": ["T9", "T1"]}}, Person("U2", "T1")),
    ({}, Person("U2", "")),
]


@pytest.mark.parametrize(("user", "expected"), ROLES)
def test_slack_user_is_read(people, directory, user, expected):
    """Each of Slack's marks of a person is read; what is missing counts as no."""
    directory.users["U2"] = user

    assert people.person(ACME, "U2", fresh=False) == expected


def test_unknown_person_belongs_to_no_team(people):
    """Somebody Slack does not know in this workspace is a person of no team."""
    assert people.person(ACME, "U404", fresh=False) == Person("U404", "")


def test_answer_is_remembered_for_five_minutes(people, directory, clock):
    """Slack is asked once in 5 minutes."""
    people.person(ACME, "U1", fresh=False)
    clock.now += 299
    people.person(ACME, "U1", fresh=False)
    clock.now += 1
    people.person(ACME, "U1", fresh=False)

    assert directory.asked == ["U1", "U1"]


def test_workspaces_do_not_share_answers(people, directory):
    """The same id in another workspace is asked about again."""
    people.person(ACME, "U1", fresh=False)
    people.person(Workspace("T2"), "U1", fresh=False)

    assert directory.asked == ["U1", "U1"]


def test_fresh_answer_is_not_the_remembered_one(people, directory):
    """Who needs the role of this moment gets it, although another one is remembered."""
    people.person(ACME, "U1", fresh=False)
    directory.users["U1"] = {"team_id": "T1", "deleted": True}

    assert people.person(ACME, "U1", fresh=True).is_deleted
    assert people.person(ACME, "U1", fresh=False).is_deleted


def test_failure_is_never_a_remembered_yes(people, directory):
    """When Slack fails, what it said before does not stand in for what it would say now."""
    people.person(ACME, "U1", fresh=False)
    directory.before = raising(ConnectionResetError())

    with pytest.raises(Busy, match="nothing was changed"):
        people.person(ACME, "U1", fresh=True)


@pytest.mark.parametrize("fresh", [True, False])
def test_one_question_in_flight(people, directory, fresh):
    """While Slack thinks, everybody who needs the same answer waits for the same question."""
    begin, answers = threading.Barrier(5), []
    directory.before = lambda: threading.Event().wait(0.3)
    askers = [
        threading.Thread(
            target=lambda: (begin.wait(), answers.append(people.person(ACME, "U1", fresh=fresh)))
        )
        for _ in range(5)
    ]
    [asker.start() for asker in askers]
    [asker.join() for asker in askers]

    assert directory.asked == ["U1"]
    assert answers == [Person("U1", "T1")] * 5


def test_late_answer_is_busy_now_and_there_next_time(make_people, directory):
    """A Slack that is late gives ``Busy``; its answer is used by the next look."""
    people = make_people(person_s=0.05)
    gate = threading.Event()
    directory.before = lambda: gate.wait(5)
    with pytest.raises(Busy, match="in time who you are; nothing was changed"):
        people.person(ACME, "U1", fresh=False)
    gate.set()
    wait_until(lambda: "U1" in directory.answered)

    assert people.person(ACME, "U1", fresh=False) == Person("U1", "T1")
    assert directory.asked == ["U1"]


def test_question_that_hangs_is_not_waited_for_again(make_people, directory):
    """Who needs the role of this moment asks again when the question in flight is older than a second."""
    people = make_people(person_s=0.1)
    gate = threading.Event()
    directory.before = lambda: gate.wait(5)
    with pytest.raises(Busy):
        people.person(ACME, "U1", fresh=True)
    time.sleep(1)
    directory.before = bool
    directory.users["U1"] = {"team_id": "T1", "is_restricted": True}
    answer = people.person(ACME, "U1", fresh=True)
    gate.set()

    assert answer.is_outsider


def test_waiting_for_slack_leaves_threads_to_others(make_people, directory):
    """When as many wait for Slack as may, the next one is told at once."""
    people = make_people(most_waiting=1)
    gate, answers = threading.Event(), []
    directory.before = lambda: gate.wait(5)
    first = threading.Thread(target=lambda: answers.append(people.person(ACME, "U1", fresh=True)))
    first.start()
    wait_until(lambda: directory.asked)
    before = time.monotonic()
    with pytest.raises(Busy, match="in time"):
        people.person(ACME, "U2", fresh=True)
    took_s = time.monotonic() - before
    gate.set()
    first.join(5)

    assert took_s < 0.5
    assert answers == [Person("U1", "T1")]


def wait_until(condition, tries=200):
    """Wait for a condition, for 4 seconds at most."""
    if not condition() and tries:
        time.sleep(0.02)
        wait_until(condition, tries - 1)


FAILURES = [
    (refusal("missing_scope", needed="users:read"), SettingsError, "users:read"),
    (refusal("missing_scope"), SettingsError, "scope"),
    (refusal("invalid_auth"), SettingsError, "SLACK_BOT_TOKEN"),
    (refusal("ratelimited"), Busy, "nothing was changed"),
    (ConnectionResetError(), Busy, "nothing was changed"),
]


@pytest.mark.parametrize(("error", "kind", "words"), FAILURES)
def test_failure_is_explained_and_not_remembered(people, directory, error, kind, words):
    """A refusal of Slack becomes a sentence that says what to do, and the next try asks again."""
    directory.before = raising(error)
    with pytest.raises(kind, match=words):
        people.person(ACME, "U1", fresh=False)
    directory.before = bool

    assert people.person(ACME, "U1", fresh=False) == Person("U1", "T1")


def test_memory_is_bounded(make_people, directory):
    """The oldest answer makes room when the memory is full."""
    people = make_people(most_remembered=2)
    for_all = ["U1", "U2", "U3", "U3", "U2", "U1"]
    [people.person(ACME, user_id, fresh=False) for user_id in for_all]

    assert directory.asked == ["U1", "U2", "U3", "U1"]


def test_group_of_this_moment_is_at_most_ten_seconds_old(people, directory, clock):
    """Slack may be asked only 20 times a minute for groups, so their answers may be ten seconds old."""
    first = people.is_in_group(ACME, "U1", ["S1"], fresh=True)
    directory.groups["S1"] = []
    clock.now += 9
    second = people.is_in_group(ACME, "U1", ["S1"], fresh=True)
    clock.now += 1
    third = people.is_in_group(ACME, "U1", ["S1"], fresh=True)

    assert (first, second, third) == (True, True, False)


def test_group_membership(people, directory):
    """A person is in a group that lists them; a group that is gone has no members; answers are remembered."""
    assert people.is_in_group(ACME, "U1", ["S404", "S1"], fresh=False)
    assert not people.is_in_group(ACME, "U2", ["S404", "S1"], fresh=False)
    assert not people.is_in_group(ACME, "U1", [], fresh=False)

    assert directory.asked == ["S404", "S1"]
