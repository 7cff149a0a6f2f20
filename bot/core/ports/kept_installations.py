"""What the installations are kept by. Both stores have one, as ``installations``."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from bot.core.installations import Installation
from bot.core.model import Workspace


class LockedInstallation(Protocol):
    """An installation that nobody else changes in the meantime."""

    value: Installation | None
    """Set it to change it; ``None`` = there is none."""


class Installations(Protocol):
    """Where the app is installed, and the installs that are under way. Safe to share between threads."""

    def get(self, holder: str) -> Installation | None:
        """The installation of a workspace or an organization, by its id."""

    def all(self) -> Iterator[Installation]:
        """Every installation, sorted by holder: for the clock and for maintenance."""

    def locked(self, holder: str) -> AbstractContextManager[LockedInstallation]:
        """
        Change one installation, which no thread and no other process does in the meantime.

        When the block ends without an error, what its ``value`` is then is kept.

        Raises:
            Busy: Somebody else has changed it for too long.
            StoreFailure: Nothing was changed.
        """

    def begin(self, state: bytes, until: datetime) -> None:
        """Keep a digest of the state of an install that begins, until it ends or is taken."""

    def take(self, state: bytes, at: datetime) -> bool:
        """Take a state away. False when it was taken before, has ended, or never was."""

    def forget_data(self, workspace: Workspace) -> None:
        """Delete everything of a workspace for good, its history included. Raises ``StoreFailure``."""
