"""A login goes to no other server than the one it was typed for, whatever the columns of its row say."""

import pytest

from bot.core.errors import StoreDamaged
from bot.core.model import Server
from storage.postgres.postgres_store import PostgresStore
from tests.fakes.real_postgres import ADMIN, RealPostgres
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
