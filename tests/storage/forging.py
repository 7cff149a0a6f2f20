"""What whoever can write the files, but has no key, can do to them."""

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from storage.sealing import Keyring
from storage.tinydb.file_format import Sealer, decode, encode, lines_in
from tests.storage.samples import KEYRING

STRANGER = Sealer(Keyring([b"x" * 32]))
OWNER = Sealer(KEYRING)
Lines = dict[str, list[bytes]]


def tables_of(path: Path, sealer: Sealer = OWNER) -> tuple[int, Lines]:
    """A file's sequence, and its lines by table."""
    sequence, body = decode(sealer, path, path.name.partition(".")[0], path.read_bytes())
    tables: Lines = {}
    for table, line in lines_in(body):
        tables.setdefault(table, []).append(line)
    return sequence, tables


def write_as(sealer: Sealer, path: Path, sequence: int, tables: Lines, workspace: str = "") -> None:
    """Write a file with a right checksum, authenticated by somebody."""
    path.write_bytes(b"".join(encode(sealer, workspace or path.name.partition(".")[0], sequence, tables)))


def forge(path: Path, change: Callable[[Lines], None]) -> None:
    """Change a file's lines without the key: the checksum is right, key id and code are those of before."""
    sequence, tables = tables_of(path)
    before = json.loads(path.read_bytes().partition(b"\n")[0])
    change(tables)
    write_as(STRANGER, path, sequence, tables)
    line, _, body = path.read_bytes().partition(b"\n")
    header = {**json.loads(line), "kid": before["kid"], "mac": before["mac"]}
    path.write_bytes(with_crc(header) + body)


def with_crc(header: dict[str, Any]) -> bytes:
    """A header line whose checksum of itself is right."""
    rest = {name: value for name, value in header.items() if name != "crc"}
    text = json.dumps(rest, separators=(",", ":"))
    rest["crc"] = f"{zlib.crc32(text.encode()):08x}"
    return json.dumps(rest, separators=(",", ":")).encode() + b"\n"


def fields_of(path: Path) -> Iterator[tuple[str, int, str]]:
    """Every field of every row of a file: its table, the row's place in it, and the field's name."""
    for table, lines in tables_of(path)[1].items():
        for place, line in enumerate(lines):
            ((_, row),) = json.loads(b"{%b}" % line).items()
            yield from ((table, place, name) for name in row)


def with_other(line: bytes, name: str) -> bytes:
    """A row's line with another value in one field."""
    ((key, row),) = json.loads(b"{%b}" % line).items()
    row[name] = "other" if isinstance(row[name], str) else [row[name], "other"]
    return json.dumps({key: row}, separators=(",", ":"))[1:-1].encode()
