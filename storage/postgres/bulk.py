"""Everything of a workspace out of PostgreSQL, from one state; and everything into it, in one transaction."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from bot.core.audit import AuditEntry
from bot.core.installations import Installation
from bot.core.model import Integration, Workspace
from storage.postgres.connections import Row, Step, TimedConnection
from storage.postgres.heads import Extended, Head, end_of
from storage.postgres.postgres_installations import step_of
from storage.postgres.rows import FIRST_TARGET, PUT, batches, entry_of, entry_row
from storage.postgres.sealed_rows import SealedRows
from storage.records import DoneRequest, Value
from storage.sealing import Keyring

_BATCH = 500
_READ: tuple[tuple[str, dict[str, Any], Callable[[SealedRows, Row], Value]], ...] = (
    ("integrations_after", {"after": ""}, lambda rows, row: rows.integration(row[0], row[1])),
    ("dependencies_after", FIRST_TARGET, lambda rows, row: rows.dependency(row[0], row[1])),
    ("bars_after", FIRST_TARGET, lambda rows, row: rows.bar(row[0])),
    ("tokens_after", {"after": ""}, lambda rows, row: rows.token(*row[:3])),
)


def values_of(connection: TimedConnection, rows: SealedRows) -> Iterator[Value]:
    """Everything of a workspace, in the transaction of one state that begins here."""
    ws = rows.ws
    connection.ask(("begin_change", None), ("set_workspace", {"ws": ws}))
    for name, first, read in _READ:
        yield from (read(rows, row) for row in _rows(connection, ws, name, first))
    settings, news = connection.ask(("settings", {"ws": ws}), ("news", {"ws": ws, "size": None}))
    yield from (rows.setting(*row) for row in settings)
    yield from (rows.news(*row) for row in news)
    yield from (entry_of(*row[:4]) for row in _rows(connection, ws, "history_after", {"after": 0}))
    connection.ask(("commit", None))


def _rows(connection: TimedConnection, ws: str, name: str, first: dict[str, Any]) -> Iterator[Row]:
    for found in batches(lambda after: connection.ask((name, {"ws": ws, **after}))[0], first):
        yield from found


def fill(
    connection: TimedConnection,
    keyring: Keyring,
    contents: Iterable[tuple[Workspace, Iterable[Value]]],
    installations: Iterable[Installation] = (),
) -> None:
    """Store everything unchanged, in one transaction."""
    connection.ask(("begin_change", None))
    for workspace, values in contents:
        given = {"ws": workspace.key}
        connection.ask(("set_workspace", given), ("begin_workspace", given))
        last: AuditEntry | None = None
        rows = SealedRows(keyring, workspace.key)
        restored = rows.identities.restored
        remaining = (restored(one) if isinstance(one, Integration) else one for one in values)
        while batch := list(islice(remaining, _BATCH)):
            connection.ask(*(_written(rows, value) for value in batch))
            last = next((one for one in reversed(batch) if isinstance(one, AuditEntry)), last)
        connection.ask(_end(workspace.key, last, keyring))
    for one in installations:
        connection.ask(("set_workspace", {"ws": one.holder}), step_of(one))
    connection.ask(("commit", None))


def _written(rows: SealedRows, value: Value) -> Step:
    if isinstance(value, AuditEntry):
        return "append_entry", {"ws": rows.ws, **entry_row(value)}
    if isinstance(value, DoneRequest):
        raise TypeError("a request that was carried out is not copied")
    return PUT[type(value)], {"ws": rows.ws, **rows.written(value)}


def _end(ws: str, last: AuditEntry | None, keyring: Keyring) -> Step:
    before = Head()
    sequence, last_hash = (last.sequence, last.hash) if last else (0, before.hash)
    seal = keyring.sign_file(end_of(ws, sequence, last_hash))
    after = Head(1, sequence, last_hash, keyring.primary, seal)
    return "advance", Extended((), after).advance(ws, before)
