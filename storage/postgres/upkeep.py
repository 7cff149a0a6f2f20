"""Whether the end of a history is the one that was signed; and new seals after a new key."""

from collections.abc import Collection

from bot.core.audit import AuditEntry
from bot.core.errors import StoreDamaged
from storage.postgres.connections import Pool, Step
from storage.postgres.heads import Head, end_of, fault_at
from storage.postgres.ledger import Ledger
from storage.postgres.reading import PostgresReading
from storage.sealing import Keyring

_BATCH = 500


def fault_at_end(pool: Pool, ws: str, keyring: Keyring, lost_keys: Collection[str] = ()) -> str:
    """Say why the newest entry is not the one that was signed; nothing = empty. From one state."""
    given = {"ws": ws}
    steps: list[Step] = [("set_workspace", given), ("head", given), ("newest_entry", given)]
    _, heads, newest = pool.ask(*steps)
    return fault_at(ws, Head.of(heads) or Head(), newest, keyring, lost_keys)


def seal_again(ledger: Ledger, reads: Pool, ws: str, reading: PostgresReading, trusted: str) -> None:
    """
    Seal what another key than the primary has sealed, while others read and change.

    Raises:
        StoreDamaged: A seal or the end is wrong; it was left as it is.
    """
    _sign_end(ledger, reads, ws, trusted)
    batch: list[AuditEntry] = []
    for entry in reading.history.oldest_first():
        kid = entry.seal.partition(".")[0]
        if kid == ledger.keyring.primary:
            continue
        if kid != trusted and not ledger.keyring.is_entry(entry.hash, entry.seal):
            raise StoreDamaged(
                f"Entry {entry.sequence} of {ws} is not sealed with a loaded key.",
                "Run `quaymaster audit verify`.",
            )
        batch.append(entry)
        if len(batch) == _BATCH:
            _keep(ledger, ws, batch)
            batch = []
    _keep(ledger, ws, batch)


def _keep(ledger: Ledger, ws: str, entries: list[AuditEntry]) -> None:
    seals = [ledger.keyring.seal_entry(entry.hash) for entry in entries]
    ledger.ask(ws, "seal_entries", sequences=[entry.sequence for entry in entries], seals=seals)


def _sign_end(ledger: Ledger, reads: Pool, ws: str, trusted: str) -> None:
    head = Head.of(ledger.ask(ws, "head"))
    if head is None or head.kid in (None, ledger.keyring.primary):
        return
    fault = "" if head.kid == trusted else fault_at_end(reads, ws, ledger.keyring)
    if fault:
        raise StoreDamaged(f"{ws}: {fault}", "Run `quaymaster audit verify`.")
    seal = ledger.keyring.sign_file(end_of(ws, head.sequence, head.hash))
    # Where somebody has moved the end in the meantime, it is signed with the primary key already.
    ledger.ask(ws, "seal_end", kid=ledger.keyring.primary, seal=seal, sequence=head.sequence)
