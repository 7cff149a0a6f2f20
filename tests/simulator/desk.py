"""A person at the page, in Debian's Chromium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from bot.simulator.simulator import Simulator
from tests.simulator.demo import DemoApp, served

BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PROGRAM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""The shell is the same engine without windows, and opens a page in half the time."""
MESSAGE = "Message #integrations"


@dataclass
class Desk:
    """A person at the page, with the app and the workspace behind it."""

    app: DemoApp
    simulator: Simulator
    page: Page

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

    def submitted(self) -> dict[str, Any]:
        """Return the values of the form that was submitted."""
        sent = next(one for one in self.app.requests if one.get("type") == "view_submission")
        return dict(sent["view"]["state"]["values"])


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=BROWSER)
        yield browser
        browser.close()


@contextmanager
def seated(browser: Browser, width: int = 1280, **emulated: Any) -> Iterator[Desk]:
    """
    Open the page of a demo app; nothing that it logs may be an error.

    Args:
        browser: Runs the page.
        width: The window's, in pixels.
        emulated: What else the browser pretends, such as ``color_scheme``.
    """
    app = DemoApp()
    with served(app) as demo:
        page = browser.new_page(viewport={"width": width, "height": 800}, **emulated)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text))
        page.set_default_timeout(10_000)
        page.goto(demo.address)
        yield Desk(app, demo.simulator, page)
        page.close()
    assert faults == []
