"""A second opinion on what the app sends: Slack's own SDK reads it, checks it, and writes it again.

What ``handlers/slack_limits.py`` does not know is found here: an unknown key, or a key in the wrong place, is
lost on the way through the SDK's models.
"""

import logging
from collections.abc import Iterator
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.basic_objects import JsonObject
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

Json = dict[str, Any]

_MESSAGE_KEYS = frozenset(
    ("text", "blocks", "response_type", "replace_original", "delete_original", "channel", "user", "ts")
)
# The SDK warns of each key that it does not know; here that key is a finding of its own.
logging.getLogger("slack_sdk.models").setLevel(logging.ERROR)


def sdk_problems(where: str, payload: Json) -> list[str]:
    """
    Return what Slack's SDK finds wrong.

    Args:
        where: ``message``, ``modal``, ``home``, or ``options``.
        payload: A message (``text``, ``blocks``), a view, or the answer to a search in a menu.
    """
    if where == "options":
        menu = {"type": "static_select", "action_id": "menu", **payload}
        return list(_of_block({"type": "actions", "elements": [menu]}))
    found = [problem for block in payload.get("blocks") or [] for problem in _of_block(block)]
    if where == "message":
        unknown = sorted(payload.keys() - _MESSAGE_KEYS)
        return found + [f"a message has no key {key}" for key in unknown]
    return found + list(_of_model(View(**payload), payload))


def _of_block(block: Json) -> Iterator[str]:
    model = Block.parse(block)
    if model is None:
        yield f"slack_sdk knows no block of type {block.get('type')}"
    else:
        yield from _of_model(model, block)


def _of_model(model: JsonObject, sent: Json) -> Iterator[str]:
    try:
        read = _shorn(model.to_dict())  # which calls validate_json
    except SlackObjectFormationError as error:
        yield f"slack_sdk refuses {sent.get('type')}: {error}"
        return
    if read != _shorn(sent):
        yield f"slack_sdk reads {_shorn(sent)} as {read}"


def _shorn(value: Any) -> Any:
    """Return a value without what is empty, which the SDK leaves out."""
    if isinstance(value, dict):
        shorn = {key: _shorn(each) for key, each in value.items()}
        return {key: each for key, each in shorn.items() if each not in ("", None, [], {})}
    return [_shorn(each) for each in value] if isinstance(value, list) else value
