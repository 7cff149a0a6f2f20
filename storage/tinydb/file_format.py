"""How a file is laid out: a header line, then TinyDB's tables as one JSON text, a line for each document.

    {"magic":"quaymaster","format":3,"workspace":"T0BBB","sequence":812,"sha256":"…","kid":"…","mac":"…","crc":"…"}
    {"integrations":{
    "<id>":{"name":"my_registry",…},
    "<id>":{…}
    },
    "audit":{
    …
    }}

    sha256   of all bytes below the header
    mac      HMAC-SHA256(derive("file"), the header up to here), under the key ``kid``: without a key
             nobody can write a file that is trusted
    crc      CRC-32 of the header up to here: tells an accident from a key that is not loaded

The header finds files that were cut, zeroed, altered, swapped or forged; ``sequence`` rises with each write.
What follows it is plain JSON, which TinyDB itself can read; the lines let a file be read a document at a
time, and let a change write unchanged documents as they are. ``Database`` reads and writes such a
file; a ``Volume`` stores it.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Table

from bot.core.errors import KeyringFailure, OutcomeUnknown, StoreDamaged, StoreFailure
from storage.records import Fields
from storage.sealing import Keyring
from storage.tinydb.durable_files import Previous, Volume

_MAGIC = "quaymaster"
_LONGEST_HEADER = 4096
"""Ten times as many bytes as a header has."""
FORMAT = 3
"""Format 2 held usernames and options in the clear; the store seals them when it opens."""
_encode_json = json.JSONEncoder(separators=(",", ":")).encode
_Tables = dict[str, dict[str, Any]]
"""Documents by table and id, each a ``_Document``: ``Rows.put`` alone writes."""
_Visitor = Callable[[str, str, Fields], None]
"""Is shown a table's name, a document's id and its fields."""


class Sealer:
    """Authenticates files with the loaded keys."""

    def __init__(self, keyring: Keyring, lost_keys: Iterable[str] = ()) -> None:
        """``lost_keys`` are ids of keys that are gone for good: what they sealed is trusted unchecked."""
        self.keyring = keyring
        self.lost_keys = frozenset(lost_keys)
        self.known_keys: frozenset[str] | None = None
        """Ids of every key that the store uses; ``None`` until its own file is read."""

    def is_primary(self, data: bytes) -> bool:
        """Return whether a file is signed with the primary key."""
        return f'"kid":"{self.keyring.primary}"'.encode() in data.partition(b"\n")[0]


def line_of(key: str, fields: Mapping[str, Any]) -> bytes:
    """Write a document: ``"<key>":{…}``. JSON escapes every control character, so it is one line."""
    return _encode_json({key: dict(fields)})[1:-1].encode()


def document_in(line: bytes) -> tuple[str, dict[str, Any]]:
    """Read what ``line_of`` wrote: the key and the fields. Raises ``ValueError``."""
    ((key, fields),) = json.loads((b"{%b}" % line).decode()).items()
    return key, fields


def encode(
    sealer: Sealer, workspace: str, sequence: int, tables: Mapping[str, Iterable[bytes]]
) -> tuple[bytes, bytes]:
    """
    Lay out a file.

    Args:
        sealer: Authenticates it.
        workspace: Whose file it is.
        sequence: The number of this write.
        tables: The documents' lines by table.

    Returns:
        The header line and what follows it; joining the two would copy megabytes.
    """
    lines: list[bytes] = []
    for name, table in tables.items():
        block = list(table) or [b""]
        block[0] = b"%b:{\n%b" % (_encode_json(name).encode(), block[0])
        block[-1] += b"\n}"
        lines += block
    lines[0] = b"{" + lines[0]
    lines[-1] += b"}\n"
    body = b",\n".join(lines)
    return header(sealer, workspace, sequence, body), body


def lines_in(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each document's line with the name of its table. Raises ``ValueError`` for a different layout."""
    table = ""
    for piece in body[1:-2].split(b",\n"):
        line = piece
        if b":{\n" in piece:
            name, _, line = piece.partition(b":{\n")
            table = json.loads(name)
        line = line.removesuffix(b"\n}")
        if line:
            yield table, line


def header(sealer: Sealer, workspace: str, sequence: int, body: bytes) -> bytes:
    """Write the header line of a body."""
    fields: dict[str, Any] = {
        "magic": _MAGIC,
        "format": FORMAT,
        "workspace": workspace,
        "sequence": sequence,
        "sha256": hashlib.sha256(body).hexdigest(),
        "kid": sealer.keyring.primary,
    }
    fields["mac"] = sealer.keyring.sign_file(_encode_json(fields))
    fields["crc"] = _crc(_encode_json(fields))
    return _encode_json(fields).encode() + b"\n"


def _crc(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _fields_of(line: bytes) -> dict[str, Any]:
    """Read a header line. Raises ``ValueError`` among others: nothing of it is authenticated yet."""
    if len(line) > _LONGEST_HEADER:
        raise ValueError
    fields: dict[str, Any] = json.loads(line)
    return fields


def key_of(data: bytes) -> str:
    """The id of the key that a file's header names; empty when it names none."""
    try:
        return str(_fields_of(data.partition(b"\n")[0])["kid"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def format_of(data: bytes) -> int:
    """The number of a file's format, as its header says; 0 when it does not."""
    try:
        return int(_fields_of(data.partition(b"\n")[0])["format"])
    except (ValueError, OverflowError, KeyError, TypeError, RecursionError):
        return 0


def decode(sealer: Sealer, path: Path, workspace: str, data: bytes) -> tuple[int, bytes]:
    """
    Check a whole file.

    Returns:
        Its sequence number, and what follows the header line.

    Raises:
        StoreDamaged: It was changed after it was written, or belongs to a different workspace.
        KeyringFailure: The key that authenticates it is not loaded.
        StoreFailure: A newer Quaymaster wrote it.
    """
    line, _, body = data.partition(b"\n")
    try:
        fields = _fields_of(line)
        is_whole = fields.pop("crc") == _crc(_encode_json(fields))
        mac, kid = str(fields.pop("mac")), str(fields["kid"])
        sequence, format_number = int(fields["sequence"]), int(fields["format"])
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
        raise damaged(path, workspace, "its first line cannot be read") from None
    # The header is trusted only now: a flipped bit in it is neither another key nor a newer format.
    if not is_whole or fields.get("magic") != _MAGIC:
        raise damaged(path, workspace, "its checksum does not match")
    _require_mac(sealer, path, workspace, (kid, _encode_json(fields), mac))
    if format_number > FORMAT:
        raise _newer(path, format_number)
    if fields.get("workspace") != workspace or fields.get("sha256") != hashlib.sha256(body).hexdigest():
        raise damaged(path, workspace, "its checksum or its workspace does not match")
    return sequence, body


def _require_mac(sealer: Sealer, path: Path, workspace: str, signed: tuple[str, str, str]) -> None:
    """Let pass what a loaded key has signed."""
    kid, head, mac = signed
    if kid in sealer.keyring.kids:
        if not sealer.keyring.is_file(kid, head, mac):
            raise damaged(path, workspace, "it was not signed with the key it names")
    elif sealer.known_keys is not None and kid not in sealer.known_keys:
        raise damaged(path, workspace, "it names a key that this store does not use")
    elif kid not in sealer.lost_keys:
        raise KeyringFailure(
            f"This store is sealed with key {kid}; {loaded_keys(sealer.keyring)}. Nothing was changed.",
            "Load the missing key too; if it is lost for good, run `quaymaster keys forget KEY_ID`.",
        )


def loaded_keys(keyring: Keyring) -> str:
    """Name the loaded keys: ``the key given is a``, ``the keys given are a, b``."""
    kids = keyring.kids
    return f"the {'keys given are' if len(kids) > 1 else 'key given is'} {', '.join(kids)}"


def damaged(path: Path, workspace: str, reason: str) -> StoreDamaged:
    """Say which file is damaged, and which command repairs it."""
    return StoreDamaged(f"{path} is damaged ({reason}).", f"Run `quaymaster store repair {workspace}`.")


def _newer(path: Path, format_number: int) -> StoreFailure:
    return StoreFailure(
        f"{path} was written by a newer Quaymaster (format {format_number}).",
        "Start the newer version instead.",
    )


class _Document(Mapping[str, Any]):
    """A document as its line of the file. Read-only: nothing changes it in place, so the line stays true."""

    __slots__ = ("line",)

    def __init__(self, line: bytes) -> None:
        """Accept a line as ``line_of`` writes it."""
        self.line = line

    def __getitem__(self, name: str) -> Any:
        return document_in(self.line)[1][name]

    def __iter__(self) -> Iterator[str]:
        return iter(document_in(self.line)[1])

    def __len__(self) -> int:
        return len(document_in(self.line)[1])


class Rows(Table):
    """
    A table whose ids are text: ours are random, and no counter has to survive a rollback.

    Only what finds a row by its id is used: TinyDB's searches read every row, and its inserts know no lines.
    """

    document_id_class: Any = str  # TinyDB allows any class and is annotated for int

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
                table[key] = _Document(line_of(key, row))
        self.storage.write({**tables, self.name: table})


class Database(TinyDB):
    """TinyDB over one ``QuaymasterFile``."""

    table_class = Rows

    def __init__(self, volume: Volume, sealer: Sealer, path: Path, workspace: str) -> None:
        """Name a file; it is read when it is first used. ``workspace`` is in its header."""
        super().__init__(volume, sealer, path, workspace, storage=QuaymasterFile)

    @property
    def file(self) -> "QuaymasterFile":
        """The storage, as what it is."""
        return cast(QuaymasterFile, self.storage)

    def rows(self, name: str) -> Rows:
        """A table, without TinyDB's cache of searches."""
        return cast(Rows, self.table(name, cache_size=0))


class QuaymasterFile(Storage):
    """TinyDB's storage: whole files, checked when read, replaced at once when written."""

    def __init__(self, volume: Volume, sealer: Sealer, path: Path, workspace: str) -> None:
        """Name a file; it is read at the first ``read``. ``workspace`` is in its header."""
        self.path = path
        self.workspace = workspace
        self._volume = volume
        self._sealer = sealer
        self._tables: _Tables | None = None
        self._pending: _Tables | None = None
        self.sequence = 0
        """The number of the last write; 0 = there is no file."""
        self.kid = ""
        """The id of the key that authenticated it when it was read; empty = it was not read."""
        self.numbered_after = 0
        """The number that the first write of a file comes after."""
        self._makes_room = False
        self._drops_secret = False

    @property
    def is_stale(self) -> bool:
        """True when nothing is known about the file: it was not read, or a write's outcome is unknown."""
        return self._tables is None

    def begin_anew(self) -> None:
        """Assume that there is no file: the next write replaces whatever is there."""
        self._tables, self.sequence = {}, 0

    def read(self) -> _Tables | None:
        """
        Return the tables; ``None`` if there is no file yet.

        The outer dictionary is the caller's own. TinyDB replaces the inner ones and never changes them.

        Raises:
            StoreDamaged: The file was changed after it was written.
            StoreFailure: The disk cannot read it, or a newer Quaymaster wrote it.
        """
        if self._pending is not None:
            return self._pending
        if self._tables is None:
            self.load(_pass_over)
        return dict(self._tables) if self._tables else None

    def write(self, data: _Tables) -> None:
        """Store the tables: at once, or at the end of the running transaction."""
        if self._pending is None:
            self._keep(data)
        else:
            self._pending = data

    @contextmanager
    def transaction(self, *, makes_room: bool = False, drops_secret: bool = False) -> Iterator[None]:
        """
        Keep everything written in the block with one write at its end, or nothing when it raises.

        Args:
            makes_room: True for a deletion, which may use the reserve when the disk is full.
            drops_secret: True when the version before contains a secret, or a right, that must be gone.
        """
        self._pending = self.read() or {}
        self._makes_room, self._drops_secret = makes_room, drops_secret
        try:
            yield
            pending = self._pending
        finally:
            self._pending = None
        self._keep(pending)

    def load(self, visit: _Visitor) -> bool:
        """
        Read the file again, and show each document to ``visit``.

        Returns:
            False when there is no file.

        Raises:
            StoreDamaged: The file was changed after it was written, or ``visit`` refuses a document.
            StoreFailure: The disk cannot read it, or a newer Quaymaster wrote it.
        """
        self._tables = None
        data = self._volume.read(self.path)
        if data is None:
            self._tables = {}
            return False
        self.sequence, body = decode(self._sealer, self.path, self.workspace, data)
        self.kid = key_of(data)
        del data  # megabytes
        try:
            self._tables = _read_documents(body, visit)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            # The error's text may quote a record: only its kind is told.
            reason = f"a record in it cannot be read: {type(error).__name__}"
            raise damaged(self.path, self.workspace, reason) from None
        return True

    def _keep(self, tables: _Tables) -> None:
        """Write the file. The tables read before stay untouched, so a refused write leaves them right."""
        lines = {name: [row.line for row in rows.values()] for name, rows in tables.items()}
        before, self._tables = self._tables, None
        number = (self.sequence or self.numbered_after) + 1
        try:
            data = encode(self._sealer, self.workspace, number, lines)
            # The first version has none before it, and is its own spare.
            is_alone = self._drops_secret or self.sequence == 0
            previous = Previous.COPY if is_alone else Previous.LINK
            self._volume.replace(self.path, data, previous, makes_room=self._makes_room)
        except OutcomeUnknown:
            raise
        except StoreFailure:
            self._tables = before
            raise
        self._tables = tables
        self.sequence = number


def _read_documents(body: bytes, visit: _Visitor) -> _Tables:
    """Read a file's body into tables, showing each document to ``visit``."""
    tables: _Tables = {}
    for table, line in lines_in(body):
        key, fields = document_in(line)
        tables.setdefault(table, {})[key] = _Document(line)
        visit(table, key, fields)
    return tables


def _pass_over(table: str, key: str, fields: Fields) -> None:
    """Look at no document."""
