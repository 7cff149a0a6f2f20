"""Workflow tokens, past Slack: who may, who speaks, and when a creator is reminded."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.audit import Result
from bot.core.errors import Conflict, InvalidInput, NotFound, NotPermitted, TokenRefused
from bot.core.model import Role, Source, Target, TargetKind
from bot.core.queries import HistoryQuery
from bot.core.secrets import Secret, hash_of, public_id, token_of
from bot.core.workflows.tokens import (
    create_token,
    due_reminders,
    identify_caller,
    keep_reminder,
    list_tokens,
    read_days,
    revoke_token,
)
from tests.core.actors import ACME, ADMIN, COLLEAGUE, NOBODY, OTHER, OWNER, STRANGER, VIEWER
from tests.fakes.clock import MORNING
from tests.fakes.lookups import tokens_in

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
WEB_SHOP = Target(TargetKind.PROJECT, "web-shop")


@pytest.fixture
def make(ports):
    """Make a token of an owner; gives its text and what is kept."""

    def act(days=90, who=OWNER, target=WEB_SHOP):
        text, token = create_token(ports, who, target, days)
        return text.reveal(), token

    return act


@pytest.fixture
def remind(store):
    """Say who is due at a moment, and note that they were reminded."""

    def act(at):
        due = due_reminders(store, at)
        [keep_reminder(store, workspace, token, at) for workspace, token in due]
        return [token.id for _, token in due]

    return act


def test_only_the_hash_is_kept(store, make):
    """What is kept of a token is its id and its hash."""
    text, token = make()

    assert tokens_in(store, ACME) == (token,)
    assert (token.id, token.sha256) == (text[3:11], hash_of(Secret(text)))
    assert text not in repr(token)


@pytest.mark.parametrize(("text", "days"), [("", 90), ("1", 1), ("365", 365), ("030", 30)])
def test_days_are_read(text, days):
    """Empty means 90; otherwise 1 to 365."""
    assert read_days(text) == days


@pytest.mark.parametrize("text", ["0", "366", "abc", "-1", "1.0", " 1", "²", "٣", "9" * 5000])
def test_other_days_are_refused(text):
    """What is no such number raises, with an example."""
    with pytest.raises(InvalidInput, match="Example: /integrations token create"):
        read_days(text)


@pytest.mark.parametrize("who", [NOBODY, VIEWER])
def test_whoever_may_not_add_makes_no_token(store, make, who):
    """Neither outsiders nor viewers make tokens; the attempt is recorded."""
    with pytest.raises(NotPermitted):
        make(who=who)

    assert tokens_in(store, ACME) == ()
    assert store.read(ACME).history.page(HistoryQuery()).entries[0].event.result is Result.REFUSED


def test_outsider_sees_no_list(ports):
    """An outsider learns of no token."""
    with pytest.raises(NotPermitted):
        list_tokens(ports, NOBODY)


@pytest.mark.parametrize("who", [COLLEAGUE, VIEWER, NOBODY, replace(OWNER, role=Role.VIEWER)])
def test_others_revoke_nothing(store, ports, make, who):
    """Others end nobody's token; who is no editor any more not even their own."""
    text, token = make()
    with pytest.raises(NotPermitted):
        revoke_token(ports, who, token.id)

    assert identify_caller(store, text, None, MORNING).token == token


@pytest.mark.parametrize("who", [OWNER, ADMIN])
def test_creator_and_admins_revoke(store, ports, make, who):
    """Its creator and any admin end a token, once and for good."""
    text, token = make()
    first = revoke_token(ports, who, token.id)
    again = revoke_token(ports, replace(who, at=MORNING + HOUR), token.id)

    assert first == again == replace(token, revoked_at=MORNING)
    assert [one.event.action for one in store.read(ACME).history.page(HistoryQuery()).entries] == [
        "token.revoke",
        "token.create",
    ]
    with pytest.raises(TokenRefused):
        identify_caller(store, text, None, MORNING)


@pytest.mark.parametrize("token_id", ["", "nobodys1", "x" * 5000, "../../x"])
def test_unknown_id_is_not_found(ports, make, token_id):
    """An id of no token is told as such."""
    make()
    with pytest.raises(NotFound):
        revoke_token(ports, ADMIN, token_id)


def test_token_of_another_workspace_is_not_found(store, ports, make):
    """An admin of one workspace ends nothing in another, and learns nothing."""
    text, token = make()
    with pytest.raises(NotFound, match="There is no token with this id"):
        revoke_token(ports, STRANGER, token.id)

    assert identify_caller(store, text, None, MORNING).workspace == ACME
    assert store.read(OTHER).history.page(HistoryQuery()).entries == ()


def test_caller_is_whom_the_token_speaks_for(store, make):
    """A token says which workspace and target are speaking, and acts as a viewer under its id."""
    text, token = make()
    caller = identify_caller(store, text, None, MORNING + HOUR)

    assert (caller.workspace, caller.token.target) == (ACME, WEB_SHOP)
    assert caller.actor.user_id == f"token {token.id}"
    assert (caller.actor.role, caller.actor.source) == (Role.VIEWER, Source.WORKFLOW)


def test_workspaces_keep_their_callers_apart(store, make):
    """Each token speaks in the workspace it was made in."""
    mine, theirs = make()[0], make(who=STRANGER)[0]

    assert identify_caller(store, mine, None, MORNING).workspace == ACME
    assert identify_caller(store, theirs, None, MORNING).workspace == OTHER


@pytest.mark.parametrize(("at", "is_valid"), [(90 * DAY - timedelta(seconds=1), True), (90 * DAY, False)])
def test_token_ends_to_the_second(make, at, is_valid):
    """At the end of its last day it is over."""
    assert make()[1].is_valid(MORNING + at) == is_valid


REFUSED = {
    "expired": lambda text, _: (text, MORNING + 90 * DAY),
    "mistyped": lambda text, _: (text[:-1] + ("0" if text[-1] != "0" else "1"), MORNING),
    "cut": lambda text, _: (text[:-1], MORNING),
    "empty": lambda *_: ("", MORNING),
    "the id alone": lambda text, _: (text[3:11], MORNING),
    "the hash": lambda _, token: (token.sha256, MORNING),
    "with Bearer": lambda text, _: (f"Bearer {text}", MORNING),
}


@pytest.mark.parametrize("spoil", REFUSED.values(), ids=list(REFUSED))
def test_refusals_are_all_the_same(store, make, spoil):
    """Whatever is wrong with a token, the answer is word for word the same."""
    text, at = spoil(*make())
    with pytest.raises(TokenRefused) as refused:
        identify_caller(store, text, None, at)

    assert str(refused.value) == str(TokenRefused())


def test_forged_token_with_a_known_id_is_refused(store, make):
    """Knowing a public id, which lists show, does not help to make a token."""
    _, token = make()
    forged = token_of(token.id + "0" * 22)

    assert public_id(forged.reveal()) == token.id
    assert hash_of(forged) != token.sha256
    with pytest.raises(TokenRefused):
        identify_caller(store, forged.reveal(), None, MORNING)


def test_creator_is_reminded_twice(make, remind):
    """Once 7 days and once 1 day before the end, however often it is looked for."""
    _, token = make()
    end = token.expires_at
    moments = [end - 8 * DAY, end - 7 * DAY + HOUR, end - 6 * DAY, end - DAY, end - HOUR, end, end + DAY]

    assert [remind(at) for at in moments] == [[], [token.id], [], [token.id], [], [], []]


def test_one_reminder_after_a_long_outage(make, remind):
    """Who could not be reminded for a week is told once, not twice at once."""
    _, token = make()

    assert remind(token.expires_at - HOUR) == [token.id]
    assert remind(token.expires_at - HOUR) == []


@pytest.mark.parametrize(("days", "count"), [(1, 0), (2, 1), (7, 1), (8, 2)])
def test_short_lived_token_is_not_reminded_of_at_once(make, remind, days, count):
    """A reminder whose moment had passed when the token was made is none."""
    make(days)
    found = [remind(MORNING + hour * HOUR) for hour in range(days * 24)]

    assert found[0] == []
    assert sum(map(len, found)) == count


def test_revoked_token_is_not_reminded_of(ports, make, remind):
    """What is over by will needs no successor."""
    _, token = make()
    revoke_token(ports, OWNER, token.id)

    assert remind(token.expires_at - HOUR) == []


def test_reminder_of_a_token_that_is_gone_is_no_error(store, make):
    """A token that was dropped in the meantime is not brought back by noting its reminder."""
    _, token = make()
    keep_reminder(store, OTHER, token, MORNING)

    assert tokens_in(store, OTHER) == ()


def test_same_request_makes_one_token(ports):
    """A command that arrives twice makes one token, and says which."""
    asking = replace(OWNER, request_id="trigger-1")
    _, token = create_token(ports, asking, WEB_SHOP, 90)

    with pytest.raises(Conflict, match=f"already created token {token.id}"):
        create_token(ports, asking, WEB_SHOP, 90)
    assert len(tokens_in(ports.store, ACME)) == 1
