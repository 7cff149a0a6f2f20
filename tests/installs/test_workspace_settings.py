"""``settings workspace``: what the admins of a workspace choose holds there, and nowhere else."""

from typing import Any

import pytest

from bot.core.model import Workspace
from bot.core.queries import HistoryQuery
from tests.fakes.people import ADMIN, MEMBER
from tests.fakes.slack_cloud import SlackCloud, Tenant
from tests.features.team import Team
from tests.installs.replicas import Browser, Replica


@pytest.fixture
def two(cloud: SlackCloud, replica: Replica) -> list[Tenant]:
    """Two workspaces with the app."""
    tenants = [cloud.add("T0ACME"), cloud.add("T0OTHER")]
    replica.serve(*tenants)
    [Browser(replica).install(one.team) for one in tenants]
    return tenants


def choose(tenant: Tenant, replica: Replica, name: str = "admin", **typed: Any) -> None:
    """Open the form, fill in some of it, and send it."""
    tenant.type("settings workspace", name)
    replica.settle()
    person = tenant.id_of(name)
    view = tenant.world.stacks[person][-1]
    for block, element in view.surface.fields():
        if block["block_id"] in typed:
            view.surface.given[block["block_id"], element["action_id"]] = typed[block["block_id"]]
    tenant.send(person, view)


def last(tenant: Tenant) -> str:
    """What was shown last."""
    return tenant.texts()[-1]


def may_add(tenant: Tenant, name: str) -> bool:
    """Whether somebody may make a token."""
    tenant.type("token create project web-shop", name)
    return "qm_" in last(tenant)


def test_editors_of_one_workspace(two: list[Tenant], replica: Replica) -> None:
    """Once editors are chosen, others only look, in that workspace and at once."""
    acme, other = two
    before = may_add(acme, "member")
    choose(acme, replica, editors=[acme.id_of("other")])

    assert "Saved" in last(acme)
    assert (before, may_add(acme, "member"), may_add(acme, "other")) == (True, False, True)
    assert may_add(other, "member")


def test_group_of_editors(two: list[Tenant], replica: Replica) -> None:
    """A user group can be editors too; its scope is asked for with the workspace's own token."""
    acme = two[0]
    choose(acme, replica, editors_groups="S0ACMEEDIT")

    assert (may_add(acme, "member"), may_add(acme, "other")) == (False, True)


def test_admins_of_one_workspace(two: list[Tenant], replica: Replica) -> None:
    """Who is made an admin in one workspace may configure that one."""
    acme, other = two
    choose(acme, replica, admins=[acme.id_of("member"), other.id_of("member")])
    choose(acme, replica, "member", rate_limit="12")
    other.type("settings workspace", "member")
    replica.settle()

    assert replica.wired.services.rules.of(Workspace("T0ACME"), fresh=True).rate_limit == 12
    assert "Only a workspace admin may change the workspace's settings" in last(other)


def test_limit_of_one_workspace(two: list[Tenant], replica: Replica) -> None:
    """A limit holds in the workspace that chose it."""
    acme, other = two
    choose(acme, replica, rate_limit="1")
    [one.type("help", "other") for one in (acme, other) for _ in range(2)]

    assert "more than 1 commands and button presses a minute" in last(acme)
    assert "more than" not in last(other)


def test_default_access_of_one_workspace(two: list[Tenant], replica: Replica) -> None:
    """What *Who may fetch it* starts with is the workspace's choice."""
    acme, other = two
    choose(acme, replica, access="linked")
    for one in two:
        one.type("add private")
        replica.settle()

    assert '"initial_option": {"text": {"type": "plain_text", "text": "Linked' in last(acme)
    assert '"initial_option": {"text": {"type": "plain_text", "text": "All' in last(other)


WRONG = {
    "rate_limit": (["0", "1000001", "many", "-1"], "Write a number"),
    "admins_groups": (["ops-team"], "ids of user groups"),
}


@pytest.mark.parametrize(
    ("field", "value", "said"), [(name, one, said) for name, (all_, said) in WRONG.items() for one in all_]
)
def test_wrong_value_is_told_beside_its_field(
    field: str, value: str, said: str, cloud: SlackCloud, start: Any, directory: Any
) -> None:
    """A value that cannot be used keeps the form open, with the reason beside it."""
    replica = start(directory)
    acme = cloud.add("T0ACME")
    replica.serve(acme)
    Browser(replica).install("T0ACME")
    choose(acme, replica, **{field: value})
    view = acme.world.stacks[acme.id_of("admin")][-1]

    assert said in view.errors[field]


def test_what_was_chosen_is_in_the_history(two: list[Tenant], replica: Replica) -> None:
    """The history says who changed which settings; what equals the operator's is not kept."""
    acme = two[0]
    choose(acme, replica, rate_limit="7")
    choose(acme, replica, rate_limit="7")
    choose(acme, replica, rate_limit="1000000")
    reading = replica.store.read(Workspace("T0ACME"))
    events = [one.event for one in reading.history.page(HistoryQuery()).entries]

    assert [(one.action, one.changed) for one in events] == [("workspace.configure", ("rate limit",))] * 2
    assert not [name for name in reading.settings.all() if name.startswith("rules.")]


def test_one_workspace_is_the_operators(team: Team) -> None:
    """Where one bot token is served, the operator's settings hold, and the answer says which."""
    admin = team.command("settings workspace", ADMIN).text
    member = team.command("settings workspace", MEMBER).text

    assert "QUAYMASTER_EDITORS" in admin
    assert "Only a workspace admin" in member
