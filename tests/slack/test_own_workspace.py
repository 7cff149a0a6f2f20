"""Which workspace is served: the bot token's own, asked for once, and no other."""

from dataclasses import dataclass, field

import pytest
from slack_sdk.errors import SlackApiError

from bot.core.errors import Busy, NotPermitted, SettingsError
from bot.core.model import Workspace
from bot.executor import BoundedExecutor
from bot.slack.own_workspace import OwnWorkspace

PLAIN = {"team_id": "T1", "user_id": "UBOT"}
GRID = PLAIN | {"enterprise_id": "E1"}
ORG_WIDE = {"team_id": "E1", "enterprise_id": "E1", "is_enterprise_install": True}


@dataclass
class Token:
    """The one method of Slack's Web API that knows whose a token is."""

    said: dict
    asked: int = 0
    failing: list = field(default_factory=list)

    def auth_test(self):
        """Answer like ``auth.test``."""
        self.asked += 1
        if self.failing:
            raise self.failing.pop()
        return {"ok": True, **self.said}


def own(said, known=(), failing=()):
    """The workspace of a token of which Slack says this."""
    token = Token(said, failing=list(failing))
    return OwnWorkspace(token, BoundedExecutor(threads=1), lambda: known), token


SERVED = [
    (PLAIN, ("T1", None), Workspace("T1")),
    (PLAIN, ("T1", "E9"), Workspace("T1")),
    (GRID, ("T1", "E1"), Workspace("T1", "E1")),
    (GRID, ("T1", None), Workspace("T1", "E1")),
    (ORG_WIDE, ("T1", "E1"), Workspace("T1", "E1")),
    (ORG_WIDE, ("T2", "E1"), Workspace("T2", "E1")),
]


@pytest.mark.parametrize(("said", "named", "workspace"), SERVED)
def test_own_workspace_is_served(said, named, workspace):
    """A request of the token's own workspace or organization belongs to it, whatever else a payload says."""
    assert own(said)[0].workspace_of(*named) == workspace


OTHERS = [
    (PLAIN, ("T2", None)),
    (PLAIN, ("", None)),
    (GRID, ("T2", "E1")),
    (ORG_WIDE, ("T1", "E2")),
    (ORG_WIDE, ("T1", None)),
]


@pytest.mark.parametrize(("said", "named"), OTHERS)
def test_other_workspaces_are_refused(said, named):
    """A request of any other workspace is refused."""
    with pytest.raises(NotPermitted, match="serves another workspace"):
        own(said)[0].workspace_of(*named)


def test_workspace_that_joins_a_grid_keeps_what_it_has():
    """A workspace that the store knew before it joined an enterprise keeps its former key."""
    assert own(GRID, known=[Workspace("T9"), Workspace("T1")])[0].workspace_of("T1", "E1") == Workspace("T1")


def test_slack_is_asked_once():
    """Slack is asked once, however many requests come."""
    workspaces, token = own(PLAIN)
    [workspaces.workspace_of("T1", None) for _ in range(5)]

    assert token.asked == 1


def test_question_is_asked_ahead():
    """What was asked at the start is not asked again, and a Slack that is down does not stop the start."""
    workspaces, token = own(PLAIN)
    workspaces.ask_ahead()
    workspaces.workspace_of("T1", None)
    own(PLAIN, failing=[ConnectionResetError()])[0].ask_ahead()

    assert token.asked == 1


def test_slack_that_is_down_is_asked_again():
    """While Slack does not answer, nobody is served and nobody is refused for good."""
    workspaces, _ = own(PLAIN, failing=[ConnectionResetError()])
    with pytest.raises(Busy):
        workspaces.workspace_of("T1", None)

    assert workspaces.workspace_of("T1", None) == Workspace("T1")


def test_lost_token_is_named():
    """A token that Slack does not take is named, with what the operator does."""
    refusal = SlackApiError("refused", {"ok": False, "error": "invalid_auth"})

    with pytest.raises(SettingsError, match="SLACK_BOT_TOKEN"):
        own(PLAIN, failing=[refusal])[0].workspace_of("T1", None)
