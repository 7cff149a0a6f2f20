"""On a history that somebody without the key has cut nothing is signed: it is said, and nothing changes."""

from collections.abc import Callable

import pytest

from bot.core.errors import StoreReadOnly
from storage.postgres.postgres_store import PostgresStore
from tests.fakes.real_postgres import ADMIN, RealPostgres
from tests.storage.postgres.conftest import Opener
from tests.storage.samples import T2, names, record
from tests.storage.tokens import fetch, used_integration

pytestmark = pytest.mark.needs("postgres")

NEWEST_GONE = "The newest entry is not entry 3, which was written last."
Sql = Callable[[str], str]

CUTS = {
    "delete from audit where ws = 'T1' and sequence = 3": NEWEST_GONE,
    "update audit set hash = repeat('a', 64) where ws = 'T1' and sequence = 3": NEWEST_GONE,
    "delete from audit where ws = 'T1' and sequence = 3; update workspaces set head_sequence = 2, head_hash ="
    " (select hash from audit where ws = 'T1' and sequence = 2) where ws = 'T1'": (
        "The end of the history was changed after it was signed."
    ),
    "update workspaces set head_kid = null, head_seal = null where ws = 'T1'": (
        "The end of the history is not signed."
    ),
}


@pytest.fixture
def sql(postgres: RealPostgres, database: str) -> Sql:
    """Does statements as somebody who may do everything in the database and has no key."""
    return lambda text: postgres.sql(f"set search_path = quaymaster; {text}", database, ADMIN)


@pytest.mark.parametrize(("cut", "fault"), CUTS.items(), ids=["entry", "hash", "end", "signature"])
def test_start_beside_a_cut_history_only_reads(
    store: PostgresStore, opener: Opener, sql: Sql, cut: str, fault: str
) -> None:
    """A start that finds a history cut says which and how, reads, and changes nothing of any workspace."""
    record(store, 3)
    sql(cut)
    again = opener()
    names(again)
    with pytest.raises(
        StoreReadOnly, match="Nothing was changed, because the history of T1 fails verification"
    ):
        record(again, 1, T2)

    assert again.faults == {"T1": fault}
    assert fault in (again.health() or "")


@pytest.mark.parametrize(("cut", "fault"), CUTS.items(), ids=["entry", "hash", "end", "signature"])
def test_serving_process_reads_where_it_ends(
    store: PostgresStore, opener: Opener, sql: Sql, cut: str, fault: str
) -> None:
    """Nor does a process that serves already sign on top, once it must read where the history ends."""
    record(store, 3)
    serving = opener()
    sql(cut)
    with pytest.raises(StoreReadOnly, match="the history of T1 fails verification"):
        record(serving, 1)

    assert serving.faults == {"T1": fault}
    assert fault in (serving.health() or "")


def test_process_that_wrote_the_entry_misses_it(store: PostgresStore, sql: Sql) -> None:
    """The process that wrote what is gone, and remembers it, signs nothing on top either."""
    record(store, 3)
    sql("delete from audit where ws = 'T1' and sequence = 3")
    with pytest.raises(StoreReadOnly, match="the history of T1 fails verification"):
        record(store, 1)

    assert sql("select count(*) from audit") == "2"


def test_end_of_before_is_not_built_upon(store: PostgresStore, sql: Sql) -> None:
    """An earlier end, put back with its signature under a serving process, is not what it goes on from."""
    record(store, 2)
    sql("create table kept as select head_sequence s, head_hash h, head_kid k, head_seal e from workspaces")
    record(store, 1)
    sql("update workspaces set head_sequence = s, head_hash = h, head_kid = k, head_seal = e from kept")
    with pytest.raises(StoreReadOnly, match="The newest entry is not entry 2, which was written last"):
        record(store, 1)


def test_fetch_is_not_recorded_on_a_cut_history(store: PostgresStore, sql: Sql) -> None:
    """A first fetch, which is one statement of its own, is refused too."""
    one = used_integration(store)
    record(store, 1)
    sql("delete from audit where sequence = (select max(sequence) from audit)")
    with pytest.raises(StoreReadOnly, match="the history of T1 fails verification"):
        store.record_use(fetch(store, one))
