"""Every kind of menu and picker: what stands in the form's state, what the app is told, what is refused."""

from typing import Any

import pytest

from bot.simulator.cast import ADMIN, INTEGRATIONS, MEMBER
from tests.fakes.slack import both_opinions
from tests.simulator.scripted import Json, Stage, field_block, option, plain

OPTIONS = {"options": [option("ecr"), option("gcr"), option("quay")]}
GROUPS = {
    "option_groups": [
        {"label": plain("Amazon"), "options": [option("ecr")]},
        {"label": plain("Google"), "options": [option("gcr")]},
    ]
}
ECR = {"text": {**plain("ECR"), "emoji": True}, "value": "ecr"}
GCR = {"text": {**plain("GCR"), "emoji": True}, "value": "gcr"}

CHOSEN: dict[str, tuple[Json, Any, Json]] = {
    # type: what else the element says, what the page sends, what the state holds
    "static_select": (GROUPS, "gcr", {"selected_option": GCR}),
    "multi_static_select": (GROUPS, ["ecr", "gcr"], {"selected_options": [ECR, GCR]}),
    "checkboxes": (OPTIONS, ["ecr"], {"selected_options": [ECR]}),
    "radio_buttons": (OPTIONS, "ecr", {"selected_option": ECR}),
    "users_select": ({}, MEMBER.id, {"selected_user": MEMBER.id}),
    "multi_users_select": ({}, [MEMBER.id, ADMIN.id], {"selected_users": [MEMBER.id, ADMIN.id]}),
    "conversations_select": ({}, INTEGRATIONS.id, {"selected_conversation": INTEGRATIONS.id}),
    "multi_conversations_select": ({}, [INTEGRATIONS.id], {"selected_conversations": [INTEGRATIONS.id]}),
    "channels_select": ({}, INTEGRATIONS.id, {"selected_channel": INTEGRATIONS.id}),
    "multi_channels_select": ({}, [INTEGRATIONS.id], {"selected_channels": [INTEGRATIONS.id]}),
    "datepicker": ({}, "2026-12-31", {"selected_date": "2026-12-31"}),
    "timepicker": ({}, "23:59", {"selected_time": "23:59"}),
    "datetimepicker": ({}, "1798761540", {"selected_date_time": 1798761540}),
    "number_input": ({"is_decimal_allowed": False}, "90", {"value": "90"}),
}

EMPTY: dict[str, Any] = {
    kind: [] if kind.startswith("multi_") or kind == "checkboxes" else None for kind in CHOSEN
}


@pytest.fixture
def stage() -> Stage:
    """A fresh workspace."""
    return Stage()


@pytest.mark.parametrize("kind", CHOSEN)
def test_both_opinions_take_it(kind: str) -> None:
    """Our own limits and Slack's SDK know every menu and picker of this page."""
    more, _, _ = CHOSEN[kind]
    form = {"type": "modal", "title": plain("Form"), "submit": plain("Save"), "blocks": []}
    blocks = [field_block("pick", {"type": kind, **more})]

    assert both_opinions("modal", {**form, "blocks": blocks}) == []


@pytest.mark.parametrize("kind", CHOSEN)
def test_choice_stands_in_the_submitted_form(stage: Stage, kind: str) -> None:
    """What was chosen arrives under Slack's own name for it."""
    more, raw, expected = CHOSEN[kind]
    view = stage.open_form([field_block("pick", {"type": kind, **more})])
    stage.simulator.submit(ADMIN.id, view["id"], {"pick": {"pick": raw}})

    assert stage.app.payload()["view"]["state"]["values"]["pick"]["pick"] == {"type": kind, **expected}


@pytest.mark.parametrize("kind", CHOSEN)
def test_untouched_menu_is_there_and_empty(stage: Stage, kind: str) -> None:
    """A menu nobody touched is in the state, empty as Slack has it."""
    more, _, expected = CHOSEN[kind]
    view = stage.open_form([field_block("pick", {"type": kind, **more})])

    assert view["state"]["values"]["pick"]["pick"] == {"type": kind, **dict.fromkeys(expected, EMPTY[kind])}


@pytest.mark.parametrize("kind", CHOSEN)
def test_required_menu_keeps_the_form_from_being_sent(stage: Stage, kind: str) -> None:
    """Slack itself asks for what must be chosen."""
    more, _, _ = CHOSEN[kind]
    view = stage.open_form([field_block("pick", {"type": kind, **more})])
    sent = len(stage.app.received)
    stage.simulator.submit(ADMIN.id, view["id"], {"pick": {"pick": ""}})

    assert len(stage.app.received) == sent
    assert stage.simulator.snapshot(ADMIN.id)["views"][0]["errors"] == {
        "pick": "Please complete this required field."
    }


@pytest.mark.parametrize("kind", [kind for kind in CHOSEN if kind != "number_input"])
def test_choice_in_a_message_is_told_at_once(stage: Stage, kind: str) -> None:
    """A menu outside a form tells the app what was chosen, in the action and in the state."""
    more, raw, expected = CHOSEN[kind]
    row = {"type": "actions", "block_id": "row", "elements": [{"type": kind, "action_id": "pick", **more}]}
    stage.command({"text": "pick", "blocks": [row]})
    payload = stage.press({"ts": stage.last_ts()}, "row", "pick", raw)

    assert expected.items() <= payload["actions"][0].items()
    assert payload["state"]["values"]["row"]["pick"] == {"type": kind, **expected}


@pytest.mark.parametrize(
    ("number", "error"),
    [
        ("1.5", "Please enter a valid number."),
        ("ninety", "Please enter a valid number."),
        ("0", "Please enter a number that is at least 1."),
        ("366", "Please enter a number that is at most 365."),
    ],
)
def test_numbers_are_checked(stage: Stage, number: str, error: str) -> None:
    """A number that does not fit stays in the form."""
    days = {"type": "number_input", "is_decimal_allowed": False, "min_value": "1", "max_value": "365"}
    view = stage.open_form([field_block("days", days)])
    stage.simulator.submit(ADMIN.id, view["id"], {"days": {"days": number}})

    assert stage.simulator.snapshot(ADMIN.id)["views"][0]["errors"] == {"days": error}


def test_too_many_choices_stay_in_the_form(stage: Stage) -> None:
    """A menu may limit how many are chosen."""
    several = {"type": "multi_static_select", "max_selected_items": 1, **OPTIONS}
    view = stage.open_form([field_block("pick", several)])
    stage.simulator.submit(ADMIN.id, view["id"], {"pick": {"pick": ["ecr", "gcr"]}})

    assert stage.simulator.snapshot(ADMIN.id)["views"][0]["errors"] == {
        "pick": "Please select at most 1 items."
    }


def test_current_conversation_is_chosen_beforehand(stage: Stage) -> None:
    """A form that was opened from a channel may start with that channel."""
    where = {"type": "conversations_select", "default_to_current_conversation": True}
    view = stage.open_form([field_block("where", where)])

    assert view["state"]["values"]["where"]["where"]["selected_conversation"] == INTEGRATIONS.id


def test_chosen_conversation_gets_a_response_url(stage: Stage) -> None:
    """A form that asks for it may answer into the conversation that was chosen."""
    where = {"type": "conversations_select", "response_url_enabled": True}
    view = stage.open_form([field_block("where", where)])
    stage.simulator.submit(ADMIN.id, view["id"], {"where": {"where": INTEGRATIONS.id}})
    (answer,) = stage.app.payload()["response_urls"]
    status, _ = stage.respond(answer["response_url"], text="shared", response_type="in_channel")

    assert (answer["block_id"], answer["action_id"], answer["channel_id"]) == (
        "where",
        "where",
        INTEGRATIONS.id,
    )
    assert status == 200
    assert [one["text"] for one in stage.simulator.snapshot(MEMBER.id)["messages"]] == ["shared"]


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("external_select", "ecr", {"selected_option": option("ecr")}),
        ("multi_external_select", ["ecr"], {"selected_options": [option("ecr")]}),
    ],
)
def test_searched_options_can_be_chosen(stage: Stage, kind: str, raw: Any, expected: Json) -> None:
    """The app's own options, in groups or not, are offered and arrive whole when chosen."""
    view = stage.open_form([field_block("pick", {"type": kind})])
    stage.app.answer = GROUPS
    offered = stage.simulator.options(ADMIN.id, {"view": view["id"]}, ("pick", "pick"), "e")
    asked = stage.app.payload()
    stage.simulator.submit(ADMIN.id, view["id"], {"pick": {"pick": raw}})
    entry = stage.app.payload()["view"]["state"]["values"]["pick"]["pick"]

    assert offered == GROUPS
    assert (asked["type"], asked["action_id"], asked["value"]) == ("block_suggestion", "pick", "e")
    assert entry == {"type": kind, **expected}


@pytest.mark.parametrize(
    "answer",
    [
        {"options": [option(f"o{number}") for number in range(101)]},
        {"options": [{"text": plain("x" * 76), "value": "x"}]},
        {"options": [{"text": plain(""), "value": "x"}]},
    ],
)
def test_wrong_options_are_found(answer: Json) -> None:
    """Options that Slack would not show are named."""
    assert both_opinions("options", answer) != []


def test_refused_options_are_told(stage: Stage) -> None:
    """Options that Slack would refuse are not offered, and the page says why."""
    view = stage.open_form([field_block("pick", {"type": "external_select"})])
    stage.app.answer, stage.problems = OPTIONS, ["too long"]
    offered = stage.simulator.options(ADMIN.id, {"view": view["id"]}, ("pick", "pick"), "e")

    assert offered == {"error": True}
    assert stage.simulator.snapshot(ADMIN.id)["notes"][0]["details"] == ["too long"]
