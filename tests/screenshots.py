"""``python -m tests.screenshots``: make the documents' pictures again, from the real page in a real Chromium.

Needs ``chromium`` and ``docker-registry``. What is shown was really done: the sample registry of ``quaymaster
try``, a real registry on this machine, and logins that were saved without checking.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import requests
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.fakes.real_registry import PASSWORD, USERNAME, RealRegistry, running
from tests.simulator.desk import MESSAGE, chromium

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / ".github" / "images"
SIZE = {"width": 1200, "height": 1120}
"""High enough for the whole list and for every form."""

MOST_BYTES = 150_000
"""Of one picture."""

GOOGLE_KEY = {
    "type": "service_account",
    "project_id": "acme",
    "client_email": "pull@acme.example",
    "private_key": "-",
}
ECR = {
    "Access key ID": "AKIAIOSFODNN7EXAMPLE",
    "Secret access key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "Region": "eu-central-1",
    "Account ID": "123456789012",
}
GOOGLE = {"JSON key": json.dumps(GOOGLE_KEY), "Registry host": "europe-docker.pkg.dev"}
QUAY = {"Robot account": "acme+deploy", "Robot token or OAuth token": "not-a-token"}


def main() -> None:
    """Make every picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder)) as registry,
        trying() as address,
        chromium() as browser,
    ):
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(10_000)
        page.goto(address)
        private_registry(page, registry)
        other_kinds(page)
        tests_of(page)
        list_and_home(page)
        pipelines(page, address.partition("/?")[0])
        deletion(page)
        rotation(page, address.partition("/?")[0])


@contextmanager
def trying() -> Iterator[str]:
    """Run ``quaymaster try`` and give the address that opens its page."""
    command = [sys.executable, "-m", "bot", "try", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        try:
            yield next(line.strip() for line in program.stdout if "?key=" in line)
        finally:
            program.terminate()


def private_registry(page: Page, registry: RealRegistry) -> None:
    """Add a registry with a wrong password, which is refused beside its field, then with the right one."""
    form = open_form(page, "Private Docker Registry", "team_registry")
    fill(form, {"URL": registry.url, "Username": USERNAME, "Password": "wrong"})
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("refused this login")).to_be_visible()
    shoot(form, "form-error")
    fill(form, {"Password": PASSWORD})
    save(page, form)
    form = open_form(page, "Private Docker Registry", "old_password")
    fill(form, {"URL": registry.url, "Username": USERNAME, "Password": "wrong"})
    form.get_by_label("Save without checking").check()
    save(page, form)


def other_kinds(page: Page) -> None:
    """Add a login of three more kinds, unchecked."""
    for kind, name, fields, picture in (
        ("Amazon ECR", "ecr_images", ECR, "form-ecr"),
        ("Google GCR / Artifact Registry", "google_images", GOOGLE, "form-google"),
        ("Quay.io", "quay_images", QUAY, None),
    ):
        form = open_form(page, kind, name)
        fill(form, fields)
        form.get_by_label("Save without checking").check()
        if picture:
            form.get_by_label("Integration type").scroll_into_view_if_needed()
            shoot(form, picture)
        save(page, form)


def tests_of(page: Page) -> None:
    """Test a login that works and one that does not."""
    for name, picture, verdict in (
        ("team_registry team/app", "test", "Proved"),
        ("old_password", "test-failed", "Refused"),
    ):
        answer = typed(page, f"/integrations test {name}")
        expect(answer).to_contain_text(verdict, timeout=15_000)
        shoot(answer, picture)


def list_and_home(page: Page) -> None:
    """Show the list in the channel and on the Home tab."""
    expect(typed(page, "/integrations")).to_contain_text("team_registry")
    shoot(page, "list")
    page.get_by_role("button", name="Quaymaster", exact=True).first.click()
    expect(page.get_by_role("tabpanel")).to_contain_text("team_registry")
    shoot(page, "home")
    page.get_by_role("button", name="integrations").first.click()


def pipelines(page: Page, url: str) -> None:
    """Make two workflow tokens, and fetch the sample with one of them, as a pipeline does."""
    typed(page, "/integrations token create project web-shop 30")
    made = typed(page, "/integrations token create environment staging")
    expect(made).to_contain_text("qm_")
    token = made.locator("pre").inner_text().strip()
    fetch(url, token)
    answer = typed(page, "/integrations token list")
    expect(answer).to_contain_text("2 valid")
    shoot(answer, "tokens")
    answer = typed(page, "/integrations which registry.example.com/team/app environment staging")
    expect(answer).to_contain_text("for environment staging uses")
    shoot(answer, "which")


def fetch(url: str, token: str) -> None:
    """Fetch the sample, as a pipeline does."""
    fetched = requests.get(
        f"{url}/v1/credentials",
        params={"server": "registry.example.com"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=5,
    )
    assert fetched.json()["Username"] == "ci"


def rotation(page: Page, url: str) -> None:
    """Replace the sample's login: one project has fetched the new one, another has not."""
    tokens = []
    typed(page, "/integrations link my_private_registry image acme/web-shop")
    for name in ("blog", "docs"):
        made = typed(page, f"/integrations token create project {name}")
        expect(made).to_contain_text("qm_")
        tokens.append(made.locator("pre").inner_text().strip())
        fetch(url, tokens[-1])
    composer = page.get_by_label(MESSAGE)
    composer.fill("/integrations rotate my_private_registry")
    composer.press("Enter")
    form = page.get_by_role("dialog")
    fill(form, {"Password": "another one"})
    form.get_by_label("Save without checking").check()
    form.get_by_role("button", name="Save", exact=True).click()
    expect(form).to_contain_text("have fetched the new one")
    form.get_by_role("button", name="Close").first.click()
    fetch(url, tokens[0])
    answer = typed(page, "/integrations rotate my_private_registry")
    expect(answer).to_contain_text("Not yet")
    shoot(answer, "rotation")


def deletion(page: Page) -> None:
    """Ask to delete the sample, and remove each dependency."""
    answer = typed(page, "/integrations delete my_private_registry")
    expect(answer).to_contain_text("web-shop")
    shoot(answer, "delete")
    each = answer.get_by_role("button", name=re.compile("^Remove (?!all$)"))
    for left in (3, 2, 1, 0):
        each.first.click()
        expect(each).to_have_count(left)
    expect(answer).to_contain_text("No dependency")
    shoot(answer, "no-dependency")


def typed(page: Page, command: str) -> Locator:
    """Type a command and give its answer, the channel's last message."""
    before = page.get_by_role("article").count()
    composer = page.get_by_label(MESSAGE)
    composer.fill(command)
    composer.press("Enter")
    expect(page.get_by_role("article")).to_have_count(before + 1)
    return page.get_by_role("article").last


def open_form(page: Page, kind: str, name: str) -> Locator:
    """Open the form for a kind, with a name filled in."""
    composer = page.get_by_label(MESSAGE)
    composer.fill(f"/integrations add {kind}")
    composer.press("Enter")
    form = page.get_by_role("dialog")
    expect(form).to_be_visible()
    fill(form, {"Integration Name": name})
    return form


def fill(form: Locator, fields: dict[str, str]) -> None:
    """Fill in fields by their labels."""
    for label, text in fields.items():
        form.get_by_role("textbox", name=label).fill(text)


def save(page: Page, form: Locator) -> None:
    """Save, and close what the form becomes."""
    form.get_by_role("button", name="Save", exact=True).click()
    expect(form).to_contain_text("will now be available")
    form.get_by_role("button", name="Close").first.click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def shoot(what: Page | Locator, name: str) -> None:
    """Take the picture, in 256 colors: a page has few, and a reader waits for each byte."""
    taken = Image.open(BytesIO(what.screenshot(animations="disabled")))
    few = taken.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    path = IMAGES / f"{name}.png"
    few.save(path, optimize=True)
    assert path.stat().st_size < MOST_BYTES, f"{name} is too large"


if __name__ == "__main__":
    main()
