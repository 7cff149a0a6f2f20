"""The command's own name: texts say what people type here, whatever the operator called it.

Everything is written with the name that the manifest ships, ``/integrations``. The name that a command came
in by replaces it in whatever leaves for Slack from then on.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from slack_sdk import WebClient

from bot.services import Replies
from handlers.command import COMMAND

_NAME = re.compile(r"/[a-z0-9_-]{1,31}")
# In JSON a line break before the name is written as a backslash and an "n".
_SHIPPED = re.compile(rf"(?:(?<![\w/.])|(?<=\\n)){re.escape(COMMAND)}(?![\w/-])")


class CommandName:
    """The name of this app's command, as it came in last."""

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


class NamingReplies:
    """Implements ``bot.services.Replies`` over another."""

    def __init__(self, replies: Replies, name: CommandName) -> None:
        self._replies = replies
        self._name = name

    def post(self, response_url: str, message: Mapping[str, Any]) -> None:
        """Post a message."""
        self._replies.post(response_url, self._name.in_message(message))


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
