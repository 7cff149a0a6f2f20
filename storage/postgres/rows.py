"""Values of the domain as rows, and back. The documents in them are those of ``storage/records.py``.

``sealed_rows`` seals them, and holds what is read against its seal.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from psycopg.types.json import Jsonb

from bot.core.audit import Action, AuditEntry, News, Result, former_name_in_detail
from bot.core.model import Bar, Dependency, Integration, Setting, Target, TargetKind, WorkflowToken
from bot.core.queries import lasting_marks
from bot.core.texts import name_key
from storage.postgres.connections import Row
from storage.records import Fields, event_from, event_row, row_of

Parameters = dict[str, Any]

PUT: dict[type, str] = {
    Integration: "put_new_integration",
    Dependency: "put_dependency",
    Bar: "put_bar",
    WorkflowToken: "put_token",
    Setting: "put_setting",
    News: "put_news",
}
"""The statement that keeps a new value."""
FIRST_TARGET = {"id": "", "target_kind": 0, "target_name": ""}
"""Comes before the key of every dependency and bar."""
_KINDS = tuple(TargetKind)


def batches(ask: Callable[[Mapping[str, Any]], list[Row]], first: Mapping[str, Any]) -> Iterator[list[Row]]:
    """The rows of a table, batch after batch: the last columns of one say where the next one begins."""
    after = first
    while found := ask(after):
        yield found
        after = dict(zip(first, found[-1][-len(first) :], strict=True))


def kind_number(kind: TargetKind) -> int:
    """How a kind of target is kept, so that rows sort as people see them."""
    return _KINDS.index(kind)


def target_from(number: int, name: str) -> Target:
    """Read a target's two columns."""
    return Target(_KINDS[number], name)


def target_columns(target: Target) -> Parameters:
    """Write a target's two columns."""
    return {"target_kind": kind_number(target.kind), "target_name": target.name}


def like_patterns(words: tuple[str, ...]) -> list[str]:
    """Patterns for ``like all``: each word somewhere, taken as it is."""
    return [f"%{escaped}%" for escaped in map(_without_wildcards, words)]


def _without_wildcards(word: str) -> str:
    for special in "\\%_":
        word = word.replace(special, f"\\{special}")
    return word


def integration_row(one: Integration) -> Parameters:
    """Write an integration."""
    return {
        "id": one.id,
        "key": one.key,
        "kind": one.kind,
        "host": one.server.host,
        "port": one.server.endpoint[1],
        "version": one.version,
        "created_at": one.created_at,
        "search": one.search_text,
        "owner": one.owner,
        "marks": sorted(lasting_marks(one)),
        "ends_on": one.due_on,
        "doc": row_of(one),
    }


def dependency_row(one: Dependency) -> Parameters:
    """Write a dependency."""
    return {
        "id": one.integration_id,
        **target_columns(one.target),
        "target_key": one.target.name.casefold(),
        "last_used_at": one.last_used_at,
        "doc": _without_last_use(row_of(one)),
    }


def bar_row(one: Bar) -> Parameters:
    """Write a bar."""
    return {"id": one.integration_id, **target_columns(one.target), "doc": row_of(one)}


def token_row(one: WorkflowToken) -> Parameters:
    """Write a workflow token."""
    return {
        "id": one.id,
        **target_columns(one.target),
        "target_key": one.target.name.casefold(),
        "words": f"{one.target.kind.value} {one.target.name} {one.id} {one.created_by}".casefold(),
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "revoked_at": one.revoked_at,
        "last_used_at": one.last_used_at,
        "doc": _without_last_use(row_of(one)),
    }


def news_row(one: News) -> Parameters:
    """Write a message that is waiting to be sent."""
    return {"id": one.id, "at": one.at, "doc": row_of(one)}


def entry_row(entry: AuditEntry) -> Parameters:
    """Write an audit entry."""
    event = entry.event
    former = event.former_name or former_name_in_detail(event)
    is_done = event.result is Result.DONE
    return {
        "sequence": entry.sequence,
        "at": event.at,
        "action": event.action,
        "is_done": is_done,
        "actor": event.actor,
        "integration": event.integration_id,
        "name_key": name_key(event.name),
        "former_key": name_key(former) if former else None,
        "server": (event.server or event.detail) if event.action == Action.DELETE and is_done else None,
        "target_kind": kind_number(event.target.kind) if event.target else None,
        "target_name": event.target.name if event.target else None,
        "hash": entry.hash,
        "entry_seal": entry.seal,
        "doc": Jsonb(event_row(event)),
    }


def entry_of(entry_hash: str, seal: str, sequence: int, doc: Fields) -> AuditEntry:
    """Read an audit entry."""
    return AuditEntry(sequence, event_from(doc), entry_hash, seal)


def _without_last_use(fields: Mapping[str, Any]) -> Fields:
    return {name: value for name, value in fields.items() if name != "last_used_at"}
