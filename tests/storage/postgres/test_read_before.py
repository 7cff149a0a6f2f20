"""An integration whose document is the same as before is not opened again; one that differs is."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bot.core.errors import KeyNotLoaded, StoreDamaged
from bot.core.model import Integration
from bot.core.queries import Filter, Window
from bot.core.secrets import Credential, SealContext, Sealed
from storage.postgres.postgres_store import PostgresStore
from storage.postgres.read_before import ReadBefore
from storage.sealing import Keyring
from tests.fakes.real_postgres import ADMIN, RealPostgres
from tests.storage.samples import ROOT, T1, integration

pytestmark = pytest.mark.needs("postgres")


class CountingKeyring(Keyring):
    """Counts what it opens."""

    opened = 0

    def open(self, context: SealContext, sealed: Sealed) -> Credential:
        self.opened += 1
        return super().open(context, sealed)


@pytest.fixture
def keyring() -> CountingKeyring:
    """The keyring of the store that reads."""
    return CountingKeyring([ROOT])


@pytest.fixture
def reader(database: str, postgres: RealPostgres, keyring: CountingKeyring) -> Iterator[PostgresStore]:
    """A replica that reads what ``store`` writes."""
    store = PostgresStore(postgres.url(database), keyring)
    yield store
    store.close()


def names(store: PostgresStore) -> list[tuple[str, str]]:
    """The names and usernames on the first page."""
    page = store.read(T1).integrations.page(Filter(), Window())
    return [(one.integration.name, one.integration.username) for one in page.rows]


def test_page_opens_an_identity_once_until_it_changes(
    store: PostgresStore, reader: PostgresStore, keyring: CountingKeyring
) -> None:
    """Three readings of a page, the last one after another replica has changed one of two integrations."""
    first, second = integration("first"), integration("second")
    with store.change(T1) as change:
        change.put(first)
        change.put(second)
    keyring.opened = 0
    once, again = names(reader), names(reader)
    opened_at_first = keyring.opened
    with store.change(T1) as change:
        change.put(replace(first, username="deploy", version=2))

    assert once == again == [("first", "ci"), ("second", "ci")]
    assert opened_at_first == 2
    assert names(reader) == [("first", "deploy"), ("second", "ci")]
    assert keyring.opened == 3


def test_what_was_read_before_is_not_believed_once_it_is_forged(
    store: PostgresStore, database: str, postgres: RealPostgres
) -> None:
    """Each field of a row is changed in turn after the row was read, and put back."""
    one = integration()
    with store.change(T1) as change:
        change.put(one)
    believed = []
    with psycopg.connect(postgres.url(database, ADMIN), autocommit=True) as connection:
        update = b"update quaymaster.integrations set doc = %s"
        [(doc,)] = connection.execute(b"select doc from quaymaster.integrations").fetchall()
        for name in doc:
            assert store.read(T1).integrations.get(one.id) == one
            connection.execute(update, (Jsonb({**doc, name: "forged"}),))
            try:
                believed.append((name, store.read(T1).integrations.get(one.id)))
            except (KeyNotLoaded, StoreDamaged):
                connection.execute(update, (Jsonb(doc),))

    assert len(doc) >= 4
    assert believed == []


def test_value_of_one_row_is_not_given_for_another() -> None:
    """The same document of another workspace or of another kind is read again, and the oldest makes room."""
    first, second, third = (integration(name) for name in ("first", "second", "third"))
    read = ReadBefore(most=2)
    for one in (first, second, third):
        read.value(Integration, (T1.key, one.id), one.name, lambda one=one: one)

    assert read.value(Integration, (T1.key, third.id), "third", lambda: first) is third
    assert read.value(Integration, ("T9", third.id), "third", lambda: first) is first
    assert read.value(Integration, (T1.key, first.id), "first", lambda: second) is second
    assert read.value(str, (T1.key, first.id), "first", lambda: "again") == "again"
