"""The page in a real browser: what a person sees, types and presses in a channel and in Home."""

import re

import pytest
from playwright.sync_api import expect

from bot.simulator.cast import GUEST, INTEGRATIONS, MEMBER
from tests.simulator.desk import MESSAGE, Desk

pytestmark = pytest.mark.needs("chromium")


def test_command_shows_blocks_only_to_whoever_typed(desk: Desk) -> None:
    """A command's answer stands in the channel with its buttons, marked as visible to oneself."""
    desk.type("/integrations")
    message = desk.page.get_by_role("article")

    expect(message).to_contain_text("Only visible to you")
    expect(message).to_contain_text("@Ava Lindqvist")
    expect(desk.button("Add Integration")).to_be_visible()


def test_slash_offers_the_command(desk: Desk) -> None:
    """Typing a slash offers the command with its hint, and Enter completes it."""
    composer = desk.page.get_by_label(MESSAGE)
    composer.press_sequentially("/")
    expect(desk.page.get_by_role("listbox", name="Commands")).to_contain_text(
        "/integrations add | list | filter"
    )
    composer.press("Enter")

    expect(composer).to_have_value("/integrations ")


def test_up_arrow_brings_back_the_last_command(desk: Desk) -> None:
    """The up arrow in an empty composer recalls what was sent."""
    desk.type("/integrations list")
    desk.page.get_by_label(MESSAGE).press("ArrowUp")

    expect(desk.page.get_by_label(MESSAGE)).to_have_value("/integrations list")


def test_overflow_menu_replaces_its_message(desk: Desk) -> None:
    """Choosing in an overflow menu by keys reaches the app, whose answer replaces the message."""
    desk.type("/integrations")
    desk.button("More options").press("Enter")
    expect(desk.page.get_by_role("menuitem", name="Show")).to_be_focused()
    desk.page.keyboard.press("ArrowDown")
    desk.page.keyboard.press("Enter")

    expect(desk.page.get_by_role("article")).to_have_count(1)
    expect(desk.page.get_by_role("article")).to_contain_text("You chose edit prod-registry.")


def test_confirmation_asks_before_it_acts(desk: Desk) -> None:
    """A button with a confirm object acts only after yes."""
    desk.type("/integrations")
    desk.button("Delete").click()
    desk.button("Forget").click()
    question = desk.page.get_by_role("dialog", name="Are you sure?")
    question.get_by_role("button", name="No").click()
    expect(question).to_have_count(0)
    asked = len(desk.app.requests)
    desk.button("Forget").click()
    question.get_by_role("button", name="Yes").click()

    expect(desk.page.get_by_role("article")).to_contain_text("No dependency")
    assert len(desk.app.requests) == asked + 1


def test_refused_message_is_a_red_box(desk: Desk) -> None:
    """A message over Slack's limits is shown as refused, with the reason."""
    desk.type("/integrations too-long")

    expect(desk.page.get_by_role("article").first).to_contain_text("Slack would refuse this message")
    expect(desk.page.get_by_role("article").first).to_contain_text("3001 characters")


def test_home_is_published_when_opened(desk: Desk) -> None:
    """Opening the app shows the Home it publishes; About names its command."""
    desk.page.get_by_role("button", name="Quaymaster").click()
    expect(desk.page.get_by_text("Your integrations")).to_be_visible()
    desk.page.get_by_role("tab", name="About").click()

    expect(desk.page.get_by_role("tabpanel")).to_contain_text("/integrations")


def test_acting_as_another_person(desk: Desk) -> None:
    """Each person sees their own ephemeral messages; a guest sees only their channel."""
    desk.type("/integrations")
    expect(desk.page.get_by_role("article")).to_have_count(1)
    desk.page.get_by_label("Acting as").select_option(GUEST.id)
    expect(desk.page.get_by_role("article")).to_have_count(0)
    expect(desk.page.get_by_role("button", name="general")).to_have_count(0)
    desk.type("/integrations")
    expect(desk.page.get_by_role("article")).to_have_count(1)

    assert [one["user_id"] for one in desk.app.requests] == ["U0TRYADMIN", GUEST.id]


def test_text_is_never_html(desk: Desk) -> None:
    """Markup in a message is text; Slack's marks are drawn."""
    desk.type("*bold* <img src=x onerror=alert(1)> `code` :lock: _it_ ~no~ snake_case_name")
    message = desk.page.get_by_role("article")

    expect(message).to_contain_text("<img src=x onerror=alert(1)>")
    expect(message.locator("img")).to_have_count(0)
    expect(message.locator("strong")).to_have_text("bold")
    expect(message.locator("code")).to_have_text("code")
    expect(message).to_contain_text("snake_case_name")


def test_only_web_links_are_links(desk: Desk) -> None:
    """A link to a script is shown as text."""
    text = "<javascript:alert(1)|bad> <https://example.com/a?b=1&amp;c=2|good>"
    desk.simulator.web_api(
        "chat.postMessage", {"channel": INTEGRATIONS.id, "text": text}, desk.simulator.token
    )
    links = desk.page.get_by_role("article").get_by_role("link")

    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://example.com/a?b=1&c=2")


def test_news_from_others_appears(desk: Desk) -> None:
    """What another person writes appears without a reload."""
    desk.simulator.say(MEMBER.id, INTEGRATIONS.id, "good morning")

    expect(desk.page.get_by_role("article")).to_have_text(re.compile("Marco Ruiz.*good morning", re.DOTALL))


def test_narrow_window_still_works(desk: Desk) -> None:
    """At 600 pixels nothing sticks out sideways, and the form fits."""
    desk.page.set_viewport_size({"width": 600, "height": 700})
    desk.type("/integrations")
    desk.form()
    expect(desk.button("Save")).to_be_in_viewport()

    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 600


HELD_BACK = """(path) => {
  const send = window.fetch;
  window.held = [];
  window.fetch = (url, options) =>
    String(url).startsWith(path)
      ? new Promise((go, fail) => window.held.push({ go: () => go(send(url, options)), fail }))
      : send(url, options);
}"""
"""Keeps the page's requests to a path until the test lets them go, or has them fail."""


def test_form_closes_before_the_program_answers(desk: Desk) -> None:
    """A form that is closed is gone at once, so that what is typed next is typed into the channel."""
    dialog = desk.form()
    desk.page.evaluate(HELD_BACK, "/try/close")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    desk.type("/integrations")

    expect(desk.page.get_by_role("article")).to_contain_text("Only visible to you")
    desk.page.evaluate("window.held[0].go()")
    expect(dialog).to_be_hidden()


def test_form_that_could_not_be_closed_is_back(desk: Desk) -> None:
    """What the program did not hear of is still open there, and shown."""
    dialog = desk.form()
    desk.page.evaluate(HELD_BACK, "/try/close")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    desk.page.evaluate("window.held[0].fail(new TypeError('no connection'))")

    expect(dialog).to_be_visible()


def test_command_that_was_not_sent_comes_back(desk: Desk) -> None:
    """What was typed is not lost when the program could not be reached: Enter sends it again."""
    composer = desk.page.get_by_label(MESSAGE)
    desk.page.evaluate(HELD_BACK, "/try/say")
    desk.type("/integrations")
    expect(composer).to_have_value("")
    desk.page.evaluate("window.held[0].fail(new TypeError('no connection'))")
    expect(composer).to_have_value("/integrations")
    composer.press("Enter")
    desk.page.evaluate("window.held[1].go()")

    expect(desk.page.get_by_role("article")).to_contain_text("Only visible to you")
