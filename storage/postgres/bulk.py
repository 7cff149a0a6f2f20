"""Everything of a workspace out of PostgreSQL, from one state; and everything into it, in one transaction."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from bot.core.audit import AuditEntry, News
from bot.core.installations import Installation
from bot.core.model import Bar, Dependency, Integration, Setting, WorkflowToken, Workspace
from storage.postgres.connections import Row, Step, TimedConnection
from storage.postgres.heads import Extended, Head, end_of
from storage.postgres.postgres_installations import step_of
from storage.postgres.rows import (
    bar_row,
    dependency_of,
    dependency_row,
    entry_of,
    entry_row,
    integration_row,
    news_row,
    token_of,
    token_row,
)
from storage.records import Identities, Value, bar_from, news_from
from storage.sealing import Keyring

_BATCH = 500
_WRITTEN: dict[type, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    Integration: ("put_new_integration", integration_row),
    Dependency: ("put_dependency", dependency_row),
    Bar: ("put_bar", bar_row),
    WorkflowToken: ("put_token", token_row),
    Setting: ("put_setting", lambda one: {"name": one.name, "value": one.value}),
    News: ("put_news", news_row),
    AuditEntry: ("append_entry", entry_row),
}
_FIRST_TARGET = {"id": "", "target_kind": 0, "target_name": ""}
_READ: tuple[tuple[str, dict[str, Any], Callable[[Row], Value]], ...] = (
    ("dependencies_after", _FIRST_TARGET, lambda row: dependency_of(row[0], row[1])),
    ("bars_after", _FIRST_TARGET, lambda row: bar_from(row[0])),
    ("tokens_after", {"after": ""}, lambda row: token_of(*row[:3])),
)


def values_of(connection: TimedConnection, ws: str, keyring: Keyring) -> Iterator[Value]:
    """Everything of a workspace, in the transaction of one state that begins here."""
    connection.ask(("begin_change", None), ("set_workspace", {"ws": ws}))
    identities = Identities(keyring, ws)
    for row in _rows(connection, ws, "integrations_after", {"after": ""}):
        yield identities.read(row[0], row[1])
    for name, first, read in _READ:
        yield from map(read, _rows(connection, ws, name, first))
    settings, news = connection.ask(("settings", {"ws": ws}), ("news", {"ws": ws, "size": None}))
    yield from (Setting(*row) for row in settings)
    yield from (news_from(*row) for row in news)
    yield from (entry_of(*row[:4]) for row in _rows(connection, ws, "history_after", {"after": 0}))
    connection.ask(("commit", None))


def _rows(connection: TimedConnection, ws: str, name: str, first: dict[str, Any]) -> Iterator[Row]:
    """The rows of one batch after the other; the last columns say where the next one begins."""
    after = first
    while found := connection.ask((name, {"ws": ws, **after}))[0]:
        yield from found
        after = dict(zip(first, found[-1][-len(first) :], strict=True))


def fill(
    connection: TimedConnection,
    keyring: Keyring,
    contents: Iterable[tuple[Workspace, Iterable[Value]]],
    installations: Iterable[Installation] = (),
) -> None:
    """Keep everything as it is, in one transaction."""
    connection.ask(("begin_change", None))
    for workspace, values in contents:
        given = {"ws": workspace.key}
        connection.ask(("set_workspace", given), ("begin_workspace", given))
        last: AuditEntry | None = None
        identities = Identities(keyring, workspace.key)
        remaining = (identities.restored(one) if isinstance(one, Integration) else one for one in values)
        while batch := list(islice(remaining, _BATCH)):
            connection.ask(*(_written(workspace.key, value) for value in batch))
            last = next((one for one in reversed(batch) if isinstance(one, AuditEntry)), last)
        connection.ask(_end(workspace.key, last, keyring))
    for one in installations:
        connection.ask(("set_workspace", {"ws": one.holder}), step_of(one))
    connection.ask(("commit", None))


def _written(ws: str, value: Value) -> Step:
    name, row = _WRITTEN[type(value)]
    return name, {"ws": ws, **row(value)}


def _end(ws: str, last: AuditEntry | None, keyring: Keyring) -> Step:
    before = Head()
    sequence, last_hash = (last.sequence, last.hash) if last else (0, before.hash)
    seal = keyring.sign_file(end_of(ws, sequence, last_hash))
    after = Head(1, sequence, last_hash, keyring.primary, seal)
    return "advance", Extended((), after).advance(ws, before)
