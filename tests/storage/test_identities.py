"""Usernames, e-mails and access key ids are sealed wherever a store keeps them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.errors import KeyringFailure
from bot.core.model import NO_OPTIONS, Integration
from storage.maintenance import count_by_key, forget, reseal
from storage.postgres.postgres_store import PostgresStore
from storage.records import Identities, row_of
from storage.sealing import Keyring
from storage.tinydb.directory import workspace_path
from storage.tinydb.durable_files import REAL_DISK, Volume
from storage.tinydb.file_format import Sealer, encode, line_of, lines_in
from storage.tinydb.tinydb_store import TinyDBStore
from storage.transfer import export, import_into, signed
from tests.fakes.real_postgres import RealPostgres, database, migrated, postgres
from tests.storage.samples import (
    KEYRING,
    NOON,
    ROOT,
    SECOND_ROOT,
    T1,
    add,
    contents,
    delete,
    integration,
    only_integration,
    opened,
    record,
)

__all__ = ["database", "migrated", "postgres"]

CANARIES = (b"canary-user", b"canary@example.com", b"AKIACANARY", b"canary-edited")
BOTH = Keyring([SECOND_ROOT, ROOT])
SECOND = Keyring([SECOND_ROOT])


def canary() -> Integration:
    """An integration whose identity is easily found."""
    options = {"email": "canary@example.com", "access_key_id": "AKIACANARY"}
    return replace(integration(), username="canary-user", options=options)


def edited(one: Integration) -> Integration:
    """The same with another user."""
    return replace(one, username="canary-edited", version=one.version + 1)


@pytest.fixture
def pg_store(database: str, postgres: RealPostgres) -> Iterator[PostgresStore]:
    """An empty PostgreSQL store."""
    store = PostgresStore(postgres.url(database), KEYRING)
    yield store
    store.close()


def found_in(held: bytes) -> list[bytes]:
    """The canaries that bytes hold."""
    return [one for one in CANARIES if one in held]


def test_no_file_holds_an_identity(tmp_path: Path) -> None:
    """After an add, an edit, an archived history and a delete no file holds a username or an option."""
    store = opened(tmp_path / "data")
    kept, gone = canary(), replace(canary(), name="gone")
    add(store, kept, gone)
    with store.change(T1) as change:
        change.put(edited(kept))
    record(store, 800)
    before = b"".join(contents(tmp_path / "data").values())
    delete(store, gone)
    lines = "\n".join(export(store)).encode()
    store.close()
    after = b"".join(contents(tmp_path / "data").values())

    assert found_in(before + after + lines) == []


def test_identity_is_read_again(tmp_path: Path) -> None:
    """A start reads usernames and options as they were typed."""
    store = opened(tmp_path / "data")
    add(store, canary())
    store.close()
    store = opened(tmp_path / "data")
    one = only_integration(store)
    store.close()

    assert (one.username, dict(one.options)) == (canary().username, dict(canary().options))


def test_no_column_holds_an_identity(pg_store: PostgresStore) -> None:
    """PostgreSQL gets no username and no option, and reads both again."""
    one = canary()
    add(pg_store, one)
    with pg_store.change(T1) as change:
        change.put(edited(one))
        shown = change.ask("integration", id=one.id)
    read = pg_store.read(T1).integrations.get(one.id)

    assert found_in(str(shown).encode()) == []
    assert read == edited(one)


def test_postgres_takes_an_export(pg_store: PostgresStore, tmp_path: Path) -> None:
    """An export of a directory is imported with its identities sealed as they were."""
    store = opened(tmp_path / "data")
    add(store, canary())
    lines = export(store)
    store.close()
    import_into(pg_store, signed(lines, KEYRING), KEYRING)

    assert export(pg_store) == lines
    assert next(pg_store.read(T1).integrations.all()).username == "canary-user"


def test_moved_identity_does_not_open() -> None:
    """An identity beside another integration, or in another workspace, is refused."""
    one = canary()
    row = row_of(Identities(KEYRING, "T1").sealed(one))

    with pytest.raises(KeyringFailure):
        Identities(KEYRING, "T1").read("another", row)
    with pytest.raises(KeyringFailure):
        Identities(KEYRING, "T2").read(one.id, row)


def test_unsealed_identity_is_never_written() -> None:
    """A row of an integration whose identity is not sealed is refused."""
    with pytest.raises(ValueError, match="not sealed"):
        row_of(canary())


def test_change_of_something_else_seals_nothing_again() -> None:
    """An integration whose identity stays keeps its sealed text; another username gets a new one."""
    identities = Identities(KEYRING, "T1")
    first = identities.sealed(canary())

    assert identities.sealed(replace(first, note="new")).identity == first.identity
    assert identities.sealed(edited(first)).identity != first.identity


def test_resealing_seals_identities_too(tmp_path: Path) -> None:
    """After a re-seal nothing needs the former key."""
    store = opened(tmp_path / "data")
    add(store, replace(canary(), secret=None))
    store.close()
    store = TinyDBStore(tmp_path / "data", BOTH)
    count = reseal(store, BOTH)
    counts = count_by_key(store)
    store.close()

    assert (count, counts) == (1, {SECOND.primary: 1})


def test_lost_key_loses_the_identity(tmp_path: Path) -> None:
    """A lost key stops the start; once it is forgotten, the integration asks for its login again."""
    store = opened(tmp_path / "data")
    add(store, canary())
    store.close()
    with pytest.raises(KeyringFailure, match=KEYRING.primary):
        TinyDBStore(tmp_path / "data", SECOND)
    store = TinyDBStore(tmp_path / "data", SECOND, lost_keys=(KEYRING.primary,))
    count = forget(store, KEYRING.primary, NOON)
    one = only_integration(store)
    store.close()

    assert count == 1
    assert (one.username, one.options, one.secret, one.identity) == ("", NO_OPTIONS, None, None)
    assert one.check
    assert "enter them again" in one.check.reason


def test_identities_in_the_clear_are_sealed_at_the_start(tmp_path: Path) -> None:
    """A file with usernames in the clear is sealed once; it stays as the version before until a change."""
    store = opened(tmp_path / "data")
    add(store, canary())
    one = only_integration(store)
    store.close()
    row = {name: value for name, value in row_of(one).items() if name != "identity"}
    plain = {**row, "username": one.username, "options": dict(one.options)}
    write_plain(tmp_path / "data", line_of(one.id, plain))
    store = opened(tmp_path / "data")
    read = only_integration(store)
    files = contents(tmp_path / "data")
    add(store, integration("next"))
    store.close()

    assert (read.username, dict(read.options)) == (one.username, dict(one.options))
    assert found_in(files["T1.db"]) == []
    assert found_in(files["T1.db.prev"]) != []
    assert found_in(b"".join(contents(tmp_path / "data").values())) == []


def write_plain(directory: Path, line: bytes) -> None:
    """Put a row of an integration in the place of the one that is there."""
    path = workspace_path(directory, "T1")
    body = path.read_bytes().partition(b"\n")[2]
    tables: dict[str, list[bytes]] = {}
    for table, old in lines_in(body):
        tables.setdefault(table, []).append(line if table == "integrations" else old)
    Volume(directory, REAL_DISK).replace(path, encode(Sealer(KEYRING), "T1", 9, tables))
