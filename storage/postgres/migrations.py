"""Upgrades a database to this version's schema: numbered files, each once, one process at a time.

1. Take an advisory lock, so that replicas that start together do not migrate together.
2. Refuse a schema that is newer than this program, and one whose files are not those that were applied.
3. Apply what is missing: each file in its own transaction, with its row in ``schema_versions``.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from bot.core.errors import StoreFailure
from storage.postgres.connections import Address, Lost, sentence_for

_SCHEMA = "quaymaster"
_FOLDER = Path(__file__).parent / "migrations"
_GRANTS = Path(__file__).parent / "grants.sql"
_LOCK = 0x51554159
"""The advisory lock of migrations."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    number: int
    text: str

    @property
    def sha256(self) -> str:
        """Return the hash of the file's text, 64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations() -> tuple[Migration, ...]:
    """Return the migrations of this program, in order."""
    return tuple(
        Migration(int(path.name[:4]), path.read_text("utf-8")) for path in sorted(_FOLDER.glob("*.sql"))
    )


def require_schema(connection: psycopg.Connection, known: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """
    Compare a database with the migrations of this program.

    Returns:
        What is missing.

    Raises:
        StoreFailure: A newer Quaymaster has used the database, or its schema was created by other files.
    """
    applied = _applied(connection)
    if applied and max(applied) > known[-1].number:
        raise StoreFailure(
            f"The database was upgraded to schema {max(applied)} by a newer Quaymaster; this one supports "
            f"schema {known[-1].number}.",
            "Start the newer version instead.",
        )
    for each in known:
        if each.number in applied and applied[each.number] != each.sha256:
            raise StoreFailure(
                f"Migration {each.number} of the database is not the one in this program.",
                "Use the program that created this database, or a different database.",
            )
    return tuple(each for each in known if each.number not in applied)


def migrate(
    connection: psycopg.Connection,
    known: tuple[Migration, ...] | None = None,
    *,
    grant_to: str | None = None,
) -> int:
    """
    Apply what is missing.

    Args:
        connection: With a role that is allowed to create the schema; in autocommit mode.
        known: The migrations; ``None`` = those of this program.
        grant_to: A role that gets the permissions that the server needs.

    Returns:
        How many migrations were applied.

    Raises:
        StoreFailure: The database cannot be upgraded to this schema.
    """
    connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
    try:
        missing = require_schema(connection, known or migrations())
        for each in missing:
            _apply(connection, each)
        if grant_to:
            role = sql.Identifier(grant_to).as_string(connection)
            connection.execute(_GRANTS.read_text("utf-8").replace("{role}", role).encode(), prepare=False)
    finally:
        connection.execute("select pg_advisory_unlock(%s)", (_LOCK,))
    return len(missing)


def migrate_at(url: str, grant_to: str | None) -> int:
    """Apply what is missing at an address, and return the number of migrations. Raises ``StoreFailure``."""
    try:
        with Address(url, "-c statement_timeout=0 -c lock_timeout=0").connect() as connection:
            return migrate(connection, grant_to=grant_to)
    except Lost as lost:
        raise sentence_for(lost) from None
    except psycopg.errors.InsufficientPrivilege:
        raise StoreFailure(
            "The role in DATABASE_URL is not allowed to change the schema; nothing was changed.",
            "Use the role that owns the database.",
        ) from None
    except psycopg.errors.UndefinedObject:
        raise StoreFailure(
            f"The schema was created, but there is no role {grant_to}.",
            "Create the role, then run this again.",
        ) from None


def _applied(connection: psycopg.Connection) -> dict[int, str]:
    found = connection.execute("select to_regclass('quaymaster.schema_versions')").fetchone()
    if found is None or found[0] is None:
        return {}
    return dict(connection.execute("select number, sha256 from quaymaster.schema_versions").fetchall())


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    with connection.transaction():
        connection.execute(f"create schema if not exists {_SCHEMA}".encode())
        connection.execute(f"set local search_path = {_SCHEMA}".encode())
        connection.execute(
            "create table if not exists schema_versions (number integer primary key, sha256 text not null,"
            " at timestamptz not null default now())"
        )
        connection.execute(migration.text.encode(), prepare=False)
        connection.execute(
            "insert into schema_versions (number, sha256) values (%s, %s)",
            (migration.number, migration.sha256),
        )
