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
             nobody can write a file that is believed
    crc      CRC-32 of the header up to here: tells an accident from a key that is not loaded

The header finds files that were cut, zeroed, altered, swapped or forged; ``sequence`` rises with each write.
What follows it is plain JSON, which TinyDB itself can read; the lines let a file be read a document at a
time, and let a change write the documents it does not touch as they are.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.core.errors import KeyringFailure, StoreDamaged, StoreFailure
from storage.sealing import Keyring

_MAGIC = "quaymaster"
FORMAT = 3
"""Format 2 held usernames and options in the clear; the store seals them when it opens."""
_encode_json = json.JSONEncoder(separators=(",", ":")).encode


class Sealer:
    """Authenticates files with the loaded keys."""

    def __init__(self, keyring: Keyring, lost_keys: Iterable[str] = ()) -> None:
        """``lost_keys`` are ids of keys that are gone for good: what is under them is believed as it is."""
        self.keyring = keyring
        self.lost_keys = frozenset(lost_keys)

    def is_primary(self, data: bytes) -> bool:
        """True when a file is under the primary key."""
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


def format_of(data: bytes) -> int:
    """The number of a file's format, as its header says; 0 when it does not."""
    try:
        return int(json.loads(data.partition(b"\n")[0])["format"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0


def decode(sealer: Sealer, path: Path, workspace: str, data: bytes) -> tuple[int, bytes]:
    """
    Check a whole file.

    Returns:
        Its sequence number, and what follows the header line.

    Raises:
        StoreDamaged: It is not as it was written, or belongs to another workspace.
        KeyringFailure: The key that authenticates it is not loaded.
        StoreFailure: A newer Quaymaster wrote it.
    """
    line, _, body = data.partition(b"\n")
    try:
        fields = json.loads(line)
        is_whole = fields.pop("crc") == _crc(_encode_json(fields))
        mac, kid = str(fields.pop("mac")), str(fields["kid"])
        sequence, format_number = int(fields["sequence"]), int(fields["format"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise damaged(path, workspace, "its first line cannot be read") from None
    # The header is believed only now: a flipped bit in it is neither another key nor a newer format.
    if not is_whole or fields.get("magic") != _MAGIC:
        raise damaged(path, workspace, "its checksum does not fit")
    _require_mac(sealer, path, workspace, (kid, _encode_json(fields), mac))
    if format_number > FORMAT:
        raise _newer(path, format_number)
    if fields.get("workspace") != workspace or fields.get("sha256") != hashlib.sha256(body).hexdigest():
        raise damaged(path, workspace, "its checksum or its workspace does not fit")
    return sequence, body


def _require_mac(sealer: Sealer, path: Path, workspace: str, signed: tuple[str, str, str]) -> None:
    """Let pass what a loaded key has signed."""
    kid, head, mac = signed
    if kid in sealer.keyring.kids:
        if not sealer.keyring.is_file(kid, head, mac):
            raise damaged(path, workspace, "it was not written with the key it names")
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
        f"{path} was written by a newer Quaymaster (format {format_number}).", "Start that version instead."
    )
