"""Reads the named statements of an SQL file.

A statement begins with a line ``-- name: NAME`` and ends where the next one begins.
"""

import re
from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).parent
_IN_WORKSPACE, _OF_TOKEN = "in_workspace", "in_workspace_of_token"
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def _read_statements(path: Path) -> Mapping[str, str]:
    """Return the statements of a file by name, including comments."""
    _, *parts = _NAME.split(path.read_text("utf-8"))
    return dict(zip(parts[::2], (text.strip() for text in parts[1::2]), strict=True))


def _with_wrapped(plain: Mapping[str, str]) -> Mapping[str, str]:
    """Add each statement twice more, as one that sets the workspace first: a known one, or a token's."""
    wrappers = (_IN_WORKSPACE, _OF_TOKEN)
    inside = {name: text.replace("%(ws)s", "here.ws") for name, text in plain.items() if name not in wrappers}
    return {
        **plain,
        **{
            wrapped(name): plain[wrapper].replace("{statement}", text)
            for wrapper, wrapped in ((_IN_WORKSPACE, in_workspace), (_OF_TOKEN, of_token))
            for name, text in inside.items()
        },
    }


def in_workspace(name: str) -> str:
    """The name of a statement that reads, for when the workspace is not set yet."""
    return f"{name} {_IN_WORKSPACE}"


def of_token(name: str) -> str:
    """The name of a statement that starts from a token, for when the workspace is not known yet."""
    return f"{name} {_OF_TOKEN}"


STATEMENTS = _with_wrapped(_read_statements(_HERE / "queries.sql"))
"""The store's queries and writes."""
