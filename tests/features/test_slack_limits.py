"""Each of Slack's limits is seen refusing one character, block or option too many."""

import pytest

from handlers.blocks import button, labelled, modal, option, plain, section, text_input
from handlers.slack_limits import problems

CHOICE = option(("Key", "value"))
DIALOG = {name: plain("x") for name in ("title", "text", "confirm", "deny")}
FIELD = labelled("Name", text_input("name"), "name")
FORM = modal("Form", [FIELD], submit=plain("Save"))
MENU = {"type": "static_select", "action_id": "menu"}
TOO_LONG = text_input("name", initial="x" * 3001)
PRESS = button("Go", "go")


def message(*blocks):
    """A message of these blocks."""
    return {"text": "text", "blocks": list(blocks)}


def actions(*controls):
    """A message with a row of controls."""
    return message({"type": "actions", "elements": list(controls)})


BLOCK_REFUSALS = [
    (message(*[section("text")] * 51), "51 blocks; a message takes 50"),
    ({}, "a message needs text or blocks"),
    ({"text": "x" * 4001}, "the message's text is too long"),
    (message(section("text", block_id="b"), section("text", block_id="b")), "block_id b occurs 2 times"),
    (message(section("text", block_id="x" * 256)), "block_id is longer than 255"),
    (message({"type": "video"}), "there is no block of type video"),
    (message({"type": "section"}), "a section needs text or fields"),
    (message({"type": "section", "fields": [plain("x")] * 11}), "a section takes 10 fields"),
    (message({"type": "section", "fields": [plain("x" * 2001)]}), "section field has 2001 characters"),
    (message({"type": "section", "text": "bare"}), "section text is not a text object"),
    (message(section("")), "section text is empty"),
    (message({"type": "section", "text": plain("x" * 3001)}), "section text has 3001 characters"),
    (message({"type": "header", "text": plain("x" * 151)}), "header has 151 characters"),
    (message({"type": "context", "elements": []}), "a context takes 1 to 10 elements"),
    (message({"type": "context", "elements": [plain("x" * 3001)]}), "context text has 3001 characters"),
    (message(section("text", {"type": "knob"})), "there is no control of type knob"),
    (actions(), "actions take 1 to 25 elements"),
    (actions(*(button("Go", f"go.{number}") for number in range(26))), "actions take 1 to 25 elements"),
    (actions(PRESS, PRESS), "action_id go occurs 2 times"),
]

CONTROL_REFUSALS = [
    (PRESS | {"type": "knob"}, "there is no control of type knob"),
    (PRESS | {"action_id": "x" * 256}, "action_id is longer than 255"),
    (PRESS | {"url": "x" * 3001}, "url is longer than 3000"),
    (PRESS | {"text": plain("x" * 76)}, "button text has 76 characters; 75 are allowed"),
    (PRESS | {"value": "x" * 2001}, "a button's value is longer than 2000"),
    (PRESS | {"style": "loud"}, "a button's style is primary or danger"),
    (PRESS | {"accessibility_label": "x" * 76}, "accessibility_label is longer than 75"),
    (PRESS | {"confirm": DIALOG | {"title": plain("x" * 101)}}, "confirm title has 101 characters"),
    (PRESS | {"confirm": DIALOG | {"text": plain("x" * 301)}}, "confirm text has 301 characters"),
    (PRESS | {"confirm": DIALOG | {"confirm": plain("x" * 31)}}, "confirm confirm has 31 characters"),
    (text_input("name") | {"placeholder": plain("x" * 151)}, "placeholder has 151 characters"),
    (TOO_LONG, "initial_value is longer than 3000"),
    (MENU | {"options": []}, "static_select takes 1 to 100 options"),
    (MENU | {"options": [CHOICE] * 101}, "static_select takes 1 to 100 options"),
    (MENU | {"type": "overflow", "options": [CHOICE] * 6}, "overflow takes 1 to 5 options"),
    (MENU | {"option_groups": []}, "static_select takes 1 to 100 groups of options"),
    (
        MENU | {"option_groups": [{"label": plain("x" * 76), "options": [CHOICE]}]},
        "label of a group has 76 characters",
    ),
    (MENU | {"options": [CHOICE | {"text": plain("x" * 76)}]}, "option text has 76 characters"),
    (MENU | {"options": [CHOICE | {"value": "x" * 151}]}, "an option's value is longer than 150"),
    (MENU | {"options": [CHOICE | {"description": plain("x" * 76)}]}, "option description has 76"),
    (
        MENU | {"options": [CHOICE], "initial_option": option(("Other", "other"))},
        "initial_option is not among the options",
    ),
]

FORM_REFUSALS = [
    (FORM | {"blocks": [section("text")] * 101}, "101 blocks; a modal takes 100"),
    (FORM | {"private_metadata": "x" * 250_000}, "view_too_large"),
    (FORM | {"private_metadata": "x" * 3001}, "private_metadata is longer than 3000"),
    (FORM | {"callback_id": "x" * 256}, "callback_id is longer than 255"),
    (FORM | {"type": "home"}, "the view's type is not modal"),
    (FORM | {"title": plain("x" * 25)}, "title has 25 characters; 24 are allowed"),
    ({"type": "modal", "blocks": []}, "a modal needs a title"),
    (modal("Form", [FIELD]), "a modal with inputs needs a submit button"),
    (FORM | {"blocks": [FIELD | {"label": plain("x" * 2001)}]}, "label has 2001 characters"),
    (FORM | {"blocks": [FIELD | {"hint": plain("x" * 2001)}]}, "hint has 2001 characters"),
    (FORM | {"blocks": [FIELD | {"element": TOO_LONG}]}, "initial_value is longer than 3000"),
    (FORM | {"blocks": [FIELD | {"element": PRESS}]}, "an input cannot hold button"),
]


@pytest.mark.parametrize(("sent", "said"), BLOCK_REFUSALS)
def test_block_over_a_limit_is_refused(sent, said):
    """The checker names what is wrong with a message, and nothing else."""
    (found,) = problems("message", sent)

    assert said in found


@pytest.mark.parametrize(("control", "said"), CONTROL_REFUSALS)
def test_control_over_a_limit_is_refused(control, said):
    """The checker names what is wrong with a button, a text field or a menu."""
    (found,) = problems("message", actions(control))

    assert said in found


@pytest.mark.parametrize(("form", "said"), FORM_REFUSALS)
def test_form_over_a_limit_is_refused(form, said):
    """The checker names what is wrong with a form."""
    found = problems("modal", form)

    assert any(said in one for one in found)


def test_search_with_too_many_answers_is_refused():
    """A search in a menu may find nothing, and at most 100 options."""
    assert problems("options", {"options": []}) == []
    assert problems("options", {"options": [CHOICE] * 101}) == ["static_select takes 0 to 100 options"]


def test_what_slack_takes_is_not_refused():
    """A message, a form and a Home tab within the limits have no problem."""
    picture = {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a"}
    small = {"type": "context", "elements": [picture, plain("x" * 3000)]}
    fields = {"type": "section", "fields": [plain("x" * 2000)] * 10}
    home = {"type": "home", "blocks": [section("text")] * 100}

    assert problems("message", message(section("x" * 3000, PRESS), small, fields)) == []
    assert problems("modal", FORM) == []
    assert problems("home", home) == []
