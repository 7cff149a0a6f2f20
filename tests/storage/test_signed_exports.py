"""An export is kept only if a key of the Quaymaster that imports it has signed it."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.audit import canonical
from bot.core.errors import KeyringFailure, StoreFailure
from storage.sealing import Keyring
from storage.transfer import export, import_into, signed
from tests.storage.samples import KEYRING, NOON, SECOND_ROOT, T1, add, integration, names, opened
from tests.storage.tokens import TOKEN_ID, keep, token

SECOND = Keyring([SECOND_ROOT])


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    """An unsigned export of an integration and a revoked token."""
    store = opened(tmp_path / "source")
    add(store, integration("one"))
    keep(store, replace(token(), revoked_at=NOON))
    found = export(store)
    store.close()
    return found


def ended(lines: list[str]) -> list[str]:
    """Lines of an export with the last line that fits them, as anybody can compute it."""
    digest = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    return [*lines, canonical({"lines": len(lines), "sha256": digest}).decode()]


def with_token_alive(lines: list[str]) -> list[str]:
    """An export in which somebody took a token's revocation away."""
    place = next(number for number, line in enumerate(lines) if line.startswith('["tokens"'))
    table, key, row = json.loads(lines[place])
    del row["revoked_at"]
    return ended([*lines[:place], canonical([table, key, row]).decode(), *lines[place + 1 : -1]])


@pytest.mark.parametrize("keyring", [KEYRING, None])
def test_changed_export_is_refused(lines: list[str], directory: Path, keyring: Keyring | None) -> None:
    """A row that was changed is refused, with the former signature and without one."""
    forged = with_token_alive(lines)
    if keyring:
        former = json.loads(signed(lines, keyring)[-1])
        forged[-1] = canonical({**former, **json.loads(forged[-1])}).decode()
    store = opened(directory)
    with pytest.raises(StoreFailure, match="cut or changed" if keyring else "That export is not signed"):
        import_into(store, forged, KEYRING)
    found = list(store.workspaces())
    store.close()

    assert found == []


def test_export_of_another_key_is_refused(lines: list[str], directory: Path) -> None:
    """An export under a key that is not loaded is refused; with it beside the first, it is kept."""
    store = opened(directory)
    with pytest.raises(KeyringFailure, match="a key that is not loaded"):
        import_into(store, signed(lines, SECOND), KEYRING)
    import_into(store, signed(lines, SECOND), Keyring([bytes(range(32)), SECOND_ROOT]))
    kept = names(store)
    store.close()

    assert kept == ["one"]


def test_unsigned_export_needs_the_operators_word(lines: list[str], directory: Path) -> None:
    """An export of an earlier version is kept when the operator answers for it."""
    store = opened(directory)
    import_into(store, lines, KEYRING, takes_unsigned=True)
    found = store.read(T1).tokens.get(TOKEN_ID)
    store.close()

    assert found is not None
    assert found.revoked_at == NOON


STRANGE = [
    "[" * 200_000,
    "nonsense",
    "7",
    "{}",
    '{"workspace":["T1"]}',
    '["integrations","x"]',
    '["integrations","x",{"bogus":1}]',
    '["nosuch","x",{}]',
    '["tokens","x",7]',
    '["settings","x",{"value":"y"}]',
]
"""Lines that no export has at their place: the last one stands before every workspace."""


@pytest.mark.parametrize("line", STRANGE, ids=range(len(STRANGE)))
def test_strange_line_is_a_sentence(lines: list[str], directory: Path, line: str) -> None:
    """Whatever a line is, the answer is a sentence with its number, and nothing is kept."""
    store = opened(directory)
    with pytest.raises(StoreFailure, match="line 2 is not one that Quaymaster writes"):
        import_into(store, ended([lines[0], line, *lines[1:-1]]), KEYRING, takes_unsigned=True)
    found = list(store.workspaces())
    store.close()

    assert found == []


def test_secret_in_the_clear_is_not_kept(lines: list[str], directory: Path) -> None:
    """Nor is a row whose secret is not sealed: no start would open it."""
    place = next(number for number, line in enumerate(lines) if line.startswith('["integrations"'))
    table, key, row = json.loads(lines[place])
    plain = canonical([table, key, {**row, "secret": "plain"}]).decode()
    forged = ended([*lines[:place], plain, *lines[place + 1 : -1]])
    store = opened(directory)
    with pytest.raises(StoreFailure, match=f"line {place + 1} is not one"):
        import_into(store, forged, KEYRING, takes_unsigned=True)
    store.close()
