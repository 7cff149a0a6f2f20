"""What every store keeps to, whichever it is: after a leak everything that it exposes ends, in one change."""

from dataclasses import replace

import pytest

from bot.core.audit import Action
from bot.core.errors import TokenRefused
from bot.core.integrations.edits import Sharing, edit_integration, plan_edit
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.owners import give_all, give_integration, plan_giving
from bot.core.kinds import read_draft
from bot.core.model import Actor, Role
from bot.core.ports import Ports
from bot.core.ports.slack import Person
from bot.core.ports.store import Store
from bot.core.queries import HistoryQuery
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.leaks import Leak, plan_revocation, revoke_everything
from bot.core.workflows.tokens import create_token, identify_caller, revoke_token
from bot.registry.kind_table import KINDS
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.samples import ENVIRONMENT, KEYRING, NOON, PROJECT, T1, Clock

ADMIN = Actor(T1, "U1", Role.ADMIN, NOON)
LENA = Actor(T1, "U2", Role.MEMBER, NOON)
MARCO = Person("U3", T1.team_id)


class Office:
    """A store, and what people do with it; a minute passes with each thing."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.clock = clock
        self.ports = Ports(store, KEYRING, ScriptedRegistry(), clock)

    def now(self, actor: Actor) -> Actor:
        """Somebody, a minute later."""
        self.clock.move(minutes=1)
        return replace(actor, at=self.clock())

    def add(self, name: str, actor: Actor = LENA) -> None:
        """Add an integration."""
        typed = {"url": f"{name}.example.com", "username": "ci", "password": "first"}
        add_integration(
            self.ports, self.now(actor), read_draft(KINDS["private"], name, typed), is_checked=False
        )

    def give(self, name: str) -> None:
        """Give an integration of Lena's to Marco."""
        give_integration(self.ports, self.now(ADMIN), name, MARCO)

    def enter(self, name: str, actor: Actor, password: str) -> None:
        """Edit an integration's secret."""
        actor = self.now(actor)
        plan = plan_edit(self.ports, actor, name=name)
        typed = {"url": f"{name}.example.com", "username": "ci", "password": password}
        draft = read_draft(KINDS["private"], name, typed, keeps_secret=True)
        draft = replace(draft, note="seen")
        edit_integration(self.ports, actor, plan, draft, Sharing(), is_checked=False)

    def token(self, actor: Actor, target=PROJECT) -> str:
        """Make a token."""
        return create_token(self.ports, self.now(actor), target, 90)[0].reveal()

    def fetch(self, text: str, name: str) -> None:
        """Fetch as a workflow."""
        fetch_named(self.ports, identify_caller(self.ports.store, text, name, self.clock()), name)

    def exposed(self, leak: Leak, actor: Actor = ADMIN) -> tuple[int, list[str]]:
        """How many tokens would end, and what must be rotated."""
        found = plan_revocation(self.ports, self.now(actor), leak)
        return len(found.tokens), [one.name for one in found.integrations]

    def revoke(self, leak: Leak, actor: Actor = ADMIN) -> bool:
        """Revoke everything, as it is seen now."""
        actor = self.now(actor)
        return revoke_everything(
            self.ports, actor, leak, plan_revocation(self.ports, actor, leak).fingerprint
        )[1]

    def history(self) -> list[str]:
        """What happened, the newest first."""
        entries = self.ports.store.read(T1).history.page(HistoryQuery(size=100)).entries
        return [one.event.action for one in entries]


@pytest.fixture
def office(store: Store, clock: Clock) -> Office:
    """An office, empty."""
    return Office(store, clock)


def test_everything_ends_in_one_change(office):
    """Tokens end, what they fetched is named, each owner and maker is told, and the history says so."""
    office.add("hub")
    office.add("other")
    leaked, safe = office.token(ADMIN), office.token(ADMIN, ENVIRONMENT)
    office.fetch(leaked, "hub")
    office.fetch(safe, "other")
    exposed = office.exposed(Leak(target=PROJECT))
    done = office.revoke(Leak(target=PROJECT))

    assert exposed == (1, ["hub"])
    assert done
    assert office.history()[:3] == [Action.REVOKE_ALL] * 3
    assert {(one.to, one.event.name) for one in office.ports.store.read(T1).news} >= {("U2", "hub")}
    office.fetch(safe, "other")
    with pytest.raises(TokenRefused):
        office.fetch(leaked, "hub")


def test_what_a_person_has_given_away_is_named(office):
    """Who entered a secret knows it, whoever owns it by now; until its new owner has entered another one."""
    office.add("given")
    office.add("replaced")
    office.give("given")
    office.give("replaced")
    office.enter("replaced", Actor(T1, "U3", Role.MEMBER, NOON), "second")

    assert office.exposed(Leak(person="U2")) == (0, ["given"])


def test_edit_beside_the_secret_replaces_nothing(office):
    """A new owner who has changed other fields has not made the secret unknown to the former one."""
    office.add("given")
    office.give("given")
    office.enter("given", Actor(T1, "U3", Role.MEMBER, NOON), "")

    assert office.exposed(Leak(person="U2")) == (0, ["given"])


def test_token_that_somebody_has_taken_over_ends(office):
    """Who made a token knows it, whoever it belongs to by now."""
    text = office.token(LENA)
    actor = office.now(ADMIN)
    give_all(office.ports, actor, "U2", MARCO, plan_giving(office.ports, actor, "U2", MARCO).fingerprint)
    before = office.exposed(Leak(person="U2"))
    done = office.revoke(Leak(person="U2"))

    assert (before, done) == ((1, []), True)
    with pytest.raises(TokenRefused):
        office.fetch(text, "hub")


def test_members_end_nothing_that_is_somebody_elses_by_now(office):
    """Of their own a member sees what is theirs: what they gave away is for an admin to end."""
    office.add("given")
    office.token(LENA)
    actor = office.now(ADMIN)
    give_all(office.ports, actor, "U2", MARCO, plan_giving(office.ports, actor, "U2", MARCO).fingerprint)

    assert office.exposed(Leak(person="U2"), LENA) == (0, [])


def test_token_that_ended_in_between_is_shown_first(office):
    """When a token has ended since the preview, nothing is revoked: the new state is shown."""
    ended, kept = office.token(LENA), office.token(LENA, ENVIRONMENT)
    seen = plan_revocation(office.ports, office.now(ADMIN), Leak(person="U2")).fingerprint
    revoke_token(office.ports, office.now(LENA), ended[3:11])
    found, is_done = revoke_everything(office.ports, office.now(ADMIN), Leak(person="U2"), seen)

    assert not is_done
    assert [one.id for one in found.tokens] == [kept[3:11]]
