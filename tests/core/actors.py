"""Who acts in the tests of the domain, past Slack."""

from bot.core.model import Actor, Role, Workspace
from tests.fakes.clock import MORNING

ACME = Workspace("T0ACME")
OTHER = Workspace("T0OTHER")


def actor(
    user_id: str = "U0MEMBER", role: Role = Role.MEMBER, workspace: Workspace = ACME, **more: str
) -> Actor:
    """Somebody in a role."""
    return Actor(workspace, user_id, role, MORNING, **more)


OWNER = actor()
COLLEAGUE = actor("U0COLLEAGUE")
VIEWER = actor("U0VIEWER", Role.VIEWER)
NOBODY = actor("U0GUEST", Role.NOBODY)
ADMIN = actor("U0ADMIN", Role.ADMIN)
STRANGER = actor("U0MEMBER", Role.ADMIN, OTHER)
"""An admin of another workspace, with the same user id."""
