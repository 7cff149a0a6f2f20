"""Requests that no person makes by typing and pressing: odd ones, old ones, and their signature."""

import io
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bot.simulator import sent_payloads
from bot.simulator.delivery import FORM, form_of_interaction, signature
from tests.fakes.clock import Clock
from tests.fakes.slack import OPS, SIGNING_SECRET, WatchedWorld

_WORLD = WatchedWorld(Clock())


def command(text: str, user: str, trigger_id: str, response_url: str) -> bytes:
    """A slash command's form."""
    lent = {"response_url": response_url, "trigger_id": trigger_id}
    return urlencode(sent_payloads.slash_command(_WORLD, user, OPS, "/integrations", text, lent)).encode()


def interaction(kind: str, user: str, trigger_id: str, **more: Any) -> bytes:
    """A form that holds one interaction."""
    payload = {**sent_payloads.interaction(_WORLD, kind, user), "trigger_id": trigger_id, **more}
    return form_of_interaction(payload)


def signed(body: bytes, content_type: str = FORM) -> dict[str, str]:
    """The headers of a signed request."""
    timestamp = str(int(time.time()))
    return {
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature(SIGNING_SECRET, timestamp, body),
    }


def environ_of(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """A request as the WSGI server hands it on."""
    named = {name.upper().replace("-", "_"): value for name, value in headers.items()}
    plain = {name: named.pop(name) for name in ("CONTENT_TYPE", "CONTENT_LENGTH")}
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/slack/events",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.input": io.BytesIO(body),
        **plain,
        **{f"HTTP_{name}": value for name, value in named.items()},
    }
