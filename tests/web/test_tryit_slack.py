"""What reaches the app when a person types, presses and submits."""

import json

import pytest

from bot.web.tryit.blocks import Refused
from bot.web.tryit.delivery import signature
from bot.web.tryit.people import ADMIN, GENERAL, GUEST, INTEGRATIONS, MEMBER
from bot.web.tryit.slack import Simulator
from tests.web.tryit_scripted import (
    BUTTONS,
    NOW,
    SECRET,
    TEXT,
    ScriptedApp,
    Stage,
    field_block,
    option,
    plain,
)


@pytest.fixture
def stage() -> Stage:
    """A fresh workspace."""
    return Stage()


def test_signature_is_slacks_published_example() -> None:
    """A body is signed as Slack's documentation signs it."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
        b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )

    assert (
        signature(SECRET, "1531420618", body)
        == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )


def test_every_request_is_signed_at_its_time(stage: Stage) -> None:
    """A delivered command carries the time and the signature of exactly its bytes."""
    stage.command(None)
    body, headers = stage.app.received[-1]

    assert headers["X-Slack-Request-Timestamp"] == str(int(NOW))
    assert headers["X-Slack-Signature"] == signature(SECRET, str(int(NOW)), body)


def test_equal_requests_have_different_signatures(stage: Stage) -> None:
    """Two equal searches in one second are not taken for a replay."""
    view = stage.open_form([field_block("pick", {"type": "external_select"})])
    stage.simulator.options(ADMIN.id, {"view": view["id"]}, ("pick", "pick"), "x")
    stage.simulator.options(ADMIN.id, {"view": view["id"]}, ("pick", "pick"), "x")
    (first, first_headers), (second, second_headers) = stage.app.received[-2:]

    assert first == second
    assert first_headers["X-Slack-Signature"] != second_headers["X-Slack-Signature"]


def test_command_has_slacks_fields(stage: Stage) -> None:
    """A slash command arrives as the form that Slack sends."""
    stage.simulator.say(ADMIN.id, INTEGRATIONS.id, "/integrations show a&b <c>")
    form = stage.app.form()

    assert form["command"] == "/integrations"
    assert form["text"] == "show a&amp;b &lt;c&gt;"
    assert form["is_enterprise_install"] == "false"
    assert form["response_url"].startswith("http://127.0.0.1:3000/hooks/commands/T0TRY/")
    assert (form["user_id"], form["channel_id"], form["team_id"]) == (ADMIN.id, INTEGRATIONS.id, "T0TRY")


def test_acknowledgement_is_only_for_whoever_typed(stage: Stage) -> None:
    """The answer to a command is ephemeral unless it says otherwise."""
    stage.command({"text": "just you"})
    stage.command({"text": "everybody", "response_type": "in_channel"})
    private, public = stage.simulator.world.messages

    assert private.only_for == ADMIN.id
    assert public.only_for is None


def test_acknowledgement_may_be_plain_text(stage: Stage) -> None:
    """A text/plain answer is shown as it is."""
    stage.command("hello")

    assert stage.texts() == ["hello"]


def test_unknown_command_stays_in_slack(stage: Stage) -> None:
    """A command that the app did not declare never reaches it."""
    stage.simulator.say(ADMIN.id, INTEGRATIONS.id, "/nonsense")

    assert stage.app.received == []
    assert stage.texts() == ["`/nonsense` is not a valid command."]


def test_late_acknowledgement_is_a_timeout(stage: Stage) -> None:
    """A command that is not answered in time fails as on Slack."""
    stage.app.delay_s = 0.5
    stage.command({"text": "too late"})

    assert stage.texts() == ["/integrations failed with the error “operation_timeout”"]


def test_refused_command_is_a_dispatch_failure(stage: Stage) -> None:
    """A command that is not answered with 200 fails as on Slack."""
    stage.app.status = 500
    stage.command(None)

    assert stage.texts() == ["/integrations failed with the error “dispatch_failed”"]


def test_unreachable_app_is_a_timeout() -> None:
    """A front that cannot connect counts as no answer."""

    def front(_body: bytes, _headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        raise ConnectionRefusedError

    simulator = Simulator(front, SECRET, lambda _where, _payload: [])
    simulator.say(ADMIN.id, INTEGRATIONS.id, "/integrations")

    assert "operation_timeout" in simulator.world.messages[-1].text


def test_acknowledgement_over_slacks_limits_is_shown_as_refused(stage: Stage) -> None:
    """A message that Slack would refuse stands there as refused, with the reasons."""
    stage.problems.append("blocks[0]: too long")
    stage.command({"text": "x", "blocks": [BUTTONS]})
    refused, failed = stage.simulator.world.messages

    assert (refused.kind, refused.details) == ("refused", ["blocks[0]: too long"])
    assert "invalid_blocks" in failed.text


def test_press_on_ephemeral_message_has_no_message(stage: Stage) -> None:
    """A press on an ephemeral message names its container but carries no message."""
    stage.command({"text": "list", "blocks": [BUTTONS]})
    payload = stage.press({"ts": stage.last_ts()}, "row", "go")

    assert "message" not in payload
    assert payload["container"]["is_ephemeral"] is True
    assert payload["channel"] == {"id": INTEGRATIONS.id, "name": "integrations"}
    assert "/hooks/actions/T0TRY/" in payload["response_url"]


def test_press_on_posted_message_has_the_message(stage: Stage) -> None:
    """A press on a message that everybody sees carries the message."""
    stage.call("chat.postMessage", channel=INTEGRATIONS.id, text="news", blocks=[BUTTONS])
    payload = stage.press({"ts": stage.last_ts()}, "row", "go")

    assert payload["message"]["text"] == "news"
    assert payload["container"]["is_ephemeral"] is False


def test_button_action_is_complete(stage: Stage) -> None:
    """The one action says which button it was and carries its value and text."""
    stage.command({"text": "list", "blocks": [BUTTONS]})
    (action,) = stage.press({"ts": stage.last_ts()}, "row", "go")["actions"]

    assert (action["type"], action["block_id"], action["action_id"]) == ("button", "row", "go")
    assert action["value"] == "17:3"
    assert action["text"] == {"type": "plain_text", "text": "Go", "emoji": True}


def test_overflow_action_has_the_option(stage: Stage) -> None:
    """Choosing in an overflow menu sends the option."""
    stage.command({"text": "list", "blocks": [BUTTONS]})
    (action,) = stage.press({"ts": stage.last_ts()}, "row", "more", "edit")["actions"]

    assert action["selected_option"]["value"] == "edit"


def test_another_persons_ephemeral_message_cannot_be_pressed(stage: Stage) -> None:
    """Nobody presses a button that only somebody else sees."""
    stage.command({"text": "list", "blocks": [BUTTONS]}, MEMBER.id)

    with pytest.raises(Refused, match="message_not_found"):
        stage.press({"ts": stage.last_ts()}, "row", "go")


def test_unanswered_press_is_shown(stage: Stage) -> None:
    """A press that the app does not take leaves a warning at the message."""
    stage.command({"text": "list", "blocks": [BUTTONS]})
    stage.app.status = 500
    stage.press({"ts": stage.last_ts()}, "row", "go")

    assert "trouble connecting" in stage.simulator.world.messages[-1].warning


def test_press_in_a_form_has_the_view_only(stage: Stage) -> None:
    """A press in a form carries the view, and no channel, message or response URL."""
    view = stage.open_form([BUTTONS])
    payload = stage.press({"view": view["id"]}, "row", "go")

    assert payload["container"] == {"type": "view", "view_id": view["id"]}
    assert payload["view"]["id"] == view["id"]
    assert {"channel", "message", "response_url"}.isdisjoint(payload)


def test_state_has_every_field_with_initial_values(stage: Stage) -> None:
    """state.values holds every field; what nobody touched counts with its initial value or null."""
    select = {"type": "static_select", "options": [option("ecr")], "initial_option": option("ecr")}
    stage.open_form(
        [
            field_block("name", {**TEXT, "initial_value": "prod"}),
            field_block("email", {"type": "email_text_input"}, optional=True),
            field_block("kind", select),
            field_block("tick", {"type": "checkboxes", "options": [option("yes")]}, optional=True),
        ]
    )
    view = stage.simulator.world.stacks[ADMIN.id][-1]
    values = view.surface.state()["values"]

    assert values["name"]["name"] == {"type": "plain_text_input", "value": "prod"}
    assert values["email"]["email"] == {"type": "email_text_input", "value": None}
    assert values["kind"]["kind"]["selected_option"]["value"] == "ecr"
    assert values["tick"]["tick"] == {"type": "checkboxes", "selected_options": []}


def test_submission_has_what_was_typed(stage: Stage) -> None:
    """A submitted form sends the raw values as Slack shapes them; emptied text is null."""
    select = {"type": "static_select", "options": [option("ecr"), option("gcr")]}
    view = stage.open_form([field_block("kind", select), field_block("mail", TEXT, optional=True)])
    stage.simulator.submit(ADMIN.id, view["id"], {"kind": {"kind": "gcr"}, "mail": {"mail": ""}})
    payload = stage.app.payload()

    assert payload["type"] == "view_submission"
    assert payload["view"]["type"] == "modal"
    assert payload["view"]["state"]["values"]["kind"]["kind"]["selected_option"]["value"] == "gcr"
    assert payload["view"]["state"]["values"]["mail"]["mail"]["value"] is None
    assert {"channel", "response_url"}.isdisjoint(payload)


def test_action_of_a_select_in_a_form_is_in_the_state(stage: Stage) -> None:
    """A dispatching menu sends its option and the state that follows from it."""
    select = {"type": "static_select", "options": [option("ecr"), option("gcr")]}
    view = stage.open_form([field_block("kind", select, dispatch_action=True), field_block("name", TEXT)])
    payload = stage.press({"view": view["id"]}, "kind", "kind", "gcr", name={"name": "typed"})

    assert payload["actions"][0]["selected_option"]["value"] == "gcr"
    assert payload["view"]["state"]["values"]["kind"]["kind"]["selected_option"]["value"] == "gcr"
    assert payload["view"]["state"]["values"]["name"]["name"]["value"] == "typed"


def test_options_come_from_the_app_and_can_be_chosen(stage: Stage) -> None:
    """A menu that the app fills asks it, and what it offered can be submitted."""
    view = stage.open_form([field_block("pick", {"type": "external_select"})])
    stage.app.answer = {"options": [option("web")]}
    offered = stage.simulator.options(ADMIN.id, {"view": view["id"]}, ("pick", "pick"), "we")
    asked = stage.app.payload()
    stage.simulator.submit(ADMIN.id, view["id"], {"pick": {"pick": "web"}})

    assert (asked["type"], asked["value"], asked["block_id"]) == ("block_suggestion", "we", "pick")
    assert offered == {"options": [option("web")]}
    assert stage.app.payload()["view"]["state"]["values"]["pick"]["pick"]["selected_option"] == option("web")


def test_failing_options_are_an_error(stage: Stage) -> None:
    """A menu says that its options could not be had."""
    view = stage.open_form([field_block("pick", {"type": "external_select"})])
    stage.app.status = 500

    assert stage.simulator.options(ADMIN.id, {"view": view["id"]}, ("pick", "pick"), "x") == {"error": True}


def test_home_event_is_json_and_knows_the_published_view(stage: Stage) -> None:
    """Opening Home sends app_home_opened; once a Home was published the event holds it."""
    stage.call("views.publish", user_id=ADMIN.id, view={"type": "home", "blocks": []})
    stage.simulator.open_home(ADMIN.id, "home")
    body, headers = stage.app.received[-1]
    event = json.loads(body)

    assert headers["Content-Type"] == "application/json"
    assert (event["type"], event["event"]["type"], event["event"]["tab"]) == (
        "event_callback",
        "app_home_opened",
        "home",
    )
    assert event["event"]["view"]["type"] == "home"


def test_failed_event_is_retried_once_at_once(stage: Stage) -> None:
    """An event that is not answered with 200 comes again, marked as a retry."""
    stage.app.status = 500
    stage.simulator.open_home(ADMIN.id, "home")
    first, second = stage.app.received

    assert "X-Slack-Retry-Num" not in first[1]
    assert (second[1]["X-Slack-Retry-Num"], second[1]["X-Slack-Retry-Reason"]) == ("1", "http_error")


def test_guest_sees_only_their_channel() -> None:
    """A guest cannot write where they are no member."""
    stage = Stage()

    with pytest.raises(Refused, match="not_in_channel"):
        stage.simulator.say(GUEST.id, GENERAL.id, "hello")


def test_plain_text_is_a_message_of_that_person(stage: Stage) -> None:
    """What is no command is posted, with Slack's three entities."""
    stage.simulator.say(MEMBER.id, INTEGRATIONS.id, "a < b & c")
    (message,) = stage.simulator.world.messages

    assert (message.author, message.text, message.only_for) == (MEMBER.id, "a &lt; b &amp; c", None)


def test_stopped_simulator_delivers_nothing_more() -> None:
    """After the stop no page waits."""
    stage = Stage(app=ScriptedApp())
    stage.simulator.stop()

    assert stage.simulator.world.open is False


def test_texts_get_slacks_defaults(stage: Stage) -> None:
    """A stored view says emoji true where the app said nothing."""
    view = stage.open_form([field_block("name", TEXT)])

    assert view["blocks"][0]["label"] == {**plain("Name"), "emoji": True}
