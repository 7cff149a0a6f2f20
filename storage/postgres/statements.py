"""Reads the named statements of an SQL file.

A statement begins with a line ``-- name: NAME`` and ends where the next one begins.
"""

import re
from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).parent
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def _read_statements(path: Path) -> Mapping[str, str]:
    """Give the statements of a file by their names, comments included."""
    _, *parts = _NAME.split(path.read_text("utf-8"))
    return dict(zip(parts[::2], (text.strip() for text in parts[1::2]), strict=True))


STATEMENTS = _read_statements(_HERE / "queries.sql")
"""What the store asks and writes."""
