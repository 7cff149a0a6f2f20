"""What Slack's own SDK says of a payload, beside our own limits: the tests' second opinion."""

from typing import Any

import pytest

from tests.fakes.slack import both_opinions
from tests.simulator.blocks_sample import FORM, HOME, LIST
from tests.simulator.scripted import BUTTONS, plain

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}

WRONG = {
    "an unknown key": {**SECTION, "colour": "red"},
    "a key in the wrong place": {**SECTION, "style": "danger"},
    "an unknown block": {"type": "spacer"},
    "an unknown control": {"type": "actions", "elements": [{"type": "slider", "action_id": "x"}]},
    "an unknown key of a button": {
        "type": "actions",
        "elements": [{"type": "button", "action_id": "x", "text": plain("Go"), "disabled": True}],
    },
}


@pytest.mark.parametrize("block", WRONG.values(), ids=list(WRONG))
def test_sdk_finds_what_it_does_not_know(block: dict[str, Any]) -> None:
    """What the SDK would lose on the way is named."""
    assert both_opinions("message", {"text": "x", "blocks": [block]}) != []


@pytest.mark.parametrize(
    "payload", [{"text": "x", "blocks": [SECTION], "as_user": True}, {"text": "x" * 4001}]
)
def test_messages_have_their_keys_and_limits(payload: dict[str, Any]) -> None:
    """A message has only the keys Slack knows, and a text of bounded length."""
    assert both_opinions("message", payload) != []


@pytest.mark.parametrize("change", [{"colour": "red"}, {"title": plain("x" * 25)}, {"submit": "Save"}])
def test_views_have_their_keys_and_limits(change: dict[str, Any]) -> None:
    """A view has only the keys that Slack knows, each of the right kind and length."""
    assert both_opinions("modal", {**FORM, **change}) != []


def test_good_payloads_pass() -> None:
    """A list with menus, a form with many inputs and a Home tab are taken."""
    assert both_opinions("message", {"text": "x", "blocks": [*LIST, BUTTONS]}) == []
    assert both_opinions("modal", FORM) == []
    assert both_opinions("home", HOME) == []
