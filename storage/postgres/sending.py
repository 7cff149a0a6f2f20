"""Sends a change that only writes: one round trip, from the head that was seen last.

When somebody else has moved the head, it is read and the change is sent again; after three such misses it is
locked first. What collided in the database is sent again at most three times.
"""

import time
from collections.abc import Callable, Sequence

from bot.core.model import Event
from storage.postgres.connections import PATIENCE_S, Lost, Refused, Step
from storage.postgres.heads import Extended, Head, extend
from storage.postgres.ledger import Ledger
from storage.postgres.reading import Rows
from storage.postgres.settling import Sent, is_kept

TRIES = 3
COLLIDED = ("40001", "40P01")
"""Serialization failure and deadlock: the same again may succeed."""


def send(
    ledger: Ledger, ws: str, events: Sequence[Event], steps: Callable[[Head, Extended], list[Step]]
) -> tuple[list[Rows], Extended]:
    """
    Send a change.

    Args:
        ledger: Where.
        ws: The workspace's key.
        events: What is recorded with it.
        steps: The statements, from the head before and the extended one.

    Returns:
        The rows of each statement, none when it had to be found out what came of it; and the extended head.

    Raises:
        Refused, Lost: Nothing was kept.
        OutcomeUnknown: It may have been kept.
    """
    deadline = time.monotonic() + PATIENCE_S
    misses = 0
    while True:
        sent: Sent | None = None
        try:
            with ledger.pool.connection(deadline) as connection:
                before = ledger.head(connection, ws, is_locked=misses > TRIES)
                extended = extend(before, ws, events, ledger.keyring)
                sent = Sent(ws, before, extended.head)
                made = steps(before, extended)
                if connection.is_in_transaction:
                    return connection.ask(*made, ("commit", None))[:-1], extended
                # One round trip outside of a transaction is one transaction.
                return connection.ask(("set_workspace", {"ws": ws}), *made)[1:], extended
        except Refused as refused:
            ledger.heads.pop(ws, None)
            misses += 1
            if not _is_worth_another(refused) or misses > 2 * TRIES:
                raise
        except Lost as lost:
            if sent is None and lost.is_final:
                raise
            if sent is not None and is_kept(ledger, sent, deadline):
                return [], extended


def _is_worth_another(refused: Refused) -> bool:
    """True when the head had moved, or two transactions collided."""
    return refused.sqlstate in COLLIDED or (refused.sqlstate, refused.what) == ("QM001", "head")
