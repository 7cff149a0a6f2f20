"""A secret entered outside Slack, in a real browser, for a real registry."""

import logging
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.fakes.real_registry import PASSWORD, USERNAME, RealRegistry
from tests.web.whole_job import Person

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("docker-registry")]

WRONG = "canary-4711-wrong-horse"


def test_secret_of_a_new_integration_never_passes_slack(
    person: Person, basic_registry: RealRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The form gives a link; its page refuses a wrong password, takes the right one, and it is added."""
    caplog.set_level(logging.DEBUG)
    sent: list[str] = []
    person.page.on("request", lambda request: sent.append(request.post_data or ""))
    person.type("add private")
    expect(person.dialog).to_be_visible()
    typed = {"Integration Name": "outside", "URL": basic_registry.url, "Username": USERNAME}
    person.fill(typed)
    person.button("Enter the secret outside Slack", person.dialog).click()
    with person.page.expect_popup() as opened:
        person.button("Open the page", person.dialog).click()
    page = opened.value
    page.on("request", lambda request: sent.append(request.post_data or ""))
    page.get_by_label("Password").fill(WRONG)
    page.keyboard.press("Enter")
    expect(page.locator("#problem-password")).to_contain_text("refused this login")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("“outside” is saved. You can close this page.")
    page.close()
    person.close()
    tested = person.command("test outside")
    files = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())

    expect(tested).to_contain_text("this login opens what an anonymous request cannot")
    assert b"outside" in files
    assert all(secret.encode() not in files for secret in (WRONG, PASSWORD))
    assert all(secret not in "".join(sent) + caplog.text for secret in (WRONG, PASSWORD))
