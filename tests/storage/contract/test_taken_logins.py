"""Every store: nobody gives others' targets another login by a default, a host, Undo or a gift."""

import pytest

from bot.core.errors import InvalidFields, NotPermitted
from bot.core.integrations.dependencies import link_target, restore_target, unlink_target
from bot.core.integrations.edits import Sharing, edit_integration, make_default, plan_edit
from bot.core.integrations.owners import give_integration
from bot.core.kinds import read_draft
from bot.core.model import Actor, Dependency, Target, TargetKind
from bot.core.ports.slack import Person
from bot.core.ports.store import Store
from bot.core.secrets import public_id
from bot.registry.kind_table import KINDS
from tests.storage.contract.test_ill_will import ADMIN, MALLORY, OLGA, PROD, SERVER, Team
from tests.storage.samples import NOON, T1, Clock

HTTP = "http://registry.example.com"


@pytest.fixture
def team(store: Store, clock: Clock) -> Team:
    """A team of each store."""
    return Team(store, clock)


def edit(team: Team, who: Actor, name: str, sharing: Sharing) -> None:
    """Save the edit form with other ticks."""
    plan = plan_edit(team.ports, who, name=name)
    typed = {"url": SERVER.host, "username": who.user_id, "password": f"of {name}"}
    draft = read_draft(KINDS["private"], name, typed)
    edit_integration(team.ports, who, plan, draft, sharing, is_checked=False)


def test_closed_default_is_not_opened_over_what_others_use(team: Team) -> None:
    """A default that nobody could fetch takes over no target once all workflows may fetch it."""
    team.add(MALLORY, "mine", closed=True)
    edit(team, MALLORY, "mine", Sharing(is_default=True, linked_only=True))
    team.add(OLGA, "ci")
    text = team.token(ADMIN)
    assert team.fetch(text) == "ci"
    with pytest.raises(InvalidFields, match="“ci”"):
        edit(team, MALLORY, "mine", Sharing(is_default=True))

    assert team.fetch(text) == "ci"


def test_default_asks_for_every_target_however_many_are_linked(team: Team) -> None:
    """One target that nobody linked counts behind more than a thousand that were."""
    ci, text = team.add(OLGA, "ci"), team.token(ADMIN)
    with team.ports.store.change(T1) as change:
        for number in range(1001):
            target = Target(TargetKind.PROJECT, f"a{number:04}")
            change.put(Dependency(ci.id, target, OLGA.user_id, NOON, granted_by=OLGA.user_id))
    team.fetch(text)
    mine = team.add(MALLORY, "mine")
    with pytest.raises(InvalidFields, match="“ci”"):
        make_default(team.ports, MALLORY, mine.id)

    assert team.fetch(text) == "ci"


@pytest.mark.parametrize("is_linked", [True, False])
def test_host_with_tls_is_not_added_over_what_others_use_at_port_80(team: Team, is_linked: bool) -> None:
    """Docker names both by the host alone, so the one with TLS would answer for the other's targets."""
    team.add(OLGA, "ci", HTTP)
    text = team.token(ADMIN)
    if is_linked:
        link_target(team.ports, OLGA, "ci", PROD)
    team.fetch(text)
    with pytest.raises(InvalidFields, match="“ci”"):
        team.add(MALLORY, "mine")

    assert team.fetch(text) == "ci"
    assert team.add(ADMIN, "admins")


def test_host_with_tls_is_not_moved_over_what_others_use_at_port_80(team: Team) -> None:
    """An edit is asked what an addition is; where nothing depends on the other, both may stand."""
    ci = team.add(OLGA, "ci", HTTP)
    team.add(MALLORY, "mine", "elsewhere.example.com")
    text = team.token(ADMIN)
    team.fetch(text)
    with pytest.raises(InvalidFields, match="“ci”"):
        team.move(MALLORY, "mine")
    assert team.fetch(text) == "ci"

    unlink_target(team.ports, OLGA, ci.id, PROD)
    team.move(MALLORY, "mine")


def test_undo_of_a_default_takes_no_login_away(team: Team) -> None:
    """A default that a target was kept from does not come back over what the target gets since."""
    mine = team.add(MALLORY, "mine")
    make_default(team.ports, MALLORY, mine.id)
    team.add(OLGA, "ci")
    text = team.token(ADMIN)
    assert team.fetch(text) == "mine"
    unlink_target(team.ports, MALLORY, mine.id, PROD)
    assert team.fetch(text) == "ci"
    with pytest.raises(NotPermitted, match="“ci”"):
        restore_target(team.ports, MALLORY, mine.id, PROD)

    assert team.fetch(text) == "ci"
    assert restore_target(team.ports, ADMIN, mine.id, PROD)


def test_gift_gives_the_new_owners_tokens_no_other_login(team: Team) -> None:
    """Who is given an integration unasked goes on getting the login that their tokens get now."""
    mine = team.add(MALLORY, "mine")
    make_default(team.ports, MALLORY, mine.id)
    team.add(OLGA, "ci")
    text = team.token(OLGA)
    assert team.fetch(text) == "ci"
    olga = Person(OLGA.user_id, T1.team_id)
    with pytest.raises(NotPermitted, match="“ci”"):
        give_integration(team.ports, MALLORY, "mine", olga)
    assert team.fetch(text) == "ci"

    other = team.add(MALLORY, "other", "elsewhere.example.com")
    assert give_integration(team.ports, MALLORY, other.name, olga).owner == OLGA.user_id
    assert give_integration(team.ports, ADMIN, "mine", olga)


def test_owner_hears_which_unapproved_tokens_a_link_lets_in(team: Team) -> None:
    """A link of something open names the tokens that only it lets in."""
    team.add(OLGA, "ci")
    text = team.token(MALLORY)
    linked = link_target(team.ports, OLGA, "ci", PROD)

    assert [one.id for one in linked.tokens] == [public_id(text)]
