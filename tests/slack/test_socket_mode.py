"""Socket Mode: connected, acknowledged, watched over, and stopped without losing an answer."""

import threading
import time

import pytest
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

import bot.slack.socket_mode
from bot.core.secrets import Secret
from bot.logs import slack_logger
from bot.slack.socket_mode import SocketMode
from tests.fakes.socket_mode import FakeSocketMode

COMMAND = {
    "command": "/integrations",
    "text": "help",
    "team_id": "T1",
    "user_id": "U1",
    "trigger_id": "1.2.x",
    "is_enterprise_install": "false",
}


def envelope(name, **command):
    """A slash command as it comes over Socket Mode."""
    return {
        "envelope_id": name,
        "type": "slash_commands",
        "accepts_response_payload": True,
        "payload": COMMAND | command,
    }


@pytest.fixture
def slack():
    """Slack's end."""
    fake = FakeSocketMode()
    yield fake
    fake.close()


@pytest.fixture
def gate():
    """Opens the listener for the command ``slow``."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def app(gate):
    """A Bolt app whose one command answers with its text."""
    bolt = App(
        signing_secret="",
        authorize=lambda: AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-1"),
        process_before_response=True,
        logger=slack_logger(),
    )

    @bolt.command("/integrations")
    def answer(ack, command):
        if command["text"] == "slow":
            gate.wait(5)
        ack({"text": f"heard {command['text']}"})

    return bolt


@pytest.fixture
def connection(slack, app, monkeypatch):
    """A connection that looks often."""
    monkeypatch.setattr(bot.slack.socket_mode, "LOOK_EVERY_S", 0.05)
    mode = SocketMode(app, Secret("xapp-1"), WebClient(base_url=slack.api_url))
    mode.start()
    yield mode
    mode.stop(5)


def wait_for(condition, tries=200):
    """True once a condition holds, False if it has not for 4 seconds."""
    if condition():
        return True
    time.sleep(0.02)
    return tries > 0 and wait_for(condition, tries - 1)


def test_command_is_acknowledged_in_its_envelope(slack, connection):
    """A command that comes over the connection is answered in an acknowledgement of its envelope."""
    slack.opened.get(timeout=5).send(envelope("e1"))

    assert slack.received.get(timeout=5) == {"envelope_id": "e1", "payload": {"text": "heard help"}}
    assert slack.tokens == ["Bearer xapp-1"]
    assert connection.health() is None


def test_connects_anew_after_a_disconnect(slack, connection):
    """When Slack announces the end of a connection, the next one is opened and serves."""
    slack.opened.get(timeout=5).send({"type": "disconnect", "reason": "refresh_requested"})
    slack.opened.get(timeout=5).send(envelope("e2"))

    assert slack.received.get(timeout=5)["envelope_id"] == "e2"
    assert wait_for(lambda: connection.health() is None)


def test_silent_connection_is_replaced(slack, connection, monkeypatch):
    """A connection that carries no pong is unhealthy and is replaced."""
    assert wait_for(lambda: connection.health() is None)
    slack.opened.get(timeout=5)
    slack.answers_pings = False
    monkeypatch.setattr(bot.slack.socket_mode, "SILENT_AFTER_S", 0.2)
    replaced = slack.opened.get(timeout=5)
    replaced.send(envelope("e3"))

    assert slack.received.get(timeout=5)["envelope_id"] == "e3"


def test_slack_that_is_down_at_the_start_is_tried_again(slack, app, monkeypatch, caplog):
    """Without Slack the start succeeds, health says what is missing, and the connection comes about later."""
    monkeypatch.setattr(bot.slack.socket_mode, "LOOK_EVERY_S", 0.05)
    slack.refuses_with = "internal_error"
    mode = SocketMode(app, Secret("xapp-1"), WebClient(base_url=slack.api_url))
    mode.start()
    assert wait_for(lambda: "Socket Mode cannot connect" in caplog.messages)
    trouble = mode.health()
    slack.refuses_with = ""
    recovered = wait_for(lambda: mode.health() is None)
    mode.stop(5)

    assert trouble == "Slack's Socket Mode is not connected."
    assert recovered


def test_stop_acknowledges_what_is_running(slack, connection, gate):
    """A command that is being answered when the stop comes is acknowledged before the connection ends."""
    slack.opened.get(timeout=5).send(envelope("e4", text="slow"))
    wait_for(lambda: connection._client.message_workers._threads)
    threading.Timer(0.3, gate.set).start()
    connection.stop(5)

    assert slack.received.get(timeout=1) == {"envelope_id": "e4", "payload": {"text": "heard slow"}}
    assert connection.health() == "Slack's Socket Mode is not connected."


def test_stop_keeps_to_its_time(slack, connection, gate):
    """A command that is never answered does not hold up the stop."""
    slack.opened.get(timeout=5).send(envelope("e5", text="slow"))
    wait_for(lambda: connection._client.message_workers._threads)
    before = time.monotonic()
    connection.stop(0.3)
    took_s = time.monotonic() - before
    gate.set()

    assert 0.3 <= took_s < 3
