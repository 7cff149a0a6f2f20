"""Slack's refusals as they come over HTTP: a rate limit is told, not waited out."""

import time
from http.client import HTTPException

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.core.errors import Busy
from bot.slack.slack_errors import ShortRateLimitRetry, explained_refusal
from tests.fakes.odd_server import OddServer, reply, whole

LIMITED = b'{"ok":false,"error":"ratelimited"}'


def refusal_of(script):
    """What a call comes to, and how long it took."""
    before = time.monotonic()
    with OddServer(script) as server:
        client = WebClient(base_url=f"{server.url}/", timeout=2, retry_handlers=[ShortRateLimitRetry()])
        with pytest.raises((SlackApiError, OSError, HTTPException)) as caught:
            client.api_call("views.open", json={})
        return explained_refusal(caught.value), time.monotonic() - before, len(server.requests)


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        (["Retry-After: 30"], "Wait 30 seconds, then try again."),
        (["retry-after: 7"], "Wait 7 seconds, then try again."),
        (["Retry-After: soon"], "Wait a minute, then try again."),
        ([], "Wait a minute, then try again."),
    ],
)
def test_rate_limit_is_told_at_once(headers, hint):
    """The person is told how long to wait, instead of waiting that long in silence."""
    error, took_s, asked = refusal_of(whole(reply(429, LIMITED, "application/json", *headers)))

    assert isinstance(error, Busy)
    assert error.hint == hint
    assert took_s < 1
    assert asked == 1


def test_rate_limit_of_a_second_is_waited_out():
    """A limit of one second is tried once more."""
    _, _, asked = refusal_of(whole(reply(429, LIMITED, "application/json", "Retry-After: 1")))

    assert asked == 2


@pytest.mark.parametrize(
    "answer", [reply(503, b"upstream gone", "text/plain"), reply(500, b"{}"), b"no HTTP"]
)
def test_slack_that_is_broken_is_told(answer):
    """What is not Slack's own answer is Slack's trouble, in a sentence."""
    assert isinstance(refusal_of(whole(answer))[0], Busy)


def test_anything_else_is_not_slacks():
    """An error that does not come from Slack is not explained as one."""
    assert explained_refusal(KeyError("x")) is None
