"""Clients that ask for everything: what a target only fetched along with everything else is told apart.

``docker build`` with a credential store, for instance, fetches the login of every server it can name. A fetch
is part of a sweep when the same target fetched another server's within seconds.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.model import Dependency, Source
from bot.core.ports import Ports
from bot.core.ports.store import Candidate, Reading
from bot.core.queries import Use
from bot.core.workflows.tokens import Caller

_WITHIN = timedelta(seconds=5)


def keep_sweep(ports: Ports, caller: Caller, candidate: Candidate) -> bool:
    """
    Say whether this fetch, of something new or only swept so far, is part of a sweep; keep what that changes.

    What the target fetched first within these seconds becomes part of it too. What was fetched alone the time
    before is not swept any more.
    """
    known = candidate.dependency
    uses = ports.store.read(caller.workspace).dependencies.of_target(caller.token.target)
    others = [one for one in uses if one.integration.server != candidate.integration.server]
    if known is not None:
        if not _is_swept_still(known, uses):
            _keep(ports, caller, [replace(known, is_swept=False)])
        return True
    near = [one.dependency for one in _used_near(others, caller.at)]
    began = [one for one in near if _is_new(one, caller.at)]
    if began:
        _keep(ports, caller, [replace(one, is_swept=True) for one in began])
    return bool(near)


def _is_swept_still(dependency: Dependency, uses: Iterable[Use]) -> bool:
    """True when its last use, too, was part of a sweep, as far as the target's uses tell."""
    if not dependency.is_swept or dependency.granted_by or dependency.last_used_at is None:
        return False
    others = [one for one in uses if one.dependency.integration_id != dependency.integration_id]
    return bool(_used_near(others, dependency.last_used_at))


def swept_still(reading: Reading, dependency: Dependency) -> bool:
    """The same, for a dependency of a reading."""
    return dependency.is_swept and _is_swept_still(
        dependency, reading.dependencies.of_target(dependency.target)
    )


def _used_near(uses: Iterable[Use], at: datetime) -> list[Use]:
    """Those that were used within seconds of a moment."""
    return [
        one
        for one in uses
        if one.dependency.last_used_at and abs(one.dependency.last_used_at - at) <= _WITHIN
    ]


def _is_new(dependency: Dependency, at: datetime) -> bool:
    """True for what a workflow's fetch began within seconds, and nobody linked."""
    return (
        dependency.source is Source.WORKFLOW
        and not dependency.granted_by
        and not dependency.is_swept
        and at - dependency.added_at <= _WITHIN
    )


def _keep(ports: Ports, caller: Caller, dependencies: list[Dependency]) -> None:
    """Note of dependencies that are still there whether they were swept; what else is known of them stays."""
    with ports.store.change(caller.workspace) as change:
        for one in dependencies:
            # Read again: somebody may have linked the target since, and that grant must not be lost.
            there = change.dependencies.get(one.integration_id, one.target)
            if there and not there.granted_by:
                change.put(replace(there, is_swept=one.is_swept))
