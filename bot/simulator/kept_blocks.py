"""Blocks as Slack stores them: every block and element named, every text with its defaults."""

import copy
import secrets
from collections.abc import Iterator
from typing import Any

from bot.simulator.cast import Json

_TEXT_DEFAULTS = {"plain_text": ("emoji", True), "mrkdwn": ("verbatim", False)}


class BlocksRefused(Exception):
    """
    Slack answers ``{"ok": false}`` to this call.

    Attributes:
        code: Slack's error code, such as ``invalid_blocks``.
        messages: What is wrong, for ``response_metadata.messages``.
    """

    def __init__(self, code: str, messages: list[str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages or []

    def answer(self) -> Json:
        """Return the body of Slack's answer."""
        body: Json = {"ok": False, "error": self.code}
        if self.messages:
            body["response_metadata"] = {"messages": self.messages}
        return body


def normalised(blocks: Any) -> list[Json]:
    """
    Copy blocks the way Slack stores them.

    Raises:
        BlocksRefused: The blocks are not a list of objects.
    """
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise BlocksRefused("invalid_blocks_format")
    stored = [_with_text_defaults(block) for block in copy.deepcopy(blocks)]
    for block in stored:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        for element in elements(block):
            element.setdefault("action_id", secrets.token_urlsafe(4))
    return stored


def elements(block: Json) -> Iterator[Json]:
    """Yield the interactive elements of one block."""
    if block.get("type") == "input":
        yield block["element"]
    elif block.get("type") == "section" and "accessory" in block:
        yield block["accessory"]
    elif block.get("type") == "actions":
        yield from block["elements"]


def find(blocks: list[Json], block_id: str, action_id: str) -> tuple[Json, Json]:
    """
    Return the block and the element that an action names.

    Raises:
        BlocksRefused: It is no longer shown.
    """
    for block in blocks:
        for element in elements(block):
            if (block["block_id"], element["action_id"]) == (block_id, action_id):
                return block, element
    raise BlocksRefused("element_not_found")


def _with_text_defaults(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_text_defaults(item) for item in node]
    if not isinstance(node, dict):
        return node
    filled = {key: _with_text_defaults(value) for key, value in node.items()}
    if filled.get("type") in _TEXT_DEFAULTS and isinstance(filled.get("text"), str):
        filled.setdefault(*_TEXT_DEFAULTS[filled["type"]])
    return filled
