"""Answers through a response_url: the address, valid 30 minutes and 5 times, that came with a request.

The address is a capability, so it is believed only where Slack itself would serve it, never followed
elsewhere, never logged and never stored.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from bot.core.errors import QuaymasterError

SLACK_HOOKS = "https://hooks.slack.com"
TIMEOUT_S = 5
AGAIN = "Type the command again: it brings a fresh address."


class SlackReplies:
    """The port ``Replies``."""

    def __init__(self, api_url: str) -> None:
        """``api_url`` is ``SLACK_API_URL``: an address may also stand on its origin, or on its hooks host."""
        parts = urlsplit(api_url)
        api_origins = {f"{parts.scheme}://{parts.netloc}", f"{parts.scheme}://hooks.{parts.netloc}"}
        self._origins = {SLACK_HOOKS} | api_origins
        self._session = requests.Session()
        self._session.trust_env = False

    def post(self, response_url: str, message: Mapping[str, Any]) -> None:
        """Post a message. Raises ``QuaymasterError``, which does not hold the address."""
        parts = urlsplit(response_url)
        if f"{parts.scheme}://{parts.netloc}" not in self._origins:
            raise QuaymasterError("The answer's address is not Slack's, so nothing was sent there.", AGAIN)
        try:
            answer = self._session.post(
                response_url, json=dict(message), timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            raise QuaymasterError(f"Slack did not take the answer ({type(error).__name__}).", AGAIN) from None
        if answer.status_code != requests.codes.ok:
            raise QuaymasterError(f"Slack did not take the answer (status {answer.status_code}).", AGAIN)
