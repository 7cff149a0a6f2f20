"""Clients that ask for everything: what a target only fetched along with everything else is told apart.

``docker build``, for instance, fetches the login of every server it can name. A fetch is part of a sweep when
the same target fetched another server's within seconds. Each sweep is noted with what was fetched in it,
because some of that may be fetched alone later.
"""

from dataclasses import replace
from datetime import datetime

from bot.core.model import SWEPT_WITHIN, Dependency, Source
from bot.core.ports import Ports
from bot.core.ports.store import Candidate
from bot.core.workflows.tokens import Caller


def note_sweep(ports: Ports, caller: Caller, candidate: Candidate) -> datetime | None:
    """
    Return when a target that fetches something new, or only swept so far, sweeps: now, or ``None``.

    What it fetched within these seconds is noted as part of the sweep too. What was fetched alone the time
    before is not swept any more.
    """
    known = candidate.dependency
    if known is not None and not known.is_swept:
        _keep(ports, caller, [known], None)
        return None
    uses = ports.store.read(caller.workspace).dependencies.of_target(caller.token.target)
    others = (one.dependency for one in uses if one.integration.server != candidate.integration.server)
    near = [one for one in others if _is_near(one.last_used_at, caller.at)]
    if not near:
        return None
    noted = [one for one in near if _is_unnoted(one, caller.at)]
    if known is not None and not _is_near(known.swept_at, caller.at):
        noted.append(known)
    _keep(ports, caller, noted, caller.at)
    return caller.at


def _is_near(at: datetime | None, moment: datetime) -> bool:
    """True for what was within seconds of a moment."""
    return at is not None and abs(at - moment) <= SWEPT_WITHIN


def _is_unnoted(dependency: Dependency, at: datetime) -> bool:
    """True for the first fetch of a sweep: of what was swept before, or of what a fetch has just begun."""
    if dependency.granted_by:
        return False
    if dependency.swept_at is not None:
        return not dependency.is_swept
    return dependency.source is Source.WORKFLOW and at - dependency.added_at <= SWEPT_WITHIN


def _keep(ports: Ports, caller: Caller, dependencies: list[Dependency], swept_at: datetime | None) -> None:
    """Note when dependencies that are still there were swept; what else is known of them stays."""
    if not dependencies:
        return
    with ports.store.change(caller.workspace) as change:
        for one in dependencies:
            # Read again: somebody may have linked the target since, and that grant must not be lost.
            there = change.dependencies.get(one.integration_id, one.target)
            if there and not there.granted_by:
                change.put(replace(there, swept_at=swept_at))
