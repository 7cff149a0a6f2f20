"""What leaves the process, and every form in which a secret could stand in it."""

import base64
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from urllib.parse import quote, quote_plus


def middle(data: bytes) -> str:
    """Base64 without the characters at either end that depend on what stands beside it."""
    return base64.b64encode(data).decode()[4:-4]


def spellings(secret: str) -> set[str]:
    """Every form in which a secret could leave."""
    raw = secret.encode()
    aligned = {middle(b"\0" * shift + raw) for shift in range(3)}
    url_safe = {text.replace("+", "-").replace("/", "_") for text in aligned}
    escaped = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), repr(secret)[1:-1]}
    ascii_ = secret.encode("unicode_escape").decode()
    return {*aligned, *url_safe, *escaped, ascii_, raw.hex(), raw.hex().upper()}


@dataclass
class Outside:
    """Everything that leaves the process, or could be printed."""

    logged: StringIO = field(default_factory=StringIO)
    unredacted: StringIO = field(default_factory=StringIO)
    folder: Path = Path()


def texts_of(folder: Path) -> list[str]:
    """The content of every file."""
    return [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]
