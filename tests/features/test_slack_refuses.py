"""What people are told when Slack itself does not do what Quaymaster asks: a sentence, and no incident."""

import json
from urllib.parse import urlencode

import pytest

from bot.executor import BoundedExecutor
from bot.slack.own_workspace import OwnWorkspace
from tests.fakes.people import MEMBER, TEAM
from tests.features import payloads
from tests.features.team import ACME

EXPIRED = "Slack allows three seconds to open a form, and they had passed."
TRIGGER = "[ERROR] `trigger_id` expired [json-pointer:/trigger_id]"

REFUSALS = [
    ("expired_trigger_id", EXPIRED),
    ("exchanged_trigger_id", EXPIRED),
    ({"error": "invalid_arguments", "response_metadata": {"messages": [TRIGGER]}}, EXPIRED),
    ({"error": "invalid_arguments", "response_metadata": {"messages": ["invalid trigger_id"]}}, EXPIRED),
    (
        {"error": "invalid_arguments", "response_metadata": {"messages": ["[ERROR] odd"]}},
        "(invalid_arguments)",
    ),
    ({"error": "invalid_arguments"}, "(invalid_arguments)"),
    ("ratelimited", "Slack is limiting Quaymaster's requests right now"),
    ("view_too_large", "This is more than Slack shows at once."),
    ("channel_not_found", "Quaymaster cannot answer in this conversation"),
    ("is_archived", "Quaymaster cannot answer in this conversation"),
    ("push_limit_reached", "at most three forms"),
    ("token_revoked", "Slack no longer accepts Quaymaster's bot token (token_revoked)."),
    ({"error": "missing_scope", "needed": "chat:write"}, "it lacks the scope chat:write"),
    ("internal_error", "Slack had an internal problem"),
    ("made_up_by_slack_later", "Slack did not accept this (made_up_by_slack_later)."),
    ({"error": ["odd"]}, "Slack had an internal problem"),
    ({}, "Slack had an internal problem"),
]


@pytest.mark.parametrize(("answer", "said"), REFUSALS)
def test_refusal_is_told_in_a_sentence(team, answer, said, caplog):
    """Each way in which Slack refuses to open a form is told where the command was typed."""
    team.slack.failing["views.open"] = answer
    shown = team.command("add")

    assert said in shown.text
    assert "Something went wrong" not in shown.text
    assert "incident" not in caplog.text


def test_refusal_over_a_form_is_told_in_the_persons_own_conversation(free):
    """If nothing can be put on top of a form, the person is told where Slack always allows messages."""
    free.command("add")
    free.slack.failing |= {"views.push": "expired_trigger_id", "views.update": "not_found"}
    body = payloads.interaction(
        "block_actions",
        MEMBER,
        free.slack.grant("trigger", MEMBER),
        actions=[{"type": "button", "action_id": "gone.since", "block_id": "b", "value": "x"}],
        view={"id": "V1", "type": "modal"},
        container={"type": "view", "view_id": "V1"},
    )
    free.deliver(body)
    free.executor.run()
    (told,) = free.slack.called("chat.postMessage")

    assert told["channel"] == MEMBER
    assert "This button is out of date." in told["text"]


def test_refusal_on_home_is_told_in_the_persons_own_conversation(free):
    """The same for the Home tab."""
    home = free.open_home()
    free.slack.failing["views.open"] = {
        "error": "invalid_arguments",
        "response_metadata": {"messages": [TRIGGER]},
    }
    free.press("Add Integration", on=home)
    (told,) = free.slack.called("chat.postMessage")

    assert told["channel"] == MEMBER
    assert EXPIRED in told["text"]


def test_answer_address_that_is_gone_is_told_in_the_persons_own_conversation(free):
    """When the channel of a message is gone, what went wrong is told all the same."""
    shown = free.command("delete my_registry")
    free.slack.failing["hook"] = "channel_not_found"
    free.press("Cancel", on=shown)
    (told,) = free.slack.called("chat.postMessage")

    assert told["channel"] == MEMBER
    assert "Slack did not accept the answer (status 500)." in told["text"]


ORG_WIDE = {"team": None, "enterprise": {"id": "E01"}, "is_enterprise_install": True}


def test_press_of_an_org_wide_installation_is_served(make_team, client):
    """A press without a team belongs to the workspace of the person who pressed, and finds what that has."""
    lane = BoundedExecutor(threads=1)
    team = make_team(workspaces=OwnWorkspace(client, lane, lambda: [ACME]).workspace_of)
    team.add("my_registry")
    trigger, reply = team.slack.grant("trigger", MEMBER), team.slack.grant("action", MEMBER)
    action = {"type": "button", "action_id": "list.next", "block_id": "b", "value": "x"}
    where = {"container": {"type": "message", "is_ephemeral": True}, "response_url": reply}
    before = len(team.slack.shown)
    sent = payloads.interaction("block_actions", MEMBER, trigger, actions=[action], **where, **ORG_WIDE)
    team.deliver(sent)

    assert "my_registry" in team.settled(MEMBER, before).text


def test_form_of_an_org_wide_installation_is_served(make_team, client):
    """A form without a team belongs to the workspace that its view names."""
    lane = BoundedExecutor(threads=1)
    team = make_team(workspaces=OwnWorkspace(client, lane, lambda: [ACME]).workspace_of)
    view = {"id": "V1", "type": "modal", "callback_id": "gone.since", "state": {"values": {}}, "blocks": []}
    sent = payloads.interaction(
        "view_submission",
        MEMBER,
        team.slack.grant("trigger", MEMBER),
        **ORG_WIDE,
        view={**view, "app_installed_team_id": TEAM},
    )

    assert "This form is out of date." in json.dumps(team.send(sent).json())


def test_command_of_another_workspace_is_refused_without_a_trace(make_team, client, tmp_path):
    """A signed command of a workspace that is not served is refused in words, and no file is made for it."""
    team = make_team(workspaces=OwnWorkspace(client, BoundedExecutor(threads=1)).workspace_of)
    fields = {"command": "/integrations", "text": "list", "team_id": "T0OTHER", "user_id": MEMBER}
    body = urlencode({**fields, "trigger_id": "1.2.x", "response_url": "https://hooks.slack.com/commands/x"})
    before = sorted(path.name for path in (tmp_path / "data").iterdir())
    answer = team.send(body.encode())

    assert "This Quaymaster serves another workspace." in answer.json()["text"]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == before
