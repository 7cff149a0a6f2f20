"""An admin installs the app in a real browser: our page, Slack's question, and back."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bot.core.secrets import Secret
from bot.settings import SlackOAuth
from bot.web.server import WebServer
from tests.fakes.slack_cloud import CLIENT_ID, CLIENT_SECRET, SlackCloud, Tenant
from tests.installs.replicas import Replica

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def acme(cloud: SlackCloud) -> Tenant:
    """A workspace whose admin sits at the browser."""
    cloud.signed_in = "T0ACME"
    return cloud.add("T0ACME")


@pytest.fixture
def url(cloud: SlackCloud, start: Callable[..., Replica], directory: Any, acme: Tenant) -> Iterator[str]:
    """The address of a server with the app."""
    server = WebServer(lambda *request: replica.wsgi(*request), "127.0.0.1", 0)
    cloud.redirect = f"{server.url}/slack/oauth_redirect"
    oauth = SlackOAuth(client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET), redirect_uri=cloud.redirect)
    replica = start(directory, oauth=oauth)
    replica.serve(acme)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server.url
    server.stop()
    thread.join(10)


@pytest.fixture
def page(chromium_browser: Browser, url: str) -> Iterator[Page]:
    """The install page, just opened."""
    context = chromium_browser.new_context()
    opened = context.new_page()
    opened.goto(f"{url}/slack/install")
    yield opened
    context.close()


def test_admin_installs_the_app(page: Page, acme: Tenant) -> None:
    """Add to Slack, Allow: the page says where it was installed, and the command is answered."""
    expect(page.get_by_text("To respond to commands")).to_be_visible()
    page.get_by_role("button", name="Add to Slack").click()
    page.get_by_role("link", name="Allow").click()
    expect(page.get_by_role("heading", name="Quaymaster is installed")).to_be_visible()
    page.goto(page.url)
    expect(page.get_by_text("begun in another browser")).to_be_visible()
    acme.type("help")

    assert "not installed" not in acme.texts()[-1]


def test_admin_declines(page: Page, acme: Tenant) -> None:
    """Cancel leads to a page that says so, and from there back to the beginning."""
    page.get_by_role("button", name="Add to Slack").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_text("You declined, so nothing was installed.")).to_be_visible()
    page.get_by_role("link", name="Install Quaymaster").click()
    expect(page.get_by_role("button", name="Add to Slack")).to_be_visible()

    assert acme.cloud.tokens == {}
