"""Go on without a lost key: its secrets are gone, and each integration says that it needs a new one."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from bot.core.model import Check, Event, Integration, Outcome, Source, Stage
from storage.sealing import kid_of
from storage.tinydb.workspace import OpenWorkspace

OPERATOR = "operator"
NEEDS_A_SECRET = "Its key was lost, and its secret with it: edit it and type a new secret."  # noqa: S105


def forget_all(workspaces: Iterable[OpenWorkspace], kid: str, at: datetime) -> int:
    """
    Drop every secret that is sealed under a lost key, one change a workspace.

    Args:
        workspaces: Where the records are.
        kid: The id of the lost key.
        at: Now.

    Returns:
        How many integrations need a new secret.
    """
    return sum(forget_in(opened, kid, at) for opened in workspaces)


def forget_in(opened: OpenWorkspace, kid: str, at: datetime) -> int:
    """Drop the secrets of one workspace; the history names each."""
    lost = [one for one in opened.view.by_id.values() if one.secret and kid_of(one.secret) == kid]
    with opened.change() as draft:
        for integration in lost:
            draft.put_integration(without_secret(integration, at))
            draft.record(
                Event(
                    "integration.forget", OPERATOR, Source.COMMAND_LINE, at, integration.id, integration.name
                )
            )
    return len(lost)


def without_secret(integration: Integration, at: datetime) -> Integration:
    """The integration as it is left: everything but its secret, and a last check that says why."""
    check = Check(Outcome.UNREACHABLE, Stage.LOGIN, NEEDS_A_SECRET, at, OPERATOR)
    return replace(integration, secret=None, check=check, updated_at=at, version=integration.version + 1)
