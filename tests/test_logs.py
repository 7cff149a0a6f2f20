"""The log: lines of JSON, and no secret in any of them."""

import base64
import json
import logging
import os
import tempfile
import threading

import pytest
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request import BoltRequest
from slack_sdk.errors import SlackApiError

from bot.core.errors import Busy, SettingsError
from bot.core.secrets import Secret
from bot.logs import described, slack_logger, start_logging

MARKER = "marker-4711"


class Log:
    """The log of this process, written where a test can read it."""

    def __init__(self, stream):
        self.stream = stream
        self.now = 1000.0
        self.redactor = start_logging("DEBUG", self.stream, most_a_minute=3, clock=lambda: self.now)

    @property
    def text(self):
        """What was written so far."""
        self.stream.seek(0)
        return self.stream.read().decode()

    @property
    def lines(self):
        """The lines so far, read back."""
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log():
    """Our logging on a stream of its own; the set-up from before returns afterwards."""
    loggers = [logging.root, *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict))]
    before = [(logger, logger.level) for logger in loggers]
    handlers = list(logging.root.handlers)
    with tempfile.TemporaryFile(buffering=0) as stream:
        yield Log(stream)
    logging.root.handlers[:] = handlers
    [logger.setLevel(level) for logger, level in before]


def test_line_holds_the_facts(log):
    """A line says when, how serious, who and what, and carries the extra fields."""
    logging.getLogger("bot.slack.front").warning(
        "refused", extra={"reason": "stale", "clock_difference_s": 301}
    )

    (line,) = log.lines
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "logger": "bot.slack.front",
        "message": "refused",
        "reason": "stale",
        "clock_difference_s": 301,
    }


def test_control_characters_are_escaped(log):
    """Neither a line break nor a terminal's escape sequence of a logged text reaches the output."""
    logging.info("a\nb\x1b[31m\x7f\u2028\u009b\u202e")  # noqa: LOG015 - the root logger is what is tested

    written = log.text
    assert written.count("\n") == 1
    assert written.strip().isascii()
    assert written.strip().isprintable()


TEXTS = [
    f"password={MARKER}",
    f"PASSWORD: {MARKER}",
    f'{{"password": "{MARKER}"}}',
    f'{{"password": "two words \\" {MARKER}"}}',
    f"{{'registry_token': '{MARKER}'}}",
    f"Authorization: Basic {MARKER}==",
    f"headers={{'Authorization': 'Bearer {MARKER}'}}",
    f"sent Bearer {MARKER} to it",
    f"url: https://hooks.slack.com/commands/T1/{MARKER}",
    f"https://hooks.slack-gov.com/actions/T1/{MARKER}?x=1",
    f"xoxb-1-{MARKER}",
    f"xapp-1-{MARKER}",
    f"xoxe.xoxb-1-{MARKER}",
    "qm_0123456789marker4711",
    f"https://ann:{MARKER}@registry.example.com/v2/",
    f"client_secret={MARKER}&x=1",
]


@pytest.mark.parametrize("text", TEXTS)
def test_known_secrets_are_hidden(log, text):
    """What looks like a secret is hidden in messages, arguments and extra fields."""
    logging.getLogger("x").info("it was %s", text, extra={"detail": text, "details": [text]})
    logging.getLogger("x").info(text.replace("%", "%%"))

    assert "marker" not in log.text
    assert "****" in log.text


@pytest.mark.parametrize(
    "name", ["password", "new_secret", "slack_bot_token", "authorization", "response_url"]
)
def test_secret_fields_are_hidden(log, name):
    """A field whose name says that it holds a secret is hidden, inside other fields too."""
    logging.getLogger("x").info("x", extra={name: MARKER, "form": {name: [MARKER]}})

    assert log.lines[0][name] == "****"
    assert log.lines[0]["form"] == {name: "****"}


LIVE = 'gr8 "käse"/+?~'


@pytest.mark.parametrize(
    "form",
    [
        LIVE,
        repr(LIVE),
        json.dumps(LIVE),
        base64.b64encode(LIVE.encode()).decode(),
        "gr8%20%22k%C3%A4se%22%2F%2B%3F~",
        "gr8+%22k%C3%A4se%22%2F%2B%3F~",
    ],
)
def test_live_secrets_are_hidden(log, form):
    """A secret this process holds is hidden in every form in which it could be printed."""
    log.redactor.hide([Secret(LIVE), Secret("x")])
    logging.getLogger("x").info("before %s after x", form)

    message = log.lines[0]["message"]
    assert message.replace('"', "").replace("'", "") == "before **** after x"


def test_foreign_exception_keeps_its_place_but_not_its_text(log):
    """Of an exception that is not ours the type and the frames are logged, never the text."""
    try:
        int(MARKER)
    except ValueError:
        logging.getLogger("x").exception("failed")

    (line,) = log.lines
    assert line["exception"][0] == "builtins.ValueError"
    assert "test_logs.py" in line["exception"][1]
    assert MARKER not in log.text


EXPLAINED = [
    (Busy(), "bot.core.errors.Busy: Quaymaster is busy, so nothing was changed. Try again."),
    (OSError(28, "No space left on device", MARKER), "builtins.OSError: No space left on device"),
    (
        SlackApiError(MARKER, {"ok": False, "error": "ratelimited"}),
        "slack_sdk.errors.SlackApiError: ratelimited",
    ),
    (SlackApiError(MARKER, {"ok": False, "error": MARKER}), "slack_sdk.errors.SlackApiError"),
    (KeyError(MARKER), "builtins.KeyError"),
]


@pytest.mark.parametrize(("error", "line"), EXPLAINED)
def test_safe_texts_are_kept(error, line):
    """The text of our own errors, the system's reason and Slack's word are kept."""
    assert described(error) == [line]


def test_causes_are_described():
    """An error's cause is described after it."""
    try:
        raise SettingsError("PORT is not a port.") from ValueError(MARKER)
    except SettingsError as error:
        lines = described(error)

    assert lines[-2:] == ["because of", "builtins.ValueError"]


def test_message_that_does_not_fit_raises_nothing(log):
    """A message whose arguments do not fit is logged as such."""
    logging.getLogger("x").info("%d", MARKER)

    assert log.lines[0]["message"] == "a message that does not fit its arguments"


def test_libraries_stay_quiet(log):
    """Below WARNING the libraries that print payloads say nothing, whatever our own level."""
    quiet = [
        "slack_bolt.App",
        "slack_sdk.web.base_client",
        "slack_sdk.webhook.client",
        "urllib3.connectionpool",
    ]
    [logging.getLogger(name).info(MARKER) for name in [*quiet, "botocore.endpoint"]]
    logging.getLogger("bot.slack.app").debug("ours")

    assert [line["message"] for line in log.lines] == ["ours"]


def test_bolt_logs_no_body_of_a_refused_request(log):
    """With our logger Bolt does not print the body of a request whose signature is wrong."""
    app = App(
        signing_secret="secret",
        authorize=lambda: AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-1"),
        logger=slack_logger(),
    )
    headers = {"x-slack-request-timestamp": "1700000000", "x-slack-signature": "v0=0"}
    response = app.dispatch(BoltRequest(body=f"command=x&text={MARKER}", headers=headers))

    assert response.status == 401
    assert MARKER not in log.text


def test_one_place_fills_no_disk(log):
    """What one place says too often within a minute is counted, and told by its first line after that."""
    [speak(log, second) for second in (0, 1, 2, 3, 59, 61)]
    logging.getLogger("x").warning("from elsewhere")

    assert [(line["message"], line.get("left_out")) for line in log.lines] == [
        ("at 0", None),
        ("at 1", None),
        ("at 2", None),
        ("at 61", 2),
        ("from elsewhere", None),
    ]


def speak(log, second):
    """Log a warning at a second of the test."""
    log.now = 1000.0 + second
    logging.getLogger("x").warning("at %s", second)


def test_error_is_always_written(log):
    """An error is written however often it comes: each has an id that somebody was told."""
    [logging.getLogger("x").error("incident %s", number) for number in range(10)]

    assert len(log.lines) == 10


def test_paths_of_clients_that_hung_up_are_not_logged(log):
    """The server's library says nothing below WARNING, because it would name the path of a request."""
    logging.getLogger("waitress").info("Client disconnected while serving /v1/integrations/%s", MARKER)

    assert log.lines == []


@pytest.fixture
def pipe(log):
    """A log that goes into a pipe which nobody reads yet; gives its reading end."""
    log.stream.close()
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as stream, open(reading, "rb", buffering=0) as reader:
        start_logging("DEBUG", stream, most_a_minute=1_000_000)
        yield reader


def test_log_that_nobody_reads_stops_nobody(pipe):
    """When the pipe is full, lines are dropped; once it is read again, their number is told."""
    speaker = threading.Thread(target=lambda: [logging.getLogger("x").error("%d", n) for n in range(5000)])
    speaker.start()
    speaker.join(5)
    has_finished = not speaker.is_alive()
    written = pipe.read(1 << 20).decode().splitlines()
    logging.getLogger("x").error("read again")
    after = [json.loads(line) for line in pipe.read(1 << 20).decode().splitlines() if line]

    assert has_finished
    assert json.loads(written[0])["message"] == "0"
    assert [line["message"] for line in after] == ["lines lost", "read again"]
    assert after[0]["lost"] == 5000 - len(written)


def test_log_whose_reader_is_gone_stops_nobody(pipe):
    """A pipe that was closed at its other end is no error for who logs."""
    pipe.close()

    logging.getLogger("x").error("into nothing")
