"""The page over HTTP: who may use it, and that Slack's own client library can talk to it."""

import io
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.simulator.cast import ADMIN, INTEGRATIONS, MEMBER, SlackApp
from bot.simulator.delivery import http_front
from bot.simulator.page import TryPage
from tests.simulator.demo import DemoApp, served
from tests.simulator.scripted import Stage, plain

MODAL = {"type": "modal", "title": plain("Form"), "blocks": []}


@pytest.fixture
def stage() -> Stage:
    """A workspace without messages."""
    return Stage()


@pytest.fixture
def unopened(stage: Stage) -> TryPage:
    """The page of that workspace, before anybody opened it."""
    return TryPage(stage.simulator)


@pytest.fixture
def page(unopened: TryPage) -> "Opened":
    """The page, with the cookie of the browser that opened it."""
    return Opened(unopened, cookie_of(unopened))


@dataclass
class Opened:
    """A page and the browser that it was given to."""

    page: TryPage
    cookie: str

    @property
    def token(self) -> str:
        """What the page sends with its requests."""
        return self.page.token

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Ask the page with the browser's cookie."""
        return self.page({"HTTP_COOKIE": self.cookie, **environ}, start_response)


def key_of(page: TryPage) -> str:
    """The path and query that open a page."""
    return page.admission.address("")


def cookie_of(page: TryPage) -> str:
    """Open a page, and give the cookie as a browser sends it back."""
    return str(ask(page, "GET", key_of(page))[1]["Set-Cookie"]).partition(";")[0]


def ask(
    page: Callable[..., Iterable[bytes]], method: str, target: str, body: Any = None, **headers: str
) -> tuple[int, Any, str]:
    """Send one request; returns the status, the headers and the text."""
    path, _, query = target.partition("?")
    content = json.dumps(body).encode() if body is not None else b""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_HOST": "127.0.0.1:3000",
        "CONTENT_LENGTH": str(len(content)),
        "CONTENT_TYPE": "application/json",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(content),
        **headers,
    }
    answered: list[Any] = []
    text = b"".join(page(environ, lambda *start: answered.append(start))).decode()
    status, shown = answered[0]
    return int(status[:3]), dict(shown), text


def say(page: Opened, **headers: str) -> int:
    """Say something as the page does; returns the status."""
    body = {"channel": INTEGRATIONS.id, "text": "hello"}
    return ask(page, "POST", f"/try/say?as={ADMIN.id}", body, **{"HTTP_X_PAGE_TOKEN": page.token, **headers})[
        0
    ]


def test_page_holds_its_token_and_no_foreign_address(page: Opened) -> None:
    """The page is given its token, and everything it loads is its own."""
    status, headers, text = ask(page, "GET", "/")

    assert status == 200
    assert page.token in text
    assert "//" not in text
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_key_is_exchanged_for_a_cookie(unopened: TryPage) -> None:
    """The printed address gives a cookie that no script and no other site uses, and the key goes."""
    status, headers, text = ask(unopened, "GET", key_of(unopened))
    name, *attributes = headers["Set-Cookie"].split("; ")

    assert (status, headers["Location"], text) == (303, "/", "")
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Strict"]
    assert unopened.token not in name


def test_key_works_once(unopened: TryPage) -> None:
    """Who comes second with the key is told how to get a page of their own."""
    cookie_of(unopened)
    status, headers, text = ask(unopened, "GET", key_of(unopened))

    assert status == 403
    assert "Set-Cookie" not in headers
    assert "That address works once." in text


def test_browser_that_has_the_page_may_open_the_address_again(page: Opened) -> None:
    """The address in the browser's own history still shows the page."""
    assert ask(page, "GET", key_of(page.page))[0] == 200


PLACES = ["/", "/?key=guess", "/?key=", "/static/app.js", "/try/state?as=U0TRYADMIN"]


@pytest.mark.parametrize("cookie", ["", "quaymaster-try=x", "a=b; c", "quaymaster-try-00000000=guess"])
@pytest.mark.parametrize("path", PLACES)
def test_other_users_of_the_machine_get_nothing(unopened: TryPage, path: str, cookie: str) -> None:
    """Without the key or the cookie, neither the page nor its files nor what it asks is given."""
    status, _, text = ask(unopened, "GET", path, HTTP_X_PAGE_TOKEN=unopened.token, HTTP_COOKIE=cookie)

    assert status == 403
    assert unopened.token not in text


def test_other_users_of_the_machine_do_nothing(unopened: TryPage, stage: Stage) -> None:
    """The page's token alone does nothing."""
    body = {"channel": INTEGRATIONS.id, "text": "hello"}
    token = unopened.token

    assert ask(unopened, "POST", f"/try/say?as={ADMIN.id}", body, HTTP_X_PAGE_TOKEN=token)[0] == 403
    assert stage.texts() == []


def test_odd_cookies_of_other_programs_do_no_harm(page: Opened) -> None:
    """Cookies are shared by every program of this machine; the page finds its own among them."""
    cookies = f'odd={{"a": 1}}; broken; {page.cookie}; more=1'

    assert ask(page, "GET", "/", HTTP_COOKIE=cookies)[0] == 200


def test_app_needs_no_cookie(unopened: TryPage, stage: Stage) -> None:
    """The app calls Slack with its bot token and answers through its response URLs."""
    token = {"HTTP_AUTHORIZATION": f"Bearer {stage.simulator.token}"}

    assert json.loads(ask(unopened, "POST", "/api/auth.test", {}, **token)[2])["ok"] is True
    assert ask(unopened, "POST", "/hooks/commands/T0TRY/1/x", {})[0] == 404


@pytest.mark.parametrize("name", ["app.js", "layout.css", "app.svg"])
def test_files_of_the_page(page: Opened, name: str) -> None:
    """The page's own files are served with their type."""
    status, headers, _ = ask(page, "GET", f"/static/{name}")

    assert status == 200
    assert headers["Content-Type"] in {"text/javascript", "text/css", "image/svg+xml"}


@pytest.mark.parametrize(
    "path", ["/static/../page.py", "/static/none.js", "/static/", "/slack/events", "/page.py"]
)
def test_nothing_else_is_served(page: Opened, path: str) -> None:
    """No path leads to a file that is not the page's."""
    assert ask(page, "GET", path)[0] == 404


def test_page_says_what_the_person_did(page: Opened, stage: Stage) -> None:
    """A request with the page's token is done, and answered with the new state."""
    assert say(page, HTTP_ORIGIN="http://127.0.0.1:3000", HTTP_SEC_FETCH_SITE="same-origin") == 200
    assert stage.texts() == ["hello"]


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": "127.0.0.1.evil.example:3000"},
        {"HTTP_HOST": ""},
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "http://127.0.0.1:8080"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_SEC_FETCH_SITE": "same-site"},
        {"HTTP_X_PAGE_TOKEN": "guess"},
        {"HTTP_X_PAGE_TOKEN": ""},
        {"HTTP_X_PAGE_TOKEN": "\u0142"},
    ],
)
def test_other_websites_are_refused(page: Opened, stage: Stage, headers: dict[str, str]) -> None:
    """A wrong host, origin or token is answered 403 and changes nothing."""
    assert say(page, **headers) == 403
    assert stage.texts() == []


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/try/state?as=U0TRYADMIN"])
def test_rebound_host_reads_nothing(page: Opened, path: str) -> None:
    """Reading too needs this machine's own name."""
    assert ask(page, "GET", path, HTTP_HOST="evil.example")[0] == 403


def test_slacks_addresses_refuse_other_websites(page: Opened) -> None:
    """A website cannot call the Web API or a response URL either."""
    evil = {"HTTP_ORIGIN": "https://evil.example"}

    assert ask(page, "POST", "/api/auth.test", {}, **evil)[0] == 403
    assert ask(page, "POST", "/hooks/commands/T0TRY/1/x", {}, **evil)[0] == 403


@pytest.mark.parametrize("person", ["U0NOBODY", "U0TRYBOT", ""])
def test_only_people_act(page: Opened, person: str) -> None:
    """Nobody acts as the bot or as somebody who does not exist."""
    assert ask(page, "POST", f"/try/say?as={person}", {}, HTTP_X_PAGE_TOKEN=page.token)[0] == 400


@pytest.mark.parametrize("body", [{}, [], {"channel": "C0NONE", "text": "x"}, {"channel": 1, "text": 2}])
def test_malformed_request_is_answered(page: Opened, body: Any) -> None:
    """A body that makes no sense is answered 400."""
    assert ask(page, "POST", f"/try/say?as={ADMIN.id}", body, HTTP_X_PAGE_TOKEN=page.token)[0] == 400


def test_body_that_is_no_json_is_answered(page: Opened) -> None:
    """A body that cannot be read is answered 400, and to the app as a call without arguments."""
    token = {"HTTP_X_PAGE_TOKEN": page.token, "HTTP_AUTHORIZATION": f"Bearer {page.page.simulator.token}"}
    broken = {"CONTENT_LENGTH": "1", **token}
    said, _, _ = ask(page, "POST", f"/try/say?as={ADMIN.id}", **broken, **{"wsgi.input": io.BytesIO(b"{")})
    _, _, called = ask(page, "POST", "/api/users.info", **broken, **{"wsgi.input": io.BytesIO(b"{")})

    assert said == 400
    assert json.loads(called)["error"] == "user_not_found"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/", 405),
        ("GET", "/hooks/commands/T0TRY/1/x", 405),
        ("GET", f"/try/say?as={ADMIN.id}", 404),
        ("POST", f"/try/nothing?as={ADMIN.id}", 404),
        ("GET", "/files/F0NONE", 404),
    ],
)
def test_request_that_nothing_answers_is_refused(page: Opened, method: str, path: str, status: int) -> None:
    """Another method, another request and a file that was never sent are refused."""
    assert ask(page, method, path, HTTP_X_PAGE_TOKEN=page.token)[0] == status


def test_message_is_dismissed_by_the_person_who_sees_it(page: Opened, stage: Stage) -> None:
    """The page takes an ephemeral message away for its reader, and nobody else can."""
    stage.command({"text": "just you"})
    told = {"name": stage.last_ts()}
    ask(page, "POST", f"/try/dismiss?as={MEMBER.id}", told, HTTP_X_PAGE_TOKEN=page.token)
    kept = stage.texts()
    ask(page, "POST", f"/try/dismiss?as={ADMIN.id}", told, HTTP_X_PAGE_TOKEN=page.token)

    assert kept == ["just you"]
    assert stage.texts() == []


def test_state_comes_as_soon_as_it_changes(page: Opened, stage: Stage) -> None:
    """A waiting page is answered when something happens."""
    seen = stage.simulator.snapshot(ADMIN.id)["version"]
    speak = threading.Timer(0.05, stage.simulator.say, (MEMBER.id, INTEGRATIONS.id, "news"))
    speak.start()
    target = f"/try/state?as={ADMIN.id}&since={seen}&page=p1"
    _, _, text = ask(page, "GET", target, HTTP_X_PAGE_TOKEN=page.token)
    speak.join()

    assert json.loads(text)["messages"][0]["text"] == "news"


def test_stop_lets_waiting_pages_go(page: Opened, stage: Stage) -> None:
    """A waiting page is answered at the stop, and told that the program ends."""
    seen = stage.simulator.snapshot(ADMIN.id)["version"]
    stop = threading.Timer(0.05, page.page.stop)
    stop.start()
    target = f"/try/state?as={ADMIN.id}&since={seen}&page=p1"
    _, _, text = ask(page, "GET", target, HTTP_X_PAGE_TOKEN=page.token)
    stop.join()

    assert json.loads(text)["open"] is False


def test_page_without_a_seat_is_told_to_come_again(stage: Stage) -> None:
    """Pages that wait never take all of the server's threads: one too many is answered at once."""
    page = TryPage(stage.simulator, seats=0)
    opened = Opened(page, cookie_of(page))
    target = f"/try/state?as={ADMIN.id}&since={stage.simulator.snapshot(ADMIN.id)['version']}"
    _, _, text = ask(opened, "GET", target, HTTP_X_PAGE_TOKEN=page.token)

    assert json.loads(text)["again_after_ms"] == 1000


def test_role_is_changed_at_the_page(page: Opened, stage: Stage) -> None:
    """The page lets whoever tries it deactivate somebody, and nobody who does not exist."""
    target, token = f"/try/change?as={ADMIN.id}", {"HTTP_X_PAGE_TOKEN": page.token}
    changed, _, text = ask(page, "POST", target, {"person": MEMBER.id, "role": "deactivated"}, **token)
    unknown, _, _ = ask(page, "POST", target, {"person": "U0NOBODY", "role": "admin"}, **token)
    roles = {one["id"]: one["role"] for one in json.loads(text)["state"]["people"]}

    assert (changed, unknown) == (200, 400)
    assert roles[MEMBER.id] == "deactivated"
    assert stage.call("users.info", user=MEMBER.id)["user"]["deleted"] is True


def test_slacks_client_library_can_talk_to_it() -> None:
    """slack_sdk's Web client and webhook client work against the page unchanged."""
    app = DemoApp()
    with served(app) as demo:
        simulator = demo.simulator
        client = WebClient(simulator.token, base_url=f"{demo.url}/api/")
        user = client.users_info(user=ADMIN.id)["user"]
        simulator.say(ADMIN.id, INTEGRATIONS.id, "/integrations")
        command = app.requests[-1]
        view = client.views_open(trigger_id=command["trigger_id"], view=MODAL)["view"]
        hook = WebhookClient(command["response_url"]).send(text="later")
        with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
            client.views_open(trigger_id=command["trigger_id"], view=MODAL)

    assert user["is_admin"] is True
    assert view["id"].startswith("V")
    assert hook.status_code == 200


def test_http_front_posts_to_the_app() -> None:
    """http_front delivers the bytes and headers it is given, and returns the answer."""
    with served(DemoApp()) as demo:
        front = http_front(f"{demo.url}/api/auth.test")
        status, headers, body = front(b"a=1", {"Content-Type": "text/plain"})

    assert status == 200
    assert headers["content-type"].startswith("application/json")
    assert json.loads(body)["error"] == "not_authed"


def test_app_is_read_from_its_manifest() -> None:
    """The page shows the name and the commands that the manifest declares."""
    app = SlackApp.from_manifest(
        {
            "display_information": {"name": "Quaymaster", "description": "Registries"},
            "features": {"slash_commands": [{"command": "/reg", "description": "d", "usage_hint": "add"}]},
        }
    )

    assert (app.name, app.commands[0].name, app.commands[0].usage_hint) == ("Quaymaster", "/reg", "add")
