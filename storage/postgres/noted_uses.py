"""When targets and tokens last used an integration, as far as that is noted and not in the database yet.

Readers take no lock; noting and copying need the lock of ``Uses``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from bot.core.model import Dependency, Target, WorkflowToken

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class NotedUses:
    """Last uses of one workspace."""

    uses: dict[str, dict[Target, datetime]] = field(default_factory=dict)
    """By integration id and target."""
    tokens: dict[str, datetime] = field(default_factory=dict)
    """By token id."""

    def note(self, integration_id: str, target: Target, token_id: str, at: datetime) -> None:
        """Note a use; an earlier one that comes late changes nothing."""
        times = self.uses.get(integration_id)
        if times is None:
            times = self.uses[integration_id] = {}
        known = times.get(target)
        if known is None or known < at:
            times[target] = at
        known = self.tokens.get(token_id)
        if known is None or known < at:
            self.tokens[token_id] = at

    def copy(self) -> "NotedUses":
        """Return a copy of the notes, without later ones."""
        return NotedUses({key: dict(times) for key, times in self.uses.items()}, dict(self.tokens))

    def without(self, settled: "NotedUses") -> "NotedUses":
        """Return the notes that are not among the settled ones, or that are newer."""
        uses = {key: _newer(times, settled.uses.get(key, {})) for key, times in self.uses.items()}
        left = {key: times for key, times in uses.items() if times}
        return NotedUses(left, _newer(self.tokens, settled.tokens))

    def on(self, dependency: Dependency) -> Dependency:
        """A dependency as it is now."""
        times = self.uses.get(dependency.integration_id)
        return _used(dependency, times) if times else dependency

    def on_token(self, token: WorkflowToken) -> WorkflowToken:
        """A token as it is now."""
        at = self.tokens.get(token.id)
        return replace(token, last_used_at=at) if _is_later(at, token.last_used_at) else token


def _used(dependency: Dependency, times: Mapping[Target, datetime]) -> Dependency:
    """A dependency with its last use, if ``times`` has a later one than its own; else itself."""
    at = times.get(dependency.target)
    return replace(dependency, last_used_at=at) if _is_later(at, dependency.last_used_at) else dependency


def _is_later(at: datetime | None, known: datetime | None) -> bool:
    """True when a time is known, and later than the other if that is known."""
    return at is not None and (known is None or known < at)


def _newer(times: Mapping[K, datetime], settled: Mapping[K, datetime]) -> dict[K, datetime]:
    """The times that are not settled."""
    return {key: at for key, at in times.items() if settled.get(key) != at}
