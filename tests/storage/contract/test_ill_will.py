"""What every store keeps to: a member with bad intent takes no login, right or trace of others away."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.audit import News
from bot.core.errors import NotPermitted, QuaymasterError
from bot.core.integrations.deletions import DeletionPlan, delete_integration
from bot.core.integrations.dependencies import allow_link, link_target, restore_target, unlink_target
from bot.core.integrations.edits import Sharing, edit_integration, plan_edit
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.target_renaming import rename_target
from bot.core.kinds import read_draft
from bot.core.model import Actor, Dependency, Integration, Role, Server, Target, TargetKind
from bot.core.ports import Ports
from bot.core.ports.store import Store
from bot.core.queries import HistoryQuery
from bot.core.workflows.fetch import fetch_at, fetch_linked, fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from bot.registry.kind_table import KINDS
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.samples import KEYRING, NOON, T1, Clock

OLGA, MALLORY = (Actor(T1, name, Role.MEMBER, NOON) for name in ("UOLGA", "UMALLORY"))
ADMIN = Actor(T1, "UADMIN", Role.ADMIN, NOON)
PROD = Target(TargetKind.PROJECT, "prod")
SERVER = Server("https", "registry.example.com")


class Team:
    """A store, Olga who owns a login, and Mallory who has one of the same server."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.ports = Ports(store, KEYRING, ScriptedRegistry(), clock)

    def add(
        self, who: Actor, name: str, host: str = "registry.example.com", *, closed: bool = False
    ) -> Integration:
        """Add an integration."""
        typed = {"url": host, "username": who.user_id, "password": f"of {name}"}
        draft = read_draft(KINDS["private"], name, typed)
        return add_integration(self.ports, who, draft, is_checked=False, linked_only=closed).integration

    def token(self, who: Actor, target: Target = PROD) -> str:
        """Make a token."""
        return create_token(self.ports, who, target, 90)[0].reveal()

    def fetch(self, text: str, asked: str | Server = SERVER, at: datetime = NOON) -> str:
        """The name of what a token gets, or of the error."""
        caller = identify_caller(self.ports.store, text, asked, at)
        try:
            if isinstance(asked, str):
                return fetch_named(self.ports, caller, asked).integration.name
            return fetch_at(self.ports, caller, asked).integration.name
        except QuaymasterError as error:
            return type(error).__name__

    def move(self, who: Actor, name: str) -> None:
        """Give an integration the server of the others."""
        plan = plan_edit(self.ports, who, name=name)
        typed = {"url": SERVER.host, "username": "m", "password": "of mine"}
        draft = read_draft(KINDS["private"], name, typed)
        edit_integration(self.ports, who, plan, draft, Sharing(), is_checked=False)

    def share(self, who: Actor, name: str, sharing: Sharing) -> None:
        """Edit who may fetch it, and nothing else."""
        plan = plan_edit(self.ports, who, name=name)
        typed = {"url": plan.integration.server.origin, "username": "ci"}
        draft = read_draft(KINDS["private"], name, typed, keeps_secret=True)
        edit_integration(self.ports, who, plan, draft, sharing, is_checked=False)

    def told(self, action: str) -> list[News]:
        """What waits to be told of one kind of action."""
        return [one for one in self.ports.store.read(T1).news if one.event.action == action]

    def uses(self, one: Integration) -> int:
        """How many targets a confirmation shows."""
        return self.ports.store.read(T1).dependencies.page(one.id, 0, 9).total


@pytest.fixture
def team(store: Store, clock: Clock) -> Team:
    """A team of each store."""
    return Team(store, clock)


@pytest.mark.parametrize("is_noted_first", [True, False])
def test_note_taken_back_leaves_the_use(team: Team, is_noted_first: bool) -> None:
    """Who noted what a pipeline fetches takes the note back and not the use, which goes on stopping Yes."""
    ci, text = team.add(OLGA, "ci"), team.token(ADMIN)
    steps = [lambda: link_target(team.ports, MALLORY, "ci", PROD), lambda: team.fetch(text)]
    [step() for step in (steps if is_noted_first else steps[::-1])]
    left = unlink_target(team.ports, MALLORY, ci.id, PROD)

    assert left
    assert (left.added_by, left.is_used, left.is_note) == (ADMIN.user_id, True, False)
    assert isinstance(delete_integration(team.ports, OLGA, ci.id, ci.version), DeletionPlan)
    assert team.fetch(text) == "ci"


def test_note_taken_back_while_it_is_fetched_leaves_the_use(team: Team) -> None:
    """A note that is taken back between a fetch's decision and its record does not take the use along."""
    ci, text = team.add(OLGA, "ci"), team.token(ADMIN)
    link_target(team.ports, MALLORY, "ci", PROD)
    caller = identify_caller(team.ports.store, text, "ci", NOON)
    unlink_target(team.ports, MALLORY, ci.id, PROD)
    fetch_named(team.ports, caller, "ci")

    assert team.uses(ci) == 1


def test_use_is_taken_away_by_the_owner_alone(team: Team) -> None:
    """Who made the token that fetched does not remove what others' pipelines may depend on."""
    ci, text = team.add(OLGA, "ci"), team.token(ADMIN)
    member = replace(ADMIN, role=Role.MEMBER)
    team.fetch(text)
    with pytest.raises(NotPermitted):
        unlink_target(team.ports, member, ci.id, PROD)
    unlink_target(team.ports, OLGA, ci.id, PROD)

    assert team.uses(ci) == 0


def test_granted_link_is_not_taken_back_by_who_noted_it(team: Team) -> None:
    """What the owner granted, a member does not undo: not what they noted, and not after a merge."""
    other = Target(TargetKind.PROJECT, "produktion")
    crown = team.add(OLGA, "crown", closed=True)
    own, text = team.token(OLGA), team.token(ADMIN)
    team.fetch(own)
    link_target(team.ports, OLGA, "crown", other)
    seen = rename_target(team.ports, ADMIN, other, PROD)[0].fingerprint
    rename_target(team.ports, ADMIN, other, PROD, seen)
    link_target(team.ports, MALLORY, "crown", PROD)
    with pytest.raises(NotPermitted):
        unlink_target(team.ports, MALLORY, crown.id, PROD)

    assert team.fetch(text) == "crown"


@pytest.mark.parametrize("is_use_moved", [True, False])
def test_merge_keeps_a_note_and_a_use_apart(team: Team, is_use_moved: bool) -> None:
    """Where one of two targets was noted and the other fetches, the one that they become does both."""
    other = Target(TargetKind.PROJECT, "produktion")
    used, noted = (other, PROD) if is_use_moved else (PROD, other)
    ci = team.add(OLGA, "ci")
    team.fetch(team.token(ADMIN, used))
    link_target(team.ports, MALLORY, "ci", noted)
    seen = rename_target(team.ports, ADMIN, other, PROD)[0].fingerprint
    rename_target(team.ports, ADMIN, other, PROD, seen)

    assert team.ports.store.read(T1).dependencies.page(ci.id, 0, 9).rows[0].is_note
    assert unlink_target(team.ports, MALLORY, ci.id, PROD)
    assert team.uses(ci) == 1


def test_link_swaps_no_login_of_a_closed_integrations_own_pipeline(team: Team) -> None:
    """A member's link is a note where any token of the target would get another login by it."""
    team.add(OLGA, "crown", closed=True)
    text = team.token(OLGA)
    team.fetch(text)
    team.add(MALLORY, "mine")
    done = link_target(team.ports, MALLORY, "mine", PROD, is_sure=True)

    assert (done.asks, done.dependency.granted_by) == ((OLGA.user_id,), None)
    assert team.fetch(text) == "crown"


def test_link_of_ones_own_is_not_vetoed_by_who_linked_first(team: Team) -> None:
    """Who has linked only for tokens of their own keeps no other owner from the target."""
    crown = team.add(OLGA, "crown", closed=True)
    team.add(MALLORY, "mine")
    link_target(team.ports, MALLORY, "mine", PROD)
    spy = team.token(MALLORY)
    done = link_target(team.ports, OLGA, "crown", PROD, is_sure=True)

    assert (done.asks, [one.id for one in done.tokens]) == ((), [spy[3:11]])
    assert team.fetch(team.token(OLGA)) == "crown"
    assert team.fetch(spy) == "mine"
    assert [one.to for one in team.told("dependency.link")] == [MALLORY.user_id]
    assert crown.owner == OLGA.user_id


def test_owners_own_token_follows_the_owners_link(team: Team) -> None:
    """Whoever linked the target first, an owner links what their own token then gets."""
    team.add(MALLORY, "mine")
    link_target(team.ports, MALLORY, "mine", PROD)
    team.add(OLGA, "ci")
    text = team.token(OLGA)
    done = link_target(team.ports, OLGA, "ci", PROD, is_sure=True)

    assert done.asks == ()
    assert team.fetch(text) == "ci"


def test_who_gives_a_login_up_lets_no_token_into_another(team: Team) -> None:
    """Allow by the owner of the former login alone opens the new one to no token: its owner is asked."""
    crown = team.add(OLGA, "crown", closed=True)
    team.add(MALLORY, "mine")
    link_target(team.ports, MALLORY, "mine", PROD)
    admins = team.token(ADMIN)
    team.fetch(admins)
    asked = link_target(team.ports, OLGA, "crown", PROD, is_sure=True).asks
    spy = team.token(MALLORY)
    done = allow_link(team.ports, MALLORY, crown.id, PROD)

    assert (asked, done.tokens) == ((MALLORY.user_id,), ())
    assert team.fetch(spy, "crown") == "LinkedOnly"
    assert team.fetch(admins, "crown") == "crown"
    told = [one.event.token_id for one in team.told("token.create") if one.to == OLGA.user_id]
    assert spy[3:11] in told


@pytest.mark.parametrize("is_linked", [True, False])
def test_moved_integration_takes_no_login_along_its_links(team: Team, is_linked: bool) -> None:
    """A link from before an edit of the server is a note at the new one, where it would change a login."""
    team.add(OLGA, "ci")
    text = team.token(ADMIN)
    if is_linked:
        link_target(team.ports, OLGA, "ci", PROD)
    team.fetch(text)
    team.add(MALLORY, "mine", "elsewhere.example.com")
    link_target(team.ports, MALLORY, "mine", PROD)
    team.move(MALLORY, "mine")

    assert team.fetch(text) == "ci"
    assert OLGA.user_id in [one.to for one in team.told("dependency.note")]


def test_moved_integration_brings_no_doubt_along_its_uses(team: Team) -> None:
    """What a target fetched from another server says nothing of this one, where it uses another login."""
    team.add(OLGA, "ci")
    mine = team.add(MALLORY, "mine", "elsewhere.example.com")
    text = team.token(ADMIN)
    team.fetch(text, "ci")
    team.fetch(text, "mine", NOON + timedelta(minutes=1))
    team.move(MALLORY, "mine")

    assert team.fetch(text) == "ci"
    assert team.uses(mine) == 1


def test_undo_takes_no_login_away(team: Team) -> None:
    """What is put back is a note where the target uses another login by now."""
    mine = team.add(MALLORY, "mine")
    link_target(team.ports, MALLORY, "mine", PROD)
    unlink_target(team.ports, MALLORY, mine.id, PROD)
    team.add(OLGA, "ci")
    text = team.token(ADMIN)
    team.fetch(text)
    restore_target(team.ports, MALLORY, mine.id, PROD)

    assert team.fetch(text) == "ci"
    assert OLGA.user_id in [one.to for one in team.told("dependency.note")]


def test_opening_takes_no_login_away(team: Team) -> None:
    """What a target used before it was closed to it says nothing once another login has taken its place."""
    team.add(MALLORY, "mine")
    text = team.token(ADMIN)
    before = team.fetch(text)
    team.share(MALLORY, "mine", Sharing(linked_only=True))
    team.add(OLGA, "ci")
    meanwhile = team.fetch(text)
    team.share(MALLORY, "mine", Sharing())

    assert (before, meanwhile) == ("mine", "ci")
    assert team.fetch(text) == "ci"


@pytest.mark.parametrize("is_closed", [True, False])
def test_use_of_an_unapproved_token_stops_nobody_elses(team: Team, is_closed: bool) -> None:
    """What a member's token fetched by its creator's right alone leaves what others' tokens get as it was."""
    team.add(OLGA, "ci")
    text = team.token(ADMIN)
    team.fetch(text)
    team.add(MALLORY, "mine", closed=is_closed)
    spy = team.token(MALLORY)
    team.fetch(spy, "mine")

    assert (team.fetch(text), team.fetch(spy)) == ("ci", "mine")
    team.fetch(text, "mine")
    assert team.fetch(text) == ("ci" if is_closed else "Ambiguous")


def test_use_counts_for_the_makers_later_tokens(team: Team) -> None:
    """A member's own token goes on with what an earlier one of theirs has fetched."""
    [team.add(OLGA, name) for name in ("ci", "cd")]
    team.fetch(team.token(OLGA), "cd")

    assert team.fetch(team.token(OLGA)) == "cd"
    assert team.fetch(team.token(ADMIN)) == "Ambiguous"


def test_note_of_a_neighbour_stops_nobody(team: Team) -> None:
    """A note for another login of the server leaves what the target gets as it was."""
    for name in ("ci", "cd"):
        team.add(OLGA, name)
    text = team.token(ADMIN)
    team.fetch(text, "ci")
    link_target(team.ports, MALLORY, "cd", PROD)

    assert team.fetch(text) == "ci"


def test_file_of_all_logins_leaves_out_what_is_undecided(team: Team) -> None:
    """Two links of a member's own, of any server, cost a target that server alone; the history says so."""
    team.add(OLGA, "ci")
    link_target(team.ports, OLGA, "ci", PROD)
    text = team.token(ADMIN)
    for name in ("m1", "m2"):
        team.add(MALLORY, name, "nowhere.example.com")
        link_target(team.ports, MALLORY, name, PROD, is_sure=True)
    caller = identify_caller(team.ports.store, text, None, NOON)

    assert [one.integration.name for one in fetch_linked(team.ports, caller)] == ["ci"]
    tried = team.ports.store.read(T1).history.page(HistoryQuery()).entries
    assert ["m1" in one.event.reason for one in tried if one.event.result == "refused"] == [True]


def test_owner_and_noter_hear_which_tokens_were_let_in(team: Team) -> None:
    """Whoever allows a link to something closed, its owner and who noted it hear which tokens it opens to."""
    crown = team.add(OLGA, "crown", closed=True)
    link_target(team.ports, MALLORY, "crown", PROD)
    spy = team.token(MALLORY)
    allow_link(team.ports, ADMIN, crown.id, PROD)
    told = {one.to: one.event.detail for one in team.told("dependency.allow")}

    assert told == dict.fromkeys((OLGA.user_id, MALLORY.user_id), f"tokens {spy[3:11]}")


def test_note_of_before_leaves_its_use_too(team: Team) -> None:
    """Of a note that was fetched before Quaymaster kept by whom, the use stays as well."""
    ci = team.add(OLGA, "ci")
    with team.ports.store.change(T1) as change:
        change.put(Dependency(ci.id, PROD, MALLORY.user_id, NOON, last_used_at=NOON))
    left = unlink_target(team.ports, MALLORY, ci.id, PROD)

    assert left
    assert (left.added_by, left.added_at, left.is_note) == ("", NOON, False)
    assert team.uses(ci) == 1
