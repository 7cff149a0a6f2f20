"""Row-level security keeps workspaces apart behind every statement, whatever the statement forgets."""

import re
from contextlib import suppress
from typing import Any, ClassVar

import psycopg
import pytest
from psycopg.types.json import Jsonb

from storage.postgres.postgres_store import PostgresStore
from storage.postgres.statements import STATEMENTS, in_workspace, of_token
from tests.fakes.real_postgres import ADMIN, OWNER, TABLES, RealPostgres
from tests.storage.samples import IMAGE, NOON, T1, T2, dependency, event, integration
from tests.storage.tokens import token

pytestmark = pytest.mark.needs("postgres")

WS = re.compile(r"(\b\w+\.)?\bws = (%\(ws\)s|here\.ws)|ws > %\(after\)s")
READING = sorted(
    name
    for name, text in STATEMENTS.items()
    if not re.search(r"\{statement}| in_workspace", f"{name} {text}") and WS.search(text) and "select" in text
)
CHANGES = re.compile(r"\b(insert|update|delete)\b")
WRAPPED = sorted(
    [in_workspace(name) for name in READING if not CHANGES.search(STATEMENTS[name])]
    + [of_token(name) for name in READING if name.startswith("held")]
)
SHARED = {"keys", "seen_signatures", "oauth_states", "replicas", "rates", "room"}
"""Tables that belong to no workspace."""


class Anything(dict[str, Any]):
    """Gives every parameter a value that lets as much through as it can."""

    WIDE: ClassVar[dict[str, Any]] = {
        "ws": T1.key,
        "words": ["%"],
        "kinds": None,
        "after": "",
        "before": None,
        "size": 1000,
        "number": 0,
        "pairs": ["e"],
        "since": NOON.replace(year=2100),
        "until": NOON.replace(year=2100),
        "seen_since": NOON,
        "at": NOON,
        "target_kind": 2,
        "target_name": IMAGE.name,
        "kind": None,
        "ids": [],
        "times": [],
        "port": 5000,
        "host": "registry.example.com",
        "or_80": True,
        "id": "x",
        "key": "theirs",
        "token": "Mine0000",
        "version": 1,
        "sequence": 1,
        "revision": 1,
        "actor": None,
        "actions": None,
        "is_refused": False,
        "owner": None,
        "marks": [],
        "ends_by": None,
        "idle_since": None,
        "created_at": NOON,
        "expires_at": NOON,
        "revoked_at": None,
        "ends_on": None,
    }

    def __missing__(self, name: str) -> Any:
        return self.WIDE.get(name, "x")


@pytest.fixture(autouse=True)
def theirs(store: PostgresStore) -> PostgresStore:
    """A store in which one workspace has nothing but a token, and another has everything."""
    with store.change(T1) as change:
        change.put(token("Mine0000", IMAGE))
    other = integration("theirs", workspace=T2)
    with store.change(T2) as change:
        change.put(other)
        change.put(dependency(other, IMAGE))
        change.put(token("Theirs00", IMAGE))
        change.record(event(other))
        change.remember("r", other.id)
    return store


def rows_of(url: str, text: str, *, is_set: bool = True) -> str:
    """Everything a statement gives as the first workspace, as text; what it refuses gives nothing."""
    given = Anything({"after": 0}) if "sequence > " in text else Anything()
    if "jsonb_array_elements(%(words)s::jsonb)" in text:
        given["words"] = Jsonb([["%"]])
    with psycopg.connect(url) as connection:
        connection.execute("set search_path = quaymaster")
        if is_set:
            connection.execute("select set_config('quaymaster.ws', %s, true)", (T1.key,))
            connection.execute("select set_config('quaymaster.token', 'Mine0000', true)")
        with suppress(*([psycopg.DatabaseError] if "expect(" in text else [])):
            cursor = connection.execute(text.encode(), given)
            # A statement that only takes away shows nothing.
            return str(cursor.fetchall()) if cursor.description else ""
        connection.rollback()
        return ""


@pytest.mark.parametrize("name", READING)
def test_statement_that_forgets_the_workspace_shows_no_foreign_row(
    name: str, postgres: RealPostgres, database: str
) -> None:
    """With its comparison of workspaces taken out, no statement shows anything of another workspace."""
    careless = WS.sub("true", STATEMENTS[name])
    shown = rows_of(postgres.url(database), careless)

    assert careless != STATEMENTS[name]
    assert "theirs" not in shown.lower()
    assert T2.key not in shown


@pytest.mark.parametrize("name", WRAPPED)
def test_question_that_forgets_the_workspace_shows_no_foreign_row(
    name: str, postgres: RealPostgres, database: str
) -> None:
    """So it is for a statement that sets the workspace itself, on a connection where none is set."""
    careless = WS.sub("true", STATEMENTS[name])
    shown = rows_of(postgres.url(database), careless, is_set=False)

    assert careless != STATEMENTS[name]
    assert "theirs" not in shown.lower()
    assert T2.key not in shown


def test_same_statements_show_everything_without_row_level_security(
    postgres: RealPostgres, database: str
) -> None:
    """The test itself can tell: a role that sees past the policies is shown the other workspace."""
    careless = WS.sub("true", STATEMENTS["integration_page"])

    assert "theirs" in rows_of(postgres.url(database, ADMIN), careless)


@pytest.mark.parametrize("role", ["quaymaster", OWNER])
@pytest.mark.parametrize("table", sorted(set(TABLES) - SHARED))
def test_table_is_empty_without_a_workspace(
    table: str, role: str, postgres: RealPostgres, database: str
) -> None:
    """Whoever says no workspace sees no row of any: not the server's role, nor the tables' owner."""
    assert postgres.sql(f"table quaymaster.{table}", database, role) == ""


def test_foreign_row_cannot_be_written(postgres: RealPostgres, database: str) -> None:
    """A row of another workspace is refused, whoever writes it."""
    connection = psycopg.connect(postgres.url(database))
    connection.execute("select set_config('quaymaster.ws', %s, true)", (T1.key,))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("insert into quaymaster.settings values (%s, 'a', 'b')", (T2.key,))
    connection.close()


def test_server_role_owns_nothing(postgres: RealPostgres, database: str) -> None:
    """The role that the server connects as owns no table and may not change one."""
    owned = postgres.sql("select count(*) from pg_tables where tableowner = 'quaymaster'", database)

    assert owned == "0"
