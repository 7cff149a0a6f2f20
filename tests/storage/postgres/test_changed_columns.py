"""A login goes to no other server than the one it was typed for, whatever the columns of its row say."""

from dataclasses import replace

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bot.core.audit import Action
from bot.core.errors import StoreDamaged
from bot.core.model import Server
from storage.maintenance import verify
from storage.postgres.postgres_store import PostgresStore
from storage.postgres.sealed_rows import SealedRows
from tests.fakes.real_postgres import ADMIN, RealPostgres
from tests.storage.samples import KEYRING, T1, event
from tests.storage.tokens import TOKEN_ID, used_integration

pytestmark = pytest.mark.needs("postgres")

CHANGES = {
    "update integrations set host = 'evil.example'": Server("https", "evil.example", 5000),
    "update integrations set port = 443": Server("https", "registry.example.com"),
    "update integrations set port = 80": Server("https", "registry.example.com"),
}


@pytest.mark.parametrize(("change", "asked"), CHANGES.items(), ids=list(CHANGES))
def test_columns_lead_no_login_to_another_server(
    store: PostgresStore, postgres: RealPostgres, database: str, change: str, asked: Server
) -> None:
    """Somebody without the key writes another server beside an integration: nothing is handed out for it."""
    one = used_integration(store)
    postgres.sql(f"set search_path = quaymaster; {change}", database, ADMIN)
    with pytest.raises(StoreDamaged, match=f"Workspace T1, table integrations, id {one.id}"):
        store.token_holder(TOKEN_ID, asked)


HIDDEN = {
    "update integrations set search = 'x'": "integrations",
    "update integrations set name_key = 'x'": "integrations",
    "update integrations set owner = 'U9'": "integrations",
    "update integrations set marks = '{broken}'": "integrations",
    "update integrations set ends_on = '2026-01-01'": "integrations",
    "update dependencies set target_key = 'x'": "dependencies",
    "update tokens set words = 'x'": "tokens",
    "update tokens set target_name = 'x'": "tokens",
    "update tokens set revoked_at = now()": "tokens",
}


@pytest.mark.parametrize(("change", "table"), HIDDEN.items(), ids=list(HIDDEN))
def test_changed_column_is_named(
    store: PostgresStore, postgres: RealPostgres, database: str, change: str, table: str
) -> None:
    """What hides a row from a search is found by comparing its columns with its sealed document."""
    used_integration(store)
    before = list(store.unbelieved(T1))
    postgres.sql(f"set search_path = quaymaster; {change}", database, ADMIN)
    found = list(store.unbelieved(T1))

    assert before == []
    assert len(found) == 1
    assert found[0].startswith(f"its columns are not those of its document: Workspace T1, table {table}, id ")


def test_unreadable_row_is_not_called_an_unreadable_entry(
    store: PostgresStore, postgres: RealPostgres, database: str
) -> None:
    """``audit verify`` does not say of a token's row that an entry of the history cannot be read."""
    used_integration(store)
    with store.change(T1) as change:
        change.record(replace(event(action=Action.REVOKE_TOKEN), token_id="other"))
    seal = SealedRows(KEYRING, "T1").seal_of("tokens", (TOKEN_ID,), {"name": "x"})
    doc = Jsonb({"name": "x", "seal": seal})
    with psycopg.connect(postgres.url(database, ADMIN)) as connection:
        connection.execute("update quaymaster.tokens set doc = %s", (doc,))
    (found,) = verify(store, KEYRING)

    assert found.fault == "The record of a token or an integration cannot be read."


def test_row_of_ours_that_cannot_be_read_is_named(
    store: PostgresStore, postgres: RealPostgres, database: str
) -> None:
    """A row that the key sealed and this version cannot read is named as that."""
    one = used_integration(store)
    sealed = SealedRows(KEYRING, "T1")
    seal = sealed.seal_of("integrations", (one.id,), {"name": "x"})
    doc = Jsonb({"name": "x", "seal": seal})
    with psycopg.connect(postgres.url(database, ADMIN)) as connection:
        connection.execute("update quaymaster.integrations set doc = %s", (doc,))

    assert list(store.unbelieved(T1)) == [f"it cannot be read: Workspace T1, table integrations, id {one.id}"]
