"""The page for secrets in Chromium: what is typed there is sealed before it leaves the browser."""

import base64
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from bot.core.integrations.credentials import open_credential
from bot.slack.members import actor_finder
from bot.web.secret_page import SECRETS_PATH, secret_page
from bot.web.server import WebServer, dispatcher
from tests.fakes.browser_side import sealed
from tests.fakes.logging_proxy import LoggingProxy
from tests.fakes.people import MEMBER
from tests.fakes.scripted_registry import PROVED, REJECTED
from tests.features.team import ACME, TYPED
from tests.features.test_ask import url_in

pytestmark = pytest.mark.needs("chromium")

CANARY = "canary-4711-battery-staple"
SECRET_KEY = "CanaryCanaryCanaryCanaryCanaryCanaryCana"
LEFT_SAID = "You are no longer a member of this workspace. Ask one of its admins."


EXPECTED = ("status of 4", "net::ERR_FAILED", "Content Security Policy", "Cross-Origin-Opener-Policy")
"""What Chromium logs of requests that are refused here."""


@contextmanager
def served(team) -> Iterator[str]:
    """Serve the page; gives the server's address."""
    page = secret_page(team.services, actor_finder(team.services))
    server = WebServer(dispatcher({SECRETS_PATH: page}), "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.stop()
        thread.join(10)
        server.close()


class Office:
    """A team, the server's address as people know it, and the proxy before it."""

    def __init__(self, team, proxy):
        self.team = team
        self.proxy = proxy

    def link(self):
        """A link that the owner made from the edit form, as it leads through the proxy."""
        self.team.command("edit my_registry")
        url = url_in(self.team.press("Enter the secret outside Slack"))
        self.team.close()
        return url.replace("https://quaymaster.example.com", self.proxy.url)

    def password(self):
        """The stored password."""
        keyring, found = self.team.services.ports.keyring, self.team.find("my_registry")
        return open_credential(keyring, ACME, found)["password"].reveal()


@pytest.fixture
def office(make_team):
    """A member's integration, and the page behind a proxy that logs everything it sees."""
    team = make_team(base_url="https://quaymaster.example.com")
    team.add("my_registry")
    with served(team) as url, LoggingProxy(url) as proxy:
        yield Office(team, proxy)


@pytest.fixture
def page(chromium_browser):
    """A browser's page; nothing that it logs may be an error."""
    context = chromium_browser.new_context()
    opened = context.new_page()
    errors = []
    opened.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()

    assert [one for one in errors if not any(known in one for known in EXPECTED)] == []


def files_of(folder: Path) -> bytes:
    """Everything that stands on disk."""
    return b"".join(one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file())


def test_secret_is_sealed_in_the_browser(office, page, caplog, tmp_path):
    """What is typed is kept sealed, and is in no Slack payload, proxy log, process log or file."""
    caplog.set_level(logging.DEBUG)
    url = office.link()
    page.goto(url)
    page.get_by_label("Password").fill(CANARY)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("“my_registry” is saved. You can close this page.")

    assert office.password() == CANARY
    assert CANARY.encode() not in office.proxy.seen
    assert b"ephemeral" in office.proxy.seen
    assert url.partition("#")[2].encode() not in office.proxy.seen
    assert CANARY not in caplog.text
    assert office.team.find("my_registry").id.encode() in files_of(tmp_path)
    assert CANARY.encode() not in files_of(tmp_path)
    assert re.search(CANARY.encode().hex().encode(), files_of(tmp_path)) is None
    assert base64.b64encode(CANARY.encode())[:-4] not in office.proxy.seen + files_of(tmp_path)
    assert not any(CANARY in shown.raw for shown in office.team.slack.shown)
    assert CANARY not in repr([*office.team.slack.calls, *office.team.answers])


def test_management_credential_is_sealed_in_the_browser(make_office, iam, page, caplog):
    """Its secret is typed on the page as well, and is in no Slack payload, proxy log or process log."""
    caplog.set_level(logging.DEBUG)
    base = "https://quaymaster.example.com"
    team = make_office(base_url=base, is_secret_entered_on_page=True)
    team.command("rotate my_registry")
    team.press("Let Quaymaster make it")
    typed = {"IAM user of the key in use": "puller", "Access key ID": "AKIAIOSFODNN7MANAGER"}
    link = url_in(team.submit(typed))
    with served(team) as url, LoggingProxy(url) as proxy:
        page.goto(link.replace(base, proxy.url))
        expect(page.get_by_role("heading")).to_have_text("Management credential: my_registry")
        expect(page.get_by_label("Save without checking")).to_be_hidden()
        page.get_by_label("Secret access key").fill(SECRET_KEY)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("is saved")

    team.close()
    made = team.press("Make a new one", on=team.command("rotate my_registry"))
    assert "The new credential is in place." in made.text
    assert len(iam.keys()) == 2
    assert SECRET_KEY.encode() not in proxy.seen
    assert SECRET_KEY not in caplog.text
    assert not any(SECRET_KEY in shown.raw for shown in team.slack.shown)


def test_key_leaves_the_address_bar(office, page):
    """The key does not stay in the address bar, where the history would keep it."""
    page.goto(office.link())
    expect(page.get_by_label("Password")).to_be_focused()

    assert "#" not in page.url


def test_refused_secret_can_be_typed_again(office, page, registry):
    """A refusal stands beside the field, which keeps the focus; the second try is saved. Keyboard only."""
    page.goto(office.link())
    registry.result = REJECTED
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#problem-password")).to_contain_text("The registry refused this credential.")
    expect(page.get_by_label("Password")).to_be_focused()
    registry.result = PROVED
    page.keyboard.press("Control+A")
    page.keyboard.type(CANARY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("is saved")

    assert office.password() == CANARY


def use(_office, url):
    """Use a link in another browser."""
    requests.post(url.partition("#")[0], json=sealed(url, password="faster"), timeout=10).raise_for_status()


def rename(office, _url):
    """Edit the integration."""
    office.team.command("edit my_registry")
    office.team.submit({"Integration Name": "renamed"})


REFUSALS = [
    (use, "This link was already used. Ask for a new one in Slack."),
    (
        lambda office, _: office.team.slack.clock.advance(600),
        "This link is older than 10 minutes. Ask for a new one in Slack.",
    ),
    (rename, "“renamed” was changed after this link was created. Ask for a new one in Slack."),
    (
        lambda office, _: office.team.press("Yes", on=office.team.command("delete my_registry")),
        "“my_registry” is already gone. There is nothing to enter a secret for.",
    ),
]


@pytest.mark.parametrize(("change", "said"), REFUSALS)
def test_link_that_cannot_be_used_says_why(office, page, change, said):
    """A link that cannot be used any more shows no field, and a sentence."""
    url = office.link()
    change(office, url)
    page.goto(url)
    expect(page.get_by_role("status")).to_have_text(said)

    assert page.get_by_label("Password").count() == 0


LATER = [*REFUSALS, (lambda office, _: office.team.change_person(MEMBER, deleted=True), LEFT_SAID)]


@pytest.mark.parametrize(("change", "said"), LATER)
def test_page_that_is_open_says_why(office, page, change, said):
    """What happens while somebody types is said after Save; what was typed is gone from the page."""
    url = office.link()
    page.goto(url)
    page.get_by_label("Password").fill(CANARY)
    change(office, url)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text(said)

    assert page.get_by_label("Password").count() == 0
    assert CANARY.encode() not in office.proxy.seen


def test_wrong_key_says_so(office, page):
    """With the key of another link nothing is shown of this one."""
    url, other = office.link(), office.link()
    page.goto(f"{url.partition('#')[0]}#{other.partition('#')[2]}")
    expect(page.get_by_role("status")).to_contain_text("is unknown or was not copied completely")

    assert "my_registry" not in page.content()


def test_preview_robot_uses_nothing_up(office, page):
    """100 GETs by a robot and two looks by a person leave the link usable."""
    url = office.link()
    answers = {page.request.get(url.partition("#")[0]).status for _ in range(100)}
    page.goto(url)
    expect(page.get_by_label("Password")).to_be_focused()
    page.goto("about:blank")
    page.goto(url)
    page.get_by_label("Password").fill(CANARY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("is saved")

    assert answers == {200}
    assert office.password() == CANARY


def test_plain_http_says_so(office, page):
    """Where the browser seals nothing, because the page came by plain http, nobody can type a secret."""
    page.goto(office.link().replace("127.0.0.1", "0.0.0.0"))
    expect(page.get_by_role("status")).to_contain_text("only on https pages")

    assert page.get_by_label("Password").count() == 0


def test_nothing_of_others_is_loaded(office, page):
    """The page asks this server for itself and its form only; its policy stops all else."""
    page.goto(office.link())
    expect(page.get_by_label("Password")).to_be_focused()
    page.evaluate("document.body.append(Object.assign(document.createElement('img'), {src: '/healthz'}))")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'stolen = 1'}))"
    )

    assert office.proxy.seen.count(b"/enter/") == 2
    assert b"/healthz" not in office.proxy.seen
    assert page.evaluate("'stolen' in window") is False


def test_server_that_is_gone_says_so(office, page):
    """When the server does not answer, what was typed stays for another try."""
    page.goto(office.link())
    page.get_by_label("Password").fill(CANARY)
    page.route("**/enter/**", lambda route: route.abort())
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_contain_text("Quaymaster cannot be reached.")

    assert page.get_by_label("Password").input_value() == CANARY


def test_page_asks_before_it_is_left_with_something_typed(office, page):
    """Leaving asks when a secret was typed, and no longer once it is saved."""
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(office.link())
    page.get_by_label("Password").fill(CANARY)
    page.goto("about:blank")
    page.goto(office.link())
    page.get_by_label("Password").fill(CANARY)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("is saved")
    page.goto("about:blank")

    assert asked == ["beforeunload"]


@pytest.mark.parametrize("change", [lambda url: url.partition("#")[0], lambda url: url[:-6]])
def test_link_that_is_not_whole_says_so(office, page, change):
    """Without its end the link shows a sentence, and tells nothing of the integration."""
    page.goto(change(office.link()))
    expect(page.get_by_role("status")).to_contain_text("The link is incomplete")

    assert "my_registry" not in page.content()


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits(office, chromium_browser, width, scheme):
    """Nothing is cut off, however narrow the window, light or dark."""
    context = chromium_browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(office.link())
    expect(page.get_by_label("Password")).to_be_visible()
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    context.close()

    assert overflow == 0
    assert office.password() == TYPED["password"]
