"""Menus, pickers and shortcuts in a real browser, by keyboard and by mouse."""

import pytest
from playwright.sync_api import Locator, expect

from bot.simulator.cast import ADMIN, INTEGRATIONS, MEMBER
from tests.simulator.demo import post
from tests.simulator.desk import Desk

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def form(desk: Desk) -> Locator:
    """The form with every picker."""
    desk.type("/integrations pickers")
    dialog = desk.page.get_by_role("dialog", name="Every picker")
    expect(dialog).to_be_visible()
    return dialog


def test_several_are_chosen_by_keyboard(desk: Desk, form: Locator) -> None:
    """Arrow keys and Enter choose one after another; Backspace takes the last one back."""
    kinds = form.get_by_label("Kinds", exact=True)
    kinds.press("Enter")
    expect(form.get_by_text("Amazon")).to_be_visible()
    kinds.press("Enter")
    kinds.press("Enter")
    kinds.press("ArrowDown")
    kinds.press("Enter")
    expect(form.locator(".chip")).to_contain_text(["ECR", "ECR Public", "Ava Lindqvist"])
    kinds.press("Backspace")
    form.get_by_role("button", name="Save").click()
    expect(desk.page.get_by_role("dialog", name="Saved")).to_be_visible()

    chosen = desk.submitted()["multi_static_select"]["multi_static_select"]["selected_options"]
    assert [one["value"] for one in chosen] == ["ecr"]


def test_chip_is_removed_by_its_button(desk: Desk, form: Locator) -> None:
    """Each chosen entry has a button that a screen reader can name."""
    form.get_by_role("button", name="Remove Ava Lindqvist").click()
    choose(form, "Kinds", "ECR Public")
    form.get_by_role("button", name="Save").click()
    expect(desk.page.get_by_role("dialog", name="Saved")).to_be_visible()

    assert desk.submitted()["multi_users_select"]["multi_users_select"]["selected_users"] == []


def choose(form: Locator, label: str, entry: str) -> None:
    """Choose an entry of a menu by mouse."""
    form.get_by_label(label, exact=True).click()
    form.get_by_role("option", name=entry, exact=True).click()


def test_every_picker_reaches_the_app(desk: Desk, form: Locator) -> None:
    """People, conversations, dates, times and numbers arrive as Slack sends them."""
    choose(form, "Kinds", "ECR")
    form.get_by_label("Teams").fill("shop")
    form.get_by_role("option", name="Web shop").click()
    choose(form, "New owner", "Marco Ruiz")
    choose(form, "Channels", "#general")
    form.get_by_label("Ends on").fill("2026-12-31")
    form.get_by_label("At", exact=True).fill("09:30")
    form.get_by_label("Next check").fill("2026-12-31T09:30")
    form.get_by_label("Days").fill("90")
    form.get_by_role("button", name="Save").click()
    expect(desk.page.get_by_role("dialog", name="Saved")).to_be_visible()
    values = {name: entry[name] for name, entry in desk.submitted().items()}

    assert values["multi_external_select"]["selected_options"][0]["text"]["text"] == "Web shop"
    assert values["users_select"]["selected_user"] == MEMBER.id
    assert values["multi_users_select"]["selected_users"] == [ADMIN.id]
    assert values["conversations_select"]["selected_conversation"] == INTEGRATIONS.id
    assert values["multi_channels_select"]["selected_channels"] == ["C0TRYGENRL"]
    assert values["datepicker"]["selected_date"] == "2026-12-31"
    assert values["timepicker"]["selected_time"] == "09:30"
    assert values["datetimepicker"]["selected_date_time"] > 1_798_600_000
    assert values["number_input"]["value"] == "90"
    assert values["radio_buttons"]["selected_option"]["value"] == "all"


def test_question_that_is_denied_changes_nothing(desk: Desk, form: Locator) -> None:
    """A choice whose question is answered No goes back to what it was, and the app hears nothing."""
    form.get_by_label("Linked targets only").check()
    question = desk.page.get_by_role("dialog", name="Really?")
    question.get_by_role("button", name="No").click()

    expect(form.get_by_label("All workflows")).to_be_checked()
    assert [one for one in desk.app.requests if one.get("type") == "block_actions"] == []


def test_question_that_is_confirmed_is_told(desk: Desk, form: Locator) -> None:
    """A choice whose question is answered Yes is told to the app at once."""
    form.get_by_label("Linked targets only").check()
    desk.page.get_by_role("dialog", name="Really?").get_by_role("button", name="Yes").click()
    expect(form.get_by_label("Linked targets only")).to_be_checked()
    desk.page.wait_for_timeout(300)

    (pressed,) = [one for one in desk.app.requests if one.get("type") == "block_actions"]
    assert pressed["actions"][0]["selected_option"]["value"] == "linked"


def test_form_on_a_form_goes_back(desk: Desk, form: Locator) -> None:
    """A second form lies on the first, and Back shows the first with what was chosen."""
    choose(form, "New owner", "Priya Nair")
    form.get_by_role("button", name="More", exact=True).click()
    second = desk.page.get_by_role("dialog", name="On top")
    expect(second).to_be_visible()
    second.get_by_role("button", name="Back").click()

    expect(desk.page.get_by_label("New owner")).to_have_value("Priya Nair")


def test_global_shortcut_is_in_the_composers_menu(desk: Desk) -> None:
    """The menu beside the composer runs the app's shortcuts, and leads to its command."""
    desk.button("Shortcuts and commands").click()
    expect(desk.page.get_by_role("menuitem")).to_have_text(["Add an integration", "/integrations"])
    desk.page.keyboard.press("Enter")

    expect(desk.page.get_by_role("dialog", name="Every picker")).to_be_visible()


def test_message_shortcut_is_in_the_messages_menu(desk: Desk) -> None:
    """A message that everybody sees has a menu with the app's shortcuts; an ephemeral one has none."""
    desk.type("/integrations list")
    desk.type("denied: registry.example.com/team/app")
    expect(desk.page.get_by_role("article")).to_have_count(2)
    desk.page.get_by_role("article").last.hover()
    desk.button("More actions").click()
    desk.page.get_by_role("menuitem", name="Which login is this?").click()
    expect(desk.page.get_by_role("dialog", name="Every picker")).to_be_visible()

    assert desk.app.requests[-1]["message"]["text"] == "denied: registry.example.com/team/app"


def test_uploaded_file_is_downloaded(desk: Desk) -> None:
    """A file that the app shares can be saved from its message."""
    url, token = desk.simulator.base_url, desk.simulator.token
    told = post(f"{url}/api/files.getUploadURLExternal", {"filename": "history.csv", "length": 6}, token)
    desk.simulator.upload(told["upload_url"].removeprefix(url), b"a,b\n1\n")
    sharing = {"files": [{"id": told["file_id"], "title": "History"}], "channel_id": INTEGRATIONS.id}
    post(f"{url}/api/files.completeUploadExternal", sharing, token)
    link = desk.page.get_by_role("link", name="History")
    with desk.page.expect_download() as download:
        link.click()

    assert download.value.suggested_filename == "history.csv"
    assert download.value.path().read_bytes() == b"a,b\n1\n"
