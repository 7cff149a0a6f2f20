"""``DATABASE_URL`` chooses the store; nothing of PostgreSQL is loaded without it."""

import base64
import subprocess
import sys

import pytest

from bot.core.secrets import Secret
from bot.run.wiring import open_store
from bot.settings import StoreSettings
from storage.postgres.postgres_store import PostgresStore
from tests.fakes.real_postgres import RealPostgres
from tests.storage.samples import ROOT

KEYS = (Secret(base64.b64encode(ROOT).decode()),)


@pytest.mark.needs("postgres")
def test_database_url_opens_postgres(postgres: RealPostgres, database: str) -> None:
    """With the setting the store is PostgreSQL, and it is healthy."""
    store = open_store(StoreSettings(keys=KEYS, database_url=Secret(postgres.url(database))))
    health = store.health()
    store.close()

    assert isinstance(store, PostgresStore)
    assert health is None


def test_psycopg_is_not_loaded_without_the_setting() -> None:
    """What serves without PostgreSQL imports nothing of it."""
    script = "import sys, bot.cli, bot.run.serve, bot.run.store_commands; sys.exit('psycopg' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_address_is_not_shown() -> None:
    """The address may hold a password, so settings print without it."""
    settings = StoreSettings(keys=KEYS, database_url=Secret("postgresql://u:canary@h/d"))

    assert "canary" not in repr(settings)
