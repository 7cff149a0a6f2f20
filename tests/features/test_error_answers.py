"""What goes wrong around the listeners: old buttons, foreign payloads, a failing store, a failing Slack."""

import json

import pytest

from bot.core.errors import StoreFull, StoreReadOnly
from handlers import all_routes
from tests.fakes.people import MEMBER
from tests.features import payloads

ACTIONS = tuple(all_routes().actions)
SECRET = "".join(reversed("esroh2retnuh"))
"""Not written out, because a logged frame shows its line of source."""
STATELESS = ("form.tick", "ask.follow", "rounds.all", "list.share")
"""What does the same whatever its value is: a tick, a link for the browser, what concerns everything."""


def press_of(team, action_id, value, user=MEMBER, kind="button", **more):
    """Press something that this version never drew."""
    before = len(team.slack.shown)
    trigger, reply = team.slack.grant("trigger", user), team.slack.grant("action", user)
    action = {
        "type": kind,
        "action_id": action_id,
        "block_id": "b",
        "value": value,
        "action_ts": "1.2",
        **more,
    }
    where = {"container": {"type": "message", "is_ephemeral": True}, "response_url": reply}
    team.deliver(payloads.interaction("block_actions", user, trigger, actions=[action], **where))
    return team.settled(user, before)


@pytest.mark.parametrize("value", ["", "[]", '"x"', "[1, 2, 3]", "0" * 32])
@pytest.mark.parametrize("action_id", [action for action in ACTIONS if action not in STATELESS])
def test_button_of_another_version_is_answered(free, action_id, value):
    """A button whose value this version did not write does nothing, and is answered in words."""
    before = free.find("my_registry")
    shown = press_of(free, action_id, value)

    assert shown.text != ""
    assert "Something went wrong" not in shown.text
    assert free.find("my_registry") == before


def test_button_without_a_listener_is_answered(free):
    """A button that no version's listener knows is called too old."""
    assert "This button is out of date." in press_of(free, "gone.since", "x").text


def test_form_without_a_listener_is_answered(team):
    """A form that no listener knows is called too old, on top of itself."""
    view = {"id": "V1", "type": "modal", "callback_id": "gone.since", "state": {"values": {}}, "blocks": []}
    body = payloads.interaction("view_submission", MEMBER, team.slack.grant("trigger", MEMBER), view=view)
    answer = team.send(body).json()

    assert answer["response_action"] == "push"
    assert "This form is out of date." in json.dumps(answer)


@pytest.mark.parametrize(
    "metadata", ["", "{}", "[]", "not json", '{"id": 1}', '{"id": null, "version": "x"}']
)
def test_edit_form_with_lost_facts_changes_nothing(free, metadata):
    """A form that does not say what it edits changes nothing."""
    opened = free.command("edit my_registry")
    before = free.find("my_registry")
    view = free.slack.view_of(opened) | {"private_metadata": metadata}
    body = payloads.interaction("view_submission", MEMBER, free.slack.grant("trigger", MEMBER), view=view)

    assert free.send(body).status == 200
    assert free.find("my_registry") == before


BROKEN = [
    payloads.interaction("block_actions", MEMBER, "t", actions=[]),
    payloads.interaction("block_actions", MEMBER, "t", actions=[{"type": "button"}]),
    payloads.interaction("view_submission", MEMBER, "t", view={}),
    payloads.interaction("view_submission", MEMBER, "t", view={"id": "V1", "type": "modal", "state": []}),
    payloads.interaction("unheard_of", MEMBER, "t"),
    b"payload=%7B",
    b"payload=",
    b"command=%2Fintegrations&text=list",
    b"\xff\xfe",
    b"",
]


@pytest.mark.parametrize("body", BROKEN)
def test_payload_that_slack_does_not_send_reaches_no_listener(team, body):
    """A signed payload of a wrong shape is refused before anything reads it."""
    assert team.send(body).status == 400
    assert team.slack.calls == []
    assert team.events() == []


@pytest.fixture
def full(free, watched):
    """A team whose disk is full."""
    watched.failing["change"] = StoreFull()
    return free


CHANGING = [
    ("link my_registry project web-shop", "The disk is full; nothing was changed."),
    ("test my_registry", "The disk is full; nothing was changed."),
]


@pytest.mark.parametrize(("typed", "said"), CHANGING)
def test_full_disk_is_told(full, typed, said):
    """What cannot be kept is told with who can help."""
    shown = full.command(typed)

    assert said in shown.text
    assert "Ask the operator to free some space" in shown.text


@pytest.mark.parametrize("typed", ["list", "show my_registry", "history", "delete my_registry", "help"])
def test_full_disk_stops_no_reading(full, typed):
    """Reading goes on when the disk is full."""
    assert "disk is full" not in full.command(typed).text


def test_secret_in_the_text_is_refused_on_a_full_disk_too(full):
    """The advice to revoke a secret does not depend on whether the attempt could be recorded."""
    assert "Revoke that secret" in full.command("add my_registry password=hunter2horse").text


def test_press_on_a_failing_store_is_told(free, watched):
    """A press that cannot be kept leaves the message and says why beside it."""
    free.command("delete my_registry")
    error = StoreReadOnly("The disk reported an error.", "Ask the operator to look at the log.")
    watched.failing["change"] = error
    shown = free.press("Yes")

    assert "The disk reported an error." in shown.text
    assert free.find("my_registry") is not None


def test_unforeseen_error_of_a_command_names_an_incident(free, watched, caplog):
    """An unexpected exception is reported by its id, which is in the log without its text."""
    watched.failing["read"] = RuntimeError(SECRET)
    shown = free.command("list")

    assert "Something went wrong (id " in shown.text
    assert shown.text.split("(id ")[1][:8] in caplog.text
    assert SECRET not in shown.text + caplog.text


def test_unforeseen_error_of_a_press_names_an_incident(free, watched):
    """The same for a press, beside what was pressed."""
    free.command("list")
    watched.failing["read"] = RuntimeError(SECRET)

    assert "Something went wrong (id " in free.enter("Integration Name", "my_").text


def test_lost_answer_address_is_logged_without_it(free, caplog):
    """When Slack takes no answer, nothing is repeated of its address."""
    free.command("list")
    free.slack.failing["hook"] = "no"
    free.press("Show my_registry")

    assert "Slack did not accept the answer (status 500)." in caplog.text
    assert "/hooks/" not in caplog.text


TEXTS = [
    "delete my_registry",
    "  delete   my_registry ",
    "DELETE “my_registry”",
    "delete\u00a0my_registry",
    "delete 'my_registry'",
    "delete\tmy_registry",
]


@pytest.mark.parametrize("typed", TEXTS)
def test_command_as_phones_and_people_type_it(free, typed):
    """Spaces, tabs, hard spaces, quotes and case make no difference."""
    assert free.command(typed).buttons == ["Yes", "Cancel"]


@pytest.mark.parametrize("name", ["payload", "payload-prod", "my_payload"])
def test_the_word_payload_is_a_word(team, name):
    """A command with the word that Bolt takes for something else is read like every other."""
    team.add(name)

    assert team.command(f"show {name}").title == name
    assert name in team.command("list payload").text
    assert team.command(f"delete {name}").buttons == ["Yes", "Cancel"]
