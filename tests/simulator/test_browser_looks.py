"""What somebody sees who has just opened the page: the welcome, the narrow window, dark mode, drawn marks."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from bot.simulator.cast import INTEGRATIONS
from tests.simulator.desk import MESSAGE, Desk, seated

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def phone(chromium_browser: Browser) -> Iterator[Desk]:
    """A person with a narrow window."""
    with seated(chromium_browser, width=400) as one:
        yield one


def test_one_types_at_once(desk: Desk) -> None:
    """Whoever opens the page can type without a click."""
    expect(desk.page.get_by_label(MESSAGE)).to_be_focused()
    desk.page.keyboard.type("/integrations list")
    desk.page.keyboard.press("Enter")

    expect(desk.page.get_by_role("article")).to_contain_text("2 integrations")


def test_welcome_says_what_it_is_and_how_it_ends(desk: Desk) -> None:
    """A new channel says what this is, what is real, and how to end it."""
    welcome = desk.page.get_by_role("region", name="Welcome to Quaymaster")

    expect(welcome).to_contain_text("Quaymaster with a simulated Slack, on your computer only")
    expect(welcome).to_contain_text("The app, its store and the registries it asks are real.")
    expect(welcome).to_contain_text("To stop it, press Ctrl+C in the terminal.")


@pytest.mark.parametrize(
    ("button", "words"),
    [("Show the integrations", ""), ("Add an integration", "add"), ("See every command", "help")],
)
def test_welcome_starts_with_a_press(desk: Desk, button: str, words: str) -> None:
    """Each of the three buttons types a command."""
    desk.button(button).click()
    desk.page.wait_for_timeout(300)

    assert [(one["command"], one["text"]) for one in desk.app.requests] == [("/integrations", words)]


def test_welcome_is_only_where_the_app_is(desk: Desk) -> None:
    """A channel without the app has no welcome of its own."""
    desk.page.get_by_role("button", name="general").click()

    expect(desk.page.get_by_label("Message #general")).to_be_focused()
    expect(desk.page.get_by_role("region", name="Welcome to Quaymaster")).to_have_count(0)


def test_sidebar_folds_in_a_narrow_window(phone: Desk) -> None:
    """Below 600 pixels the sidebar is behind a button; choosing a place folds it again."""
    opener = phone.page.get_by_role("button", name="Channels and apps")
    general = phone.page.get_by_role("button", name="general")
    expect(general).to_be_hidden()
    opener.click()
    expect(phone.page.get_by_role("button", name="integrations", exact=True)).to_be_focused()
    expect(opener).to_have_attribute("aria-expanded", "true")
    general.click()

    expect(phone.page.get_by_role("heading", name="general", exact=True)).to_be_visible()
    expect(general).to_be_hidden()


def test_escape_folds_the_sidebar(phone: Desk) -> None:
    """Escape folds the sidebar and puts the keyboard back on its button."""
    opener = phone.page.get_by_role("button", name="Channels and apps")
    opener.press("Enter")
    phone.page.keyboard.press("Escape")

    expect(opener).to_be_focused()
    expect(phone.page.get_by_role("button", name="general")).to_be_hidden()


def test_somebody_leaves(desk: Desk) -> None:
    """On the app's About tab somebody can be deactivated; then nobody acts as them."""
    desk.page.get_by_role("button", name="Quaymaster", exact=True).click()
    desk.page.get_by_role("tab", name="About").click()
    desk.page.get_by_label("Marco Ruiz").select_option("deactivated")

    expect(desk.page.get_by_label("Acting as").locator("option")).to_have_text(
        ["Ava Lindqvist · admin", "Priya Nair · member", "Gus Turner · guest"]
    )


@pytest.mark.parametrize("words", ["list", "pickers", "too-long"])
def test_nothing_is_wider_than_a_narrow_window(phone: Desk, words: str) -> None:
    """Nothing is cut off at 400 pixels: neither lists nor forms nor red boxes."""
    phone.type(f"/integrations {words}")
    phone.page.wait_for_timeout(400)
    wider = "() => [...document.querySelectorAll('.main *, dialog[open] *')].filter(one => {"
    wider += "const box = one.getBoundingClientRect(); return box.width > 0 && box.right > innerWidth + 0.5;"
    wider += "}).map(one => one.className)"

    assert phone.page.evaluate(wider) == []


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(26, 29, 33)")])
def test_dark_screens_get_a_dark_page(chromium_browser: Browser, scheme: str, paper: str) -> None:
    """The page follows what the system prefers."""
    with seated(chromium_browser, color_scheme=scheme) as desk:
        expect(desk.page.locator(".main")).to_have_css("background-color", paper)


READABLE = """() => {
  const channel = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (text) => text.match(/[0-9.]+/g).map(Number);
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(at).backgroundColor);
      layers.push([r, g, b, a]);
      if (a === 1) break;
    }
    return layers.reverse().reduce((under, [r, g, b, a]) =>
      [r, g, b].map((part, index) => part * a + (under ? under[index] : 255) * (1 - a)), null);
  };
  const texts = [...document.querySelectorAll('.main *, .sidebar *')].filter((node) =>
    [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
  return texts.filter((node) => node.checkVisibility()).map((node) => {
    const [over, under] = [light(numbers(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(over, under) + 0.05) / (Math.min(over, under) + 0.05);
    return [node.className, node.textContent.slice(0, 30), ratio];
  }).filter(([, , ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_enough_contrast(chromium_browser: Browser, scheme: str) -> None:
    """Every text of the channel stands out from its ground by 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    with seated(chromium_browser, color_scheme=scheme) as desk:
        desk.type("/integrations list")
        desk.type("/integrations too-long")
        desk.type("`code` <https://example.com|link> <@U0TRYMARCO> plain")
        expect(desk.page.get_by_role("article")).to_have_count(4)

        assert desk.page.evaluate(READABLE) == []


MARKS = (
    *("white_check_mark", "x", "warning", "no_entry", "white_circle", "hourglass"),
    *("hourglass_flowing_sand", "lock", "unlock", "key", "link", "wastebasket"),
    *("ballot_box_with_check", "heavy_plus_sign", "inbox_tray", "incoming_envelope"),
    "leftwards_arrow_with_hook",
)


@pytest.mark.parametrize("name", MARKS)
def test_status_marks_are_drawn(desk: Desk, name: str) -> None:
    """The marks of the product's states are drawings, so they look right without an emoji font."""
    text = f":{name}: state"
    desk.simulator.web_api(
        "chat.postMessage", {"channel": INTEGRATIONS.id, "text": text}, desk.simulator.token
    )
    mark = desk.page.get_by_role("article").get_by_role("img", name=name.replace("_", " "), exact=True)

    expect(mark.locator("svg path").first).to_be_visible()
