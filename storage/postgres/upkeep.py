"""Whether the end of a history is the one that was signed; new seals after a new key; rows without a seal."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from bot.core.audit import AuditEntry
from bot.core.errors import StoreDamaged
from bot.core.model import TargetKind
from storage.postgres.changed_columns import changed_columns
from storage.postgres.connections import Pool, Row, Step, TimedConnection
from storage.postgres.heads import Head, end_of, fault_at, is_before_row_seals
from storage.postgres.ledger import Ledger
from storage.postgres.reading import PostgresReading
from storage.postgres.rows import FIRST_TARGET, Parameters, batches, kind_number, target_from
from storage.postgres.sealed_rows import SEAL, Key, SealedRows, kid_of_row, without_seal
from storage.records import Fields
from storage.sealing import Keyring

_BATCH = 500
_FAR = timedelta(days=36_500)


def fault_at_end(pool: Pool, ws: str, keyring: Keyring, lost_keys: Collection[str] = ()) -> str:
    """Say why the newest entry is not the one that was signed; nothing = empty. From one state."""
    given = {"ws": ws}
    steps: list[Step] = [("set_workspace", given), ("head", given), ("newest_entry", given)]
    _, heads, newest = pool.ask(*steps)
    return fault_at(ws, Head.of(heads) or Head(), newest, keyring, lost_keys)


def seal_again(ledger: Ledger, reads: Pool, ws: str, reading: PostgresReading, trusted: str) -> None:
    """
    Seal again what is sealed with a key other than the primary one, while others read and change.

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


def seal_rows_again(ledger: Ledger, reads: Pool, ws: str) -> None:
    """
    Seal a workspace's rows again that are not sealed with the primary key, while others change it.

    Raises:
        StoreDamaged: No key of ours has sealed one; it and those after it were left as they are.
    """
    sealed = ledger.rows(ws)
    for table, batch in _batches_of_rows(ledger, reads, ws):
        old = [row for row in batch if kid_of_row(row.doc) != ledger.keyring.primary]
        for row in old:
            sealed.require_believed(table.name, row.key, row.doc)
        if old:
            name, given = _sealing(sealed, table, old)
            ledger.ask(ws, name, **given)


def seal_for_the_first_time(ledger: Ledger, reads: Pool, ws: str, connection: TimedConnection) -> int:
    """
    Seal all rows of a workspace of a version that sealed none, as they are, and its end: all or nothing.

    Args:
        ledger: Seals.
        reads: Reads.
        ws: The workspace's key.
        connection: Writes; nobody else changes the workspace.

    Returns:
        How many rows.

    Raises:
        StoreDamaged: A row has a seal already: somebody put an earlier end of the history back.
    """
    head = Head.of(ledger.ask(ws, "head"))
    if head is None or not is_before_row_seals(ws, head, ledger.keyring):
        return 0
    sealed = ledger.rows(ws)
    count = 0
    connection.ask(("begin_change", None), ("set_workspace", {"ws": ws}))
    for table, batch in _batches_of_rows(ledger, reads, ws):
        for row in batch:
            if kid_of_row(row.doc):
                raise StoreDamaged(
                    f"{sealed.place(table.name, row.key)} is sealed already: an earlier state was put back.",
                    "Restore a backup.",
                )
        name, given = _sealing(sealed, table, batch)
        connection.ask((name, {"ws": ws, **given}))
        count += len(batch)
    connection.ask(_end(ledger, ws, head), ("commit", None))
    return count


def _sealing(sealed: SealedRows, table: "_SealedTable", rows: list["_SealedRow"]) -> tuple[str, Parameters]:
    """The statement that gives rows their seals. One that was changed since they were read keeps its own."""
    seals = [sealed.seal_of(table.name, row.key, without_seal(row.doc)) for row in rows]
    given = {"before": [row.doc.get(SEAL) for row in rows], "seals": seals}
    return f"seal_{table.name}", {**given, **table.columns([row.key for row in rows])}


def unbelieved(ledger: Ledger, reads: Pool, ws: str) -> Iterator[str]:
    """Name the rows that no key of ours sealed, that cannot be read, or whose columns were changed."""
    sealed = ledger.rows(ws)
    for table, batch in _batches_of_rows(ledger, reads, ws):
        believed: list[_SealedRow] = []
        for row in batch:
            if sealed.is_believed(table.name, row.key, row.doc):
                believed.append(row)
            else:
                yield f"no key of this Quaymaster sealed it: {sealed.place(table.name, row.key)}"
        yield from changed_columns(reads, sealed, table.name, believed)


class _SealedRow(NamedTuple):
    """A row as it is kept: what its seal covers besides the document, and the document with the seal."""

    key: Key
    doc: Fields


class _SealedTable(NamedTuple):
    """A table whose rows are sealed."""

    name: str
    question: str
    first: Mapping[str, Any]
    """Where the query begins; empty = it returns everything at once."""
    read: Callable[[Row], _SealedRow]
    columns: Callable[[list[Key]], dict[str, list[Any]]]
    """The columns of rows, by which they are found again."""


def _ids(keys: list[Key]) -> dict[str, list[Any]]:
    return {"ids": [key[0] for key in keys]}


def _links(keys: list[Key]) -> dict[str, list[Any]]:
    kinds = [kind_number(TargetKind(str(key[1]))) for key in keys]
    return {**_ids(keys), "kinds": kinds, "names": [key[2] for key in keys]}


def _lines(keys: list[Key]) -> dict[str, list[Any]]:
    parts = [[key[place] for key in keys] for place in range(1, 5)]
    return {**_ids(keys), **dict(zip(("tokens", "actions", "results", "hours"), parts, strict=True))}


def _one_id(row: Row) -> _SealedRow:
    return _SealedRow((row[0],), row[1])


def _link_of(row: Row) -> _SealedRow:
    """The key is taken from the columns: the document may name others."""
    integration_id, kind, name = row[-3:]
    return _SealedRow((integration_id, target_from(kind, name).kind.value, name), row[0])


def _setting_of(row: Row) -> _SealedRow:
    return _SealedRow((row[0],), {"value": row[1], SEAL: row[2]})


def _hour_of(row: Row) -> _SealedRow:
    return _SealedRow((*row[3:], int(row[1].timestamp())), row[0])


_TABLES = (
    _SealedTable("integrations", "integrations_after", {"after": ""}, _one_id, _ids),
    _SealedTable("dependencies", "dependencies_after", FIRST_TARGET, _link_of, _links),
    _SealedTable("bars", "bars_after", FIRST_TARGET, _link_of, _links),
    _SealedTable("tokens", "tokens_after", {"after": ""}, _one_id, _ids),
    _SealedTable("settings", "settings", {}, _setting_of, _ids),
    _SealedTable("news", "news", {}, _one_id, _ids),
    _SealedTable("fetch_hours", "hours_over", {}, _hour_of, _lines),
)


def _batches_of_rows(ledger: Ledger, reads: Pool, ws: str) -> Iterator[tuple[_SealedTable, list[_SealedRow]]]:
    """The rows of each table that are sealed, at most 500 at once."""
    everything: dict[str, Mapping[str, Any]] = {
        "news": {"size": None},
        "hours_over": {"before": ledger.clock() + _FAR},
    }
    for table in _TABLES:
        ask = partial(_asked, reads, ws, table.question)
        found = batches(ask, table.first) if table.first else [ask(everything.get(table.question, {}))]
        yield from ((table, [table.read(row) for row in rows]) for rows in found if rows)


def _asked(reads: Pool, ws: str, question: str, given: Mapping[str, Any]) -> list[Row]:
    return reads.ask(("set_workspace", {"ws": ws}), (question, {"ws": ws, **given}))[-1]


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
    name, given = _end(ledger, ws, head)
    ledger.ask(ws, name, **{key: value for key, value in (given or {}).items() if key != "ws"})


def _end(ledger: Ledger, ws: str, head: Head) -> Step:
    """Sign an end. If somebody has moved it in the meantime, it is already signed with the primary key."""
    seal = ledger.keyring.sign_file(end_of(ws, head.sequence, head.hash))
    return "seal_end", {"ws": ws, "kid": ledger.keyring.primary, "seal": seal, "sequence": head.sequence}
