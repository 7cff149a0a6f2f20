"""Sends a change that only writes: one round trip, from the head that was seen last.

If a different process has moved the head, the head is locked, which shows where it is, and the change is sent
again: reading it without the lock would cost as much and might miss again. What collided in the database is
sent again at most three times.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.core.audit import Event
from bot.core.errors import OutcomeUnknown
from storage.postgres.connections import PATIENCE_S, Lost, StatementRefused, Step, TimedConnection
from storage.postgres.heads import Extended, Head, extend
from storage.postgres.ledger import Ledger
from storage.postgres.reading import Rows

TRIES = 3
COLLIDED = ("40001", "40P01")
"""Serialization failure and deadlock: the same again may succeed."""
_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Sent:
    """A change that was sent: where the history ended before, and after."""

    ws: str
    before: Head
    after: Head


def send(
    ledger: Ledger,
    ws: str,
    events: Sequence[Event],
    steps: Callable[[Head, Extended], list[Step]],
    is_advanced: Callable[[list[Rows]], bool] = lambda _: True,
) -> list[Rows]:
    """
    Send a change.

    Args:
        ledger: Where.
        ws: The workspace's key.
        events: What is recorded with it.
        steps: The statements, from the head before and the extended one.
        is_advanced: Tells from the rows of each statement whether the head was moved.

    Returns:
        The rows of each statement; none when it had to be found out what came of it.

    Raises:
        StatementRefused, Lost: Nothing was kept.
        OutcomeUnknown: It may have been kept.
    """
    deadline = time.monotonic() + PATIENCE_S
    misses = 0
    with ledger.turn(ws, deadline):
        while True:
            sent: Sent | None = None
            try:
                with ledger.pool.connection(deadline) as connection:
                    before = ledger.head(connection, ws, is_locked=misses > 0)
                    extended = extend(before, ws, events, ledger.keyring)
                    sent = Sent(ws, before, extended.head)
                    rows = _send(connection, ws, steps(before, extended))
                    if is_advanced(rows):
                        ledger.heads[ws] = extended.head
                    return rows
            except StatementRefused as refused:
                ledger.heads.pop(ws, None)
                misses += 1
                if not _is_worth_another(refused) or misses > TRIES:
                    raise
            except Lost as lost:
                if sent is None and lost.is_final:
                    raise
                if sent is not None and is_kept(ledger, sent, deadline):
                    return []


def _send(connection: TimedConnection, ws: str, steps: list[Step]) -> list[Rows]:
    if connection.is_in_transaction:
        return connection.ask(*steps, ("commit", None))[:-1]
    # One round trip outside of a transaction is one transaction.
    return connection.ask(("set_workspace", {"ws": ws}), *steps)[1:]


def _is_worth_another(refused: StatementRefused) -> bool:
    """True when the head had moved, or two transactions collided."""
    return refused.sqlstate in COLLIDED or (refused.sqlstate, refused.what) == ("QM001", "head")


def is_kept(ledger: Ledger, sent: Sent, deadline: float) -> bool:
    """
    Find out whether a change was stored when its connection ended before the answer.

    If it was not, make sure that it never will be.

    Exactly one transaction can take a workspace from one revision to the next. Asking locks the workspace:

    - still at the revision it was sent from -> not kept; the revision is raised, so that it can never be
    - at a later one -> the change's own id, or its entry at its place in the history, shows whose that was

    Raises:
        OutcomeUnknown: The database could not be asked by ``deadline`` (monotonic seconds), or it is unclear.
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
        "The database did not answer in time, so nobody knows yet whether this was done.",
        "Check before you try again.",
    )
