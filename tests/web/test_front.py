"""The front: what is unsigned, stale, replayed, oversized or misshapen never reaches Bolt."""

import hashlib
import hmac
import io
import json
from urllib.parse import quote

import pytest

from bot.core.secrets import Secret
from bot.web import slack
from bot.web.slack import slack_front

NOW = 1_700_000_000
COMMAND = b"command=%2Fintegrations&text=list&team_id=T1&user_id=U1&trigger_id=1.2.x"
WHO = {"user": {"id": "U1", "team_id": "T1"}, "team": {"id": "T1", "domain": "acme"}}
VIEW = {"id": "V1", "type": "modal", "callback_id": "add", "state": {"values": {"b": {"a": {"value": None}}}}}
BUTTON = {"type": "button", "action_id": "delete.ask", "block_id": "b1", "value": "17:3"}
PRESS = {"type": "block_actions", **WHO, "enterprise": None, "actions": [BUTTON], "trigger_id": "1.2.x"}
HOME = {"type": "event_callback", "team_id": "T1", "event": {"type": "app_home_opened", "user": "U1"}}


class Bolt:
    """Stands where Bolt stands and counts what gets through."""

    def __init__(self):
        self.bodies = []

    def __call__(self, environ, start_response):
        """Answer 200 to everything."""
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [b"from Bolt"]


class Client:
    """Sends requests into a front and remembers the status of the last answer."""

    def __init__(self, bolt):
        self.now = NOW
        self.front = slack_front(bolt, Secret("secret"), lambda: self.now)
        self.headers = {}

    def send(self, body=COMMAND, /, **environ):
        """Send a signed request; ``environ`` overrides its parts. Returns status and body."""
        timestamp = environ.get("HTTP_X_SLACK_REQUEST_TIMESTAMP", str(self.now))
        given = {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_SLACK_REQUEST_TIMESTAMP": timestamp,
            "HTTP_X_SLACK_SIGNATURE": sign(timestamp, body),
            "wsgi.input": io.BytesIO(body),
        }
        statuses = []
        answer = b"".join(self.front(given | environ, lambda *head: statuses.append(head)))
        self.headers = dict(statuses[0][1])
        return int(statuses[0][0][:3]), answer

    def send_json(self, payload, /):
        """Send an event."""
        return self.send(as_bytes(payload), CONTENT_TYPE="application/json; charset=utf-8")

    def send_interaction(self, payload, /):
        """Send an interaction: a form whose one field holds JSON."""
        return self.send(b"payload=" + quote(as_bytes(payload)).encode())


def as_bytes(payload):
    """A payload as JSON, unless it is text already."""
    return (payload if isinstance(payload, str) else json.dumps(payload)).encode()


def sign(timestamp, body):
    """Slack's signature v0, made the plain way."""
    digest = hmac.new(b"secret", f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return f"v0={digest}"


@pytest.fixture
def bolt():
    """What stands behind the front."""
    return Bolt()


@pytest.fixture
def client(bolt):
    """A client of the front."""
    return Client(bolt)


def test_signed_request_reaches_bolt_unchanged(client, bolt):
    """A signed command reaches Bolt with the bytes that were sent."""
    assert client.send() == (200, b"from Bolt")
    assert bolt.bodies == [COMMAND]


def test_recorded_signature(client):
    """The recorded signature of Slack's scheme passes, so ours is computed as Slack computes it."""
    recorded = "v0=41cb0c954425af1ed5f8f0439d0ac3ab02f3d0330287ab0eb36ceb9f7e441ce1"

    status, _ = client.send(b"command=%2Fintegrations&text=list", HTTP_X_SLACK_SIGNATURE=recorded)

    # 400 and not 401: the signature holds, and only then the missing team and person are noticed.
    assert status == 400


GOOD = "v0=" + "0" * 64
REFUSED = [
    ({"REQUEST_METHOD": "GET"}, 405),
    ({"CONTENT_LENGTH": ""}, 411),
    ({"CONTENT_LENGTH": "-1"}, 411),
    ({"CONTENT_LENGTH": "1048577"}, 413),
    ({"CONTENT_LENGTH": "100"}, 400),
    ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": ""}, 401),
    ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": "abc"}, 401),
    ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": "1700000000, 1700000000"}, 401),
    ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": "1699999699"}, 401),
    ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": "1700000301"}, 401),
    ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": "17000٠٠000"}, 401),
    ({"HTTP_X_SLACK_SIGNATURE": ""}, 401),
    ({"HTTP_X_SLACK_SIGNATURE": "v0=ä" + "0" * 63}, 401),
    ({"HTTP_X_SLACK_SIGNATURE": GOOD}, 401),
    ({"HTTP_X_SLACK_SIGNATURE": f"{GOOD}, {GOOD}"}, 401),
    ({"HTTP_X_SLACK_SIGNATURE": GOOD.upper()}, 401),
]


@pytest.mark.parametrize(("environ", "status"), REFUSED)
def test_request_is_refused_before_bolt(client, bolt, environ, status):
    """A request of a wrong method, length, time or signature is refused, and Bolt never sees it."""
    assert client.send(**environ)[0] == status
    assert bolt.bodies == []
    assert client.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("timestamp", ["1699999700", "1700000300"])
def test_clock_may_differ_by_five_minutes(client, timestamp):
    """A timestamp at the edge of the window passes."""
    assert client.send(HTTP_X_SLACK_REQUEST_TIMESTAMP=timestamp)[0] == 200


def test_altered_body_is_refused(client, bolt):
    """A signature of other bytes does not hold."""
    signature = sign(NOW, COMMAND.replace(b"list", b"help"))

    assert client.send(HTTP_X_SLACK_SIGNATURE=signature)[0] == 401
    assert bolt.bodies == []


def test_replay_does_nothing(client, bolt):
    """The same signed request again is answered with an empty 200 and does not reach Bolt."""
    client.send()

    assert client.send() == (200, b"")
    assert bolt.bodies == [COMMAND]


def test_replay_is_noticed_at_the_end_of_the_window(client, bolt):
    """A request from a fast clock is still known when its timestamp has nearly run out."""
    early = str(NOW + 300)
    client.send(HTTP_X_SLACK_REQUEST_TIMESTAMP=early)
    client.now += 600

    assert client.send(HTTP_X_SLACK_REQUEST_TIMESTAMP=early) == (200, b"")
    assert len(bolt.bodies) == 1


def test_refused_signature_is_not_kept(client):
    """A forged signature takes no room in the memory and does not block the honest request."""
    client.send(HTTP_X_SLACK_SIGNATURE=GOOD)

    assert client.send() == (200, b"from Bolt")


def test_seen_signatures_are_bounded(monkeypatch):
    """At most so many signatures are kept; the oldest goes first, and old ones go by themselves."""
    monkeypatch.setattr(slack, "SEEN_AT_MOST", 2)
    seen = slack.SeenSignatures()
    answers = [seen.before(signature, 0) for signature in ("a", "b", "c", "c", "a")]

    assert answers == [False, False, False, True, False]
    assert not seen.before("c", 601)


PASSING = [
    PRESS,
    PRESS | {"view": VIEW, "state": None, "channel": None},
    PRESS | {"actions": [BUTTON | {"selected_option": None}]},
    {"type": "view_submission", **WHO, "view": VIEW},
    {"type": "view_closed", **WHO, "view": VIEW},
    {"type": "block_suggestion", **WHO, "action_id": "a", "value": ""},
    {"type": "shortcut", **WHO, "callback_id": "add"},
]


@pytest.mark.parametrize("payload", PASSING)
def test_interaction_passes(client, payload):
    """Each kind of interaction passes, nulls where Slack sends them included."""
    assert client.send_interaction(payload) == (200, b"from Bolt")


@pytest.mark.parametrize("payload", [HOME, {"type": "url_verification", "challenge": "x"}])
def test_event_passes(client, payload):
    """An event and the verification of the address pass."""
    assert client.send_json(payload) == (200, b"from Bolt")


def test_ssl_check_passes(client):
    """Slack's check of the certificate, a form of its own, passes."""
    assert client.send(b"ssl_check=1&token=x") == (200, b"from Bolt")


def test_command_that_says_payload_passes(client):
    """The word payload in a command's text does not make it an interaction."""
    assert client.send(COMMAND.replace(b"list", b"filter+payload-prod")) == (200, b"from Bolt")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"\xff\xfe",
        b"{}",
        b"payload",
        b"payload=%ff",
        COMMAND + b"&x=" * 100,
        COMMAND.replace(b"T1", b""),
        COMMAND.replace(b"user_id", b"user_name"),
    ],
)
def test_misshapen_form_is_refused(client, bolt, body):
    """A form that Slack does not send is answered 400."""
    assert client.send(body) == (400, b'{"error": "invalid request"}')
    assert bolt.bodies == []


NESTED = "[" * 5000 + "]" * 5000
MISSHAPEN = [
    "null",
    "[]",
    "{",
    '"text"',
    "1" * 5000,
    NESTED,
    json.dumps(PRESS)[:-1] + ', "x": ' + "[" * 200 + "]" * 200 + "}",
    json.dumps(PRESS)[:-1] + ', "x": "\\ud800"}',
    {"type": "made_up", **WHO},
    {"type": ["block_actions"], **WHO},
    PRESS | {"actions": []},
    PRESS | {"actions": {}},
    PRESS | {"actions": ["x"]},
    PRESS | {"actions": [BUTTON | {"value": 1}]},
    PRESS | {"actions": [BUTTON | {"selected_option": "x"}]},
    PRESS | {"user": "U1"},
    PRESS | {"user": {"id": ""}},
    PRESS | {"team": None},
    PRESS | {"team": {"id": 1}},
    PRESS | {"enterprise": "E1"},
    PRESS | {"view": []},
    PRESS | {"state": {"values": {"b": []}}},
    {"type": "view_submission", **WHO},
    {"type": "view_submission", **WHO, "view": {"id": "V1", "callback_id": "add"}},
    {"type": "view_submission", **WHO, "view": VIEW | {"state": {"values": []}}},
    {"type": "block_suggestion", **WHO},
]


@pytest.mark.parametrize("payload", MISSHAPEN, ids=range(len(MISSHAPEN)))
def test_misshapen_interaction_is_refused(client, bolt, payload):
    """A signed interaction of a shape Slack does not send is answered 400, not with an exception."""
    assert client.send_interaction(payload)[0] == 400
    assert bolt.bodies == []


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        PRESS,
        HOME | {"event": "x"},
        HOME | {"event": {"type": "app_home_opened"}},
        HOME | {"team_id": None},
        HOME | {"authorizations": ["x"]},
    ],
)
def test_misshapen_event_is_refused(client, bolt, payload):
    """An event of a wrong shape is answered 400."""
    assert client.send_json(payload)[0] == 400
    assert bolt.bodies == []


def test_log_holds_reason_and_clock_only(client, caplog):
    """A refusal is logged by its reason and the clock difference, without a word of the body."""
    client.send(b"command=x&text=marker-4711", HTTP_X_SLACK_SIGNATURE=GOOD)

    (record,) = caplog.records
    assert (record.reason, record.clock_difference_s) == ("wrong signature", 0)
    assert "marker-4711" not in repr(vars(record))
