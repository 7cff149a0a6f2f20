"""The shapes: what Slack sends passes, what would end in an exception does not."""

import json
from urllib.parse import quote

import pytest

from bot.slack.front import Misshapen, check_shape

FORM = "application/x-www-form-urlencoded"
COMMAND = b"command=%2Fintegrations&text=list&team_id=T1&user_id=U1&trigger_id=1.2.x"
WHO = {"user": {"id": "U1", "team_id": "T1"}, "team": {"id": "T1", "domain": "acme"}}
VIEW = {"id": "V1", "type": "modal", "callback_id": "add", "state": {"values": {"b": {"a": {"value": None}}}}}
BUTTON = {"type": "button", "action_id": "delete.ask", "block_id": "b1", "value": "17:3"}
PRESS = {"type": "block_actions", **WHO, "enterprise": None, "actions": [BUTTON], "trigger_id": "1.2.x"}
HOME = {"type": "event_callback", "team_id": "T1", "event": {"type": "app_home_opened", "user": "U1"}}
ORG_WIDE = {"team": None, "enterprise": {"id": "E1"}, "is_enterprise_install": True}


def as_text(payload):
    """A payload as JSON, unless it is text already."""
    return payload if isinstance(payload, str) else json.dumps(payload)


def check_interaction(payload):
    """Check an interaction: a form whose one field holds JSON."""
    check_shape(f"payload={quote(as_text(payload))}".encode(), FORM)


def check_event(payload):
    """Check an event."""
    check_shape(as_text(payload).encode(), "application/json; charset=utf-8")


PASSING = [
    PRESS,
    PRESS | {"view": VIEW, "state": None, "channel": None},
    PRESS | {"actions": [BUTTON | {"selected_option": None}]},
    {"type": "view_submission", **WHO, "view": VIEW},
    {"type": "view_submission", **WHO, "view": VIEW | {"state": None}},
    {"type": "view_submission", **WHO, "view": VIEW | {"state": {"values": None}}},
    PRESS | ORG_WIDE,
    {
        "type": "view_submission",
        "user": {"id": "U1"},
        **ORG_WIDE,
        "view": VIEW | {"app_installed_team_id": "T1"},
    },
    {"type": "view_closed", **WHO, "view": VIEW},
    {"type": "block_suggestion", **WHO, "action_id": "a", "value": ""},
    {"type": "shortcut", **WHO, "callback_id": "add"},
]


@pytest.mark.parametrize("payload", PASSING)
def test_interaction_passes(payload):
    """Each kind of interaction passes, nulls where Slack sends them included."""
    check_interaction(payload)


@pytest.mark.parametrize("payload", [HOME, {"type": "url_verification", "challenge": "x"}])
def test_event_passes(payload):
    """An event and the verification of the address pass."""
    check_event(payload)


def test_ssl_check_passes():
    """Slack's check of the certificate, a form of its own, passes."""
    check_shape(b"ssl_check=1&token=x", FORM)


def test_command_that_says_payload_passes():
    """The word payload in a command's text does not make it an interaction."""
    check_shape(COMMAND.replace(b"list", b"filter+payload-prod"), FORM)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"\xff\xfe",
        b"{}",
        b"payload",
        b"payload=%ff",
        COMMAND + b"&x=" * 100,
        COMMAND.replace(b"T1", b""),
        COMMAND.replace(b"user_id", b"user_name"),
    ],
)
def test_misshapen_form_is_refused(body):
    """A form that Slack does not send is refused."""
    with pytest.raises(Misshapen):
        check_shape(body, FORM)


NESTED = "[" * 5000 + "]" * 5000
MISSHAPEN = [
    "null",
    "[]",
    "{",
    '"text"',
    "1" * 5000,
    NESTED,
    json.dumps(PRESS)[:-1] + ', "x": ' + "[" * 200 + "]" * 200 + "}",
    json.dumps(PRESS)[:-1] + ', "x": "\\ud800"}',
    {"type": "made_up", **WHO},
    {"type": ["block_actions"], **WHO},
    PRESS | {"actions": []},
    PRESS | {"actions": {}},
    PRESS | {"actions": ["x"]},
    PRESS | {"actions": [BUTTON | {"value": 1}]},
    PRESS | {"actions": [BUTTON | {"selected_option": "x"}]},
    PRESS | {"user": "U1"},
    PRESS | {"user": {"id": ""}},
    PRESS | {"team": None, "user": {"id": "U1"}},
    PRESS | {"actions": [BUTTON | {"value": "[" * 1500}]},
    PRESS | {"actions": [BUTTON | {"selected_option": {"value": "[" * 1500}}]},
    PRESS | {"view": VIEW | {"private_metadata": '{"id": ' + "[" * 1500}},
    PRESS | {"state": {"values": {"b": {"a": {"selected_option": 5}}}}},
    PRESS | {"state": {"values": {"b": {"a": {"selected_options": [{"value": None}]}}}}},
    PRESS | {"team": {"id": 1}},
    PRESS | {"enterprise": "E1"},
    PRESS | {"view": []},
    PRESS | {"state": {"values": {"b": []}}},
    {"type": "view_submission", **WHO},
    {"type": "view_submission", **WHO, "view": {"id": "V1", "callback_id": "add"}},
    {"type": "view_submission", **WHO, "view": VIEW | {"state": {"values": []}}},
    {"type": "block_suggestion", **WHO},
]


@pytest.mark.parametrize("payload", MISSHAPEN, ids=range(len(MISSHAPEN)))
def test_misshapen_interaction_is_refused(payload):
    """A signed interaction of a shape Slack does not send is refused, not met with another exception."""
    with pytest.raises(Misshapen):
        check_interaction(payload)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        PRESS,
        HOME | {"event": "x"},
        HOME | {"event": {"type": "app_home_opened"}},
        HOME | {"team_id": None},
        HOME | {"authorizations": ["x"]},
    ],
)
def test_misshapen_event_is_refused(payload):
    """An event of a wrong shape is refused."""
    with pytest.raises(Misshapen):
        check_event(payload)
