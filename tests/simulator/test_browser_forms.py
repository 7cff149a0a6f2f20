"""Forms in a real browser: fields, errors, menus, the keyboard."""

import pytest
from playwright.sync_api import expect

from tests.simulator.desk import Desk

pytestmark = pytest.mark.needs("chromium")


def test_error_stands_at_its_field_and_the_rest_stays(desk: Desk) -> None:
    """A refused form shows the error at its field and keeps what was typed."""
    desk.form()
    desk.fill("wrong")
    desk.button("Save").click()
    password = desk.page.get_by_label("Password")

    expect(desk.page.get_by_role("alert").filter(has_text="refused this login")).to_be_visible()
    expect(password).to_have_attribute("aria-invalid", "true")
    expect(password).to_be_focused()
    expect(desk.page.get_by_label("Integration Name")).to_have_value("prod")


def test_page_asks_before_it_is_left_with_something_typed(desk: Desk) -> None:
    """Leaving the page asks while a form holds something typed, and neither before nor after."""
    desk.form()
    leave = "() => window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    before = desk.page.evaluate(leave)
    desk.fill("right")
    typed = desk.page.evaluate(leave)
    desk.button("Cancel").click()
    expect(desk.page.get_by_role("dialog")).to_have_count(0)

    assert (before, typed, desk.page.evaluate(leave)) == (True, False, True)


def test_required_field_is_asked_for(desk: Desk) -> None:
    """An empty required field is named without asking the app."""
    desk.form()
    sent = len(desk.app.requests)
    desk.button("Save").click()

    expect(desk.page.get_by_text("Please complete this required field.").first).to_be_visible()
    assert len(desk.app.requests) == sent


def test_saved_form_becomes_the_answer(desk: Desk) -> None:
    """An accepted form is replaced by the app's answer, and Done closes it."""
    desk.form()
    desk.fill("right")
    desk.page.get_by_label("Save without checking").check()
    desk.button("Save").click()
    expect(desk.page.get_by_role("dialog", name="Saved")).to_contain_text("will now be available")
    desk.button("Done").click()
    expect(desk.page.get_by_role("dialog")).to_have_count(0)
    values = desk.submitted()

    assert values["name"]["name"]["value"] == "prod"
    assert values["unchecked"]["unchecked"]["selected_options"][0]["value"] == "yes"
    assert values["email"]["email"]["value"] is None


def test_menu_in_the_form_is_chosen_by_keyboard(desk: Desk) -> None:
    """A dispatching menu opens, moves and chooses by keys, and tells the app."""
    desk.form()
    menu = desk.page.get_by_label("Integration type")
    menu.press("ArrowDown")
    menu.press("ArrowUp")
    with desk.page.expect_response("**/try/act?*"):
        menu.press("Enter")
    expect(menu).to_have_value("Docker Hub")

    assert desk.app.requests[-1]["actions"][0]["selected_option"]["value"] == "dockerhub"


def test_menu_in_the_form_is_searched(desk: Desk) -> None:
    """Typing into a menu narrows its options; Esc closes the list and keeps the form."""
    dialog = desk.form()
    menu = desk.page.get_by_label("Integration type")
    menu.fill("hub")
    expect(dialog.get_by_role("option")).to_have_text(["Docker Hub"])
    menu.press("Escape")

    expect(dialog.get_by_role("option")).to_have_count(0)
    expect(menu).to_have_value("Private Docker Registry")
    expect(dialog).to_be_visible()


def test_escape_closes_the_form_and_tells_the_app(desk: Desk) -> None:
    """Esc closes a form; an app that asked is told, and focus is in the page again."""
    desk.form()
    with desk.page.expect_response("**/try/close?*"):
        desk.page.keyboard.press("Escape")
    expect(desk.page.get_by_role("dialog")).to_have_count(0)

    assert [one.get("type") for one in desk.app.requests] == [None, "view_closed"]


def test_focus_stays_in_the_form(desk: Desk) -> None:
    """The first field has the focus, and Tab never reaches what lies under the form."""
    desk.form()
    expect(desk.page.get_by_label("Integration type")).to_be_focused()
    desk.page.get_by_role("button", name="Save").press("Tab")

    assert desk.page.evaluate("document.activeElement.closest('dialog, body').tagName") in {"DIALOG", "BODY"}
    assert desk.page.evaluate("document.activeElement.closest('.sidebar, .composer')") is None


def test_enter_submits_the_form(desk: Desk) -> None:
    """Enter in a field sends the form."""
    desk.form()
    desk.fill("right")
    desk.page.get_by_label("Password").press("Enter")

    expect(desk.page.get_by_role("dialog", name="Saved")).to_be_visible()


def test_menu_filled_by_the_app(desk: Desk) -> None:
    """A menu that the app fills asks once enough is typed, and sends what was chosen."""
    dialog = desk.form()
    desk.fill("right")
    team = dialog.get_by_label("Team")
    team.press_sequentially("w")
    expect(dialog.get_by_role("status")).to_have_text("Keep typing to search.")
    team.press_sequentially("eb")
    expect(dialog.get_by_role("option")).to_have_text(["Web shop", "Web site"])
    dialog.get_by_role("option", name="Web site").click()
    expect(team).to_have_value("Web site")
    desk.button("Save").click()
    expect(desk.page.get_by_role("dialog", name="Saved")).to_be_visible()

    assert desk.submitted()["team"]["team"]["selected_option"]["value"] == "web-site"
