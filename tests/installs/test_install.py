"""Installing the app: our page, Slack's question, sealed tokens, and a command that is served."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.slack_cloud import CLIENT_SECRET, SlackCloud, Tenant
from tests.installs.replicas import Browser, Replica


@pytest.fixture
def acme(cloud: SlackCloud, replica: Replica) -> Tenant:
    """A workspace that sends to the replica and has not installed the app."""
    tenant = cloud.add("T0ACME")
    replica.serve(tenant)
    return tenant


def test_installed_workspace_is_served(acme: Tenant, replica: Replica) -> None:
    """After the install a command is answered, with the token of that workspace and no other."""
    done = Browser(replica).install("T0ACME")
    acme.type("list")

    assert done.status == 200
    assert "Quaymaster is installed in Team <T0ACME>".replace("<", "&lt;") in done.body.replace("&gt;", ">")
    assert "No integrations yet" in str(acme.texts()[-1]) or "integration" in str(acme.texts()[-1])
    assert {token.partition("-marker")[0][:12] for _, token in replica.cloud.calls} == {"xoxb-T0ACME-"}


def test_page_says_what_the_app_may_do_and_why(replica: Replica) -> None:
    """The page names each scope of the manifest with its reason, and keeps nothing of who looks at it."""
    page = Browser(replica).go("/slack/install")

    assert page.status == 200
    assert all(f"{scope} " in page.text for scope in ("commands", "chat:write", "users:read", "files:write"))
    assert "Add to Slack" in page.text
    assert page.header("set-cookie") == ""


def test_workspace_without_an_install_is_refused(acme: Tenant, replica: Replica) -> None:
    """A command from a workspace without an install is refused in a sentence, and nothing is kept of it."""
    acme.type("list")

    assert "not installed in this workspace" in acme.texts()[-1]
    assert "https://quaymaster.example.com/slack/install" in acme.texts()[-1]
    assert list(replica.store.workspaces()) == []


def test_tokens_are_sealed(
    acme: Tenant, replica: Replica, place: dict[str, Any], postgres: Any, database: str
) -> None:
    """No token and no secret of the app is in the store's files or rows."""
    Browser(replica).install("T0ACME")
    acme.type("list")
    if "data_dir" in place:
        kept = b"".join(one.read_bytes() for one in place["data_dir"].rglob("*") if one.is_file()).decode(
            errors="replace"
        )
    else:
        kept = postgres.sql("table quaymaster.installations", database, "admin")

    assert "T0ACME" in kept
    assert "marker" not in kept
    assert CLIENT_SECRET not in kept


def test_install_survives_a_restart(
    acme: Tenant, replica: Replica, place: dict[str, Any], start: Callable[..., Replica]
) -> None:
    """Another process serves the workspace with the token that was kept."""
    Browser(replica).install("T0ACME")
    replica.store.close()
    replica.store.close = bool
    start(place).serve(acme)
    acme.type("help")

    assert "not installed" not in acme.texts()[-1]
