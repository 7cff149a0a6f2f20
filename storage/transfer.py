"""Export a store as lines of JSON, and copy one store into another. Secrets stay sealed throughout.

    {"quaymaster": "export", "form": 1}                    2 where the app was installed by OAuth
    ["installations", "T1", {...}]
    {"workspace": "T1"}
    ["integrations", "<id>", {...}]        then dependencies, bars, tokens, settings, news, audit
    …
    {"kid": "…", "lines": 812, "mac": "…", "sha256": "<of every line before this one>"}

The last line is authenticated with the key, so that nobody without it can change an export unnoticed.
A row is what ``storage/records.py`` writes, so a field that equals its default is left out. The outcomes of
requests are not included: they are forgotten after ten minutes anyway.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from bot.core.audit import AuditEntry, canonical
from bot.core.errors import KeyringFailure, StoreFailure
from bot.core.installations import Installation
from bot.core.model import Integration, Workspace
from bot.core.ports.kept_installations import Installations
from storage.records import (
    INSTALLATIONS,
    Value,
    installation_from,
    installation_row,
    kids_of,
    place_of,
    row_of,
    value_in,
)
from storage.sealing import Keyring

_FORM = 1
_FORM_WITH_INSTALLATIONS = 2
_TABLES = ("integrations", "dependencies", "bars", "tokens", "settings", "news", "audit")
_HEADERS = {form: {"quaymaster": "export", "form": form} for form in (_FORM, _FORM_WITH_INSTALLATIONS)}

Contents = Iterable[tuple[Workspace, Iterable[Value]]]


class Copied(Protocol):
    """A store that can be copied."""

    def workspaces(self) -> Iterator[Workspace]:
        """Yield every workspace that was ever changed."""

    def values(self, workspace: Workspace) -> Iterator[Value]:
        """Yield everything in a workspace, from one state; the audit entries in order."""

    def fill(self, contents: Contents, installations: Iterable[Installation] = ()) -> None:
        """Store everything unchanged, including ids, versions, hashes and seals."""

    @property
    def installations(self) -> Installations:
        """Where the app is installed."""


def copy(source: Copied, target: Copied) -> int:
    """
    Copy everything into an empty store.

    Returns:
        How many lines an export of the source has; one of the copy is identical.

    Raises:
        StoreFailure: The target is not empty, or differs from the source afterward.
    """
    require_empty(target)
    contents = ((workspace, source.values(workspace)) for workspace in _sorted(source))
    target.fill(contents, source.installations.all())
    lines = export(source)
    if lines[-1] != export(target)[-1]:
        raise StoreFailure(
            "The copy differs from the original.", "Stop every server of the source, then copy again."
        )
    return len(lines)


def export(store: Copied) -> list[str]:
    """Return everything in a store as lines."""
    installs = [[INSTALLATIONS, one.holder, installation_row(one)] for one in store.installations.all()]
    form = _FORM_WITH_INSTALLATIONS if installs else _FORM
    lines = [_line(_HEADERS[form]), *map(_line, installs)]
    for workspace in _sorted(store):
        lines.append(_line({"workspace": workspace.key}))
        values = sorted(store.values(workspace), key=_order)
        lines += [_line([*place_of(value), row_of(value)]) for value in values]
    lines.append(_line(_end_of(lines)))
    return lines


def signed(lines: list[str], keyring: Keyring) -> list[str]:
    """Return an export whose last line is signed with the primary key."""
    end = {**_end_of(lines[:-1]), "kid": keyring.primary}
    return [*lines[:-1], _line({**end, "mac": keyring.sign_file(_signed_text(end))})]


def import_into(
    target: Copied, lines: Iterable[str], keyring: Keyring, *, takes_unsigned: bool = False
) -> int:
    """
    Import what was exported into an empty store.

    Args:
        target: An empty store.
        lines: What ``signed`` returned.
        keyring: Has the key that signed it.
        takes_unsigned: True accepts an unsigned export: the operator vouches for it.

    Returns:
        How many lines were imported.

    Raises:
        StoreFailure: The lines are not a complete export, or the target is not empty. Nothing was stored.
        KeyringFailure: The key that signed them is not loaded.
    """
    given = [line.rstrip("\n") for line in lines]
    _require_whole(given, keyring, takes_unsigned=takes_unsigned)
    contents, installations = _contents(given)
    require_empty(target)
    target.fill(contents, installations)
    return len(given)


def _require_whole(lines: list[str], keyring: Keyring, *, takes_unsigned: bool) -> None:
    """Raise ``StoreFailure`` unless these are the lines of an export, and a loaded key signed them."""
    if not lines or lines[0] not in map(_line, _HEADERS.values()):
        raise _no_export("its first line is not that of an export in this format")
    end, kid = _end_of(lines[:-1]), _key_in(lines[-1])
    if not kid:
        if lines[-1] != _line(end):
            raise _no_export("it was cut or changed")
        if not takes_unsigned:
            raise StoreFailure(
                "That export is not signed, so anybody could have changed it.",
                "Export again with this version, or add --unsigned if nobody else could write to the file.",
            )
        return
    if kid not in keyring.kids:
        raise KeyringFailure("That export is signed with a key that is not loaded.", "Load that key too.")
    signed_end = {**end, "kid": kid}
    mac = json.loads(lines[-1]).get("mac")
    is_ours = isinstance(mac, str) and keyring.is_file(kid, _signed_text(signed_end), mac)
    if not is_ours or lines[-1] != _line({**signed_end, "mac": mac}):
        raise _no_export("it was cut or changed")


def _key_in(line: str) -> str:
    """Return the id of the key that the last line of an export names; empty if it names none."""
    try:
        return str(json.loads(line)["kid"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _end_of(lines: list[str]) -> dict[str, object]:
    return {"lines": len(lines), "sha256": _digest(lines)}


def _signed_text(end: Mapping[str, object]) -> str:
    """Return the signed text of an export; nothing else signed with the same key begins like it."""
    return f"export {_line(end)}"


def _contents(lines: list[str]) -> tuple[list[tuple[Workspace, list[Value]]], list[Installation]]:
    found: list[tuple[Workspace, list[Value]]] = []
    installations: list[Installation] = []
    for number, line in enumerate(lines[1:-1], start=2):
        try:
            _take(json.loads(line), found, installations)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, KeyringFailure):
            raise _no_export(f"line {number} is not one that Quaymaster writes") from None
    return found, installations


def _take(read: Any, found: list[tuple[Workspace, list[Value]]], installations: list[Installation]) -> None:
    """Add what a line contains. Raises one of several errors for a line that is not ours."""
    if isinstance(read, dict):
        found.append((Workspace.of_key(read["workspace"]), []))
        return
    table, key, row = read
    if table == INSTALLATIONS:
        installations.append(installation_from(key, row))
    elif (value := value_in(table, key, row)) is not None:
        if isinstance(value, Integration):
            kids_of(value)  # every secret in it is sealed
        found[-1][1].append(value)
    else:
        raise ValueError


def _no_export(why: str) -> StoreFailure:
    return StoreFailure(f"That export cannot be read: {why}.", "Use the file as it was written.")


def require_empty(target: Copied) -> None:
    """Raise ``StoreFailure`` when a store contains anything."""
    if any(True for held in (target.workspaces(), target.installations.all()) for _ in held):
        raise StoreFailure("The target already contains something; nothing was changed.", "Use an empty one.")


def _sorted(store: Copied) -> list[Workspace]:
    return sorted(store.workspaces(), key=lambda workspace: workspace.key)


def _order(value: Value) -> tuple[int, int, str]:
    table, key = place_of(value)
    return _TABLES.index(table), value.sequence if isinstance(value, AuditEntry) else 0, key


def _line(content: Any) -> str:
    return canonical(content).decode()


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
