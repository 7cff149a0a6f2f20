"""Who is in the workspace of the tests, as Slack's ``users.info`` describes them."""

from typing import Any

TEAM = "T0ACME"
ELSEWHERE = "T0OTHER"

ADMIN = "U0ADMIN"
MEMBER = "U0MEMBER"
COLLEAGUE = "U0COLLEAGUE"
"""A second member."""
GUEST = "U0GUEST"
BOT = "U0BOT"
STRANGER = "U0STRANGER"
"""Somebody of another workspace, in a channel that both share."""
LEFT = "U0LEFT"
"""Somebody whose account was deactivated."""
UNKNOWN = "U0UNKNOWN"
"""Somebody Slack does not find."""

OUTSIDERS = (GUEST, BOT, STRANGER, LEFT, UNKNOWN)

MARKS: dict[str, dict[str, Any]] = {
    ADMIN: {"is_admin": True},
    MEMBER: {},
    COLLEAGUE: {},
    GUEST: {"is_restricted": True},
    BOT: {"is_bot": True},
    STRANGER: {"team_id": ELSEWHERE, "is_stranger": True},
    LEFT: {"deleted": True},
}


def everybody() -> dict[str, dict[str, Any]]:
    """Each person's user object, fresh, so that a test may change it."""
    return {
        user_id: {"id": user_id, "team_id": TEAM, "name": user_id.lower(), **marks}
        for user_id, marks in MARKS.items()
    }
