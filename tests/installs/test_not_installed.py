"""What comes from a workspace without the app gets a sentence or silence, and nothing is kept of it."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot.simulator import sent_payloads
from tests.fakes.shown import Json
from tests.fakes.slack_cloud import SlackCloud, Tenant
from tests.installs.replicas import Replica

SENTENCE = "not installed in this workspace"


@pytest.fixture
def nine(cloud: SlackCloud, replica: Replica) -> Tenant:
    """A workspace without the app."""
    tenant = cloud.add("T0NINE")
    replica.serve(tenant)
    return tenant


@pytest.fixture(autouse=True)
def nothing_is_kept(nine: Tenant, replica: Replica, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is kept of it, nothing fails, and Slack is not asked anything in its name."""
    yield
    replica.settle()

    assert list(replica.store.workspaces()) == list(replica.store.installations.all()) == []
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
    assert nine.cloud.calls == []


def interaction(nine: Tenant, kind: str, **more: Any) -> Json:
    """Something that a person of it does."""
    admin = nine.id_of("admin")
    payload = sent_payloads.interaction(nine.world, kind, admin)
    return {**payload, **nine._lent("app", admin, nine.channel, None), **more}


def test_press_is_told(nine: Tenant, replica: Replica) -> None:
    """A press is answered where it was made."""
    action = {"type": "button", "action_id": "list.next", "block_id": "b", "value": "x", "action_ts": "1.1"}
    nine._delivery.interaction(interaction(nine, "block_actions", actions=[action]))
    replica.settle()

    assert SENTENCE in nine.texts()[-1]


def test_form_is_told(nine: Tenant) -> None:
    """A form is answered on top of it."""
    view = {"id": "V1", "type": "modal", "callback_id": "add.save", "blocks": [], "state": {"values": {}}}
    answer = nine._delivery.interaction(interaction(nine, "view_submission", view=view))

    assert answer is not None
    assert SENTENCE in json.dumps(answer.json())


QUIET: dict[str, Callable[[Tenant], object]] = {
    "home": lambda nine: nine.open_home(nine.id_of("admin"), "home"),
    "leaver": lambda nine: nine.change_person(nine.id_of("member"), deleted=True),
    "removal": lambda nine: nine.event(lambda: {"type": "app_uninstalled"}),
    "revocation": lambda nine: nine.event(lambda: {"type": "tokens_revoked", "tokens": {"bot": ["U1"]}}),
    "shortcut": lambda nine: nine.shortcut(nine.id_of("admin"), "add.shortcut"),
    "menu": lambda nine: nine._delivery.interaction(
        interaction(nine, "block_suggestion", action_id="value", block_id="b", value="x")
    ),
}


@pytest.mark.parametrize("act", QUIET.values(), ids=QUIET)
def test_rest_is_acknowledged(act: Callable[[Tenant], object], nine: Tenant, replica: Replica) -> None:
    """Where Slack shows nothing of ours, the request is acknowledged and nothing happens."""
    act(nine)
    replica.settle()

    assert nine.world.homes == {}
