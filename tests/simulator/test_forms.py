"""What happens to an open form when the app answers it."""

import json

import pytest

from bot.simulator.cast import ADMIN, MEMBER
from bot.simulator.kept_blocks import BlocksRefused
from tests.simulator.scripted import TEXT, Json, Stage, field_block, plain

NAME = field_block("name", TEXT)


@pytest.fixture
def stage() -> Stage:
    """A workspace without anything open."""
    return Stage()


def submit(stage: Stage, view: Json, answer: Json | str | None, name: str = "prod") -> None:
    """Submit a form with one field; the app answers so."""
    stage.app.answer = answer
    stage.simulator.submit(ADMIN.id, view["id"], {"name": {"name": name}})


def top(stage: Stage) -> Json:
    """Return what the page is shown of the form on top."""
    return dict(stage.simulator.snapshot(ADMIN.id)["views"][-1])


def test_empty_answer_closes_the_form(stage: Stage) -> None:
    """An empty acknowledgement closes the form on top."""
    submit(stage, stage.open_form([NAME]), None)

    assert stage.simulator.snapshot(ADMIN.id)["views"] == []


def test_missing_required_field_is_not_sent(stage: Stage) -> None:
    """Slack itself asks for a required field; the app hears nothing."""
    view = stage.open_form([NAME])
    sent = len(stage.app.received)
    submit(stage, view, None, name="")

    assert len(stage.app.received) == sent
    assert top(stage)["errors"] == {"name": "Please complete this required field."}


def test_wrong_email_is_not_sent(stage: Stage) -> None:
    """Slack itself refuses a text that is no email address."""
    view = stage.open_form([field_block("name", {"type": "email_text_input"})])
    submit(stage, view, None, name="nobody")

    assert top(stage)["errors"] == {"name": "Please enter a valid email address."}


def test_too_long_text_is_not_sent(stage: Stage) -> None:
    """Slack itself holds a text to its greatest length."""
    view = stage.open_form([field_block("name", {**TEXT, "max_length": 3})])
    submit(stage, view, None, name="four")

    assert top(stage)["errors"] == {"name": "Please enter at most 3 characters."}


def test_too_short_text_is_not_sent(stage: Stage) -> None:
    """Slack itself holds a text to its least length."""
    view = stage.open_form([field_block("name", {**TEXT, "min_length": 5})])
    submit(stage, view, None, name="four")

    assert top(stage)["errors"] == {"name": "Please enter at least 5 characters."}


def test_another_persons_form_cannot_be_submitted(stage: Stage) -> None:
    """A form belongs to the person it was opened for."""
    view = stage.open_form([NAME])

    with pytest.raises(BlocksRefused, match="not_found"):
        stage.simulator.submit(MEMBER.id, view["id"], {"name": {"name": "prod"}})


def test_errors_stand_at_their_fields(stage: Stage) -> None:
    """An errors answer keeps the form, its values, and puts each text at its field."""
    submit(stage, stage.open_form([NAME]), {"response_action": "errors", "errors": {"name": "Taken."}})

    assert top(stage)["errors"] == {"name": "Taken."}
    assert top(stage)["values"]["name"]["name"]["value"] == "prod"


def test_errors_at_unknown_fields_are_flagged(stage: Stage) -> None:
    """An error for a block that is no input is shown as a fault of the app."""
    submit(stage, stage.open_form([NAME]), {"response_action": "errors", "errors": {"nmae": "Taken."}})
    (note,) = stage.simulator.snapshot(ADMIN.id)["notes"]

    assert "nmae" in note["details"][0]
    assert "trouble connecting" in top(stage)["warning"]


FAULTS = [
    ({"response_action": "errors", "errors": {}}, "errors must be an object of block_id and text"),
    ({"response_action": "errors", "errors": ["Taken."]}, "errors must be an object of block_id and text"),
    ({"response_action": "vanish"}, "vanish"),
]


@pytest.mark.parametrize(("answer", "said"), FAULTS)
def test_answer_that_slack_does_not_know_is_flagged(stage: Stage, answer: Json, said: str) -> None:
    """Errors without a field and an unknown action are shown as faults of the app, and the form stays."""
    submit(stage, stage.open_form([NAME]), answer)
    (note,) = stage.simulator.snapshot(ADMIN.id)["notes"]

    assert note["details"] == [said]
    assert "trouble connecting" in top(stage)["warning"]


@pytest.mark.parametrize("action", ["update", "push"])
def test_answer_without_its_view_keeps_the_form(stage: Stage, action: str) -> None:
    """An update or a push needs the view to show."""
    submit(stage, stage.open_form([NAME]), {"response_action": action})

    assert "trouble connecting" in top(stage)["warning"]
    assert top(stage)["title"]["text"] == "Form"


def test_update_shows_another_view_in_place(stage: Stage) -> None:
    """An update answer keeps the view's id and gives it a new hash."""
    view = stage.open_form([NAME])
    done = {"type": "modal", "title": plain("Done"), "blocks": []}
    submit(stage, view, {"response_action": "update", "view": done})

    assert top(stage)["id"] == view["id"]
    assert top(stage)["hash"] != view["hash"]
    assert top(stage)["title"]["text"] == "Done"


def test_push_and_clear(stage: Stage) -> None:
    """A push answer stacks a form; a clear answer closes the whole stack."""
    view = stage.open_form([NAME])
    submit(stage, view, {"response_action": "push", "view": {"type": "modal", "blocks": [NAME]}})
    pushed = stage.simulator.world.stacks[ADMIN.id][-1]
    submit(stage, {"id": pushed.id}, {"response_action": "clear"})

    assert (pushed.previous_id, pushed.root_id) == (view["id"], view["id"])
    assert stage.simulator.world.stacks[ADMIN.id] == []


def test_fourth_form_is_refused(stage: Stage) -> None:
    """Slack stacks three forms and no more."""
    view = {"type": "modal", "title": plain("More"), "blocks": []}
    stage.open_form([NAME])
    stage.call("views.push", trigger_id=stage.trigger(), view=view)
    stage.call("views.push", trigger_id=stage.trigger(), view=view)

    assert stage.call("views.push", trigger_id=stage.trigger(), view=view)["error"] == "push_limit_reached"


def test_fourth_form_in_an_answer_is_refused(stage: Stage) -> None:
    """A push that would stack a fourth form is shown as a fault of the app."""
    view = {"type": "modal", "title": plain("More"), "blocks": []}
    stage.open_form([NAME])
    stage.call("views.push", trigger_id=stage.trigger(), view=view)
    third = stage.call("views.push", trigger_id=stage.trigger(), view=view)["view"]
    submit(stage, third, {"response_action": "push", "view": view})
    (note,) = stage.simulator.snapshot(ADMIN.id)["notes"]

    assert note["details"] == ["push_limit_reached"]
    assert len(stage.simulator.snapshot(ADMIN.id)["views"]) == 3


def test_late_answer_keeps_the_form(stage: Stage) -> None:
    """A form that is not answered in time stays, with its values and Slack's words."""
    view = stage.open_form([NAME])
    stage.app.delay_s = 0.5
    submit(stage, view, None)

    assert top(stage)["warning"] == "We had some trouble connecting. Try again?"
    assert top(stage)["values"]["name"]["name"]["value"] == "prod"


def test_answer_that_is_no_json_keeps_the_form(stage: Stage) -> None:
    """A text where Slack expects JSON is trouble, not success."""
    submit(stage, stage.open_form([NAME]), "saved")

    assert "trouble connecting" in top(stage)["warning"]


def test_refused_update_keeps_the_form(stage: Stage) -> None:
    """A view over Slack's limits in the answer is shown as refused, and the form stays."""
    view = stage.open_form([NAME])
    stage.problems.append("title: too long")
    submit(stage, view, {"response_action": "update", "view": {"type": "modal", "blocks": []}})

    assert stage.simulator.snapshot(ADMIN.id)["notes"][0]["details"] == ["title: too long"]
    assert top(stage)["title"]["text"] == "Form"


def test_closing_tells_only_an_app_that_asked(stage: Stage) -> None:
    """view_closed is sent for a form with notify_on_close, and for no other."""
    silent = stage.open_form([NAME])
    sent = len(stage.app.received)
    stage.simulator.close(ADMIN.id, silent["id"], False)
    unheard = len(stage.app.received)
    told = stage.open_form([NAME], notify_on_close=True)
    stage.simulator.close(ADMIN.id, told["id"], True)
    payload = stage.app.payload()

    assert unheard == sent
    assert (payload["type"], payload["is_cleared"]) == ("view_closed", True)
    assert "trigger_id" not in payload


def test_update_keeps_typed_values_of_the_same_field(stage: Stage) -> None:
    """views.update keeps what was typed where block_id and action_id stay, and forgets the rest."""
    view = stage.open_form([NAME, field_block("url", TEXT)])
    stage.simulator.world.view(view["id"]).surface.remember({"name": {"name": "typed"}, "url": {"url": "u"}})
    blocks = [field_block("name", {**TEXT, "initial_value": "new"}), field_block("host", TEXT)]
    changed = stage.call("views.update", view_id=view["id"], view={"type": "modal", "blocks": blocks})
    values = changed["view"]["state"]["values"]

    assert values["name"]["name"]["value"] == "typed"
    assert values["host"]["host"]["value"] is None
    assert "url" not in values


def test_update_with_an_old_hash_conflicts(stage: Stage) -> None:
    """views.update with a hash that is no longer the view's changes nothing."""
    view = stage.open_form([NAME])
    body = {"type": "modal", "blocks": [NAME]}
    first = stage.call("views.update", view_id=view["id"], hash=view["hash"], view=body)
    second = stage.call("views.update", view_id=view["id"], hash=view["hash"], view=body)

    assert first["ok"] is True
    assert second == {"ok": False, "error": "hash_conflict"}


def test_closed_form_cannot_be_updated(stage: Stage) -> None:
    """views.update of a form that is gone finds nothing."""
    view = stage.open_form([NAME])
    stage.simulator.close(ADMIN.id, view["id"], False)

    assert stage.call("views.update", view_id=view["id"], view={"type": "modal", "blocks": []}) == {
        "ok": False,
        "error": "not_found",
    }


def test_view_arguments_may_be_json_text(stage: Stage) -> None:
    """A form-encoded call carries the view as JSON text."""
    view = json.dumps({"type": "modal", "title": plain("Form"), "blocks": [NAME]})
    opened = stage.call("views.open", trigger_id=stage.trigger(), view=view)

    assert opened["view"]["blocks"][0]["block_id"] == "name"
