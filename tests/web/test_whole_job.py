"""The main job in a real browser, against real registries, told as stories."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from bot.pipeline import docker_credential
from bot.registry.kind_table import PRIVATE
from bot.run.try_server import TryApp
from bot.simulator.cast import ADMIN, GUEST
from tests.fakes.real_registry import PASSWORD, TAGS, USERNAME, RealRegistry
from tests.web.whole_job import SKIP, Person

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("docker-registry")]

LABELS = [field.label for field in PRIVATE.fields]
TARGETS = ("project web-shop", "environment production", "image registry.example.com/team/web-shop")


def test_from_add_to_delete_with_a_token_server(person: Person, token_registry: RealRegistry) -> None:
    """An integration of a registry with a token server is added, allowed, used, edited and deleted."""
    add_unchecked(person, "team_registry", token_registry)
    allow_its_token_server(person, "team_registry", token_registry)
    see_it_listed(person, "team_registry")
    see_it_shown(person, "team_registry", token_registry)
    rename_it(person, "team_registry", "renamed")
    link_all(person, "renamed")
    be_refused_as_guest(person, "renamed")
    remove_and_delete(person, "renamed")
    read_what_happened(person, "renamed")


def test_from_add_to_delete_with_basic(person: Person, basic_registry: RealRegistry) -> None:
    """An integration of a registry with Basic is checked as it is added, and deleted from Home."""
    be_refused_with_a_wrong_password(person, "basic_registry", basic_registry)
    add_checked(person, "basic_registry", basic_registry)
    link_all(person, "basic_registry")
    delete_from_home(person, "basic_registry")


@pytest.mark.needs("skopeo")
def test_token_lets_skopeo_in(
    person: Person, app: TryApp, token_registry: RealRegistry, tmp_path: Path
) -> None:
    """A token read off the page opens a private repository to skopeo, which then depends on it."""
    add_unchecked(person, "team_registry", token_registry)
    token = make_token(person)
    done = skopeo(tmp_path, token_registry, {"QUAYMASTER_URL": app.url, "QUAYMASTER_TOKEN": token})

    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["Tags"]) == set(TAGS)
    asked = person.command("delete team_registry")
    expect(asked).to_contain_text("1 target depends on it")
    expect(person.button("Remove project web-shop", asked)).to_be_visible()
    expect(person.button("Yes", asked)).to_have_count(0)


def fill_form(person: Person, name: str, registry: RealRegistry, password: str) -> None:
    """Open the form and fill it in."""
    person.open_form(PRIVATE.label, LABELS)
    login = {"URL": registry.url, "Username": USERNAME, "Password": password}
    person.fill({"Integration Name": name, **login})


def be_refused_with_a_wrong_password(person: Person, name: str, registry: RealRegistry) -> None:
    """A refused login is told beside Password, and nothing is stored."""
    fill_form(person, name, registry, "wrong")
    person.save()
    expect(person.box("Password")).to_have_accessible_description(re.compile("refused this login"))
    expect(person.dialog.get_by_role("alert")).to_have_count(1)
    person.close()
    expect(person.command("list")).not_to_contain_text(name)


def add_checked(person: Person, name: str, registry: RealRegistry) -> None:
    """Add an integration whose login the registry accepts."""
    fill_form(person, name, registry, PASSWORD)
    person.saved(re.compile("Checked: The login works"))
    listed = person.command("list")
    expect(listed).to_contain_text(name)
    expect(listed).to_contain_text("login works")


def add_unchecked(person: Person, name: str, registry: RealRegistry) -> None:
    """Add an integration without asking, because its token server must be allowed first."""
    fill_form(person, name, registry, PASSWORD)
    person.dialog.get_by_label(SKIP).check()
    person.saved()


def allow_its_token_server(person: Person, name: str, registry: RealRegistry) -> None:
    """The test names the other origin; once it is allowed, a repository proves the login."""
    assert registry.tokens is not None
    tested = person.command(f"test {name}")
    expect(tested).to_contain_text(registry.tokens.origin)
    person.button("Allow it", tested).click()
    expect(tested).to_contain_text("can now send its login")
    expect(person.command(f"test {name} team/app")).to_contain_text("Proved")


def see_it_listed(person: Person, name: str) -> None:
    """The Filters menu and the Integration Name box narrow the list."""
    listed = person.command("list")
    expect(listed).to_contain_text("1–2 of 2")
    box = listed.get_by_role("textbox", name="Integration Name")
    box.fill("TEAM")
    box.press("Enter")
    expect(listed).to_contain_text("1–1 of 1")
    expect(person.button(f"Delete {name}", listed)).to_be_visible()
    person.choose(listed.get_by_role("combobox", name="Filters"), "Quay.io")
    expect(listed).to_contain_text("There are no integrations of type Quay.io that match TEAM")
    person.choose(listed.get_by_role("combobox", name="Filters"), "Docker")
    expect(person.button(f"Delete {name}", listed)).to_be_visible()


def see_it_shown(person: Person, name: str, registry: RealRegistry) -> None:
    """Show tells every field but the secret."""
    assert registry.tokens is not None
    shown = person.command(f"show {name}")
    expect(shown).to_contain_text(PRIVATE.label)
    expect(shown).to_contain_text(registry.url)
    expect(shown).to_contain_text("set, sealed")
    expect(shown).to_contain_text(registry.tokens.origin)
    expect(shown).not_to_contain_text(PASSWORD)


def rename_it(person: Person, name: str, new: str) -> None:
    """The form starts without the password; left empty, it keeps the one that is stored."""
    person.button(f"Edit {name}", person.command(f"list {name}")).click()
    expect(person.box("Integration Name")).to_have_value(name)
    expect(person.box("Password")).to_have_value("")
    person.fill({"Integration Name": new})
    person.saved("is saved")
    expect(person.command(f"test {new} team/app")).to_contain_text("Proved")


def link_all(person: Person, name: str) -> None:
    """A project, an environment and an image come to depend on it."""
    settings = "https://ci.example.com/settings"
    for target in TARGETS:
        linked = person.command(f"link {name} {target} {settings}")
        expect(linked).to_contain_text(f"{target} now depends on {name}")
        expect(linked.get_by_role("link", name="Settings")).to_have_attribute("href", settings)


def be_refused_as_guest(person: Person, name: str) -> None:
    """A guest may not even ask, and is told who can help."""
    messages = person.page.get_by_role("article")
    before = messages.count()
    person.act_as(GUEST)
    expect(messages).to_have_count(0)
    refused = person.command(f"delete {name}")
    expect(refused).to_contain_text("Guests, bots and people from other workspaces cannot use integrations.")
    expect(refused).to_contain_text("Ask a workspace admin")
    person.act_as(ADMIN)
    expect(messages).to_have_count(before)


def remove_each(person: Person, asked: Locator) -> None:
    """All three dependencies stand there without a Yes; each is removed, until there is none."""
    expect(asked).to_contain_text("3 targets depend on it")
    for target in TARGETS:
        expect(person.button("Yes", asked)).to_have_count(0)
        person.button(f"Remove {target}", asked).click()
        expect(person.button(f"Remove {target}", asked)).to_have_count(0)
    expect(asked).to_contain_text("No dependency")
    person.button("Yes", asked).click()
    expect(asked).to_contain_text("was deleted by @Ava Lindqvist")


def remove_and_delete(person: Person, name: str) -> None:
    """After Yes it is gone from the list and from Home."""
    listed = person.command("list")
    remove_each(person, person.answer(person.button(f"Delete {name}", listed).click))
    expect(person.command("list")).to_contain_text("1–1 of 1")
    expect(person.home()).to_contain_text("1–1 of 1")
    person.channel()


def read_what_happened(person: Person, name: str) -> None:
    """The history of a deleted integration stays, and holds what the guest was refused."""
    told = person.command(f"history {name}")
    expect(told).to_contain_text(f"deleted {name}")
    expect(told).to_contain_text(f"unlinked {name} (project web-shop)")
    expect(person.command("history")).to_contain_text(re.compile("@Gus Turner.*tried to"))


def delete_from_home(person: Person, name: str) -> None:
    """Delete opens a modal on Home, and the list behind it is refreshed."""
    home = person.home()
    person.button(f"Delete {name}", home).click()
    remove_each(person, person.dialog)
    person.close()
    expect(home).to_contain_text("1–1 of 1")
    expect(person.button(f"Delete {name}", home)).to_have_count(0)


def make_token(person: Person) -> str:
    """Read a new token off the page."""
    made = person.command("token create project web-shop")
    expect(made).to_contain_text("qm_")
    found = re.search(r"qm_\S+", made.inner_text())
    assert found is not None
    return found[0]


def skopeo(
    folder: Path, registry: RealRegistry, settings: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    """List a private repository's tags with skopeo, which finds the helper on PATH."""
    programs = folder / "bin"
    programs.mkdir()
    helper = programs / "docker-credential-quaymaster"
    shutil.copy(docker_credential.__file__, helper)
    helper.chmod(0o755)
    host = registry.server.address
    (folder / "auth.json").write_text(json.dumps({"credHelpers": {host: "quaymaster"}}))
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder), "REGISTRY_AUTH_FILE": str(folder / "auth.json")}
    command = ["skopeo", "list-tags", "--tls-verify=false", f"docker://{host}/team/app"]
    return subprocess.run(
        command, env={**environment, **settings}, capture_output=True, text=True, timeout=30, check=False
    )
