"""The page in a real browser: what a person sees, types and presses."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from bot.web.tryit.people import GUEST, INTEGRATIONS, MEMBER
from bot.web.tryit.slack import Simulator
from tests.web.tryit_demo import DemoApp, served

pytestmark = pytest.mark.needs("chromium")

BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MESSAGE = "Message #integrations"


@dataclass
class Desk:
    """A person at the page, with the app and the workspace behind it."""

    app: DemoApp
    simulator: Simulator
    page: Page
    faults: list[str]

    def type(self, text: str) -> None:
        """Send a message or command."""
        composer = self.page.get_by_label(MESSAGE)
        composer.fill(text)
        composer.press("Enter")

    def button(self, name: str) -> Locator:
        """Return the first button of that name."""
        return self.page.get_by_role("button", name=name, exact=True).first

    def form(self) -> Locator:
        """Open the form and return it."""
        self.type("/integrations add")
        dialog = self.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        return dialog

    def fill(self, password: str) -> None:
        """Fill in the form's required fields."""
        self.page.get_by_label("Integration Name").fill("prod")
        self.page.get_by_label("URL").fill("https://registry.example.com")
        self.page.get_by_label("Password").fill(password)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER)
        yield chromium
        chromium.close()


@pytest.fixture
def desk(browser: Browser) -> Iterator[Desk]:
    """The page, just opened; nothing it logs is an error."""
    app = DemoApp()
    with served(app) as (url, simulator):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text))
        page.goto(url)
        page.set_default_timeout(10_000)
        yield Desk(app, simulator, page, faults)
        page.close()
    assert faults == []


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
    values = next(one for one in desk.app.requests if one.get("type") == "view_submission")["view"]["state"][
        "values"
    ]

    assert values["name"]["name"]["value"] == "prod"
    assert values["unchecked"]["unchecked"]["selected_options"][0]["value"] == "yes"
    assert values["email"]["email"]["value"] is None


def test_menu_in_the_form_is_chosen_by_keyboard(desk: Desk) -> None:
    """A dispatching menu opens, moves and chooses by keys, and tells the app."""
    desk.form()
    menu = desk.page.get_by_label("Integration type")
    menu.press("ArrowDown")
    menu.press("ArrowUp")
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
    desk.page.keyboard.press("Escape")
    expect(desk.page.get_by_role("dialog")).to_have_count(0)

    assert [one.get("type") for one in desk.app.requests] == [None, "view_closed"]


def test_focus_stays_in_the_form(desk: Desk) -> None:
    """The first field has the focus, and Tab never reaches what lies under the form."""
    desk.form()
    expect(desk.page.get_by_label("Integration type")).to_be_focused()
    [desk.page.keyboard.press("Tab") for _ in range(12)]

    assert desk.page.evaluate("document.activeElement.closest('dialog, body').tagName") in {"DIALOG", "BODY"}
    assert desk.page.evaluate("document.activeElement.closest('.sidebar, .composer')") is None


def test_enter_submits_the_form(desk: Desk) -> None:
    """Enter in a field sends the form."""
    desk.form()
    desk.fill("right")
    desk.page.get_by_label("Password").press("Enter")

    expect(desk.page.get_by_role("dialog", name="Saved")).to_be_visible()


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
