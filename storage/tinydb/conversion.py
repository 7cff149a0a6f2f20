"""Converts a data directory of format 1, once, when the operator asks for it.

A start never does: anybody who can write to the directory could put back files that no key authenticates.

Format 1 had no key in its header or its entries, wrote some fields differently, and bound a secret only to
its workspace and integration. Each old file is kept next to the new one as ``<name>.format1``, until a change
removes one of the workspace's secrets.

The store's own file is converted last: until then, the next attempt starts again from the old files.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bot.core.audit import BEFORE_THE_FIRST, AuditEntry, Event, entry_hash, next_entry
from bot.core.errors import StoreDamaged
from bot.core.integrations.credentials import seal_context
from bot.core.model import Integration, Workspace
from bot.core.secrets import SealContext
from storage.records import AUDIT, Identities, Value, place_of, row_of, value_in
from storage.sealing import kid_of
from storage.tinydb.archive import FULL_AT, SEGMENT, Archive
from storage.tinydb.directory import META, workspace_keys, workspace_path
from storage.tinydb.durable_files import Volume, previous_of
from storage.tinydb.file_format import Sealer, damaged, document_in, encode, format_of, line_of, lines_in

_FORMER = 1
_Rows = dict[str, Any]


class Converted(NamedTuple):
    """What was found of one workspace."""

    key: str
    sequence: int
    entries: int
    fault: str
    """What was wrong with its history; empty = nothing."""


def is_former(volume: Volume) -> bool:
    """True when the directory is of format 1, or its conversion was cut off."""
    data = volume.read(volume.directory / f"{META}.db")
    return data is not None and format_of(data) == _FORMER


def convert_workspaces(volume: Volume, sealer: Sealer) -> list[Converted]:
    """
    Convert every workspace, archive and all.

    Raises:
        StoreDamaged: A file was changed after it was written.
        KeyringFailure: A secret needs a key that is not loaded. The files of that workspace are as they were.
    """
    keys = workspace_keys(volume.directory)
    for path in [path for key in keys for path in _paths(volume, key)]:
        if not former_of(path).exists() and format_of(volume.read(path) or b"") != _FORMER:
            raise StoreDamaged(
                f"{path} is not in the earlier version's format, although {META}.db is.",
                "Nothing was changed. Somebody mixed files of two versions: restore a backup.",
            )
    return [_convert(volume, sealer, key) for key in keys]


def _paths(volume: Volume, key: str) -> list[Path]:
    """A workspace's files, its own last."""
    archived = sorted((volume.directory / "audit").glob(f"{key}-*.db"))
    return [*archived, workspace_path(volume.directory, key)]


def former_of(path: Path) -> Path:
    """Where a file of format 1 is kept."""
    return path.with_name(f"{path.name}.format1")


def _convert(volume: Volume, sealer: Sealer, key: str) -> Converted:
    path = workspace_path(volume.directory, key)
    paths = _paths(volume, key)
    for each in paths:
        if not former_of(each).exists():
            volume.disk.link(each, former_of(each))
    sequence, tables = _tables(volume, former_of(path), key)
    archived = [_tables(volume, former_of(each), key)[1] for each in paths[:-1]]
    try:
        former = _former_entries([*archived, tables])
    except (KeyError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise damaged(path, key, f"an entry of its history cannot be read: {type(error).__name__}") from None
    fault = _fault(key, former, tables, sealer)
    try:
        values = list(_values(tables, key, sealer))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise damaged(path, key, f"a record in it cannot be read: {type(error).__name__}") from None
    entries = list(_chained(former, key, sealer, is_sealed=not fault))
    first = _first_in_file(len(entries))
    archive = Archive(volume, sealer, key)
    for start in range(0, first, SEGMENT):
        archive.keep(entries[start : start + SEGMENT])
    lines: dict[str, list[bytes]] = {AUDIT: []}
    for value in [*values, *entries[first:]]:
        table, row_key = place_of(value)
        lines.setdefault(table, []).append(line_of(row_key, row_of(value)))
    # The workspace's own file is written last: as long as it is of format 1, everything is done again.
    data = encode(sealer, key, sequence + 1, lines)
    volume.disk.remove(previous_of(path))
    volume.replace(path, data)
    volume.copy_to_previous(path, data)
    return Converted(key, sequence + 1, len(entries), fault)


def _first_in_file(count: int) -> int:
    """Return how many entries belong in the archive: complete files, as long as enough newest ones remain."""
    return max(0, (count - FULL_AT) // SEGMENT + 1) * SEGMENT if count >= FULL_AT else 0


def _tables(volume: Volume, path: Path, key: str) -> tuple[int, dict[str, dict[str, _Rows]]]:
    """Read a file of format 1: its sequence and its rows by table and key."""
    data = volume.read(path) or b""
    line, _, body = data.partition(b"\n")
    tables: dict[str, dict[str, _Rows]] = {}
    try:
        header = json.loads(line)
        is_whole = header["sha256"] == hashlib.sha256(body).hexdigest() and header["workspace"] == key
        for table, row in lines_in(body):
            row_key, fields = document_in(row)
            tables.setdefault(table, {})[row_key] = fields
    except (ValueError, KeyError, TypeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise damaged(path, key, "its checksum does not match")
    return int(header["sequence"]), tables


def _former_entries(files: Iterable[dict[str, dict[str, _Rows]]]) -> list[AuditEntry]:
    """Every entry once, the oldest first; a crash may have left some in the archive and in the file."""
    found: dict[int, AuditEntry] = {}
    for tables in files:
        for row in tables.get(AUDIT, {}).values():
            entry = _former_entry(row)
            found[entry.sequence] = entry
    return [found[sequence] for sequence in sorted(found)]


_EVENT_NAMES = {"target": "integration_id", "request": "request_id"}


def _former_entry(row: _Rows) -> AuditEntry:
    event = {_EVENT_NAMES.get(name, name): value for name, value in row.items()}
    sequence, known = event.pop("sequence"), event.pop("hash")
    entry = value_in(AUDIT, "", {"sequence": sequence, "hash": known, "event": event})
    assert isinstance(entry, AuditEntry)  # noqa: S101 # the table says so
    return entry


def _fault(key: str, entries: list[AuditEntry], tables: dict[str, dict[str, _Rows]], sealer: Sealer) -> str:
    """Say what is wrong with a history of format 1: its chain, or the seal of its newest entry."""
    last = BEFORE_THE_FIRST
    for number, entry in enumerate(entries, start=1):
        if entry.sequence != number:
            return f"Entry {number} is missing."
        if entry.hash != entry_hash(last, key, number, entry.event):
            return f"Entry {number} was changed after it was written."
        last = entry.hash
    head = tables.get("head", {}).get(AUDIT)
    if not entries:
        return "Every entry is missing." if head or tables.get("integrations") or tables.get("tokens") else ""
    if head is None:
        return "The seal of the newest entry is missing."
    if head["kid"] in sealer.lost_keys or sealer.keyring.is_entry(last, f"{head['kid']}.{head['seal']}"):
        return ""
    return f"Entry {len(entries)} is not the one that was sealed last, which was {head['sequence']}."


def _chained(
    entries: Iterable[AuditEntry], key: str, sealer: Sealer, *, is_sealed: bool
) -> Iterator[AuditEntry]:
    """The entries with their facts as fields, in a new chain; one that failed verification is not sealed."""
    last: AuditEntry | None = None
    for former in entries:
        last = next_entry(last, key, _with_facts(former.event))
        if is_sealed:
            last = replace(last, seal=sealer.keyring.seal_entry(last.hash))
        yield last


def _with_facts(event: Event) -> Event:
    """Remove from the words for people what is looked up later."""
    if event.action == "integration.edit" and event.detail.startswith("name (was "):
        return replace(event, former_name=event.detail.removeprefix("name (was ").partition(")")[0])
    if event.action == "integration.delete" and event.result == "done":
        return replace(event, server=event.detail)
    return event


def _values(tables: dict[str, dict[str, _Rows]], workspace_key: str, sealer: Sealer) -> Iterator[Value]:
    """Return the values of a workspace as they are now, without its history."""
    identities = Identities(sealer.keyring, workspace_key)
    for table, rows in tables.items():
        for key, row in rows.items():
            value = value_in(table, key, _SHAPES[table](row)) if table in _SHAPES else None
            if isinstance(value, Integration):
                yield identities.sealed(_bound(value, Workspace.of_key(workspace_key), sealer))
            elif value is not None:
                yield value


def _bound(one: Integration, workspace: Workspace, sealer: Sealer) -> Integration:
    """Bind a secret to everything it is bound to now; what is sealed with a lost key stays unchanged."""
    if one.secret is None or kid_of(one.secret) in sealer.lost_keys:
        return one
    credential = sealer.keyring.open(SealContext(workspace.key, one.id), one.secret)
    return replace(one, secret=sealer.keyring.seal(seal_context(workspace, one), credential))


def _integration(row: _Rows) -> _Rows:
    rest = {name: value for name, value in row.items() if name not in ("scheme", "host", "port")}
    return {**rest, "server": [row["scheme"], row["host"], *filter(None, [row.get("port")])]}


def _dependency(row: _Rows) -> _Rows:
    rest = {name: value for name, value in row.items() if name not in ("integration", "kind", "name")}
    # Under the rules of format 1 a link by a person let its target fetch, no matter who the person was.
    granted = {} if row["source"] == "workflow" else {"granted_by": row["added_by"]}
    return {
        **rest,
        **granted,
        "integration_id": row["integration"],
        "target": [row["kind"], row["name"]],
    }


def _token(row: _Rows) -> _Rows:
    rest = {name: value for name, value in row.items() if name not in ("kind", "name")}
    return {**rest, "target": [row["kind"], row["name"]]}


_SHAPES: dict[str, Callable[[_Rows], _Rows]] = {
    "integrations": _integration,
    "dependencies": _dependency,
    "tokens": _token,
    "requests": dict,
}
