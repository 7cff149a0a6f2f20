"""What every store keeps to, whichever it is: a workflow token in other hands gains nothing."""

from dataclasses import replace

import pytest

from bot.core.errors import LinkedOnly, NotApproved
from bot.core.integrations.dependencies import link_target
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.owners import give_all, plan_giving
from bot.core.kinds import read_draft
from bot.core.model import Actor, Role, WorkflowToken
from bot.core.ports import Ports
from bot.core.ports.slack import Person
from bot.core.ports.store import Store
from bot.core.workflows.fetch import fetch_named, list_offers
from bot.core.workflows.tokens import approve_token, create_token, identify_caller, review_token
from bot.registry.kind_table import KINDS
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.samples import KEYRING, NOON, PROJECT, T1, Clock

ADMIN = Actor(T1, "U1", Role.ADMIN, NOON)
LENA = Actor(T1, "U2", Role.MEMBER, NOON)
MARCO = Actor(T1, "U3", Role.MEMBER, NOON)


class Office:
    """A store, what people own, and a token of Lena's."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.registry = ScriptedRegistry()
        self.ports = Ports(store, KEYRING, self.registry, clock)
        self.text = create_token(self.ports, LENA, PROJECT, 90)[0].reveal()
        self.add("lenas", LENA)
        self.add("closed", MARCO, linked_only=True)
        self.add("open", MARCO)

    def add(self, name: str, owner: Actor, *, linked_only: bool = False) -> None:
        """Add an integration."""
        typed = {"url": f"{name}.example.com", "username": "ci", "password": "first"}
        draft = read_draft(KINDS["private"], name, typed)
        add_integration(self.ports, owner, draft, is_checked=False, linked_only=linked_only)

    def token(self) -> WorkflowToken:
        """The token as it is kept."""
        found = self.ports.store.read(T1).tokens.get(self.text[3:11])
        assert found is not None
        return found

    def fetch(self, name: str) -> str:
        """Fetch with the text that Lena has."""
        caller = identify_caller(self.ports.store, self.text, name, NOON)
        return fetch_named(self.ports, caller, name).integration.name

    def offered(self) -> list[str]:
        """What the token may fetch, by name."""
        caller = identify_caller(self.ports.store, self.text, None, NOON)
        return [one.integration.name for one in list_offers(self.ports, caller).offers]

    def give(self, former: Actor, to: Actor) -> None:
        """Give all of somebody to somebody."""
        person = Person(to.user_id, T1.team_id)
        seen = plan_giving(self.ports, ADMIN, former.user_id, person).fingerprint
        assert give_all(self.ports, ADMIN, former.user_id, person, seen)[1]


@pytest.fixture
def office(store: Store, clock: Clock) -> Office:
    """Lena's token, taken over by Marco."""
    made = Office(store, clock)
    made.give(LENA, MARCO)
    return made


def test_copied_text_reaches_nothing_of_the_new_owners(office: Office) -> None:
    """Neither what is closed nor what is open opens to a copied text because its token changed hands."""
    with pytest.raises(LinkedOnly):
        office.fetch("closed")
    with pytest.raises(NotApproved):
        office.fetch("open")

    assert office.offered() == []
    assert (office.token().created_by, office.token().taken_over_from) == ("U3", "U2")


def test_approved_token_goes_on_with_what_is_open(office: Office) -> None:
    """Once approved, it reaches what is open to all workflows, and what is closed not."""
    approve_token(office.ports, ADMIN, office.text[3:11])

    assert office.offered() == ["lenas", "open"]
    with pytest.raises(LinkedOnly):
        office.fetch("closed")


def test_link_by_the_owner_lets_it_in(office: Office) -> None:
    """What its new owner links to its target it reaches."""
    link_target(office.ports, MARCO, "closed", PROJECT)

    assert office.fetch("closed") == "closed"


def test_second_hand_over_remembers_who_made_it(office: Office) -> None:
    """However often it changes hands, it is of the person who made it, whose own it is again in the end."""
    office.give(MARCO, ADMIN)
    passed_on = office.token().taken_over_from
    office.give(ADMIN, LENA)

    assert passed_on == "U2"
    assert office.token().taken_over_from is None
    assert office.fetch("lenas") == "lenas"


def test_admin_who_takes_it_over_has_approved_nothing(office: Office) -> None:
    """A member's token that waits for a decision waits in an admin's hands too."""
    office.give(MARCO, ADMIN)
    person = replace(Person("U1", T1.team_id), is_admin=True)
    review_token(office.ports, T1, office.token(), person, ("U1",))

    assert office.token().approved_by is None


def test_what_it_loses_is_known_before(store: Store, clock: Clock) -> None:
    """The plan names what the target fetched by its maker's right alone."""
    office = Office(store, clock)
    office.fetch("lenas")
    plan = plan_giving(office.ports, ADMIN, "U2", Person("U3", T1.team_id))

    assert {key: [one.name for one in lost] for key, lost in plan.losses.items()} == {
        office.text[3:11]: ["lenas"]
    }


@pytest.mark.parametrize("fetched_before", [0, 1])
def test_token_given_while_its_login_is_got_gets_nothing(
    store: Store, clock: Clock, fetched_before: int
) -> None:
    """A fetch that its maker's right decided is not answered once the token is somebody else's."""
    office = Office(store, clock)
    [office.fetch("lenas") for _ in range(fetched_before)]
    office.registry.meanwhile = lambda: office.give(LENA, MARCO)
    with pytest.raises(NotApproved):
        office.fetch("lenas")

    used = store.read(T1).dependencies.of_target(PROJECT)
    assert len(used) == fetched_before


def test_token_approved_while_its_login_is_got_is_answered(office: Office) -> None:
    """A token that an admin decides on at that moment gets what it may have by then."""
    link_target(office.ports, MARCO, "open", PROJECT)
    office.registry.meanwhile = lambda: approve_token(office.ports, ADMIN, office.text[3:11])

    assert office.fetch("open") == "open"
