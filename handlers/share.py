"""Put an answer where everybody in the channel sees it: without buttons, secrets and user names.

payload -> the listener of a Share button -> its feature's view for others -> public -> share
"""

from collections.abc import Sequence

from bot.core.model import Actor
from handlers.blocks import Block, Message, button, context, mention, message

_ENDING = ".share"
"""How the action ids of these buttons end, so that they are left out where there is no channel."""


def share_button(feature: str, value: str) -> Block:
    """The button of a feature; ``value`` says what is shared."""
    return button("Share", share_id(feature), value)


def share_id(feature: str) -> str:
    """The action id of a feature's button."""
    return f"{feature}{_ENDING}"


def public(line: str, blocks: Sequence[Block], actor: Actor) -> Message:
    """A message that everybody in the channel sees, with who put it there."""
    return message(line, [*blocks, context(f"Shared by {mention(actor.user_id)}")])


def for_modal(blocks: Sequence[Block]) -> list[Block]:
    """Blocks as they are shown in a modal: without what needs a channel, and without boxes."""
    drawn = []
    for block in blocks:
        if block.get("type") == "input":
            # Slack takes an input only in a modal with a submit button, which a shown message lacks.
            continue
        if block.get("type") == "actions":
            kept = [one for one in block["elements"] if not one.get("action_id", "").endswith(_ENDING)]
            block = {**block, "elements": kept}
        if block.get("type") != "actions" or block["elements"]:
            drawn.append(block)
    return drawn
