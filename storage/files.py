"""A TinyDB file of Quaymaster: TinyDB's own JSON behind one header line, kept through a ``Volume``.

    {"magic":"quaymaster","format":1,"workspace":"T0BBB","sequence":812,"sha256":"<of the body's bytes>"}
    {"integrations":{"<id>":{…}},"dependencies":{…},…}

The header finds files that were cut, zeroed, altered or swapped. ``sequence`` rises with each write.
Each document keeps its JSON text, so a change encodes only the documents it touches.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Table

from bot.core.errors import StoreDamaged, StoreFailure
from storage.volume import OutcomeUnknown, Volume

MAGIC = "quaymaster"
FORMAT = 1
encode_json = json.JSONEncoder(separators=(",", ":")).encode

Tables = dict[str, dict[str, Any]]
"""Documents by table and id."""


class Document(Mapping[str, Any]):
    """A document as its line of the file. Read-only: nothing changes it in place, so the line stays true."""

    __slots__ = ("line",)

    def __init__(self, key: str, fields: Mapping[str, Any]) -> None:
        """Encode fields that JSON can hold, and the id they are kept under."""
        self.line = encode_json({key: dict(fields)})[1:-1].encode()

    def fields(self) -> dict[str, Any]:
        """Decode the fields."""
        (fields,) = json.loads(b"{%b}" % self.line).values()
        return cast(dict[str, Any], fields)

    def __getitem__(self, name: str) -> Any:
        return self.fields()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields())

    def __len__(self) -> int:
        return len(self.fields())


class Rows(Table):
    """
    A table whose ids are text: ours are random, and no counter has to survive a rollback.

    Only what finds a row by its id is used: TinyDB's searches read every row.
    """

    document_id_class = str  # type: ignore[assignment] # TinyDB allows any class and is annotated for int

    def row(self, key: str) -> Mapping[str, Any] | None:
        """The row with this id."""
        return self.get(doc_id=cast(int, key))

    def put(self, rows: Mapping[str, Mapping[str, Any] | None]) -> None:
        """
        Keep rows, or take away those that are ``None``, with one write.

        TinyDB's own insert and remove convert the id of every row twice, which here would cost more than
        encoding what has changed.
        """
        tables = self.storage.read() or {}
        table = dict(tables.get(self.name, {}))
        for key, row in rows.items():
            if row is None:
                table.pop(key, None)
            else:
                table[key] = Document(key, row)
        self.storage.write({**tables, self.name: table})


class Database(TinyDB):
    """TinyDB over one ``QuaymasterFile``."""

    table_class = Rows

    def __init__(self, volume: Volume, path: Path, workspace: str) -> None:
        """Name a file; it is read when something is asked of it. ``workspace`` stands in its header."""
        super().__init__(volume, path, workspace, storage=QuaymasterFile)

    @property
    def file(self) -> "QuaymasterFile":
        """The storage, as what it is."""
        return cast(QuaymasterFile, self.storage)

    def rows(self, name: str) -> Rows:
        """A table, without TinyDB's cache of searches."""
        return cast(Rows, self.table(name, cache_size=0))


class QuaymasterFile(Storage):
    """TinyDB's storage: whole files, checked when read, replaced at once when written."""

    def __init__(self, volume: Volume, path: Path, workspace: str) -> None:
        """Name a file; it is read at the first ``read``. ``workspace`` stands in its header."""
        self.path = path
        self.workspace = workspace
        self._volume = volume
        self._tables: Tables | None = None
        self._pending: Tables | None = None
        self._sequence = 0
        self._makes_room = False

    @property
    def is_stale(self) -> bool:
        """True when nothing is known of the file: it was not read yet, or a write ended nobody knows how."""
        return self._tables is None

    def read(self) -> Tables | None:
        """
        Give the tables; ``None`` when there is no file yet.

        The outer dictionary is the caller's own. TinyDB replaces the inner ones and never changes them.

        Raises:
            StoreDamaged: The file is not as it was written.
            StoreFailure: The disk cannot read it, or a newer Quaymaster wrote it.
        """
        if self._pending is not None:
            return self._pending
        if self._tables is None:
            self.load()
        return dict(self._tables) if self._tables else None

    def write(self, data: Tables) -> None:
        """Keep the tables: at once, or at the end of the transaction that is under way."""
        if self._pending is None:
            self._keep(data)
        else:
            self._pending = data

    @contextmanager
    def transaction(self, *, makes_room: bool = False) -> Iterator[None]:
        """Keep everything written in the block with one write at its end, or nothing when it raises."""
        self._pending = self.read() or {}
        self._makes_room = makes_room
        try:
            yield
            pending = self._pending
        finally:
            self._pending = None
        self._keep(pending)

    def load(self) -> Tables | None:
        """Read the file again and give its tables as plain JSON values. Raises as ``read`` does."""
        self._tables = None
        data = self._volume.read(self.path)
        self._sequence, body = decode(self.path, self.workspace, data) if data is not None else (0, b"{}")
        tables: Tables = json.loads(body)
        self._tables = frozen(tables)
        return tables if data is not None else None

    def _keep(self, tables: Tables) -> None:
        """Write the file. The tables read before stay untouched, so a refused write leaves them right."""
        kept = frozen(tables)
        data = encode(self.workspace, self._sequence + 1, kept)
        try:
            self._volume.replace(self.path, data, makes_room=self._makes_room)
        except OutcomeUnknown:
            self._tables = None
            raise
        self._tables = kept
        self._sequence += 1


def frozen(tables: Tables) -> Tables:
    """Give every document its line; those that have theirs are kept as they are."""
    return {name: rows if are_frozen(rows) else freeze(rows) for name, rows in tables.items()}


def are_frozen(rows: Mapping[str, Any]) -> bool:
    """True when every document of a table has its line."""
    return set(map(type, rows.values())) <= {Document}


def freeze(rows: Mapping[str, Any]) -> dict[str, Any]:
    """Give the documents of a table their lines."""
    return {key: row if type(row) is Document else Document(key, row) for key, row in rows.items()}


def encode(workspace: str, sequence: int, tables: Tables) -> tuple[bytes, bytes]:
    """Write a whole file: its header line and its body. Joining the two would copy megabytes."""
    lines: list[bytes] = []
    for name, rows in tables.items():
        block = [row.line for row in rows.values()] or [b""]
        block[0] = b"%b:{%b" % (encode_json(name).encode(), block[0])
        block[-1] += b"}"
        lines += block
    body = b"{%b}\n" % b",\n".join(lines)
    return header(workspace, sequence, body), body


def header(workspace: str, sequence: int, body: bytes) -> bytes:
    """Write the header line of a body."""
    fields = {
        "magic": MAGIC,
        "format": FORMAT,
        "workspace": workspace,
        "sequence": sequence,
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return encode_json(fields).encode() + b"\n"


def decode(path: Path, workspace: str, data: bytes) -> tuple[int, bytes]:
    """
    Check a whole file.

    Returns:
        Its sequence number and its body.

    Raises:
        StoreDamaged: It is not as it was written, or belongs to another workspace.
        StoreFailure: A newer Quaymaster wrote it.
    """
    line, _, body = data.partition(b"\n")
    try:
        fields = json.loads(line)
        sequence, format_number = int(fields["sequence"]), int(fields["format"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise damaged(path, workspace, "its first line cannot be read") from None
    if fields.get("magic") == MAGIC and format_number > FORMAT:
        raise newer(path, format_number)
    if line + b"\n" != header(workspace, sequence, body):
        raise damaged(path, workspace, "its checksum or its workspace does not fit")
    return sequence, body


def damaged(path: Path, workspace: str, reason: str) -> StoreDamaged:
    """Say which file is damaged, and which command repairs it."""
    return StoreDamaged(f"{path} is damaged ({reason}); run `quaymaster store repair {workspace}`.")


def newer(path: Path, format_number: int) -> StoreFailure:
    """Say that a newer version wrote a file."""
    return StoreFailure(
        f"{path} was written by a newer Quaymaster (format {format_number}); start that version instead."
    )
