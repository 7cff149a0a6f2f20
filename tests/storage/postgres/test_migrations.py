"""The schema: made once however many start together, and refused when it is newer or another."""

import base64
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from bot.cli import main
from bot.core.errors import KeyringFailure, StoreFailure
from storage.postgres.migrations import Migration, migrate, migrations
from storage.postgres.postgres_store import PostgresStore
from storage.sealing import Keyring
from tests.fakes.real_postgres import ADMIN, OWNER, SERVER_ROLE, RealPostgres
from tests.storage.samples import KEYRING, ROOT, SECOND_ROOT, T1, event, integration, names

pytestmark = pytest.mark.needs("postgres")

LAST = len(migrations())


@pytest.fixture
def empty(postgres: RealPostgres) -> str:
    """A database without a schema."""
    return postgres.new_database()


@pytest.fixture
def owner(postgres: RealPostgres, empty: str) -> Iterator[psycopg.Connection]:
    """A connection of that database's owner."""
    with psycopg.connect(postgres.url(empty, OWNER), autocommit=True) as connection:
        yield connection


def further(number: int) -> tuple[Migration, ...]:
    """The migrations of a version that has one more."""
    return (*migrations(), Migration(number, "create table further (a integer)"))


def run(environ: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Run a command; give its exit status and what it says."""
    done = CliRunner(env={**dict.fromkeys(os.environ, None), **environ}).invoke(main, arguments)
    return done.exit_code, done.output.strip()


def test_stores_that_start_together_migrate_once(postgres: RealPostgres, empty: str) -> None:
    """Four that start at once with a role that may find one schema between them."""
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: PostgresStore(postgres.url(empty, OWNER), KEYRING), range(4)))
    applied = postgres.sql("select number from quaymaster.schema_versions order by number", empty)
    [store.close() for store in stores]

    assert applied.split() == [str(number) for number in range(1, LAST + 1)]


def test_newer_schema_is_refused(owner: psycopg.Connection, postgres: RealPostgres, empty: str) -> None:
    """A program that is older than the schema says in one sentence which schema there is."""
    migrate(owner, further(LAST + 1), grant_to=SERVER_ROLE)
    said = f"schema {LAST + 1} by a newer Quaymaster; this one supports schema {LAST}"
    with pytest.raises(StoreFailure, match=said) as caught:
        PostgresStore(postgres.url(empty), KEYRING)

    assert caught.value.hint == "Start the newer version instead."


def test_later_migration_is_added(owner: psycopg.Connection) -> None:
    """What is missing is applied, what is there is left."""
    first = migrate(owner)
    second = migrate(owner, further(LAST + 1))

    assert (first, second, migrate(owner, further(LAST + 1))) == (LAST, 1, 0)


def test_migration_that_was_changed_is_refused(owner: psycopg.Connection) -> None:
    """A migration whose text is not the one that was applied is told."""
    migrate(owner)
    changed = tuple(replace(one, text=f"{one.text} ") for one in migrations())
    with pytest.raises(StoreFailure, match="Migration 1 of the database is not the one in this program"):
        migrate(owner, changed)


def test_migration_that_fails_leaves_nothing(owner: psycopg.Connection) -> None:
    """A migration is applied whole or not at all."""
    with pytest.raises(psycopg.errors.SyntaxError):
        migrate(owner, (*migrations(), Migration(LAST + 1, "create table half (a integer); nonsense")))

    assert owner.execute("select to_regclass('quaymaster.half')").fetchone() == (None,)
    assert migrate(owner, further(LAST + 1)) == 1


def test_role_that_may_not_migrate_is_told_the_command(postgres: RealPostgres, empty: str) -> None:
    """A server without the right to make tables names the command that does."""
    with pytest.raises(StoreFailure, match="quaymaster store migrate"):
        PostgresStore(postgres.url(empty), KEYRING)


def test_superuser_is_refused(postgres: RealPostgres, database: str) -> None:
    """A role that sees past row-level security is refused at the start."""
    with pytest.raises(StoreFailure, match="can bypass row-level security"):
        PostgresStore(postgres.url(database, ADMIN), KEYRING)


def test_command_migrates_and_grants(postgres: RealPostgres, empty: str) -> None:
    """After the command the server's role can use the database, and the second time nothing is left to do."""
    environ = {"DATABASE_URL": postgres.url(empty, OWNER)}
    first = run(environ, "store", "migrate", "--grant", SERVER_ROLE)
    second = run(environ, "store", "migrate")
    store = PostgresStore(postgres.url(empty), KEYRING)
    with store.change(T1) as change:
        change.put(integration("one"))
    found = names(store)
    store.close()

    assert first == (0, f"Migrations applied: {LAST}. The role {SERVER_ROLE} may use it.")
    assert second == (0, "Migrations applied: 0.")
    assert found == ["one"]


def test_command_without_a_database_says_what_to_set() -> None:
    """Without DATABASE_URL the command ends with status 2."""
    status, said = run({}, "store", "migrate")

    assert status == 2
    assert "DATABASE_URL is not set" in said


@pytest.fixture
def keys() -> dict[str, str]:
    """Settings with the tests' own key."""
    return {"QUAYMASTER_KEYS": base64.b64encode(ROOT).decode()}


def test_commands_work_beside_a_server(
    store: PostgresStore, postgres: RealPostgres, database: str, keys: dict[str, str], tmp_path: Path
) -> None:
    """Status, verify, export and copy work on PostgreSQL while a server uses it."""
    environ = {**keys, "DATABASE_URL": postgres.url(database)}
    one = integration("one")
    with store.change(T1) as change:
        change.put(one)
        change.record(event(one))
    status = run(environ, "keys", "status")
    verified = run(environ, "audit", "verify")
    copied = run(keys, "store", "copy", postgres.url(database), str(tmp_path / "copy"))
    exported = run(environ, "store", "export")
    from_copy = run({**keys, "QUAYMASTER_DATA_DIR": str(tmp_path / "copy")}, "store", "export")

    assert status == (0, f"{KEYRING.primary}  seals 1 (first)")
    assert verified == (0, "T1: entries verified: 1.")
    assert copied[0] == 0
    assert exported[0] == 0
    assert exported == from_copy


def test_reseal_works_beside_a_server(store: PostgresStore, postgres: RealPostgres, database: str) -> None:
    """With a new key first everything is sealed again while a server goes on, and the old key can go."""
    one = integration("one")
    with store.change(T1) as change:
        change.put(one)
        change.record(event(one))
    both = ",".join(base64.b64encode(root).decode() for root in (SECOND_ROOT, ROOT))
    only = base64.b64encode(SECOND_ROOT).decode()
    url = postgres.url(database)
    resealed = run({"QUAYMASTER_KEYS": both, "DATABASE_URL": url}, "keys", "reseal")
    verified = run({"QUAYMASTER_KEYS": only, "DATABASE_URL": url}, "audit", "verify")

    assert resealed == (0, "Credentials sealed again: 1.")
    assert verified == (0, "T1: entries verified: 1.")


def test_missing_key_is_refused(store: PostgresStore, postgres: RealPostgres, database: str) -> None:
    """A server that lacks the key of a record does not start."""
    with store.change(T1) as change:
        change.put(integration("one"))
    with pytest.raises(KeyringFailure, match=KEYRING.primary):
        PostgresStore(postgres.url(database), Keyring([SECOND_ROOT]))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("delete from quaymaster.audit where sequence = 3", "The newest entry is not entry 3"),
        (
            "delete from quaymaster.audit where sequence = 3;"
            "update quaymaster.workspaces set head_sequence = 2,"
            " head_hash = (select hash from quaymaster.audit where sequence = 2)",
            "The end of the history was changed after it was signed",
        ),
        (
            'update quaymaster.audit set doc = doc || \'{"actor": "U9"}\' where sequence = 2',
            "Entry 2 was changed after it was written",
        ),
        ("update quaymaster.audit set seal = '' where sequence = 2", "Entry 2 is not sealed"),
    ],
)
def test_history_that_was_changed_is_told(
    store: PostgresStore, postgres: RealPostgres, database: str, keys: dict[str, str], spoil: str, said: str
) -> None:
    """Whoever changes, cuts or forges the history in the database is found by ``audit verify``."""
    for _ in range(3):
        with store.change(T1) as change:
            change.record(event())
    postgres.sql(spoil, database, ADMIN)
    status, text = run({**keys, "DATABASE_URL": postgres.url(database)}, "audit", "verify")

    assert status == 1
    assert said in text
