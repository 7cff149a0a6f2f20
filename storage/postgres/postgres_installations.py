"""Where the app is installed, and the installs that are under way: rows that all processes share."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from bot.core.errors import Busy
from bot.core.installations import Installation
from bot.core.model import Workspace
from storage.postgres.connections import (
    PATIENCE_S,
    Address,
    Lost,
    StatementRefused,
    Step,
    TimedConnection,
    sentence_for,
)
from storage.postgres.ledger import Ledger
from storage.records import installation_from, installation_row

_LONGEST_S = 8.0
"""How long a change may take: Slack is asked in it for new tokens."""
_FORGETTING_S = 600.0
_UNLIMITED = "-c statement_timeout=0"


@dataclass(slots=True)
class _LockedRow:
    value: Installation | None


class PostgresInstallations:
    """Implements ``bot.core.ports.kept_installations.Installations``."""

    def __init__(self, url: str, ledger: Ledger) -> None:
        """A change has its own connection, so that asking Slack takes none from people."""
        self._address, self._patient = Address(url), Address(url, _UNLIMITED)
        self._ledger = ledger

    def get(self, holder: str) -> Installation | None:
        """The installation of a workspace or an organization, by its id."""
        rows = self._ledger.ask(holder, "installation")
        return installation_from(holder, rows[0][0]) if rows else None

    def all(self) -> Iterator[Installation]:
        """Every installation, sorted by holder."""
        rows = self._ledger.ask("*", "installations", after="")
        while rows:
            yield from (installation_from(*row) for row in rows)
            rows = self._ledger.ask("*", "installations", after=rows[-1][0])

    @contextmanager
    def locked(self, holder: str) -> Iterator[_LockedRow]:
        """Change one installation, as ``Installations.locked`` says."""
        given = {"ws": holder}
        steps: list[Step] = [("begin_change", None), ("set_workspace", given), ("lock_installation", given)]
        with self._connected(self._address, _LONGEST_S) as connection:
            rows = connection.ask(*steps, ("locked_installation", given))[-1]
            known = installation_from(holder, rows[0][0]) if rows else None
            row = _LockedRow(known)
            yield row
            if row.value != known:
                connection.ask(step_of(row.value) if row.value else ("remove_installation", given))
            connection.ask(("commit", None))

    def begin(self, state: bytes, until: datetime) -> None:
        """Store an install that begins."""
        given = {"state": state, "until": until, "at": self._ledger.clock()}
        if not self._ledger.pool.ask(("begin_install", given))[0]:
            raise Busy

    def take(self, state: bytes, at: datetime) -> bool:
        """Remove a state; true only once across all processes, and in time."""
        rows = self._ledger.pool.ask(("take_install", {"state": state, "at": at}))[0]
        return bool(rows) and bool(rows[0][0])

    def forget_data(self, workspace: Workspace) -> None:
        """Delete everything in a workspace, in one transaction."""
        given = {"ws": workspace.key}
        with self._connected(self._patient, _FORGETTING_S) as connection:
            steps: list[Step] = [("begin_change", None), ("set_workspace", given)]
            connection.ask(*steps, ("forget_workspace", given), ("commit", None))
        self._ledger.heads.pop(workspace.key, None)

    @contextmanager
    def _connected(self, address: Address, longest_s: float) -> Iterator[TimedConnection]:
        try:
            with address.connect() as connection:
                connection.deadline = time.monotonic() + max(longest_s, PATIENCE_S)
                yield connection
        except (Lost, StatementRefused) as error:
            raise sentence_for(error) from None


def step_of(installation: Installation) -> Step:
    """The statement that keeps an installation, once its holder is set."""
    doc = Jsonb(dict(installation_row(installation)))
    return "put_installation", {"ws": installation.holder, "doc": doc}
