"""One bot token of an organization that installed the app org-wide, as over Socket Mode."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from bot.core.secrets import Secret
from tests.fakes.slack_cloud import Grant, SlackCloud, Tenant
from tests.installs.replicas import Replica

TOKEN = "xoxb-E0ORG-marker"


@pytest.fixture
def both(cloud: SlackCloud) -> list[Tenant]:
    """Two workspaces of the organization, and one of another."""
    cloud.tokens[TOKEN] = Grant("E0ORG", time.time() + 3600)
    cloud.add("T0NINE")
    return [cloud.add(team, "E0ORG", is_org_wide=True) for team in ("T0ONE", "T0TWO")]


@pytest.fixture
def replica(start: Callable[..., Replica], directory: Any, both: list[Tenant]) -> Replica:
    """A server with that token."""
    made = start(directory, oauth=None, slack_bot_token=Secret(TOKEN))
    made.serve(*both, both[0].cloud.tenants["T0NINE"])
    return made


def test_each_workspace_of_the_organization_is_served(both: list[Tenant], replica: Replica) -> None:
    """Commands, the Home tab and groups work in each of its workspaces, without an install page."""
    one, two = both
    one.type("token create project their-shop")
    two.type("history")
    two.open_home(two.id_of("admin"), "home")
    replica.settle()

    assert "qm_" in one.texts()[-1]
    assert "their-shop" not in "".join(two.texts())
    assert two.id_of("admin") in two.world.homes
    assert [each.key for each in replica.store.workspaces()] == ["E0ORG-T0ONE"]
    assert replica.get("/slack/install").status == 404


def test_other_workspaces_are_refused(both: list[Tenant], replica: Replica) -> None:
    """A workspace of nobody's organization is refused, and an event about removal changes nothing."""
    nine = both[0].cloud.tenants["T0NINE"]
    nine.type("list")
    both[0].event(lambda: {"type": "app_uninstalled"})
    replica.settle()
    both[0].type("help")

    assert "serves another workspace" in nine.texts()[-1]
    assert "serves another" not in both[0].texts()[-1]
