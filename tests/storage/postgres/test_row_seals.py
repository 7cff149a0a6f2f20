"""Somebody without the key writes to the database: no row of theirs is believed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from bot.core.audit import Action, News
from bot.core.errors import KeyNotLoaded, KeyringFailure, StoreDamaged, StoreReadOnly
from bot.core.integrations.watch import find_due
from bot.core.model import Bar, Integration, Server, Setting, Target, TargetKind
from bot.core.ports import Ports
from bot.core.queries import HistoryQuery
from storage.postgres.postgres_store import PostgresStore
from storage.postgres.sealed_rows import SealedRows, without_seal
from storage.sealing import Keyring
from tests.fakes.real_postgres import ADMIN, RealPostgres
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.postgres.conftest import Opener
from tests.storage.postgres.test_migrations import keys, run
from tests.storage.samples import (
    IMAGE,
    KEYRING,
    NOON,
    PROJECT,
    ROOT,
    SECOND_ROOT,
    T1,
    T2,
    dependency,
    event,
    full_dependency,
    full_integration,
)
from tests.storage.tokens import TOKEN_ID, full_token, token, used_integration

__all__ = ["keys"]

pytestmark = pytest.mark.needs("postgres")

Database = psycopg.Connection[tuple[object, ...]]
EVIL = Target(TargetKind.PROJECT, "evil")
"""A target that nobody linked, and that somebody writes into a column."""


@pytest.fixture
def full(store: PostgresStore) -> Integration:
    """A row of each table, each with every field."""
    one = full_integration()
    with store.change(T1) as change:
        change.put(one)
        change.put(full_dependency(one))
        change.put(Bar(one.id, PROJECT, "U1", NOON, dependency(one)))
        change.put(full_token())
        change.put(Setting("admins", "U1"))
        change.put(News("n1", "U1", NOON, event(one)))
        change.record(event(one))
    return one


@pytest.fixture
def sql(postgres: RealPostgres, database: str) -> Iterator[Database]:
    """The database, as who may do everything there."""
    with psycopg.connect(postgres.url(database, ADMIN), autocommit=True) as connection:
        connection.execute("set search_path = quaymaster")
        yield connection


def doc_in(sql: Database, table: str) -> dict[str, object]:
    """The document of the only row of a table."""
    [(doc,)] = sql.execute(SQL("select doc from {}").format(Identifier(table))).fetchall()
    assert isinstance(doc, dict)
    return doc


def write(sql: Database, table: str, doc: dict[str, object]) -> None:
    """Write a document into the rows of a table, without a key."""
    sql.execute(SQL("update {} set doc = %s").format(Identifier(table)), (Jsonb(doc),))


READ: dict[str, Callable[[PostgresStore, Integration], object]] = {
    "integrations": lambda store, one: store.read(T1).integrations.get(one.id),
    "dependencies": lambda store, one: store.read(T1).dependencies.get(one.id, IMAGE),
    "bars": lambda store, one: store.read(T1).dependencies.bar(one.id, PROJECT),
    "tokens": lambda store, _: store.read(T1).tokens.get(TOKEN_ID),
    "news": lambda store, _: store.read(T1).news,
}
"""What decides by the one row of a table."""


def is_believed(store: PostgresStore, full: Integration, table: str) -> bool:
    """True when a row is read as if it were ours; a message that is not is passed over."""
    try:
        return bool(READ[table](store, full))
    except (StoreDamaged, KeyNotLoaded):
        return False


MALFORMED = ["[]", '"text"', "5", "null", '{"n": 1e400}', f'{{"n": {"9" * 5000}}}', "[" * 300 + "]" * 300]


@pytest.mark.parametrize("text", MALFORMED, ids=[text[:12] for text in MALFORMED])
@pytest.mark.parametrize("table", READ)
def test_what_is_no_document_is_not_believed(
    store: PostgresStore,
    full: Integration,
    sql: Database,
    postgres: RealPostgres,
    database: str,
    keys: dict[str, str],
    table: str,
    text: str,
) -> None:
    """Any JSON in the place of a document is a sentence, and hides no other row from ``audit verify``."""
    sql.execute(SQL("update {} set doc = %s::jsonb").format(Identifier(table)), (text,))
    sql.execute(b"update settings set value = 'U9'")
    status, said = run({**keys, "DATABASE_URL": postgres.url(database)}, "audit", "verify")

    assert not is_believed(store, full, table)
    assert status == 1
    assert f"table {table}" in said
    assert "table settings, id admins" in said


@pytest.mark.parametrize("table", READ)
def test_no_field_that_was_changed_without_the_key_is_believed(
    store: PostgresStore, full: Integration, sql: Database, table: str
) -> None:
    """Each field of a row, and its seal, is changed and left out in turn."""
    before = doc_in(sql, table)
    assert READ[table](store, full)
    believed = []
    for name in before:
        without = {key: value for key, value in before.items() if key != name}
        for forged in ({**before, name: "forged"}, {**before, name: 7}, without):
            write(sql, table, forged)
            if is_believed(store, full, table):
                believed.append(name)
    write(sql, table, before)

    assert len(before) >= 4
    assert believed == []
    assert READ[table](store, full)


FORGED = {
    "a use becomes a grant": 'update dependencies set doc = doc || \'{"granted_by": "U1"}\'',
    "a token is approved": 'update tokens set doc = doc || \'{"approved_by": "U1"}\'',
    "a token is its owner's": 'update tokens set doc = doc || \'{"created_by": "U2"}\'',
    "another's seal": (
        "update tokens t set doc = t.doc || jsonb_build_object('seal', i.doc ->> 'seal') from integrations i"
    ),
    "an integration is open": "update integrations set doc = doc || '{\"linked_only\": false}'",
    "another owner": 'update integrations set doc = doc || \'{"owner": "U9"}\'',
}


@pytest.mark.parametrize("change", FORGED.values(), ids=list(FORGED))
def test_nothing_is_handed_out_by_a_forged_row(store: PostgresStore, sql: Database, change: str) -> None:
    """Who forges what a hand-out is decided by gets a sentence that names the row."""
    used_integration(store)
    sql.execute(change.encode())
    with pytest.raises(StoreDamaged, match="no key of this Quaymaster sealed it"):
        store.token_holder(TOKEN_ID, "used")


def test_token_of_one_workspace_opens_nothing_of_another(store: PostgresStore, sql: Database) -> None:
    """A token's row is moved into the workspace of a stranger."""
    used_integration(store)
    used_integration(store, T2)
    sql.execute(b"delete from tokens where ws = 'E1-T2'")
    sql.execute(b"update tokens set ws = 'E1-T2'")
    with pytest.raises(StoreDamaged, match="no key of this Quaymaster sealed it"):
        store.token_holder(TOKEN_ID)


def test_seal_of_another_key_is_not_believed(store: PostgresStore, sql: Database) -> None:
    """A whole row, made with a key that is not ours."""
    used_integration(store)
    doc = doc_in(sql, "tokens")
    seal = SealedRows(Keyring([SECOND_ROOT]), T1.key).seal_of("tokens", (TOKEN_ID,), without_seal(doc))
    mac = seal.partition(".")[2]
    write(sql, "tokens", {**doc, "seal": f"{KEYRING.primary}.{mac}"})
    with pytest.raises(StoreDamaged):
        store.token_holder(TOKEN_ID)


SETTINGS = [
    "update settings set value = 'U9'",
    "update settings set name = 'editors'",
    "update settings set seal = null",
]


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("change", SETTINGS)
def test_setting_is_believed_only_as_it_was_written(store: PostgresStore, sql: Database, change: str) -> None:
    """Nobody makes themselves an admin by a row."""
    sql.execute(change.encode())
    with pytest.raises(StoreDamaged, match="table settings"):
        store.read(T1).settings.all()


COLUMNS: dict[str, Callable[[PostgresStore, Integration], object]] = {
    "update integrations set name_key = 'other'": lambda store, _: store.read(T1).integrations.named("other"),
    "update integrations set host = 'evil.example', port = 443": (
        lambda store, _: store.read(T1).integrations.at(Server("https", "evil.example"))
    ),
    "update dependencies set target_name = 'evil', target_kind = 0": (
        lambda store, one: store.read(T1).dependencies.get(one.id, EVIL)
    ),
    "update bars set target_name = 'evil'": lambda store, one: store.read(T1).dependencies.bar(one.id, EVIL),
    "update tokens set target_name = 'evil'": lambda store, _: store.read(T1).tokens.of_target(EVIL),
}
"""Columns that lead to a row, and what asks by them."""


@pytest.mark.parametrize(("change", "ask"), COLUMNS.items(), ids=list(COLUMNS))
def test_columns_lead_to_no_other_row(
    store: PostgresStore,
    full: Integration,
    sql: Database,
    change: str,
    ask: Callable[[PostgresStore, Integration], object],
) -> None:
    """What a column finds is held against the sealed document."""
    sql.execute(change.encode())
    with pytest.raises(StoreDamaged, match="its columns name a different"):
        ask(store, full)


@pytest.mark.usefixtures("full")
def test_audit_verify_names_the_rows(
    sql: Database, postgres: RealPostgres, database: str, keys: dict[str, str]
) -> None:
    """The operator learns which rows are not ours, all of them."""
    sql.execute(b"""update tokens set doc = doc || '{"approved_by": "U9"}'""")
    sql.execute(b"update settings set value = 'U9'")
    status, said = run({**keys, "DATABASE_URL": postgres.url(database)}, "audit", "verify")

    assert status == 1
    assert f"T1: no key of this Quaymaster sealed it: Workspace T1, table tokens, id {TOKEN_ID}" in said
    assert "table settings, id admins" in said
    assert "table integrations" not in said


def test_revoked_token_that_was_put_back_is_named(
    store: PostgresStore, sql: Database, postgres: RealPostgres, database: str, keys: dict[str, str]
) -> None:
    """A row that was ours once has a seal; the history says that the token was revoked since."""
    used_integration(store)
    before = doc_in(sql, "tokens")
    with store.change(T1) as change:
        change.put(replace(token(), revoked_at=NOON))
        change.record(replace(event(action=Action.REVOKE_TOKEN), token_id=TOKEN_ID))
    environ = {**keys, "DATABASE_URL": postgres.url(database)}
    revoked = run(environ, "audit", "verify")
    write(sql, "tokens", before)
    sql.execute(b"update tokens set revoked_at = null")
    status, said = run(environ, "audit", "verify")

    assert revoked[0] == 0
    assert status == 1
    assert f"Token {TOKEN_ID} was revoked, but its row says that it was not." in said


def test_token_ended_after_a_leak_that_was_put_back_is_named(
    store: PostgresStore, postgres: RealPostgres, database: str, keys: dict[str, str]
) -> None:
    """Whatever revoked it, a token does not come back unseen."""
    used_integration(store)
    with store.change(T1) as change:
        change.record(replace(event(action=Action.REVOKE_ALL), token_id=TOKEN_ID))
    said = run({**keys, "DATABASE_URL": postgres.url(database)}, "audit", "verify")[1]

    assert f"Token {TOKEN_ID} was revoked, but its row says that it was not." in said


def test_deleted_integration_that_was_put_back_is_named(
    store: PostgresStore, postgres: RealPostgres, database: str, keys: dict[str, str]
) -> None:
    """The history says that it was deleted, and no id is given twice."""
    one = used_integration(store)
    with store.change(T1) as change:
        change.record(event(one, Action.DELETE))
    said = run({**keys, "DATABASE_URL": postgres.url(database)}, "audit", "verify")[1]

    assert f"Integration {one.id} was deleted but has reappeared." in said


def test_whole_history_that_was_deleted_is_missed(
    opener: Opener, store: PostgresStore, sql: Database
) -> None:
    """Each change signs an end: rows without one let nothing be written, by a process that runs either."""
    used_integration(store)
    sql.execute(b"delete from audit")
    sql.execute(
        b"update workspaces set head_sequence = 0, head_hash = %s, head_kid = null, head_seal = null",
        ("0" * 64,),
    )
    for one in (opener(), store):
        with pytest.raises(StoreReadOnly, match="end of the history is not signed"), one.change(T1) as change:
            change.put(Setting("a", "b"))


def test_removal_that_is_no_document_still_bars(store: PostgresStore, sql: Database) -> None:
    """An empty document in the place of a removal lets nobody fetch."""
    one = used_integration(store)
    with store.change(T1) as change:
        change.put(Bar(one.id, PROJECT, "U1", NOON))
    write(sql, "bars", {})
    with pytest.raises(StoreDamaged, match="table bars"):
        store.token_holder(TOKEN_ID, "used")


def test_forged_message_is_not_sent_and_stops_no_other(store: PostgresStore, sql: Database) -> None:
    """What somebody writes among the messages that leave is passed over."""
    with store.change(T1) as change:
        change.put(News("n1", "U1", NOON, event()))
        change.put(News("n2", "U1", NOON, event()))
    sql.execute(b"""update news set doc = doc || '{"to": "U9"}' where id = 'n1'""")

    assert [one.id for one in store.read(T1).news] == ["n2"]


def test_forged_row_stops_no_other_workspace_from_being_watched(store: PostgresStore, sql: Database) -> None:
    """A workspace whose rows cannot be believed is passed over."""
    used_integration(store)
    other = used_integration(store, T2)
    sql.execute(b"""update integrations set doc = doc || '{"owner": "U9"}' where ws = 'T1'""")
    ports = Ports(store, KEYRING, ScriptedRegistry(), lambda: NOON)

    assert [due.integration.id for due in find_due(ports, NOON)] == [other.id]


HISTORY_CHANGES = {
    "another actor": ('update audit set doc = doc || \'{"actor": "U9"}\' where sequence = 2', (2,)),
    "another's seal": ("update audit set seal = 'rhu6glbj.00' where sequence = 2", (2,)),
    "one is missing": ("delete from audit where sequence = 2", (3,)),
    "one is added": (
        "insert into audit select ws, 4, at, action, is_done, actor, integration, name_key, former_key, "
        "server, target_kind, target_name, hash, seal, doc from audit where sequence = 3",
        (4,),
    ),
}


@pytest.mark.parametrize(("change", "numbers"), HISTORY_CHANGES.values(), ids=list(HISTORY_CHANGES))
def test_shown_entry_is_verified(
    store: PostgresStore, sql: Database, change: str, numbers: tuple[int, ...]
) -> None:
    """A page of the history names each entry that somebody without the key has written, about a name too."""
    one = full_integration()
    for _ in range(3):
        with store.change(T1) as writing:
            writing.record(event(one))
    queries = HistoryQuery(), HistoryQuery(about=one.name), HistoryQuery(size=1)
    before = [store.read(T1).history.page(query).unverified for query in queries]
    sql.execute(change.encode())
    after = [store.read(T1).history.page(query).unverified for query in queries[:2]]

    assert before == [(), (), ()]
    assert after == [numbers, numbers]


def unsealed(sql: Database) -> None:
    """Make of the database what a version without row seals would have left."""
    for table in READ:
        write(sql, table, without_seal(doc_in(sql, table)))
    sql.execute(b"update settings set seal = null")
    rows = sql.execute(b"select ws, head_sequence, head_hash from workspaces").fetchall()
    for ws, sequence, last in rows:
        seal = KEYRING.sign_file(f"postgres {ws} {sequence} {last}")
        sql.execute(b"update workspaces set head_seal = %s where ws = %s", (seal, ws))


@pytest.mark.usefixtures("full")
def test_rows_of_an_earlier_version_are_sealed_once(
    opener: Opener,
    store: PostgresStore,
    sql: Database,
    postgres: RealPostgres,
    database: str,
    keys: dict[str, str],
) -> None:
    """A start reads only and names the command; the command takes the rows as they are, and only once."""
    unsealed(sql)
    started = opener()
    with pytest.raises(StoreReadOnly, match="Run `quaymaster store seal` once"), started.change(T1) as change:
        change.put(Setting("a", "b"))
    with pytest.raises(StoreDamaged, match="it has no seal") as shown:
        store.token_holder(TOKEN_ID)
    environ = {**keys, "DATABASE_URL": postgres.url(database)}
    unverified = run(environ, "audit", "verify")
    sealed = run(environ, "store", "seal")
    with opener().change(T1) as change:
        change.put(Setting("a", "b"))
    verified = run(environ, "audit", "verify")
    sql.execute(b"update tokens set doc = doc - 'seal'")
    again = run(environ, "store", "seal")

    unsealed(sql)
    sql.execute(b"update settings set seal = 'rhu6glbj.00'")
    put_back = run(environ, "store", "seal")

    assert "`quaymaster store seal` once" in shown.value.hint
    assert "from a version that did not seal them. Run `quaymaster store seal` once" in unverified[1]
    assert put_back[0] == 1
    assert "is sealed already: an earlier state was put back" in put_back[1]
    assert sealed == (
        0,
        "Rows sealed: 6. From now on, a row is trusted only if it was sealed with one of your keys.",
    )
    assert verified == (0, "T1: entries verified: 1.")
    assert again[1].startswith("Rows sealed: 0.")
    with pytest.raises(StoreDamaged):
        store.token_holder(TOKEN_ID)


def test_directory_needs_no_row_seals(keys: dict[str, str], tmp_path: Path) -> None:
    """Without a database the command says what it is for."""
    (tmp_path / "data").mkdir(0o700)
    status, said = run({**keys, "QUAYMASTER_DATA_DIR": str(tmp_path / "data")}, "store", "seal")

    assert status == 1
    assert "DATABASE_URL is not set" in said


def test_reseal_seals_no_row_that_was_forged(
    full: Integration, sql: Database, postgres: RealPostgres, database: str
) -> None:
    """After a re-seal no row needs the former key; one that nobody with a key wrote stops it."""
    both = Keyring([SECOND_ROOT, ROOT])
    renewing = PostgresStore(postgres.url(database), both)
    before = doc_in(sql, "integrations")
    write(sql, "integrations", {**before, "owner": "U9"})
    with pytest.raises(StoreDamaged, match="table integrations"):
        renewing.seal_again()
    write(sql, "integrations", before)
    renewing.seal_again()
    kids, kept = renewing.keys_of_rows(T1), renewing.read(T1).integrations.get(full.id)
    renewing.close()

    assert kids == {both.primary}
    assert kept == full


def test_key_that_was_never_there_is_not_given_up(
    store: PostgresStore, sql: Database, postgres: RealPostgres, database: str
) -> None:
    """Rows that name a key of somebody else's are not believed by an operator's giving that key up."""
    used_integration(store)
    doc = doc_in(sql, "tokens")
    write(sql, "tokens", {**doc, "approved_by": "U1", "seal": "abcdefgh.00"})
    with pytest.raises(KeyringFailure, match="does not use key abcdefgh"):
        PostgresStore(postgres.url(database), KEYRING, lost_keys=("abcdefgh",))
