"""Answers through a response_url: the address, valid 30 minutes and 5 times, that came with a request.

The address is a capability, so it is believed only where Slack itself would serve it, never followed
elsewhere, never logged and never stored.
"""

import json
import ssl
from collections.abc import Mapping
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from bot.core.errors import QuaymasterError

_SLACK_HOOKS = "https://hooks.slack.com"
_TIMEOUT_S = 5
_AGAIN = "Type the command again: it brings a fresh address."


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, req: Request, fp: IO[bytes], code: int, *_: Any) -> None:
        """Follow nothing: what Slack answers from is Slack's."""


class SlackReplies:
    """The port ``Replies``."""

    def __init__(self, api_url: str) -> None:
        """``api_url`` is ``SLACK_API_URL``: an address may also stand on its origin, or on its hooks host."""
        parts = urlsplit(api_url)
        api_origins = {f"{parts.scheme}://{parts.netloc}", f"{parts.scheme}://hooks.{parts.netloc}"}
        self._origins = {_SLACK_HOOKS} | api_origins
        tls = HTTPSHandler(context=ssl.create_default_context())
        self._opener = build_opener(ProxyHandler({}), tls, _NoRedirects)

    def post(self, response_url: str, message: Mapping[str, Any]) -> None:
        """Post a message. Raises ``QuaymasterError``, which does not hold the address."""
        parts = urlsplit(response_url)
        if f"{parts.scheme}://{parts.netloc}" not in self._origins:
            raise QuaymasterError("The answer's address is not Slack's, so nothing was sent there.", _AGAIN)
        body = json.dumps(dict(message)).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        request = Request(response_url, body, headers)  # noqa: S310 - its origin was checked
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S):
                return
        except HTTPError as error:
            reason = f"status {error.code}"
            error.close()
        except (OSError, HTTPException) as error:
            reason = type(error).__name__
        raise QuaymasterError(f"Slack did not take the answer ({reason}).", _AGAIN)
