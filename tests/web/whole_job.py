"""The real ``quaymaster try`` in a thread, and a person who uses its page in Chromium."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, Page, expect

from bot.core.ports.registry import Registry
from bot.run.try_server import TryApp
from bot.simulator.cast import Account
from tests.simulator.desk import MESSAGE

AVAILABLE = "will now be available to all your continuous integration and deployment workflows"
SKIP = "Save without checking"


@contextmanager
def trying(
    folder: Path, registry: Registry | None = None, now: Callable[[], datetime] | None = None
) -> Iterator[TryApp]:
    """Run the app; ``registry`` asks registries in its client's place, ``now`` is the clock it goes by."""
    folder.mkdir()
    app = TryApp(folder, 0, registry, now)
    thread = threading.Thread(target=app.server.run)
    thread.start()
    try:
        yield app
    finally:
        app.server.stop()
        thread.join()
        app.close()


@dataclass
class Person:
    """Somebody at the page: what they type, press and see."""

    page: Page

    @property
    def dialog(self) -> Locator:
        """The form, or whatever else lies on top."""
        return self.page.get_by_role("dialog")

    def button(self, name: str, within: Locator) -> Locator:
        """A button by its name."""
        return within.get_by_role("button", name=name, exact=True)

    def answer(self, ask: Callable[[], None]) -> Locator:
        """Do something that is answered by a new message, and give that message."""
        messages = self.page.get_by_role("article")
        before = messages.count()
        ask()
        expect(messages).to_have_count(before + 1)
        return messages.nth(before)

    def type(self, text: str) -> None:
        """Send a command."""
        composer = self.page.get_by_label(MESSAGE)
        composer.fill(f"/integrations {text}")
        composer.press("Enter")

    def command(self, text: str) -> Locator:
        """Send a command and give the message that answers it."""
        return self.answer(lambda: self.type(text))

    def open_form(self, kind: str, labels: list[str]) -> Locator:
        """Open the form and choose a type; its fields are then those of ``labels``."""
        self.type("add")
        expect(self.dialog).to_be_visible()
        self.choose(self.dialog.get_by_role("combobox", name="Integration type"), kind)
        shown = self.dialog.locator(".label > label")
        beside = ("Who may fetch it", "Ends on", "Note")
        expect(shown).to_have_text(["Integration type", "Integration Name", *labels, *beside])
        return self.dialog

    def choose(self, menu: Locator, option: str) -> None:
        """Choose from a menu."""
        menu.click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def box(self, label: str) -> Locator:
        """A box of the form by its label."""
        return self.dialog.get_by_role("textbox", name=label, exact=True)

    def fill(self, values: Mapping[str, str]) -> None:
        """Type into boxes of the form."""
        for label, value in values.items():
            self.box(label).fill(value)

    def save(self) -> None:
        """Press Save."""
        self.button("Save", self.dialog).click()

    def saved(self, text: str | re.Pattern[str] = AVAILABLE) -> None:
        """Press Save, see that it was saved, and close."""
        self.save()
        expect(self.dialog).to_contain_text(text)
        self.close()

    def close(self) -> None:
        """Close what lies on top."""
        self.button("Dismiss form", self.dialog).click()
        expect(self.dialog).to_have_count(0)

    def act_as(self, account: Account) -> None:
        """Become somebody else."""
        self.page.get_by_label("Acting as").select_option(account.id)

    def home(self) -> Locator:
        """Open the app's Home tab and give it."""
        self.page.get_by_role("button", name="Quaymaster", exact=True).click()
        tab = self.page.get_by_role("tabpanel")
        expect(tab).to_contain_text("Integrations")
        return tab

    def channel(self) -> None:
        """Go back to the channel."""
        self.page.get_by_role("button", name="integrations", exact=True).click()
        expect(self.page.get_by_label(MESSAGE)).to_be_visible()


@contextmanager
def at_the_page(browser: BrowserContext, address: str) -> Iterator[Person]:
    """Open the page in a browser with its own cookies; nothing that it logs may be an error."""
    page = browser.new_page()
    page.set_viewport_size({"width": 1280, "height": 1000})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text))
    page.set_default_timeout(10_000)
    page.goto(address)
    yield Person(page)
    page.close()
    assert faults == []
