"""What reaches the app when a person presses, chooses and searches."""

import pytest

from bot.simulator.cast import ADMIN, INTEGRATIONS, MEMBER
from bot.simulator.kept_blocks import BlocksRefused
from tests.simulator.scripted import BUTTONS, TEXT, Stage, field_block, option


@pytest.fixture
def stage() -> Stage:
    """A fresh workspace."""
    return Stage()


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

    with pytest.raises(BlocksRefused, match="message_not_found"):
        stage.press({"ts": stage.last_ts()}, "row", "go")


def test_button_that_is_not_shown_cannot_be_pressed(stage: Stage) -> None:
    """Only what a message shows can be pressed."""
    stage.command({"text": "list", "blocks": [BUTTONS]})

    with pytest.raises(BlocksRefused, match="element_not_found"):
        stage.press({"ts": stage.last_ts()}, "row", "gone")


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
