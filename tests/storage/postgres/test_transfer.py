"""Everything of a store goes into another and back: equal exports, a whole history, working seals."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.audit import News
from bot.core.errors import StoreFailure
from bot.core.installations import Installation, tokens_context
from bot.core.integrations.credentials import seal_context
from bot.core.model import Bar, Setting, Workspace
from bot.core.ports.store import Store
from bot.core.secrets import Secret
from storage.maintenance import verify
from storage.postgres.postgres_store import PostgresStore
from storage.tinydb.tinydb_store import TinyDBStore
from storage.transfer import copy, export, import_into, signed
from tests.storage.samples import (
    IMAGE,
    KEYRING,
    NOON,
    PASSWORD,
    PROJECT,
    T1,
    T2,
    dependency,
    event,
    full_dependency,
    full_event,
    full_integration,
    integration,
    record,
    whole_history,
)
from tests.storage.tokens import TOKEN_ID, full_token, token

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture
def tinydb(tmp_path: Path) -> TinyDBStore:
    """A directory."""
    return TinyDBStore(tmp_path / "data", KEYRING)


def fill(store: Store) -> None:
    """Put one of everything into two workspaces, an edited integration and a history that is archived."""
    one = integration("one")
    edited = replace(full_integration(), id=one.id, version=2)
    secret = KEYRING.seal(seal_context(T1, edited), {"password": Secret(PASSWORD)})
    edited = replace(edited, secret=secret)
    with store.change(T1) as change:
        change.put(one)
        change.record(event(one))
    with store.change(T1) as change:
        change.put(edited)
        change.put(full_dependency(edited))
        change.put(dependency(edited))
        change.put(Bar(edited.id, PROJECT, "U9", NOON))
        change.put(replace(full_token(), id="Zz3dEf7h"))
        change.put(token())
        change.put(Setting("notify", "C1"))
        change.put(News("n1", "C1", NOON, full_event(edited)))
        change.record(full_event(edited))
    record(store, 1100)
    tokens = KEYRING.seal(tokens_context("T1"), {"access": Secret(PASSWORD)})
    with store.installations.locked("T1") as row:
        row.value = Installation("T1", "U1", NOON, tokens)
    with store.change(T2) as change:
        theirs = integration("theirs", workspace=T2)
        change.put(theirs)
        change.record(event(theirs))


def password(store: Store, workspace: Workspace, name: str) -> Secret:
    """What an integration's secret opens to."""
    one = store.read(workspace).integrations.named(name)
    assert one
    assert one.secret
    return KEYRING.open(seal_context(workspace, one), one.secret)["password"]


def faults(store: Store) -> list[str]:
    """What is wrong with the histories."""
    return [one.fault for one in verify(store, KEYRING) if one.fault]


def digest_of(directory: Path) -> dict[str, str]:
    """What a directory's files hold."""
    files = [path for path in directory.rglob("*.db") if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_directory_is_copied_to_postgres(tinydb: TinyDBStore, store: PostgresStore, tmp_path: Path) -> None:
    """What a directory holds works from PostgreSQL, and the directory is as it was."""
    fill(tinydb)
    before = digest_of(tmp_path / "data")
    copy(tinydb, store)
    held = store.token_holder(TOKEN_ID)

    assert export(store) == export(tinydb)
    assert list(store.installations.all()) == list(tinydb.installations.all()) != []
    assert (faults(store), store.faults) == ([], {})
    assert password(store, T1, "everything") == password(store, T2, "theirs") == Secret(PASSWORD)
    assert held
    assert (held.workspace, len(held.candidates)) == (T1, 1)
    assert digest_of(tmp_path / "data") == before
    tinydb.close()


def test_postgres_is_copied_to_a_directory(tinydb: TinyDBStore, store: PostgresStore) -> None:
    """And back: the same export, the history one chain, the secrets open."""
    fill(store)
    copy(store, tinydb)

    assert export(tinydb) == export(store)
    assert (faults(tinydb), tinydb.faults) == ([], {})
    assert password(tinydb, T1, "everything") == Secret(PASSWORD)
    tinydb.close()


def test_copy_goes_on_where_it_came_from(tinydb: TinyDBStore, store: PostgresStore) -> None:
    """Changes after a copy extend the same history."""
    fill(tinydb)
    copy(tinydb, store)
    with store.change(T1) as change:
        change.record(event())

    assert whole_history(store)[0].sequence == whole_history(tinydb)[0].sequence + 1
    assert (faults(store), store.faults) == ([], {})
    tinydb.close()


def test_copy_into_what_is_not_empty_is_refused(tinydb: TinyDBStore, store: PostgresStore) -> None:
    """Nothing is mixed into a store that contains something."""
    fill(tinydb)
    record(store, 1, T2)
    with pytest.raises(StoreFailure, match="already contains something"):
        copy(tinydb, store)

    assert list(store.workspaces()) == [T2]
    tinydb.close()


def test_export_is_imported_again(tinydb: TinyDBStore, store: PostgresStore) -> None:
    """Lines that one store printed are kept by another as they were."""
    fill(tinydb)
    lines = export(tinydb)
    import_into(store, signed(lines, KEYRING), KEYRING)

    assert export(store) == lines
    tinydb.close()


def test_export_holds_no_plaintext(tinydb: TinyDBStore) -> None:
    """An export shows names and servers, and no secret."""
    fill(tinydb)
    lines = "\n".join(export(tinydb))

    assert PASSWORD not in lines
    assert "registry.example.com" in lines
    tinydb.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines[:3], *lines[4:]],
        lambda lines: [one.replace("theirs", "others") for one in lines],
        lambda lines: lines[:0],
        lambda lines: lines[1:],
    ],
)
def test_spoiled_export_is_refused(
    tinydb: TinyDBStore, store: PostgresStore, spoil: Callable[[list[str]], list[str]]
) -> None:
    """An export that was cut or changed is refused whole."""
    fill(tinydb)
    with pytest.raises(StoreFailure, match="That export cannot be read"):
        import_into(store, spoil(signed(export(tinydb), KEYRING)), KEYRING)

    assert list(store.workspaces()) == list(store.installations.all()) == []
    tinydb.close()


def test_import_that_fails_keeps_nothing(store: PostgresStore) -> None:
    """When one workspace of several cannot be kept, none of them is."""
    bad = dependency(integration("gone"), IMAGE)
    with pytest.raises(StoreFailure):
        store.fill([(T1, [integration("one")]), (T2, [bad])], [Installation("T1", "U1", NOON)])

    assert list(store.workspaces()) == []
