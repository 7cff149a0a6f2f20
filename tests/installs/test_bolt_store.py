"""The store that Bolt's OAuth parts know: what it finds, and that it asks Slack before it forgets."""

from typing import Any

import pytest

from bot.slack.install_flow import InstallPages
from tests.fakes.slack_cloud import LIFETIME_S, SlackCloud
from tests.installs.replicas import Browser, Replica


@pytest.fixture
def bolts(cloud: SlackCloud, replica: Replica) -> Any:
    """Bolt's view of the installations: a workspace and an organization have installed the app."""
    cloud.lifetime_s = LIFETIME_S
    cloud.add("T0ACME")
    cloud.add("T0ONE", "E0ORG", is_org_wide=True)
    [Browser(replica).install(holder) for holder in ("T0ACME", "E0ORG")]
    pages = InstallPages(
        replica.wired.installed,
        replica.store.installations,
        replica.wired.client,
        client_id="1.2",
        client_secret=replica.settings.oauth.client_secret,
        scopes=("commands",),
    )
    return pages.installation_store


def test_bot_is_found_by_its_holder(bolts: Any, replica: Replica) -> None:
    """A workspace's bot and an organization's are found with their own tokens, and no other."""
    acme = bolts.find_bot(enterprise_id=None, team_id="T0ACME")
    org = bolts.find_bot(enterprise_id="E0ORG", team_id="T0ONE", is_enterprise_install=True)

    assert acme.bot_token == replica.wired.installed.token_for("T0ACME")
    assert (org.bot_token, org.is_enterprise_install) == (replica.wired.installed.token_for("E0ORG"), True)
    assert bolts.find_bot(enterprise_id=None, team_id="T0NINE") is None


@pytest.mark.parametrize("forget", ["delete_bot", "delete_all"])
def test_bot_that_slack_still_takes_is_not_deleted(forget: str, bolts: Any, replica: Replica) -> None:
    """Told to delete a bot, it asks Slack, and deletes only what Slack takes no more."""
    getattr(bolts, forget)(enterprise_id=None, team_id="T0ACME")
    before = bolts.find_bot(enterprise_id=None, team_id="T0ACME")
    replica.cloud.remove("T0ACME")
    getattr(bolts, forget)(enterprise_id=None, team_id="T0ACME")

    assert before is not None
    assert bolts.find_bot(enterprise_id=None, team_id="T0ACME") is None
