"""What leaves for Slack: answers through a response_url, and the command's own name in every text.

A response_url is an address, valid 30 minutes and 5 times, that came with a request. It is a capability: it
is used only if Slack itself would serve it, never followed elsewhere, never logged and never stored.
"""

import json
import re
import ssl
from collections.abc import Mapping
from functools import cache
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from slack_sdk import WebClient

from bot.core.errors import QuaymasterError
from handlers.routes import COMMAND

_SLACK_HOOKS = "https://hooks.slack.com"
_TIMEOUT_S = 5
_AGAIN = "Type the command again so that Slack gives Quaymaster a new reply address."
_NAME = re.compile(r"/[a-z0-9_-]{1,31}")
# In JSON a line break before the name is written as a backslash and an "n".
_SHIPPED = re.compile(rf"(?:(?<![\w/.])|(?<=\\n)){re.escape(COMMAND)}(?![\w/-])")


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, req: Request, fp: IO[bytes], code: int, *_: Any) -> None:
        """Follow nothing: what Slack answers from is Slack's."""


@cache
def trusted_certificates() -> ssl.SSLContext:
    """What this machine trusts, for every connection to Slack. It is read once, because that takes 40 ms."""
    return ssl.create_default_context()


class CommandName:
    """
    The name of this app's command, as it came in last: texts say what people type here.

    Everything is written with the name that the manifest ships, ``/integrations``. The name that a command
    came in by replaces it in whatever leaves for Slack from then on.
    """

    def __init__(self) -> None:
        """Begin with the name that the manifest ships."""
        self._name = COMMAND

    def notice(self, name: str) -> None:
        """Take the name by which a command came in; anything else is ignored."""
        if _NAME.fullmatch(name):
            self._name = name

    def in_text(self, text: str) -> str:
        """Return a text with the name that people type here."""
        return text if self._name == COMMAND else _SHIPPED.sub(self._name, text)

    def in_message(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a message or a view with the name that people type here."""
        if self._name == COMMAND:
            return message
        renamed: Mapping[str, Any] = json.loads(self.in_text(json.dumps(message)))
        return renamed


class SlackReplies:
    """The port ``Replies``."""

    def __init__(self, api_url: str, name: CommandName) -> None:
        """``api_url`` is ``SLACK_API_URL``: its origin and its hooks host are believed too."""
        self._name = name
        parts = urlsplit(api_url)
        api_origins = {f"{parts.scheme}://{parts.netloc}", f"{parts.scheme}://hooks.{parts.netloc}"}
        self._origins = {_SLACK_HOOKS} | api_origins
        tls = HTTPSHandler(context=trusted_certificates())
        self._opener = build_opener(ProxyHandler({}), tls, _NoRedirects)

    def post(self, response_url: str, message: Mapping[str, Any]) -> None:
        """Post a message. Raises ``QuaymasterError``, which does not hold the address."""
        parts = urlsplit(response_url)
        if f"{parts.scheme}://{parts.netloc}" not in self._origins:
            raise QuaymasterError("The reply address is not Slack's, so nothing was sent there.", _AGAIN)
        body = self._name.in_text(json.dumps(dict(message))).encode()
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
        raise QuaymasterError(f"Slack did not accept the answer ({reason}).", _AGAIN)


class NamingClient(WebClient):
    """Slack's Web API, with the name that people type here in each message and view."""

    def __init__(self, name: CommandName, **options: Any) -> None:
        """``options`` are those of ``WebClient``."""
        super().__init__(**options)
        self._command_name = name

    def api_call(self, api_method: str, **arguments: Any) -> Any:
        """Call a method."""
        if isinstance(arguments.get("json"), Mapping):
            arguments["json"] = self._command_name.in_message(arguments["json"])
        return super().api_call(api_method, **arguments)
