"""When targets and tokens last used an integration, as far as no file holds it yet.

A use costs no write: it is noted here, reads show it at once, and the workspace's next change takes it along,
or ``flush`` writes it. A killed process loses what was noted since then, and nothing else.
"""

import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from bot.core.model import Dependency, Target
from bot.core.workflows.token_format import WorkflowToken

UseKey = tuple[str, Target] | str
"""An integration's id and a target, or a token's id."""


class LastUsed:
    """The last uses of one workspace. Safe to share between threads; readers take no lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[UseKey, datetime] = {}
        """Every use since the start: a written one stays, for whoever still reads a state from before."""
        self._unwritten: dict[UseKey, datetime] = {}

    def note(self, integration_id: str, target: Target, token_id: str, at: datetime) -> None:
        """Note a use; an earlier one that comes late changes nothing."""
        with self._lock:
            for key in ((integration_id, target), token_id):
                known = self._times.get(key)
                if known is None or known < at:
                    self._times[key] = self._unwritten[key] = at

    def on(self, dependency: Dependency) -> Dependency:
        """A dependency as it is by now."""
        at = self._times.get((dependency.integration_id, dependency.target))
        return replace(dependency, last_used_at=at) if _is_later(at, dependency.last_used_at) else dependency

    def on_token(self, token: WorkflowToken) -> WorkflowToken:
        """A token as it is by now."""
        at = self._times.get(token.id)
        return replace(token, last_used_at=at) if _is_later(at, token.last_used_at) else token

    def by_now(self, value: Dependency | WorkflowToken) -> Dependency | WorkflowToken:
        """A dependency or token as it is by now."""
        return self.on(value) if isinstance(value, Dependency) else self.on_token(value)

    @property
    def is_written(self) -> bool:
        """True when the file tells of every use."""
        return not self._unwritten

    def unwritten(self) -> dict[UseKey, datetime]:
        """A copy of what no file holds yet."""
        with self._lock:
            return dict(self._unwritten)

    def settle(self, written: dict[UseKey, datetime]) -> None:
        """Take what was written as written, unless it was used again meanwhile."""
        with self._lock:
            for key, at in written.items():
                if self._unwritten.get(key) == at:
                    del self._unwritten[key]

    def forget(self, gone: Iterable[tuple[str, Target]]) -> None:
        """Forget dependencies that were taken away: linked again, they begin again."""
        with self._lock:
            for key in gone:
                self._times.pop(key, None)
                self._unwritten.pop(key, None)


def _is_later(at: datetime | None, known: datetime | None) -> bool:
    return at is not None and (known is None or known < at)
