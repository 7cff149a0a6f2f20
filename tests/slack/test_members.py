"""Who people are: roles read from Slack's answers, remembered, and asked once at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from slack_sdk.errors import SlackApiError

import bot.slack.members
from bot.core.errors import Busy, SettingsError
from bot.core.model import Workspace
from bot.core.ports.slack import Person
from bot.slack.members import SlackPeople

ACME = Workspace("T1")


@dataclass
class Directory:
    """The two methods of Slack's Web API that know people."""

    users: dict[str, dict] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    before: Callable[[], object] = bool

    def users_info(self, user):
        """Answer like ``users.info``."""
        self.asked.append(user)
        self.before()
        if user not in self.users:
            raise refusal("user_not_found")
        return {"ok": True, "user": self.users[user]}

    def usergroups_users_list(self, usergroup):
        """Answer like ``usergroups.users.list``."""
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
def people(directory, clock):
    """The people of that workspace."""
    return SlackPeople(lambda _: directory, clock)


ROLES = [
    ({"team_id": "T1"}, Person("U2", "T1")),
    ({"team_id": "T1", "is_admin": True}, Person("U2", "T1", is_admin=True)),
    ({"team_id": "T1", "is_owner": True}, Person("U2", "T1", is_admin=True)),
    ({"team_id": "T1", "is_primary_owner": True}, Person("U2", "T1", is_admin=True)),
    ({"team_id": "T1", "is_restricted": True}, Person("U2", "T1", is_guest=True)),
    ({"team_id": "T1", "is_ultra_restricted": True}, Person("U2", "T1", is_guest=True)),
    ({"team_id": "T1", "is_stranger": True}, Person("U2", "T1", is_guest=True)),
    ({"team_id": "T1", "is_bot": True}, Person("U2", "T1", is_bot=True)),
    ({"team_id": "T1", "deleted": True}, Person("U2", "T1", is_deleted=True)),
    ({"team_id": "T9"}, Person("U2", "T9")),
    ({"team_id": "T9", "enterprise_user": {"teams": ["T9", "T1"]}}, Person("U2", "T1")),
    ({}, Person("U2", "")),
]


@pytest.mark.parametrize(("user", "expected"), ROLES)
def test_slack_user_is_read(people, directory, user, expected):
    """Each of Slack's marks of a person is read; what is missing counts as no."""
    directory.users["U2"] = user

    assert people.person(ACME, "U2") == expected


def test_unknown_person_belongs_to_no_team(people):
    """Somebody Slack does not know in this workspace is a person of no team."""
    assert people.person(ACME, "U404") == Person("U404", "")


def test_answer_is_remembered_for_five_minutes(people, directory, clock):
    """Slack is asked once in 5 minutes."""
    people.person(ACME, "U1")
    clock.now += 299
    people.person(ACME, "U1")
    clock.now += 1
    people.person(ACME, "U1")

    assert directory.asked == ["U1", "U1"]


def test_workspaces_do_not_share_answers(people, directory):
    """The same id in another workspace is asked about again."""
    people.person(ACME, "U1")
    people.person(Workspace("T2"), "U1")

    assert directory.asked == ["U1", "U1"]


def test_one_question_in_flight(people, directory):
    """While Slack thinks, everybody who needs the same answer waits for the same question."""
    begin, answers = threading.Barrier(5), []
    directory.before = lambda: threading.Event().wait(0.2)
    askers = [
        threading.Thread(target=lambda: (begin.wait(), answers.append(people.person(ACME, "U1"))))
        for _ in range(5)
    ]
    [asker.start() for asker in askers]
    [asker.join() for asker in askers]

    assert directory.asked == ["U1"]
    assert answers == [Person("U1", "T1")] * 5


def test_late_answer_is_busy_now_and_there_next_time(people, directory, monkeypatch):
    """A Slack that is late gives ``Busy``; its answer is used by the next try."""
    monkeypatch.setattr(bot.slack.members, "PERSON_S", 0.05)
    gate = threading.Event()
    directory.before = lambda: gate.wait(5)
    with pytest.raises(Busy, match="in time; nothing was changed"):
        people.person(ACME, "U1")
    monkeypatch.setattr(bot.slack.members, "PERSON_S", 2.0)
    gate.set()

    assert people.person(ACME, "U1") == Person("U1", "T1")
    assert directory.asked == ["U1"]


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
        people.person(ACME, "U1")
    directory.before = bool

    assert people.person(ACME, "U1") == Person("U1", "T1")


def test_memory_is_bounded(people, directory, monkeypatch):
    """The oldest answer makes room when the memory is full."""
    monkeypatch.setattr(bot.slack.members, "REMEMBERED_AT_MOST", 2)
    for_all = ["U1", "U2", "U3", "U3", "U2", "U1"]
    [people.person(ACME, user_id) for user_id in for_all]

    assert directory.asked == ["U1", "U2", "U3", "U1"]


def test_group_membership(people, directory):
    """A person is in a group that lists them; a group that is gone has no members; answers are remembered."""
    assert people.is_in_group(ACME, "U1", ["S404", "S1"])
    assert not people.is_in_group(ACME, "U2", ["S404", "S1"])
    assert not people.is_in_group(ACME, "U1", [])

    assert directory.asked == ["S404", "S1"]
