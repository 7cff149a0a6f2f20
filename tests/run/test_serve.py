"""``quaymaster serve`` as a process: its line, its health, its answers, its end."""

import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from storage.sealing import new_key
from tests.fakes.socket_mode import FakeSocketMode

ROOT = Path(__file__).parents[2]
CHALLENGE = json.dumps({"type": "url_verification", "challenge": "c1"}).encode()
SECRET = "marker-signing-secret"


class Process:
    """A running ``quaymaster serve``."""

    def __init__(self, env):
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve"],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.line = self.popen.stdout.readline()
        self.url = self.line.removeprefix("Quaymaster listens on ").strip()

    def ask(self, method, path, body=None, headers=()):
        """Ask once; returns status and JSON."""
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)) as connection:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return response.status, json.loads(response.read() or "null")

    def becomes_healthy(self, tries=100):
        """True once health is well, False if it is not for 5 seconds."""
        if self.ask("GET", "/healthz")[0] == 200:
            return True
        time.sleep(0.05)
        return tries > 0 and self.becomes_healthy(tries - 1)

    def end(self, number):
        """Send a signal and wait; returns exit status, seconds and what was logged."""
        before = time.monotonic()
        self.popen.send_signal(number)
        _, log = self.popen.communicate(timeout=15)
        return self.popen.returncode, time.monotonic() - before, log


@pytest.fixture
def slack():
    """Slack's Web API and its end of Socket Mode."""
    fake = FakeSocketMode()
    yield fake
    fake.close()


@pytest.fixture
def env(tmp_path, slack):
    """Settings that are enough, and no other of ours."""
    ours = ("QUAYMASTER_", "SLACK_", "DATABASE_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
        "SLACK_BOT_TOKEN": "xoxb-marker-token",
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": slack.api_url,
        "QUAYMASTER_KEYS": new_key(),
        "QUAYMASTER_DATA_DIR": str(tmp_path / "data"),
        "PORT": "0",
        "LOG_LEVEL": "DEBUG",
    }


@pytest.fixture
def start(env):
    """Start processes; they are killed at the end if they still run."""
    started = []

    def begin(**more):
        given = {name: value for name, value in (env | more).items() if value}
        started.append(Process(given))
        return started[-1]

    yield begin
    [process.popen.kill() for process in started]
    [process.popen.communicate() for process in started]


def signed(body):
    """Slack's headers for a body."""
    now = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), f"v0:{now}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": f"v0={digest}",
    }


@pytest.mark.alone
def test_serves_and_ends(start):
    """It says where it listens, is healthy, answers a signed request, refuses others, and ends with 0."""
    process = start()
    answers = [
        process.ask("GET", "/healthz"),
        process.ask("POST", "/slack/events", CHALLENGE, signed(CHALLENGE)),
        process.ask("POST", "/slack/events", CHALLENGE),
        process.ask("GET", "/nothing"),
    ]
    status, took_s, log = process.end(signal.SIGTERM)

    assert process.line.startswith("Quaymaster listens on http://127.0.0.1:")
    assert answers == [
        (200, {"ok": True}),
        (200, {"challenge": "c1"}),
        (401, {"error": "invalid request"}),
        (404, {"error": "not found"}),
    ]
    assert (status, took_s < 3) == (0, True)
    assert "marker" not in log
    assert [json.loads(line)["message"] for line in log.splitlines()] == ["refused a Slack request"]


@pytest.mark.alone
def test_half_sent_request_does_not_hold_up_the_end(start):
    """A client that sent half a request does not hold up the end; SIGINT ends like SIGTERM."""
    process = start()
    where = urlsplit(process.url)
    with socket.create_connection((where.hostname, where.port)) as half:
        half.sendall(b"POST /slack/events HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
        status, took_s, _ = process.end(signal.SIGINT)

    assert (status, took_s < 10) == (0, True)


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"SLACK_BOT_TOKEN": ""}, 2, "SLACK_BOT_TOKEN is not set"),
        (
            {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "c", "SLACK_APP_TOKEN": "xapp-1"},
            2,
            "SLACK_APP_TOKEN and SLACK_CLIENT_ID are both set",
        ),
        ({"QUAYMASTER_KEYS": "short"}, 1, "Key 1 is not 32 bytes in base64."),
    ],
)
def test_start_that_fails_is_one_sentence(start, more, status, words):
    """A start that fails says why in one line, without a traceback."""
    process = start(**more)
    _, log = process.popen.communicate(timeout=15)

    assert process.popen.returncode == status
    assert log.startswith(words)
    assert log.count("\n") == 1


def test_second_process_on_the_same_directory_is_refused(start, tmp_path):
    """A second process on the same data directory ends with one sentence; the first serves on."""
    first = start()
    second = start()
    _, log = second.popen.communicate(timeout=15)

    assert second.popen.returncode == 1
    assert log.count("\n") == 1
    assert first.ask("GET", "/healthz") == (200, {"ok": True})
    assert (tmp_path / "data").is_dir()


def test_port_in_use_is_refused(start):
    """A port that somebody else holds is one sentence and exit status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(PORT=str(taken.getsockname()[1]))
        _, log = process.popen.communicate(timeout=15)

    assert process.popen.returncode == 1
    assert "cannot listen on 127.0.0.1" in log
    assert log.count("\n") == 1


def test_replay_after_a_restart_is_refused(start):
    """A request that was served before a restart is not served again after it."""
    first = start()
    headers = signed(CHALLENGE)
    served, _ = first.ask("POST", "/slack/events", CHALLENGE, headers)
    first.end(signal.SIGTERM)
    time.sleep(1)
    again, _ = start().ask("POST", "/slack/events", CHALLENGE, headers)

    assert (served, again) == (200, 409)


@pytest.mark.alone
def test_socket_mode_without_a_signing_secret(start, slack):
    """With only an app token it connects to Slack, says so in its health, and serves no ``/slack/events``."""
    process = start(SLACK_APP_TOKEN="xapp-marker", SLACK_SIGNING_SECRET="")
    slack.opened.get(timeout=10)
    is_healthy = process.becomes_healthy()
    missing, _ = process.ask("POST", "/slack/events", b"{}")
    status, took_s, log = process.end(signal.SIGTERM)

    assert slack.tokens == ["Bearer xapp-marker"]
    assert (is_healthy, missing) == (True, 404)
    assert (status, took_s < 10) == (0, True)
    assert "marker" not in log


def test_several_workspaces_are_served(start):
    """With a client id and secret it serves the install page, and refuses a workspace without an install."""
    oauth = {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "marker-client-secret", "SLACK_BOT_TOKEN": ""}
    process = start(**oauth)
    with closing(http.client.HTTPConnection(urlsplit(process.url).netloc, timeout=10)) as connection:
        connection.request("GET", "/slack/install")
        page = connection.getresponse().read().decode()
    command = b"command=/integrations&text=list&team_id=T9&user_id=U9&trigger_id=1.2.x"
    headers = {**signed(command), "Content-Type": "application/x-www-form-urlencoded"}
    status, answer = process.ask("POST", "/slack/events", command, headers)
    ended, _, log = process.end(signal.SIGTERM)

    assert "Add to Slack" in page
    assert (status, "not installed in this workspace" in json.dumps(answer)) == (200, True)
    assert ended == 0
    assert "marker" not in log


@pytest.mark.alone
def test_lost_socket_mode_turns_health_and_is_logged_once(start, slack):
    """When Slack's pongs end, health is 503 within 10 s; back again, it is 200, and the log has each once."""
    process = start(SLACK_APP_TOKEN="xapp-marker", SLACK_SIGNING_SECRET="")
    assert process.becomes_healthy()
    slack.answers_pings = False
    slack.refuses_with = "internal_error"
    before = time.monotonic()
    status, body = process.ask("GET", "/healthz")
    while status == 200 and time.monotonic() - before < 20:
        time.sleep(0.1)
        status, body = process.ask("GET", "/healthz")
    took_s = time.monotonic() - before
    time.sleep(3)
    slack.answers_pings, slack.refuses_with = True, ""
    is_back = process.becomes_healthy(tries=300)
    time.sleep(2)  # the line is written by a look once a second, after health has asked by itself
    _, _, log = process.end(signal.SIGTERM)

    assert status == 503
    assert took_s < 10
    assert body["ok"] is False
    assert is_back
    assert log.count("Socket Mode: connected\n") + log.count('Socket Mode: connected"') == 1
    assert log.count("Socket Mode: connection lost") == 1
    assert log.count("Socket Mode: connected again after") == 1
