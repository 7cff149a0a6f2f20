"""What processes of one database share: who leads, and which requests were seen."""

import time
from collections.abc import Callable

import pytest

from storage.postgres.postgres_store import PostgresStore
from tests.fakes.real_postgres import ADMIN, RealPostgres
from tests.storage.postgres.conftest import Opener

pytestmark = pytest.mark.needs("postgres")

TAKEOVER_S = 15.0
SIGNATURE = "v0=" + "ab" * 32


def waits_for(is_so: Callable[[], bool]) -> float:
    """How many seconds it takes until something is so, at most a little longer than it may."""
    began = time.monotonic()
    while not is_so() and time.monotonic() - began < TAKEOVER_S + 1:
        time.sleep(0.05)
    return time.monotonic() - began


def leaders(stores: list[PostgresStore]) -> int:
    """How many of them lead."""
    return sum(store.is_leader() for store in stores)


def test_one_of_all_leads_and_another_takes_over(opener: Opener) -> None:
    """Exactly one store leads; when it ends, another does within 15 seconds."""
    stores = [opener(), opener(), opener()]
    waits_for(lambda: leaders(stores) > 0)
    leader = next(store for store in stores if store.is_leader())
    others = [store for store in stores if store is not leader]
    at_first = leaders(stores)
    leader.close()
    seconds = waits_for(lambda: leaders(others) > 0)

    assert (at_first, leaders(others), leader.is_leader()) == (1, 1, False)
    assert seconds < TAKEOVER_S


def test_leader_that_is_cut_off_leads_no_more(opener: Opener, postgres: RealPostgres, database: str) -> None:
    """When the leader's connection ends, there is one leader again, never two."""
    stores = [opener(), opener()]
    waits_for(lambda: leaders(stores) > 0)
    postgres.sql(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'", database, ADMIN
    )
    counts = set()
    waits_for(lambda: counts.add(leaders(stores)) or counts >= {0, 1})
    waits_for(lambda: leaders(stores) > 0)

    assert counts == {0, 1}
    assert leaders(stores) == 1


def test_signature_is_seen_by_every_store(opener: Opener) -> None:
    """A request that one store has let pass is a replay for the other; another request is not."""
    first, second = opener(), opener()
    now = time.time()
    seen = [store.signatures.before(SIGNATURE, int(now), now) for store in (first, second, first)]

    assert seen == [False, True, True]
    assert not second.signatures.before(SIGNATURE.replace("ab", "cd"), int(now), now)


def test_old_signatures_are_forgotten(store: PostgresStore, postgres: RealPostgres, database: str) -> None:
    """What can be replayed no more takes no room."""
    now = time.time()
    store.signatures.before(SIGNATURE, int(now) - 700, now)
    store.flush()

    assert postgres.sql("select count(*) from quaymaster.seen_signatures", database, ADMIN) == "0"
