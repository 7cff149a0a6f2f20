"""The log: one JSON object per line on standard error, without secrets.

1. A field whose name says that it contains a secret is hidden, both in ``extra`` and in text.
2. What looks like a token, a hooks address or an ``Authorization`` value is hidden wherever it occurs.
3. Secrets this process holds (``hide``) are hidden in plain, in base64 and percent-encoded.
4. For an exception that is not ours, only its type and where it was raised are logged: its text may quote
   what was sent or received. Our own errors never contain a secret.

A log that nobody reads cannot stop the process, and the log cannot fill a disk: a line that standard error
does not accept is dropped and counted, and what one place in the code logs more than 60 times per minute,
below ERROR, is counted instead of written.
"""

import base64
import json
import logging
import re
import select
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from io import FileIO
from typing import Any, Protocol
from urllib.parse import quote, quote_plus

from bot.core.errors import QuaymasterError
from bot.core.secrets import Secret

_HIDDEN = "****"

_QUIET = (
    "slack_bolt",
    "slack_sdk",
    "slack_sdk.web.base_client",
    "slack_sdk.webhook.client",
    "urllib3",
    "botocore",
    "waitress",
)
"""Below WARNING these log payloads, tokens, headers and paths. slack_sdk builds the text of a debug line
when its logger has no level of its own, so its two busiest loggers are listed."""

_NAMED = (
    r"\w{0,64}(?:password|passwd|secret|token|authorization|response_url|ticket|api_?key|credential)\w{0,64}"
)
_NAMED_SO = re.compile(_NAMED, re.IGNORECASE)
_QUOTED = r'"(?:[^"\\]|\\.)*"?' + "|" + r"'(?:[^'\\]|\\.)*'?"
_BARE = r"(?:(?:basic|bearer)\s+)?[^\s\"'&,;}{)]+"

_PATTERNS = (
    # password=…, "token": "…", 'Authorization': 'Basic …'
    re.compile(rf"(?i)(?P<keep>\b{_NAMED}[\"']?\s*[:=]\s*)(?:{_QUOTED}|{_BARE})"),
    re.compile(r"(?i)(?P<keep>\b(?:basic|bearer)\s+)[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(r"(?P<keep>\bhooks\.slack(?:-gov)?\.com/)[^\s\"'<>]+"),
    re.compile(r"(?P<keep>\b(?:xox[a-z](?:\.xox[a-z])?|xapp)-)[A-Za-z0-9-]+"),
    re.compile(r"(?P<keep>\bqm_)[0-9A-Za-z]{6,}"),
    # user:password@host
    re.compile(r"(?P<keep>://)[^\s/@\"']+@"),
)

_SHORTEST_HIDDEN = 4
"""A shorter secret would hide half of every line; it is protected by never being logged at all."""

_MOST_FRAMES = 20
_LONGEST_TEXT = 8192
"""Longer texts are cut before they are searched."""

_MINUTE_S = 60.0
_MOST_A_MINUTE = 60
_PIPE_BYTES = 4096
"""POSIX's smallest PIPE_BUF is 512; Linux reports a pipe as ready only with a whole page free."""
_PATIENCE_MS = 50
"""How long the first line waits for a stream that is full; those after it do not."""

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Redactor(logging.Filter):
    """Hides secrets in what is about to be written."""

    def __init__(self) -> None:
        super().__init__()
        self._live: tuple[str, ...] = ()

    def hide(self, secrets: Iterable[Secret]) -> None:
        """Hide these secrets from now on, in every spelling in which they could be printed."""
        forms = {form for secret in secrets for form in _forms_of(secret.reveal())}
        # The longest first, or a part of it would be hidden and the rest shown.
        self._live = tuple(sorted(forms | set(self._live), key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return the text with everything secret hidden."""
        text = text[:_LONGEST_TEXT]
        for live in self._live:
            text = text.replace(live, _HIDDEN)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\g<keep>{_HIDDEN}", text)
        return text

    def value(self, name: str, value: object) -> object:
        """Return the value of a field: hidden if its name says so, otherwise searched for secrets."""
        if _NAMED_SO.fullmatch(name):
            return _HIDDEN
        if isinstance(value, dict):
            return {str(key): self.value(str(key), inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(name, inner) for inner in value]
        return value if isinstance(value, int | float | None) else self.text(str(value))

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the record's message with the redacted one, so that no later handler sees the original."""
        record.msg, record.args = self.text(_message_of(record)), None
        for name in vars(record).keys() - _OWN_FIELDS:
            setattr(record, name, self.value(name, getattr(record, name)))
        return True


def _message_of(record: logging.LogRecord) -> str:
    """Return a record's message; one whose arguments do not fit must not stop the work that logged it."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return "a message that does not fit its arguments"


class _Sparing(logging.Filter):
    """Limits how many lines one place in the code can log per minute; its next line counts the rest."""

    def __init__(self, most_a_minute: int, clock: Callable[[], float]) -> None:
        super().__init__()
        self._most = most_a_minute
        self._clock = clock
        self._said: dict[tuple[str, int], tuple[float, int]] = {}
        """By file and line: when its minute began, and how many lines it has logged since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass a record on, with the number of similar ones that were left out before."""
        if record.levelno >= logging.ERROR:
            return True
        place, now = (record.pathname, record.lineno), self._clock()
        began, count = self._said.get(place, (now, 0))
        if now - began >= _MINUTE_S:
            if count > self._most:
                record.left_out = count - self._most
            began, count = now, 0
        self._said[place] = began, count + 1
        return count < self._most


class _Stream(Protocol):
    """Standard error, or something like it."""

    def fileno(self) -> int:
        """Return its descriptor."""

    def write(self, text: bytes, /) -> object:
        """Write some bytes."""


class _Lines(logging.Handler):
    """Writes lines to a stream that may stop accepting them, such as a pipe that nobody reads."""

    def __init__(self, stream: _Stream) -> None:
        super().__init__()
        self._stream = stream
        self._poll = select.poll()
        self._poll.register(stream.fileno(), select.POLLOUT)
        self._is_stuck = False
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it as lost."""
        line = self.format(record) + "\n"
        if self._lost:
            line = (
                f"\n{json.dumps({'level': 'WARNING', 'message': 'lines lost', 'lost': self._lost})}\n{line}"
            )
        if self._write(line.encode()):
            self._lost = 0
        else:
            self._lost += 1

    def _write(self, data: bytes) -> bool:
        for start in range(0, len(data), _PIPE_BYTES):
            # A pipe that is ready accepts this many bytes without making the writer wait.
            self._is_stuck = not self._poll.poll(0 if self._is_stuck else _PATIENCE_MS)
            if self._is_stuck:
                return False
            try:
                self._stream.write(data[start : start + _PIPE_BYTES])
            except OSError:
                return False
        return True


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON in ASCII, so that no control character reaches a terminal."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        if record.exc_info and record.exc_info[1]:
            fields["exception"] = [self._redactor.text(line) for line in described(record.exc_info[1])]
        return json.dumps(fields, default=str).replace("\x7f", "\\u007f")


def described(error: BaseException) -> list[str]:
    """Describe an exception and its causes: type, text if it is safe, and where it was raised."""
    lines = [f"{type(error).__module__}.{type(error).__qualname__}: {_safe_text(error)}".rstrip(": ")]
    for frame in traceback.extract_tb(error.__traceback__, limit=-_MOST_FRAMES):
        lines.append(f"{frame.filename}:{frame.lineno} in {frame.name}")
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines if cause is None else [*lines, "because of", *described(cause)]


def _safe_text(error: BaseException) -> str:
    """Return an exception's text if it cannot hold what was sent or received."""
    if isinstance(error, QuaymasterError):
        return str(error)
    if isinstance(error, OSError) and type(error).__module__ == "builtins":
        return error.strerror or ""
    # Of Slack's whole answer, only its error code: ratelimited, missing_scope, …
    code = getattr(getattr(error, "response", None), "data", None) or getattr(error, "response", None)
    word = code.get("error") if isinstance(code, dict) else None
    return word if isinstance(word, str) and re.fullmatch(r"[a-z_]{1,64}", word) else ""


def _forms_of(text: str) -> set[str]:
    """Return the spellings in which a secret could be printed."""
    if len(text) < _SHORTEST_HIDDEN:
        return set()
    encoded = base64.b64encode(text.encode()).decode()
    return {
        text,
        json.dumps(text)[1:-1],
        repr(text)[1:-1],
        quote(text, safe=""),
        quote_plus(text),
        encoded,
        encoded.rstrip("="),
        base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    }


def start_logging(
    level: str,
    stream: _Stream | None = None,
    *,
    most_a_minute: int = _MOST_A_MINUTE,
    clock: Callable[[], float] = time.monotonic,
) -> Redactor:
    """
    Send the log of the whole process to ``stream``.

    Args:
        level: For our own loggers and harmless ones of libraries; see ``_QUIET`` for the others.
        stream: ``None`` = standard error.
        most_a_minute: How many lines one place in the code can log per minute, below ERROR.
        clock: Monotonic seconds.

    Returns:
        The redactor: pass it the secrets that this process holds.
    """
    redactor = Redactor()
    # Unbuffered and separate from `sys.stderr`: a thread waiting for its lock would also block the exit.
    handler = _Lines(stream or FileIO(sys.stderr.fileno(), "w", closefd=False))
    handler.addFilter(_Sparing(most_a_minute, clock))
    handler.addFilter(redactor)
    handler.setFormatter(JsonLines(redactor))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Under load it warns that requests are waiting for a thread, which is what a queue is for.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    return redactor


def slack_logger() -> logging.Logger:
    """Return the logger to hand to ``App(logger=…)``: at WARNING whatever ``LOG_LEVEL`` says."""
    logger = logging.getLogger("slack_bolt")
    logger.setLevel(logging.WARNING)
    return logger
