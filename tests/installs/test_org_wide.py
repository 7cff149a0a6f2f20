"""An organization installs the app for all of its workspaces: ``team`` is null wherever Slack sends it so."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.core.model import Workspace
from bot.simulator import sent_payloads
from tests.fakes.slack_cloud import SlackCloud, Tenant
from tests.installs.replicas import Browser, Replica


@pytest.fixture
def both(cloud: SlackCloud, replica: Replica) -> list[Tenant]:
    """Two workspaces of an organization that has installed the app."""
    tenants = [cloud.add(team, "E0ORG", is_org_wide=True) for team in ("T0ONE", "T0TWO")]
    replica.serve(*tenants)
    page = Browser(replica).install("E0ORG")
    assert "An admin of the organization now adds it to workspaces" in page.text
    return tenants


def last(tenant: Tenant) -> str:
    """What was shown last."""
    return tenant.texts()[-1]


def test_each_workspace_is_served_and_keeps_its_own(both: list[Tenant], replica: Replica) -> None:
    """A form, a press and the Home tab work in both workspaces, and neither sees what the other has."""
    one, two = both
    one.type("add private")
    replica.settle()
    fill(one, "theirs")
    one.type("list")
    two.type("list")
    one.open_home(one.id_of("admin"), "home")
    replica.settle()

    assert "theirs" in last(one)
    assert "theirs" not in last(two)
    assert [one.key for one in replica.store.workspaces()] == ["E0ORG-T0ONE"]
    assert "theirs" in str(one.world.homes[one.id_of("admin")].surface.blocks)


def fill(tenant: Tenant, name: str) -> None:
    """Fill in and send the form of ``add private``."""
    admin = tenant.id_of("admin")
    view = tenant.world.stacks[admin][-1]
    typed = {"name": name, "url": "https://registry.example.com", "username": "ci", "password": "pw"}
    for block, element in view.surface.fields():
        if block["block_id"] in typed:
            view.surface.given[block["block_id"], element["action_id"]] = typed[block["block_id"]]
    tenant.send(admin, view)


def test_groups_are_asked_for_with_the_workspace(cloud: SlackCloud, start: Any, directory: Any) -> None:
    """Members of a user group are asked for with the workspace, which an organization's token leaves open."""
    replica = start(directory, editors=("S0ONEEDIT",))
    tenant = cloud.add("T0ONE", "E0ORG", is_org_wide=True)
    replica.serve(tenant)
    Browser(replica).install("E0ORG")
    tenant.type("token create project web-shop", "other")
    allowed = last(tenant)
    tenant.type("token create project web-shop", "member")

    assert "qm_" in allowed
    assert "You can view integrations" in last(tenant)


def test_view_that_names_the_organization_belongs_to_its_workspace(
    both: list[Tenant], replica: Replica
) -> None:
    """A form whose view names the organization as where the app is installed belongs to its workspace."""
    one = both[0]
    one.world.cast.enterprise_id = "E0ORG"
    one.type("add private")
    replica.settle()
    send = one._delivery.interaction

    def named(payload: dict[str, Any]) -> Any:
        payload["view"]["app_installed_team_id"] = "E0ORG"
        return send(payload)

    one._delivery.interaction = named  # type: ignore[method-assign]
    fill(one, "theirs")

    assert [one.key for one in replica.store.workspaces()] == ["E0ORG-T0ONE"]


def test_removal_ends_all_workspaces(both: list[Tenant], replica: Replica) -> None:
    """When the organization removes the app, none of its workspaces is served; the event names no team."""
    replica.cloud.remove("E0ORG")
    payload = {
        "type": "event_callback",
        "team_id": None,
        "enterprise_id": "E0ORG",
        "event_id": "Ev1",
        "event": {"type": "app_uninstalled"},
        "authorizations": [],
    }
    answer = both[0]._delivery.event(payload)
    replica.settle()
    both[1].type("list")

    assert answer is not None
    assert answer.status == 200
    assert "not installed" in last(both[1])


def test_own_install_comes_before_the_organizations(cloud: SlackCloud, replica: Replica) -> None:
    """A workspace with an install of its own is served with its own token."""
    tenant = cloud.add("T0ONE", "E0ORG")
    org = cloud.add("T0TWO", "E0ORG", is_org_wide=True)
    replica.serve(tenant, org)
    Browser(replica).install("T0ONE")
    Browser(replica).install("E0ORG")
    tenant.type("list")
    org.type("list")

    assert [token.split("-")[1] for _, token in cloud.calls if "auth" not in _] == ["T0ONE", "E0ORG"]


@pytest.mark.needs("postgres")
def test_workspace_that_joins_keeps_what_it_has(
    cloud: SlackCloud, start: Callable[..., Replica], database_url: dict[str, Any]
) -> None:
    """What a workspace had before it joined an organization is found once that installs the app."""
    replica, place = start(database_url), database_url
    tenant = cloud.add("T0ONE")
    replica.serve(tenant)
    Browser(replica).install("T0ONE")
    tenant.type("add private")
    replica.settle()
    fill(tenant, "theirs")
    cloud.remove("T0ONE")
    replica.wired.installed.doubt("T0ONE")
    tenant = cloud.add("T0ONE", "E0ORG", is_org_wide=True)
    replica.serve(tenant)
    Browser(replica).install("E0ORG")
    tenant.type("list")

    assert "theirs" in last(tenant)
    assert start(place).wired.installed.serves(Workspace("T0ONE"))


def test_stranger_begins_no_workspace(both: list[Tenant], replica: Replica) -> None:
    """A press of somebody from elsewhere, in a channel that is shared, begins no workspace of theirs."""
    one = both[0]
    stranger = {"id": "U0NINE", "team_id": "T0NINE", "name": "nine", "is_stranger": True}
    one.world.cast.people["U0NINE"] = stranger
    payload = sent_payloads.interaction(one.world, "block_actions", "U0NINE")
    payload |= one._lent("actions", "U0NINE", one.channel, None)
    action = {"type": "button", "action_id": "show.open", "block_id": "b", "value": "x", "action_ts": "1.1"}
    one._delivery.interaction({**payload, "actions": [action]})
    replica.settle()

    assert payload["user"]["team_id"] == "T0NINE"
    assert "cannot use integrations" in last(one)
    assert list(replica.store.workspaces()) == []
