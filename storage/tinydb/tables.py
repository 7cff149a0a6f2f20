"""A TinyDB file of Quaymaster: TinyDB's tables in the layout of ``file_format.py``, kept by a ``Volume``."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Table

from bot.core.errors import OutcomeUnknown, StoreFailure
from storage.records import Fields
from storage.tinydb.durable_files import Previous, Volume
from storage.tinydb.file_format import Sealer, damaged, decode, document_in, encode, line_of, lines_in

Tables = dict[str, dict[str, Any]]
"""Documents by table and id, each a ``Document``: ``Rows.put`` alone writes."""

Visitor = Callable[[str, str, Fields], None]
"""Is shown a table's name, a document's id and its fields."""


class Document(Mapping[str, Any]):
    """A document as its line of the file. Read-only: nothing changes it in place, so the line stays true."""

    __slots__ = ("line",)

    def __init__(self, line: bytes) -> None:
        """Take a line as ``line_of`` writes it."""
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
                table[key] = Document(line_of(key, row))
        self.storage.write({**tables, self.name: table})


class Database(TinyDB):
    """TinyDB over one ``QuaymasterFile``."""

    table_class = Rows

    def __init__(self, volume: Volume, sealer: Sealer, path: Path, workspace: str) -> None:
        """Name a file; it is read when something is asked of it. ``workspace`` stands in its header."""
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
        """Name a file; it is read at the first ``read``. ``workspace`` stands in its header."""
        self.path = path
        self.workspace = workspace
        self._volume = volume
        self._sealer = sealer
        self._tables: Tables | None = None
        self._pending: Tables | None = None
        self.sequence = 0
        """The number of the last write; 0 = there is no file."""
        self._makes_room = False
        self._drops_secret = False

    @property
    def is_stale(self) -> bool:
        """True when nothing is known of the file: it was not read yet, or a write ended nobody knows how."""
        return self._tables is None

    def begin_anew(self) -> None:
        """Take it that there is no file: the next write replaces whatever is there."""
        self._tables, self.sequence = {}, 0

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
            self.load(pass_over)
        return dict(self._tables) if self._tables else None

    def write(self, data: Tables) -> None:
        """Keep the tables: at once, or at the end of the transaction that is under way."""
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
            drops_secret: True when the version before holds a secret that must be gone.
        """
        self._pending = self.read() or {}
        self._makes_room, self._drops_secret = makes_room, drops_secret
        try:
            yield
            pending = self._pending
        finally:
            self._pending = None
        self._keep(pending)

    def load(self, visit: Visitor) -> bool:
        """
        Read the file again, and show each document to ``visit``.

        Returns:
            False when there is no file.

        Raises:
            StoreDamaged: The file is not as it was written, or ``visit`` refuses a document.
            StoreFailure: The disk cannot read it, or a newer Quaymaster wrote it.
        """
        self._tables = None
        data = self._volume.read(self.path)
        if data is None:
            self._tables = {}
            return False
        self.sequence, body = decode(self._sealer, self.path, self.workspace, data)
        del data  # megabytes
        try:
            self._tables = read_documents(body, visit)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            # The error's text may quote a record: only its kind is told.
            reason = f"a record in it cannot be read: {type(error).__name__}"
            raise damaged(self.path, self.workspace, reason) from None
        return True

    def _keep(self, tables: Tables) -> None:
        """Write the file. The tables read before stay untouched, so a refused write leaves them right."""
        lines = {name: [row.line for row in rows.values()] for name, rows in tables.items()}
        before, self._tables = self._tables, None
        try:
            data = encode(self._sealer, self.workspace, self.sequence + 1, lines)
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
        self.sequence += 1


def read_documents(body: bytes, visit: Visitor) -> Tables:
    """Read a file's body into tables, showing each document to ``visit``."""
    tables: Tables = {}
    for table, line in lines_in(body):
        key, fields = document_in(line)
        tables.setdefault(table, {})[key] = Document(line)
        visit(table, key, fields)
    return tables


def pass_over(table: str, key: str, fields: Fields) -> None:
    """Look at no document."""
