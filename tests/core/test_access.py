"""Who may do what: the table, cell by cell, and what a refusal leaves behind."""

import pytest

from bot.core.access import may, require, role_of
from bot.core.audit import Action
from bot.core.errors import NotPermitted
from bot.core.model import Role
from bot.core.ports.slack import Person
from bot.core.queries import HistoryQuery
from tests.core.actors import ACME, ADMIN, COLLEAGUE, NOBODY, OWNER, VIEWER, actor

READING = (Action.SEE, Action.TEST, Action.TAGS)
ADDING = (Action.ADD, Action.NOTE, Action.CREATE_TOKEN)
OWNING = (
    Action.EDIT,
    Action.DELETE,
    Action.LINK,
    Action.ALLOW,
    Action.UNLINK,
    Action.RESTORE,
    Action.REVOKE_TOKEN,
    Action.REVOKE_ALL,
    Action.ROTATE,
    Action.MUTE,
    Action.UNMUTE,
    Action.GIVE,
)
ADMINISTERING = (
    Action.APPROVE_TOKEN,
    Action.DECLINE_TOKEN,
    Action.RENAME_TARGET,
    Action.NOTIFY,
    Action.CONFIGURE,
    Action.GIVE_ALL,
)


PERMITTED = (*READING, *ADDING, *OWNING, *ADMINISTERING)
RECORDED = (
    Action.IMPORT,
    Action.FORGET,
    Action.BLANK,
    Action.ALLOW_REALM,
    Action.PREPARE,
    Action.MANAGE,
    Action.RETIRE,
    Action.ASK_SECRET,
    Action.ENTER_SECRET,
    Action.ROLL_BACK,
    Action.FETCH,
    Action.TYPE_SECRET,
    Action.HEALTH,
    Action.ORPHAN,
    Action.ENDS,
)
"""What the history names and no role decides: part of another action, an operator's, or a workflow's."""


def test_every_action_is_in_the_table():
    """Nothing that can be done is left out of these tests."""
    assert {*PERMITTED, *RECORDED} == set(Action)


@pytest.mark.parametrize("action", PERMITTED)
def test_nobody_may_nothing(action):
    """Guests, bots and strangers may nothing, not even with what is theirs."""
    assert not may(NOBODY, action)
    assert not may(NOBODY, action, NOBODY.user_id)


@pytest.mark.parametrize("action", PERMITTED)
def test_viewers_read(action):
    """Viewers may read, and change not even what they own."""
    assert may(VIEWER, action, VIEWER.user_id) is (action in READING)


@pytest.mark.parametrize("action", PERMITTED)
def test_members_change_what_they_own(action):
    """Members may add and link, and change only what they own."""
    assert may(OWNER, action, OWNER.user_id) is (action not in ADMINISTERING)
    assert may(COLLEAGUE, action, OWNER.user_id) is (action in (*READING, *ADDING))


@pytest.mark.parametrize("action", PERMITTED)
def test_admins_do_everything(action):
    """Admins may everything, whoever owns it."""
    assert may(ADMIN, action, OWNER.user_id)


PEOPLE = [
    (Person("U1", "T0ACME"), Role.MEMBER),
    (Person("U1", "T0ACME", is_admin=True), Role.ADMIN),
    (Person("U1", "T0ACME", is_outsider=True), Role.NOBODY),
    (Person("U1", "T0ACME", is_outsider=True, is_deleted=True), Role.NOBODY),
    (Person("U1", "T0OTHER"), Role.NOBODY),
    (Person("U1", ""), Role.NOBODY),
    (Person("U1", "T0OTHER", is_admin=True), Role.NOBODY),
    (Person("U1", "T0ACME", is_admin=True, is_outsider=True), Role.NOBODY),
    (Person("U1", "T0ACME", is_admin=True, is_outsider=True, is_deleted=True), Role.NOBODY),
]


@pytest.mark.parametrize(("person", "role"), PEOPLE)
def test_role_of_a_person(person, role):
    """What bars somebody counts before what lifts them."""
    assert role_of(person, "T0ACME", is_named_admin=False, is_editor=True) is role


@pytest.mark.parametrize(
    ("is_named_admin", "is_editor", "role"),
    [
        (False, False, Role.VIEWER),
        (False, True, Role.MEMBER),
        (True, False, Role.ADMIN),
        (True, True, Role.ADMIN),
    ],
)
def test_settings_lift_and_narrow(is_named_admin, is_editor, role):
    """A named admin is one; who is no editor only looks."""
    person = Person("U1", "T0ACME")

    assert role_of(person, "T0ACME", is_named_admin=is_named_admin, is_editor=is_editor) is role


@pytest.mark.parametrize("person", [one for one, role in PEOPLE if role is Role.NOBODY])
def test_no_setting_lifts_an_outsider(person):
    """Naming an outsider in a setting does not let them in."""
    assert role_of(person, "T0ACME", is_named_admin=True, is_editor=True) is Role.NOBODY


def test_refusal_is_recorded(store, ports, added):
    """A refused attempt is in the history."""
    with pytest.raises(NotPermitted) as refused:
        require(ports, COLLEAGUE, Action.DELETE, added)
    entry = store.read(ACME).history.page(HistoryQuery()).entries[0].event

    assert refused.value.people == (OWNER.user_id,)
    assert (entry.actor, entry.action, entry.result) == (COLLEAGUE.user_id, "integration.delete", "refused")


@pytest.mark.parametrize("action", PERMITTED)
def test_every_refusal_says_who_can_help(ports, added, action):
    """Each refusal ends with what to do, and names the admins the settings know."""
    guest = actor("U0GUEST", Role.NOBODY, admins=("U0ADMIN",))
    with pytest.raises(NotPermitted, match="Ask") as refused:
        require(ports, guest, action, added)

    assert refused.value.people == ("U0ADMIN",)
