"""Finds out what came of a change whose connection ended before the answer.

Exactly one transaction can take a workspace from one revision to the next. Asking locks the workspace:

- still at the revision it was sent from -> not kept; the revision is raised, so that it can never be
- at a later one -> the change's own id, or its entry at its place in the history, tells whose that was
"""

import time
from dataclasses import dataclass

from bot.core.errors import OutcomeUnknown
from storage.postgres.connections import Lost, StatementRefused, TimedConnection
from storage.postgres.heads import Head
from storage.postgres.ledger import Ledger

_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Sent:
    """A change that was sent: where the history ended before, and after."""

    ws: str
    before: Head
    after: Head


def is_kept(ledger: Ledger, sent: Sent, deadline: float) -> bool:
    """
    Say whether a change was kept; if it was not, it never will be.

    Raises:
        OutcomeUnknown: The database could not be asked by ``deadline`` (monotonic seconds), or nothing tells.
    """
    ledger.heads.pop(sent.ws, None)
    while time.monotonic() < deadline:
        try:
            with ledger.pool.connection(deadline) as connection:
                return _settled(ledger, connection, sent)
        except (Lost, StatementRefused):
            time.sleep(_PAUSE_S)
    raise _unknown()


def _settled(ledger: Ledger, connection: TimedConnection, sent: Sent) -> bool:
    present = ledger.locked_end(connection, sent.ws)
    if present.revision == sent.before.revision:
        connection.ask(("fence", {"ws": sent.ws, "revision": present.revision}), ("commit", None))
        return False
    if present.last_change == sent.after.last_change:
        return True
    if sent.after.sequence == sent.before.sequence:
        raise _unknown()
    rows = connection.ask(("entry_hash", {"ws": sent.ws, "sequence": sent.after.sequence}))[0]
    return bool(rows) and rows[0][0] == sent.after.hash


def _unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "The database did not answer in time, so it is not known whether this was done.",
        "Look at it again before you repeat it.",
    )
