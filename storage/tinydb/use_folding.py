"""Folds what ``touch`` has noted into a change, so that it is written with it."""

from storage.tinydb.last_used import Noted
from storage.tinydb.transaction import Draft


def fold(draft: Draft, noted: Noted) -> Noted:
    """
    Write last uses into a change; those of what is gone are dropped.

    A deletion takes nothing in: on a full disk it must not grow.

    Args:
        draft: The change, otherwise finished.
        noted: A copy that nobody changes.

    Returns:
        What need not be remembered once the change is kept.
    """
    if draft.makes_room:
        return gone(draft, noted)
    for integration_id, times in noted.uses.items():
        draft.put_uses(integration_id, times)
    for token_id in noted.tokens:
        token = draft.token(token_id)
        if token and (by_now := noted.on_token(token)) is not token:
            draft.put_token(by_now)
    return noted


def gone(draft: Draft, noted: Noted) -> Noted:
    """The notes on dependencies that the change leaves no more: linked anew, they begin anew."""
    uses = {
        integration_id: {
            target: at for target, at in times.items() if draft.dependency(integration_id, target) is None
        }
        for integration_id, times in noted.uses.items()
    }
    return Noted(uses)
