"""Everything of a store as lines of JSON, and from one store into another. Secrets stay sealed throughout.

    {"quaymaster": "export", "form": 1}                    2 where the app was installed by OAuth
    ["installations", "T1", {...}]
    {"workspace": "T1"}
    ["integrations", "<id>", {...}]        then dependencies, bars, tokens, settings, news, audit
    …
    {"lines": 812, "sha256": "<of every line before this one>"}

A row is what ``storage/records.py`` writes, so a field that equals its default is left out. What requests
came to is not in it: that is forgotten after ten minutes anyway.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from bot.core.audit import AuditEntry, canonical
from bot.core.errors import StoreFailure
from bot.core.installations import Installation
from bot.core.model import Workspace
from bot.core.ports.kept_installations import Installations
from storage.installation_records import INSTALLATIONS, installation_from, installation_row
from storage.records import Value, place_of, row_of, value_in

_FORM = 1
_FORM_WITH_INSTALLATIONS = 2
_TABLES = ("integrations", "dependencies", "bars", "tokens", "settings", "news", "audit")
_HEADERS = {form: {"quaymaster": "export", "form": form} for form in (_FORM, _FORM_WITH_INSTALLATIONS)}

Contents = Iterable[tuple[Workspace, Iterable[Value]]]


class Copied(Protocol):
    """A store that can be copied."""

    def workspaces(self) -> Iterator[Workspace]:
        """Every workspace that was ever changed."""

    def values(self, workspace: Workspace) -> Iterator[Value]:
        """Everything of a workspace, from one state; the audit entries in order."""

    def fill(self, contents: Contents, installations: Iterable[Installation] = ()) -> None:
        """Keep everything as it is, ids, versions, hashes and seals included."""

    @property
    def installations(self) -> Installations:
        """Where the app is installed."""


def copy(source: Copied, target: Copied) -> int:
    """
    Copy everything into a store that is empty.

    Returns:
        How many lines an export of either has.

    Raises:
        StoreFailure: The target is not empty, or holds something else afterwards.
    """
    require_empty(target)
    contents = ((workspace, source.values(workspace)) for workspace in _sorted(source))
    target.fill(contents, source.installations.all())
    lines = export(source)
    if lines[-1] != export(target)[-1]:
        raise StoreFailure(
            "The copy differs from what it was made of.", "Stop every server of the source, then copy again."
        )
    return len(lines)


def export(store: Copied) -> list[str]:
    """Everything of a store as lines."""
    installs = [[INSTALLATIONS, one.holder, installation_row(one)] for one in store.installations.all()]
    form = _FORM_WITH_INSTALLATIONS if installs else _FORM
    lines = [_line(_HEADERS[form]), *map(_line, installs)]
    for workspace in _sorted(store):
        lines.append(_line({"workspace": workspace.key}))
        values = sorted(store.values(workspace), key=_order)
        lines += [_line([*place_of(value), row_of(value)]) for value in values]
    lines.append(_line({"lines": len(lines), "sha256": _digest(lines)}))
    return lines


def import_into(target: Copied, lines: Iterable[str]) -> int:
    """
    Keep what was exported in a store that is empty.

    Returns:
        How many lines that were.

    Raises:
        StoreFailure: The lines are not a whole export, or the target is not empty. Nothing was kept.
    """
    given = [line.rstrip("\n") for line in lines]
    contents, installations = _contents(given)
    require_empty(target)
    target.fill(contents, installations)
    return len(given)


def _contents(lines: list[str]) -> tuple[list[tuple[Workspace, list[Value]]], list[Installation]]:
    if not lines or lines[0] not in map(_line, _HEADERS.values()):
        raise _no_export("its first line is not that of an export of this form")
    if lines[-1] != _line({"lines": len(lines) - 1, "sha256": _digest(lines[:-1])}):
        raise _no_export("it was cut or changed")
    found: list[tuple[Workspace, list[Value]]] = []
    installations: list[Installation] = []
    for line in lines[1:-1]:
        read: Any = json.loads(line)
        if isinstance(read, dict):
            found.append((_workspace(read["workspace"]), []))
        elif read[0] == INSTALLATIONS:
            installations.append(installation_from(read[1], read[2]))
        elif (value := value_in(*read)) is not None:
            found[-1][1].append(value)
    return found, installations


def _no_export(why: str) -> StoreFailure:
    return StoreFailure(f"That is not an export that can be read: {why}.", "Use the file as it was written.")


def require_empty(target: Copied) -> None:
    """Raise ``StoreFailure`` when a store contains anything."""
    if any(True for held in (target.workspaces(), target.installations.all()) for _ in held):
        raise StoreFailure("The target already contains something; nothing was changed.", "Use an empty one.")


def _sorted(store: Copied) -> list[Workspace]:
    return sorted(store.workspaces(), key=lambda workspace: workspace.key)


def _workspace(key: str) -> Workspace:
    enterprise_id, _, team_id = key.rpartition("-")
    return Workspace(team_id, enterprise_id or None)


def _order(value: Value) -> tuple[int, int, str]:
    table, key = place_of(value)
    return _TABLES.index(table), value.sequence if isinstance(value, AuditEntry) else 0, key


def _line(content: Any) -> str:
    return canonical(content).decode()


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
