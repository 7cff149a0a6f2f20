"""Ten jobs in plain words, done by somebody who has read nothing, in at most three acts each.

By mouse in a wide window and by keyboard in a narrow dark one, in Chromium, with the real app and store.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from bot.core.integrations.checks import keep_test
from bot.core.integrations.deletions import delete_integration
from bot.core.integrations.dependencies import link_target
from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Actor, Integration, Role, Target, TargetKind, Workspace
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from bot.run.try_server import TryApp
from bot.simulator.cast import ADMIN, MEMBER, TEAM_ID, try_cast
from tests.fakes.scripted_registry import PROVED, REJECTED, ScriptedRegistry
from tests.web.whole_job import Person, trying

pytestmark = pytest.mark.needs("chromium")

PRIYA = next(one for one, user in try_cast().people.items() if user["real_name"] == "Priya Nair")
HARBOR = {"url": "https://harbor.example.com", "username": "robot$ci", "password": "pull"}
MOST_ACTS = 3


@dataclass
class Stranger:
    """Somebody at the page, who counts each command, press and choice."""

    person: Person
    is_typing: bool
    acts: int = 0

    def command(self, text: str) -> Locator:
        """Type a command."""
        self.acts += 1
        return self.person.command(text)

    def open(self, text: str) -> Locator:
        """Type a command that opens a form."""
        self.acts += 1
        self.person.type(text)
        expect(self.person.dialog).to_be_visible()
        return self.person.dialog

    def press(self, name: str, within: Locator) -> None:
        """Press a button."""
        self.acts += 1
        button = within.get_by_role("button", name=name, exact=True)
        if self.is_typing:
            button.focus()
            self.person.page.keyboard.press("Enter")
        else:
            button.click()

    def answered(self, name: str, within: Locator) -> Locator:
        """Press a button that a new message answers."""
        return self.person.answer(lambda: self.press(name, within))

    def choose(self, menu: str, option: str, within: Locator) -> None:
        """Choose in a menu."""
        self.acts += 1
        box = within.get_by_role("combobox", name=re.compile(rf"^{menu}( \(optional\))?$"))
        page = self.person.page
        offered = page.locator("[role=listbox] [role=option]")
        if self.is_typing:
            box.focus()
            page.keyboard.press("Enter")
            page.keyboard.type(option)
            expect(offered.first).to_contain_text(option)
            page.keyboard.press("Enter")
        else:
            box.click()
            offered.filter(has_text=option).first.click()


@dataclass
class Past:
    """What was done before the stranger came."""

    app: TryApp

    def actor(self, user: str, days: float = 0) -> Actor:
        """Somebody with every right, some days ago."""
        at = self.app.wired.services.ports.now() - timedelta(days=days)
        return Actor(Workspace(TEAM_ID), user, Role.ADMIN, at)

    def add(self, name: str, user: str, kind: str = "private", days: float = 30, **typed: str) -> Integration:
        """Keep an integration, unchecked."""
        services, ends = self.app.wired.services, typed.pop("ends", None)
        draft = read_draft(services.kinds[kind], name, typed)
        if ends:
            draft = replace(draft, ends_on=services.ports.now().date() + timedelta(days=int(ends)))
        actor = self.actor(user, days)
        return add_integration(services.ports, actor, draft, is_checked=False).integration

    def link(self, name: str, target: Target) -> None:
        """Let a target depend on one."""
        link_target(self.app.wired.services.ports, self.actor(ADMIN.id, 9), name, target, is_sure=True)

    def fetch(self, name: str, target: Target) -> None:
        """Let a pipeline fetch one."""
        ports = self.app.wired.services.ports
        text, _ = create_token(ports, self.actor(ADMIN.id, 9), target, 90)
        fetch_named(ports, identify_caller(ports.store, text.reveal(), name, ports.now()), name)

    def make(self) -> None:
        """Add what a team has after a while."""
        ports = self.app.wired.services.ports
        web_shop, staging = Target(TargetKind.PROJECT, "web-shop"), Target(TargetKind.ENVIRONMENT, "staging")
        works = self.add("team_registry", PRIYA, url="https://team.example.com", username="ci", password="x")
        fails = self.add("nightly", PRIYA, url="https://nightly.example.com", username="ci", password="x")
        keep_test(ports, self.actor(PRIYA), works, PROVED)
        keep_test(ports, self.actor(PRIYA), fails, REJECTED)
        self.add("docker_hub", MEMBER.id, "docker-hub", username="acmebot", password="dckr")
        self.add("harbor", MEMBER.id, "harbor", **HARBOR)
        self.add("harbor_copy", MEMBER.id, "harbor", **HARBOR)
        self.add("quay", MEMBER.id, "quay", ends="12", username="acme+deploy", password="x")
        self.add("nexus", MEMBER.id, days=200, url="https://nexus.example.com", username="ci", password="x")
        self.add("staging_new", MEMBER.id, url="https://new.example.com", username="ci", password="x")
        old = self.add("harbor_old", MEMBER.id, "harbor", **HARBOR)
        delete_integration(ports, self.actor(MEMBER.id, 3), old.id, old.version, None)
        self.link("team_registry", staging)
        self.fetch("docker_hub", web_shop)


@pytest.fixture(params=["mouse", "keyboard"])
def stranger(request: pytest.FixtureRequest, chromium_browser: Browser, tmp_path: Path) -> Iterator[Stranger]:
    """An admin who has just come, at the page of a team that has been at work."""
    is_typing = request.param == "keyboard"
    size = {"width": 400, "height": 800} if is_typing else {"width": 1280, "height": 900}
    with trying(tmp_path / "try", ScriptedRegistry()) as app:
        Past(app).make()
        page = chromium_browser.new_page(viewport=size, color_scheme="dark" if is_typing else "light")
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text))
        page.set_default_timeout(10_000)
        page.goto(app.address)
        someone = Stranger(Person(page), is_typing)
        yield someone
        page.close()
    assert faults == []
    assert someone.acts <= MOST_ACTS


def test_a_colleague_left(stranger: Stranger) -> None:
    """Which logins were hers, and which of them still work?"""
    listed = stranger.command("list")
    stranger.choose("Owner", "Priya Nair", listed)

    expect(listed).to_contain_text("Integrations 1–2 of 2")
    expect(listed).to_contain_text("login works")
    expect(listed).to_contain_text("login refused")


def test_the_build_says_denied(stranger: Stranger) -> None:
    """Whose login is it?"""
    answer = stranger.command("which team.example.com/team/app")

    expect(answer).to_contain_text("uses team_registry")
    expect(answer).to_contain_text("Its owner is @Priya Nair")
    expect(answer).to_contain_text("Last check: proved")


def test_give_staging_the_new_login(stranger: Stranger) -> None:
    """Link the environment to it."""
    shown = stranger.command("show staging_new")
    stranger.press("Link", shown)
    form = stranger.person.dialog
    stranger.acts -= 1  # choosing and sending a form are one act
    stranger.choose("Target", "staging", form)
    stranger.press("Link", form)

    expect(form).to_contain_text("environment staging now depends on staging_new")


def test_which_logins_end_this_month(stranger: Stranger) -> None:
    """Each with its day."""
    listed = stranger.command("list")
    stranger.choose("Filters", "Expiring soon", listed)

    expect(listed).to_contain_text("Integrations 1–1 of 1")
    expect(listed).to_contain_text("expires on 20")


def test_who_deleted_the_old_login(stranger: Stranger) -> None:
    """Who, and when."""
    answer = stranger.command("show harbor_old")

    expect(answer).to_contain_text("harbor_old is already gone: @Marco Ruiz deleted it")


def test_what_was_deleted_lately(stranger: Stranger) -> None:
    """The same, without its name."""
    expect(stranger.command("history deleted")).to_contain_text("@Marco Ruiz deleted harbor_old")


def test_delete_the_login_nobody_uses(stranger: Stranger) -> None:
    """The one that nothing has used."""
    unused = stranger.command("unused")
    asked = stranger.answered("Delete nexus", unused)
    stranger.press("Yes", asked)

    expect(asked).to_contain_text("nexus was deleted by @Ava Lindqvist")


def test_let_a_pipeline_pull(stranger: Stranger) -> None:
    """The pipeline of project web-shop may use this registry."""
    shown = stranger.command("show harbor")
    stranger.press("Link", shown)
    form = stranger.person.dialog
    stranger.acts -= 1
    stranger.choose("Target", "web-shop", form)
    stranger.press("Link", form)

    expect(form).to_contain_text("project web-shop now depends on harbor")


def test_a_password_was_leaked(stranger: Stranger) -> None:
    """What now? The tokens end, and the login is to be replaced."""
    shown = stranger.command("show docker_hub")
    preview = stranger.answered("Leaked", shown)
    expect(preview).to_contain_text("project web-shop")
    stranger.press("Revoke everything", preview)

    expect(preview).to_contain_text("Now replace these logins at their registries:")
    expect(preview.get_by_role("button", name="Rotate docker_hub")).to_be_visible()


def test_tell_our_channel(stranger: Stranger) -> None:
    """Of broken logins."""
    form = stranger.open("notify")
    stranger.choose("Channel for news", "integrations", form)
    stranger.press("Save", form)

    expect(form).to_contain_text("now goes to #integrations")


def test_two_have_the_same_login(stranger: Stranger) -> None:
    """Which one is used? Neither, and a press makes one of them the one."""
    shown = stranger.command("show harbor")
    expect(shown).to_contain_text("Same server and user: harbor_copy")
    expect(shown).to_contain_text("several integrations and no default")
    done = stranger.answered("Make this the default", shown)

    expect(done).to_contain_text("harbor is now the default for harbor.example.com")


def test_help_is_one_screen(stranger: Stranger) -> None:
    """In a wide window nothing of help is above what one sees."""
    answer = stranger.command("help")
    top = answer.evaluate("one => one.getBoundingClientRect().top")
    edge = answer.evaluate(
        "one => one.parentElement.closest('.scroll, main, section').getBoundingClientRect().top"
    )

    assert stranger.is_typing or top >= edge - 1


def test_a_picker_has_the_keyboard(stranger: Stranger) -> None:
    """Where a verb asks which integration, one types at once."""
    form = stranger.open("tags")
    box = form.get_by_role("combobox")
    expect(box).to_be_focused()
    stranger.person.page.keyboard.type("harbor_c")
    offered = stranger.person.page.locator("[role=listbox] [role=option]")
    expect(offered).to_have_count(1)
    stranger.person.page.keyboard.press("Enter")

    expect(form).to_contain_text("Tags of which repository of harbor_copy?")
    expect(form.get_by_role("combobox")).to_be_focused()


def test_the_form_says_that_a_login_is_there_already(stranger: Stranger) -> None:
    """Enter in the user name shows, in sight, which integrations have this login."""
    form = stranger.open("add harbor")
    form.get_by_role("textbox", name="URL").fill(HARBOR["url"])
    account = form.get_by_role("textbox", name="Robot account")
    account.fill(HARBOR["username"])
    account.press("Enter")
    note = form.get_by_text("Same server and user")

    expect(note).to_contain_text("harbor, harbor_copy")
    expect(note).to_be_in_viewport()
    expect(form.get_by_role("textbox", name="URL")).to_have_value(HARBOR["url"])
