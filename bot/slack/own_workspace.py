"""Which workspace this process serves: the one its bot token belongs to, as ``auth.test`` says."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from slack_sdk import WebClient

from bot.core.errors import NotPermitted, QuaymasterError
from bot.core.model import Workspace
from bot.core.ports.slack import Executor
from bot.slack.members import Patience, Questions

_ASK_S = 0.5
"""Slack waits 3 s, of which 2 may be needed to ask who somebody is."""
_FOR_EVER = float("inf")


@dataclass(frozen=True, slots=True)
class _Installed:
    team_id: str
    enterprise_id: str | None
    is_org_wide: bool


class OwnWorkspace:
    """The installation behind one bot token: one workspace, or an organization that installed it org-wide."""

    def __init__(
        self, client: WebClient, lane: Executor, known: Callable[[], Iterable[Workspace]] = tuple
    ) -> None:
        """
        Args:
            client: Knows the token.
            lane: Runs the question.
            known: The workspaces that the store holds. A workspace that joins an Enterprise Grid gets an
                enterprise id; what it had is still found under its key without one.
        """
        self._client = client
        self._known = known
        self._questions = Questions[_Installed](lane, Patience())

    def ask_ahead(self) -> None:
        """Ask, without waiting for the answer, so that the first request need not wait for it."""
        with suppress(QuaymasterError):
            self._own(wait_s=0)

    def workspace_of(self, team_id: str, enterprise_id: str | None) -> Workspace:
        """
        Return the workspace that a verified request belongs to.

        Raises:
            NotPermitted: It is another one; nothing is kept of it.
            Busy: Slack did not say yet which one is served.
        """
        own = self._own(wait_s=_ASK_S)
        is_own = enterprise_id == own.enterprise_id if own.is_org_wide else team_id == own.team_id
        if not (is_own and team_id):
            raise NotPermitted(
                "This Quaymaster serves another workspace.", "Use the Quaymaster of your own workspace."
            )
        former = next((one for one in self._known() if one.team_id == team_id), None)
        return former or Workspace(team_id, own.enterprise_id)

    def _own(self, *, wait_s: float) -> _Installed:
        deadline = time.monotonic() + wait_s
        return self._questions.get("auth.test", self._ask, max_age_s=_FOR_EVER, deadline=deadline)

    def _ask(self) -> _Installed:
        said = self._client.auth_test()
        enterprise_id = said.get("enterprise_id")
        is_org_wide = bool(said.get("is_enterprise_install")) and bool(enterprise_id)
        return _Installed(str(said["team_id"]), enterprise_id or None, is_org_wide)
