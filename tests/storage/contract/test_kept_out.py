"""What every store keeps to, whichever it is: a token is kept from what others were granted before it."""

from dataclasses import replace

import pytest

from bot.core.errors import LinkedOnly
from bot.core.integrations.dependencies import allow_link, link_target, restore_target, unlink_target
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.owners import give_all, plan_giving
from bot.core.kinds import read_draft
from bot.core.model import Actor, Role
from bot.core.ports import Ports
from bot.core.ports.slack import Person
from bot.core.ports.store import Store
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import approve_token, create_token, identify_caller
from bot.registry.kind_table import KINDS
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.samples import KEYRING, NOON, PROJECT, T1, Clock

ADMIN = Actor(T1, "U1", Role.ADMIN, NOON)
LENA = Actor(T1, "U2", Role.MEMBER, NOON)
MARCO = Actor(T1, "U3", Role.MEMBER, NOON)


class Office:
    """A store, a closed integration of Lena's that she linked to the project, and a token of Marco's."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.ports = Ports(store, KEYRING, ScriptedRegistry(), clock)
        typed = {"url": "closed.example.com", "username": "ci", "password": "first"}
        draft = read_draft(KINDS["private"], "closed", typed)
        kept = add_integration(self.ports, LENA, draft, is_checked=False, linked_only=True)
        self.id = kept.integration.id
        link_target(self.ports, LENA, "closed", PROJECT)
        self.text = self.token()

    def token(self, who: Actor = MARCO) -> str:
        """Make a token."""
        return create_token(self.ports, who, PROJECT, 90)[0].reveal()

    def fetch(self, text: str) -> str:
        """Fetch the closed integration."""
        caller = identify_caller(self.ports.store, text, "closed", NOON)
        return fetch_named(self.ports, caller, "closed").integration.name


@pytest.fixture
def office(store: Store, clock: Clock) -> Office:
    """An office of each store."""
    return Office(store, clock)


def test_token_is_kept_from_what_was_granted_before(office: Office) -> None:
    """The grant to its target does not count for a token that somebody without the right made afterwards."""
    with pytest.raises(LinkedOnly):
        office.fetch(office.text)

    assert office.fetch(office.token(LENA)) == "closed"


@pytest.mark.parametrize("is_link", [True, False])
def test_who_has_the_right_lets_it_in(office: Office, is_link: bool) -> None:
    """A link again, or Allow, lets each token of the target in."""
    if is_link:
        tokens = link_target(office.ports, LENA, "closed", PROJECT).tokens
    else:
        tokens = allow_link(office.ports, LENA, office.id, PROJECT).tokens

    assert [one.id for one in tokens] == [office.text[3:11]]
    assert office.fetch(office.text) == "closed"


def test_undo_keeps_out_what_was_made_in_between(office: Office) -> None:
    """What is put back was granted before: a token that was made in between gets nothing by it."""
    unlink_target(office.ports, LENA, office.id, PROJECT)
    made = office.token(replace(MARCO, at=NOON))
    restore_target(office.ports, LENA, office.id, PROJECT)

    with pytest.raises(LinkedOnly):
        office.fetch(made)


def test_undo_keeps_out_what_an_admin_took_over(office: Office) -> None:
    """A leaver's token that an admin took over and approved is not one that an admin made."""
    unlink_target(office.ports, LENA, office.id, PROJECT)
    made = office.token()
    person = Person(ADMIN.user_id, T1.team_id)
    seen = plan_giving(office.ports, ADMIN, MARCO.user_id, person).fingerprint
    give_all(office.ports, ADMIN, MARCO.user_id, person, seen)
    approve_token(office.ports, ADMIN, made[3:11])
    restore_target(office.ports, LENA, office.id, PROJECT)

    with pytest.raises(LinkedOnly):
        office.fetch(made)
