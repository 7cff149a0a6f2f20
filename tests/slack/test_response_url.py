"""Answers by a response URL: sent to Slack alone."""

import pytest

from bot.core.errors import QuaymasterError
from bot.slack.response_url import CommandName, SlackReplies

PLACES = ["https://hooks.slack.com.example.net/x", "http://hooks.slack.com/x", "https://127.0.0.1/x", "x"]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_sent_to_another_address(place):
    """An address that is not Slack's gets no answer, and the error does not repeat it."""
    replies = SlackReplies("https://slack.com/api/", CommandName())

    with pytest.raises(QuaymasterError, match="is not Slack's, so nothing was sent there") as caught:
        replies.post(place, {"text": "hello"})
    assert place not in str(caught.value).split()
