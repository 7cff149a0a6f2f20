"""The app is removed from a workspace: Slack is asked first, data waits for 30 days, then it is deleted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Actor, Role, Target, TargetKind, Workspace
from bot.core.workflows.tokens import create_token
from tests.fakes.slack_cloud import SlackCloud, Tenant
from tests.fakes.workplace import FIELDS, SERVER
from tests.installs.replicas import Browser, Replica

ACME = Workspace("T0ACME")
REMOVED = (
    {"type": "app_uninstalled"},
    {"type": "tokens_revoked", "tokens": {"bot": ["U1"], "oauth": ["U1"]}},
)


@pytest.fixture
def acme(cloud: SlackCloud, replica: Replica) -> Tenant:
    """A workspace that has installed the app and keeps an integration."""
    tenant = cloud.add("T0ACME")
    replica.serve(tenant)
    Browser(replica).install("T0ACME")
    add(replica, ACME)
    return tenant


def add(replica: Replica, workspace: Workspace) -> str:
    """Keep an integration in a workspace, and make a token that fetches it."""
    ports = replica.wired.services.ports
    actor = Actor(workspace, "U1", Role.ADMIN, datetime.now(UTC))
    draft = read_draft(replica.wired.services.kinds["private"], "my_registry", FIELDS)
    add_integration(ports, actor, draft, is_checked=False)
    return create_token(ports, actor, Target(TargetKind.PROJECT, "web-shop"), 30)[0].reveal()


def fetch(replica: Replica, token: str) -> int:
    """Fetch the integration; give the status."""
    return replica.get(f"/v1/credentials?server={SERVER}", authorization=f"Bearer {token}").status


def tell(tenant: Tenant, event: dict[str, Any], replica: Replica) -> None:
    """Let Slack send an event."""
    tenant.event(lambda: event)
    replica.settle()


@pytest.mark.parametrize("event", REMOVED)
def test_slack_is_asked_before_anything_is_forgotten(
    event: dict[str, Any], acme: Tenant, replica: Replica
) -> None:
    """An event about a token of one person changes nothing, because Slack still takes the app's own."""
    tell(acme, event, replica)
    acme.type("list")

    assert ("auth.test", replica.wired.installed.token_for("T0ACME")) in replica.cloud.calls
    assert "my_registry" in acme.texts()[-1]


@pytest.mark.parametrize("event", REMOVED)
def test_removed_app_serves_nobody(event: dict[str, Any], acme: Tenant, replica: Replica) -> None:
    """Once Slack takes the token no more, people and workflows are refused, and the tokens are gone."""
    token = add_token(replica)
    before = fetch(replica, token)
    replica.cloud.remove("T0ACME")
    tell(acme, event, replica)
    acme.type("list")

    assert before == 200
    assert fetch(replica, token) == 401
    assert "not installed" in acme.texts()[-1]
    assert replica.store.installations.get("T0ACME").tokens is None
    assert list(replica.wired.services.ports.store.workspaces()) == []


def add_token(replica: Replica) -> str:
    """Make a workflow token."""
    actor = Actor(ACME, "U1", Role.ADMIN, datetime.now(UTC))
    target = Target(TargetKind.PROJECT, "web-shop")
    return create_token(replica.wired.services.ports, actor, target, 30)[0].reveal()


def test_call_that_fails_finds_out(acme: Tenant, replica: Replica) -> None:
    """When no event came, the next call that Slack refuses finds out that the app was removed."""
    replica.cloud.remove("T0ACME")
    acme.type("list")
    replica.settle()
    acme.type("list")

    assert replica.store.installations.get("T0ACME").gone_at is not None


def test_slack_that_does_not_answer_is_asked_again(acme: Tenant, replica: Replica) -> None:
    """While Slack does not say, nothing is forgotten; the clock asks again."""
    replica.cloud.failing["auth.test"] = "internal_error"
    replica.cloud.remove("T0ACME")
    tell(acme, REMOVED[0], replica)
    before = replica.store.installations.get("T0ACME")
    del replica.cloud.failing["auth.test"]
    replica.wired.installed.settle_doubts()

    assert before.is_live
    assert not replica.store.installations.get("T0ACME").is_live


def gone_for(replica: Replica, days: float) -> None:
    """Let the app have been removed so many days ago."""
    replica.cloud.remove("T0ACME")
    replica.wired.installed.doubt("T0ACME")
    with replica.store.installations.locked("T0ACME") as row:
        row.value = replace(row.value, gone_at=datetime.now(UTC) - timedelta(days=days))
    replica.wired.installed.forget("T0ACME")


def test_reinstall_within_30_days_finds_its_data(acme: Tenant, replica: Replica) -> None:
    """A workspace that installs the app again after 29 days finds what it had."""
    gone_for(replica, 29.9)
    replica.wired.installed.forget_departed()
    Browser(replica).install("T0ACME")
    replica.wired.installed.forget_departed()
    acme.type("list")

    assert "my_registry" in acme.texts()[-1]


def test_data_is_deleted_after_30_days(acme: Tenant, replica: Replica) -> None:
    """After 30 days everything of the workspace is deleted, and nothing of another."""
    other = acme.cloud.add("T0OTHER")
    replica.serve(other)
    Browser(replica).install("T0OTHER")
    add(replica, Workspace("T0OTHER"))
    gone_for(replica, 30.1)
    replica.wired.installed.forget_departed()
    kept = [one.key for one in replica.store.workspaces()]
    Browser(replica).install("T0ACME")
    acme.type("list")
    other.type("list")

    assert kept == ["T0OTHER"]
    assert "my_registry" not in acme.texts()[-1]
    assert "my_registry" in other.texts()[-1]
