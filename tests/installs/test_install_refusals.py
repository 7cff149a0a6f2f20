"""Installs that fail: each ends on a page with a sentence, keeps nothing, and logs no code and no token."""

import logging
from typing import Any

import pytest

from tests.fakes.slack_cloud import SlackCloud
from tests.installs.replicas import Browser, Got, Replica


@pytest.fixture(autouse=True)
def acme(cloud: SlackCloud) -> Any:
    """A workspace to install into."""
    return cloud.add("T0ACME")


@pytest.fixture
def browser(replica: Replica) -> Browser:
    """Somebody who has begun nothing yet."""
    return Browser(replica)


def denied(browser: Browser) -> Got:
    """Press Cancel on Slack's page."""
    browser.begin()
    return browser.go("/slack/oauth_redirect?error=access_denied&state=x")


def elsewhere(browser: Browser) -> Got:
    """Begin in one browser and end in another."""
    place = browser.replica.cloud.consent(browser.begin(), "T0ACME")
    return Browser(browser.replica).go(place)


def own_state_elsewhere(browser: Browser) -> Got:
    """Follow the link of somebody else's install after beginning one of one's own."""
    place = browser.replica.cloud.consent(browser.begin(), "T0ACME")
    victim = Browser(browser.replica)
    victim.begin()
    return victim.go(place)


def twice(browser: Browser) -> Got:
    """Come back a second time with the state that was used, and a new code."""
    url = browser.begin()
    cloud = browser.replica.cloud
    cookies = dict(browser.cookies)
    browser.go(cloud.consent(url, "T0ACME"))
    with browser.replica.store.installations.locked("T0ACME") as row:
        row.value = None
    browser.cookies = cookies
    return browser.go(cloud.consent(url, "T0ACME"))


def made_up(browser: Browser) -> Got:
    """Come with a state and a cookie that nobody gave out."""
    browser.cookies["slack-app-oauth-state"] = "invented"
    return browser.go("/slack/oauth_redirect?code=c&state=invented")


def no_code(browser: Browser) -> Got:
    """Come back without a code."""
    browser.begin()
    return browser.go(f"/slack/oauth_redirect?state={browser.cookies['slack-app-oauth-state']}")


def wrong_code(browser: Browser) -> Got:
    """Come back with a code that Slack does not take."""
    browser.begin()
    state = browser.cookies["slack-app-oauth-state"]
    return browser.go(f"/slack/oauth_redirect?code=marker-code&state={state}")


def answered(error: str) -> Any:
    """Come back while Slack answers the exchange with an error."""

    def act(browser: Browser) -> Got:
        cloud = browser.replica.cloud
        place = cloud.consent(browser.begin(), "T0ACME")
        cloud.failing["oauth.v2.access"] = error
        return browser.go(place)

    return act


def dead_token(browser: Browser) -> Got:
    """Come back while Slack gives out tokens that it does not take."""
    cloud = browser.replica.cloud
    place = cloud.consent(browser.begin(), "T0ACME")
    cloud.failing["auth.test"] = "token_revoked"
    return browser.go(place)


FAILING = {
    "denied": (denied, "You declined, so nothing was installed."),
    "elsewhere": (elsewhere, "begun in another browser"),
    "own state elsewhere": (own_state_elsewhere, "begun in another browser"),
    "twice": (twice, "finished already"),
    "made up": (made_up, "finished already, or its 10 minutes are over"),
    "no code": (no_code, "The answer from Slack did not contain what is needed to install."),
    "wrong code": (wrong_code, "did not accept this install"),
    "dead token": (dead_token, "did not accept this install"),
    "wrong redirect": (answered("bad_redirect_uri"), "to another address than its app names"),
    "wrong secret": (answered("bad_client_secret"), "does not know this app"),
    "unknown": (answered("fatal_error"), "did not accept this install"),
}


@pytest.mark.parametrize(("act", "said"), FAILING.values(), ids=FAILING)
def test_failed_install_is_told(
    act: Any, said: str, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """The page says what happened and how to go on; nothing is kept and no code is logged."""
    caplog.set_level(logging.DEBUG, "bot")
    got = act(browser)

    assert said in got.text
    assert "/slack/install" in got.body
    assert 400 <= got.status < 600
    assert list(browser.replica.store.installations.all()) == []
    assert "marker" not in caplog.text


def test_state_that_has_ended_is_refused(browser: Browser, replica: Replica) -> None:
    """Ten minutes after the button was pressed, what comes back is refused."""
    url = browser.begin()
    state = browser.cookies["slack-app-oauth-state"]
    replica.cloud.consent(url, "T0ACME")
    from bot.slack.install_flow import _digest

    replica.store.installations.take(_digest(state), replica.wired.services.ports.now())
    got = browser.go(f"/slack/oauth_redirect?code=code1&state={state}")

    assert "its 10 minutes are over" in got.text


def test_slack_that_is_down_is_told(browser: Browser, replica: Replica, slack_server: Any) -> None:
    """When Slack cannot be reached the page says so."""
    place = replica.cloud.consent(browser.begin(), "T0ACME")

    def hang_up(_environ: Any, _start_response: Any) -> Any:
        raise ConnectionResetError

    slack_server.page = hang_up
    got = browser.go(place)

    assert got.status == 502
    assert "Slack" in got.text


def test_state_is_bound_by_a_cookie_that_no_script_reads(browser: Browser) -> None:
    """The cookie is for this host, https and no script, and nobody on the way keeps it."""
    got = browser.go("/slack/install", "POST")

    assert "; Secure; HttpOnly; Path=/; Max-Age=600" in got.header("set-cookie")
    assert got.header("cache-control") == "no-store"
    assert got.header("location").startswith(browser.replica.cloud.url + "/oauth/v2/authorize?state=")


def test_head_of_the_page_has_no_body(browser: Browser) -> None:
    """A monitor that asks for the page's headers only gets no more than these."""
    got = browser.go("/slack/install", "HEAD")

    assert (got.status, got.body) == (200, "")


@pytest.mark.parametrize(("method", "path"), [("PUT", "/slack/install"), ("POST", "/slack/oauth_redirect")])
def test_other_requests_are_refused(method: str, path: str, browser: Browser) -> None:
    """Nothing else is answered there."""
    assert browser.go(path, method).status == 404
