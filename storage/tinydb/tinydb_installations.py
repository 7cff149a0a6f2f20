"""The installations of the embedded store: rows of ``meta.db``, authenticated with the rest of it.

Installs that are under way are only remembered: one process serves a directory, and who begins an install
while it restarts begins again.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from bot.core.installations import Installation
from bot.core.model import Workspace
from storage.records import installation_from, installation_row
from storage.tinydb.metadata import Metadata

_MOST_BEGUN = 1000
"""Anybody can begin an install, so the oldest ones are dropped."""


@dataclass(slots=True)
class _RememberedInstallation:
    value: Installation | None


class TinyDBInstallations:
    """Implements ``bot.core.ports.kept_installations.Installations``."""

    def __init__(self, metadata: Metadata, forget_data: Callable[[Workspace], None]) -> None:
        self._metadata = metadata
        self._forget_data = forget_data
        self._lock = threading.RLock()
        self._begun: dict[bytes, datetime] = {}

    def get(self, holder: str) -> Installation | None:
        """The installation of a workspace or an organization, by its id."""
        row = self._metadata.installation(holder)
        return None if row is None else installation_from(holder, row)

    def all(self) -> Iterator[Installation]:
        """Every installation, sorted by holder."""
        rows = self._metadata.installations()
        return iter([installation_from(holder, rows[holder]) for holder in sorted(rows)])

    @contextmanager
    def locked(self, holder: str) -> Iterator[_RememberedInstallation]:
        """Change one installation, as ``Installations.locked`` says."""
        with self._lock:
            known = self.get(holder)
            row = _RememberedInstallation(known)
            yield row
            if row.value != known:
                written = None if row.value is None else installation_row(row.value)
                self._metadata.keep_installation(holder, written)

    def begin(self, state: bytes, until: datetime) -> None:
        """Remember an install that begins."""
        with self._lock:
            while len(self._begun) >= _MOST_BEGUN:
                del self._begun[next(iter(self._begun))]
            self._begun[state] = until

    def take(self, state: bytes, at: datetime) -> bool:
        """Take a state away; true once, and in time."""
        with self._lock:
            until = self._begun.pop(state, None)
        return until is not None and at < until

    def forget_data(self, workspace: Workspace) -> None:
        """Delete everything of a workspace."""
        self._forget_data(workspace)
