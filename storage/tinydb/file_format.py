"""How a file is laid out: a header line, then TinyDB's tables as one JSON text, a line for each document.

    {"magic":"quaymaster","format":1,"workspace":"T0BBB","sequence":812,"sha256":"<of all bytes below>"}
    {"integrations":{
    "<id>":{"name":"my_registry",…},
    "<id>":{…}
    },
    "audit":{
    …
    }}

The header finds files that were cut, zeroed, altered or swapped; ``sequence`` rises with each write. What
follows it is plain JSON, which TinyDB itself can read; the lines let a file be read a document at a time,
and let a change write the documents it does not touch as they are.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.core.errors import StoreDamaged, StoreFailure

MAGIC = "quaymaster"
FORMAT = 1
encode_json = json.JSONEncoder(separators=(",", ":")).encode


def line_of(key: str, fields: Mapping[str, Any]) -> bytes:
    """Write a document: ``"<key>":{…}``. JSON escapes every control character, so it is one line."""
    return encode_json({key: dict(fields)})[1:-1].encode()


def document_in(line: bytes) -> tuple[str, dict[str, Any]]:
    """Read what ``line_of`` wrote: the key and the fields. Raises ``ValueError``."""
    ((key, fields),) = json.loads((b"{%b}" % line).decode()).items()
    return key, fields


def encode(workspace: str, sequence: int, tables: Mapping[str, Iterable[bytes]]) -> tuple[bytes, bytes]:
    """
    Lay out a file.

    Args:
        workspace: Whose file it is.
        sequence: The number of this write.
        tables: The documents' lines by table.

    Returns:
        The header line and what follows it; joining the two would copy megabytes.
    """
    lines: list[bytes] = []
    for name, table in tables.items():
        block = list(table) or [b""]
        block[0] = b"%b:{\n%b" % (encode_json(name).encode(), block[0])
        block[-1] += b"\n}"
        lines += block
    lines[0] = b"{" + lines[0]
    lines[-1] += b"}\n"
    body = b",\n".join(lines)
    return header(workspace, sequence, body), body


def lines_in(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Give each document's line with the name of its table. Raises ``ValueError`` for another layout."""
    table = ""
    for piece in body[1:-2].split(b",\n"):
        line = piece
        if b":{\n" in piece:
            name, _, line = piece.partition(b":{\n")
            table = json.loads(name)
        line = line.removesuffix(b"\n}")
        if line:
            yield table, line


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
        Its sequence number, and what follows the header line.

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
    return StoreDamaged(f"{path} is damaged ({reason}).", f"Run `quaymaster store repair {workspace}`.")


def newer(path: Path, format_number: int) -> StoreFailure:
    """Say that a newer version wrote a file."""
    return StoreFailure(
        f"{path} was written by a newer Quaymaster (format {format_number}).", "Start that version instead."
    )
