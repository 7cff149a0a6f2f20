"""Where the app is installed: in one workspace, or in an organization for all of its workspaces."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.model import Workspace
from bot.core.secrets import SealContext, Sealed

_DATA_KEPT = timedelta(days=30)
"""How long the data of a workspace that removed the app is kept: a reinstall within this time finds it."""
REFRESHED_BEFORE = timedelta(hours=2)
"""How long before its end an access token is exchanged for a new one. It lives for 12 hours."""
ACCESS = "access"
REFRESH = "refresh"
"""The names of the two tokens in what is sealed."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What Slack gave when the app was installed."""

    holder: str
    """The id of the workspace (``T…``), or of the organization (``E…``) that installed it for all of them."""
    installed_by: str
    installed_at: datetime
    tokens: Sealed | None = None
    """``access`` and perhaps ``refresh``; ``None`` = Slack no longer takes them, or their key is lost."""
    enterprise_id: str | None = None
    ends_at: datetime | None = None
    """When the access token ends; ``None`` = never."""
    gone_at: datetime | None = None
    """Since when the app is no longer installed; ``None`` = it is."""

    @property
    def is_org_wide(self) -> bool:
        """True when it serves every workspace of an organization."""
        return self.holder == self.enterprise_id

    @property
    def is_live(self) -> bool:
        """True while the app is installed and can act."""
        return self.gone_at is None and self.tokens is not None

    def is_due(self, at: datetime) -> bool:
        """True when the access token must be exchanged."""
        return self.is_live and self.ends_at is not None and self.ends_at - at <= REFRESHED_BEFORE

    def is_over(self, at: datetime) -> bool:
        """True when the data of its workspaces is to be deleted."""
        return self.gone_at is not None and at - self.gone_at >= _DATA_KEPT

    def serves(self, workspace: Workspace) -> bool:
        """True for its workspace, or for each of its organization."""
        return self.holder in (workspace.team_id, workspace.enterprise_id)


def tokens_context(holder: str) -> SealContext:
    """What the tokens of an installation are bound to."""
    return SealContext(holder, "installation", field="tokens")
