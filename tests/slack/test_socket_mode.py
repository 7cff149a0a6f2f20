"""Socket Mode: connected, acknowledged, watched over, and stopped without losing an answer."""

import queue
import threading
import time

import pytest
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.core.secrets import Secret
from bot.logs import slack_logger
from bot.slack.socket_mode import SocketMode
from tests.fakes.socket_mode import FakeSocketMode

pytestmark = pytest.mark.alone

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
def begun():
    """Set once the command ``slow`` is being answered."""
    return threading.Event()


@pytest.fixture
def app(gate, begun):
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
            begun.set()
            gate.wait(5)
        ack({"text": f"heard {command['text']}"})

    return bolt


@pytest.fixture
def connect(slack, app):
    """Open connections that look often; named arguments are their limits."""
    opened = []

    def begin(**limits):
        client = WebClient(base_url=slack.api_url)
        hurried = {"ping_every_s": 0.5, "look_every_s": 0.2, "silent_after_s": 3.0, "first_pause_s": 0.1}
        opened.append(SocketMode(app, Secret("xapp-1"), client, **(hurried | limits)))
        opened[-1].start()
        return opened[-1]

    yield begin
    [mode.stop(5) for mode in opened]


@pytest.fixture
def connection(connect):
    """A connection."""
    return connect()


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


def test_connects_again_after_a_disconnect(slack, connection):
    """When Slack announces the end of a connection, the next one is opened and serves."""
    slack.opened.get(timeout=5).send({"type": "disconnect", "reason": "refresh_requested"})
    slack.opened.get(timeout=5).send(envelope("e2"))

    assert slack.received.get(timeout=5)["envelope_id"] == "e2"
    assert wait_for(lambda: connection.health() is None)


def test_silent_connection_is_unhealthy_within_ten_seconds_and_replaced(slack, app):
    """With the limits as they are in service, a connection whose pongs end is told and replaced."""
    mode = SocketMode(app, Secret("xapp-1"), WebClient(base_url=slack.api_url))
    mode.start()
    slack.opened.get(timeout=5)
    assert wait_for(lambda: slack.pongs > 0, tries=400)
    slack.answers_pings = False
    before = time.monotonic()
    assert wait_for(mode.health, tries=600)
    took_s = time.monotonic() - before
    answered = answered_on_a_new_connection(slack)
    mode.stop(5)

    assert took_s < 10
    assert answered


def answered_on_a_new_connection(slack, tries=3):
    """True once a command on a connection that was opened later is acknowledged."""
    slack.opened.get(timeout=10).send(envelope("e3"))
    try:
        return slack.received.get(timeout=3)["envelope_id"] == "e3"
    except queue.Empty:
        return tries > 0 and answered_on_a_new_connection(slack, tries - 1)


def test_connection_is_logged_once_each(slack, connect, caplog):
    """The log says once that it is connected, that it is lost, and when it is back."""
    caplog.set_level("INFO", "bot.slack.socket_mode")
    connect()
    first = slack.opened.get(timeout=5)
    assert wait_for(lambda: "Socket Mode: connected" in caplog.messages)
    slack.refuses_with = "internal_error"
    first.abort()
    assert wait_for(lambda: "Socket Mode: connection lost" in caplog.messages, tries=400)
    time.sleep(0.5)
    slack.refuses_with = ""
    assert wait_for(lambda: caplog.messages[-1].startswith("Socket Mode: connected again after"))

    ours = [message for message in caplog.messages if message.startswith("Socket Mode")]
    assert ours[0] == "Socket Mode: connected"
    assert sorted(ours[1:3]) == ["Socket Mode: cannot connect, trying again", "Socket Mode: connection lost"]
    assert ours[3] in {f"Socket Mode: connected again after {seconds} s" for seconds in (1, 2, 3)}
    assert len(ours) == 4


def test_slack_that_is_down_at_the_start_is_tried_again(slack, connect, caplog):
    """Without Slack the start succeeds, health says what is missing, and the connection comes about later."""
    slack.refuses_with = "internal_error"
    mode = connect()
    assert wait_for(lambda: "Socket Mode: cannot connect, trying again" in caplog.messages)
    trouble = mode.health()
    slack.refuses_with = ""

    assert trouble == "Slack's Socket Mode is not connected."
    assert wait_for(lambda: mode.health() is None)


def test_slack_that_cannot_be_reached_is_one_line_in_the_log(slack, connect, caplog):
    """A refused connection is logged once with its reason and without a trace."""
    slack.close()
    connect()

    assert wait_for(lambda: any("Connection refused" in one.getMessage() for one in ours(caplog)))
    assert [one.exc_info for one in ours(caplog)] == [None]


def ours(caplog):
    """What the connection logged itself."""
    return [one for one in caplog.records if one.name == "bot.slack.socket_mode"]


def test_stop_acknowledges_what_is_running(slack, connection, gate, begun):
    """A command that is being answered when the stop comes is acknowledged before the connection ends."""
    slack.opened.get(timeout=5).send(envelope("e4", text="slow"))
    assert begun.wait(5)
    threading.Timer(0.3, gate.set).start()
    connection.stop(5)

    assert slack.received.get(timeout=1) == {"envelope_id": "e4", "payload": {"text": "heard slow"}}
    assert connection.health() == "Slack's Socket Mode is not connected."


def test_stop_keeps_to_its_time(slack, connection, gate, begun):
    """A command that is never answered does not hold up the stop."""
    slack.opened.get(timeout=5).send(envelope("e5", text="slow"))
    assert begun.wait(5)
    before = time.monotonic()
    connection.stop(0.3)
    took_s = time.monotonic() - before
    gate.set()

    assert 0.3 <= took_s < 3
