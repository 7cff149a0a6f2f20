"""Two stores of one database: deletes stay true, the history stays one chain, requests are done once."""

import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from bot.core.errors import AlreadyDone, Conflict, NotFound, QuaymasterError, UseOutdated
from bot.core.model import Integration
from bot.core.ports import Ports
from bot.core.ports.store import Fetch, Store
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import identify_caller
from storage.postgres.postgres_store import PostgresStore
from tests.fakes.real_postgres import ADMIN, RealPostgres
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.postgres.conftest import Opener
from tests.storage.rotating import Rotation
from tests.storage.samples import (
    IMAGE,
    KEYRING,
    PROJECT,
    T1,
    Clock,
    chain,
    dependency,
    event,
    integration,
    names,
    whole_history,
)
from tests.storage.tokens import LATER, TOKEN_ID, token

pytestmark = pytest.mark.needs("postgres")

ROUNDS = int(os.environ.get("QUAYMASTER_TESTS_ROUNDS", "300"))
"""Set to 10000 for the long run."""


def outcome(act: Callable[[], None]) -> str:
    """What came of it: ``done``, or the error's name."""
    try:
        act()
    except (Conflict, NotFound) as error:
        return type(error).__name__
    return "done"


def delete(store: Store, one: Integration) -> None:
    """Delete, with its entry."""
    with store.change(T1) as change:
        change.remove(one)
        change.record(event(one, "integration.delete"))


def link(store: Store, one: Integration) -> None:
    """Link, with its entry."""
    with store.change(T1) as change:
        change.put(dependency(one, IMAGE))
        change.record(event(one, "dependency.link"))


def fetch(store: Store, one: Integration) -> None:
    """Fetch for the first time."""
    known = token()
    handed = event(one, "credential.hand_out")
    store.record_use(Fetch(T1, one, known, LATER, handed, dependency(one)))


def race(stores: list[PostgresStore], pool: ThreadPoolExecutor, number: int) -> list[str]:
    """Let link, fetch and two deletes of one integration meet, in any order, on two stores."""
    one = integration(f"race-{number}")
    with stores[0].change(T1) as change:
        change.put(one)
    first, second = stores
    acts = [
        lambda: link(first, one),
        lambda: fetch(second, one),
        lambda: delete(first, one),
        lambda: delete(second, one),
    ]
    order = random.sample(range(4), 4)
    running = {place: pool.submit(outcome, acts[place]) for place in order}
    return [running[place].result() for place in range(4)]


def test_deletes_stay_true(opener: Opener, postgres: RealPostgres, database: str) -> None:
    """However link, fetch and two deletes meet, nothing depends on what is gone, and one delete wins."""
    stores = [opener(), opener()]
    with stores[0].change(T1) as change:
        change.put(token())
    with ThreadPoolExecutor(4) as pool:
        outcomes = [race(stores, pool, number) for number in range(ROUNDS)]
    both_deleted = [one for one in outcomes if one[2:] == ["done", "done"]]
    linked_and_deleted = [one for one in outcomes if "done" in one[:2] and "done" in one[2:]]
    orphans = postgres.sql(
        "select count(*) from quaymaster.dependencies d where not exists ("
        "select from quaymaster.integrations i where i.ws = d.ws and i.id = d.integration)",
        database,
        ADMIN,
    )

    assert (both_deleted, linked_and_deleted, orphans) == ([], [], "0")
    assert any("done" in one[2:] for one in outcomes)
    assert any("done" in one[:2] for one in outcomes)


def test_history_of_two_stores_is_one_chain(opener: Opener) -> None:
    """Entries that two stores write at once, on eight threads, are one chain without a gap."""
    stores = [opener(), opener()]

    def write(number: int) -> None:
        with stores[number % 2].change(T1) as change:
            change.record(event(action="integration.test"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(200)))
    entries = whole_history(stores[0])[::-1]

    assert [one.sequence for one in entries] == list(range(1, 201))
    assert [one.hash for one in entries] == chain(entries)


def test_what_a_change_reads_stays(opener: Opener) -> None:
    """Nobody changes what a change has read: counting up on two stores loses nothing."""
    stores = [opener(), opener()]
    one = integration("counter")
    with stores[0].change(T1) as change:
        change.put(one)

    def count_up(number: int) -> None:
        with stores[number % 2].change(T1) as change:
            present = change.integrations.get(one.id)
            assert present
            change.put(replace(present, note=str(int(present.note or 0) + 1)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_up, range(60)))
    present = stores[1].read(T1).integrations.get(one.id)

    assert present
    assert present.note == "60"


def test_request_is_done_once_on_two_stores(opener: Opener) -> None:
    """The same request sent to both stores at once is done by one of them."""
    stores = [opener(), opener()]

    def add(number: int) -> str:
        try:
            with stores[number % 2].change(T1) as change:
                change.put(integration(f"one-{number}"))
                change.remember("request", "made")
        except AlreadyDone as error:
            return error.outcome
        return "done"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(add, range(16)))

    assert sorted(outcomes) == ["done"] + ["made"] * 15
    assert len(names(stores[0])) == 1


def test_hours_first_fetch_is_recorded_by_one_store(opener: Opener) -> None:
    """Two stores that see a token's first fetch of an hour at once record one line of history."""
    stores = [opener(), opener()]
    one = integration("one")
    with stores[0].change(T1) as change:
        change.put(one)
        change.put(dependency(one))
        change.put(token())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: fetch(stores[number % 2], one), range(16)))

    assert [entry.event.action for entry in whole_history(stores[0])] == ["credential.hand_out"]


def test_last_use_reaches_the_other_store(opener: Opener) -> None:
    """What one store has noted is seen by the other once it is written, which never goes back."""
    first, second = opener(), opener()
    one = integration("one")
    with first.change(T1) as change:
        change.put(one)
        change.put(dependency(one))
        change.put(token())
    fetch(first, one)
    first.flush()
    found = second.read(T1).tokens.get(TOKEN_ID)

    assert found
    assert found.last_used_at == LATER


def test_token_revoked_on_the_other_store_opens_nothing(opener: Opener) -> None:
    """A decision that was made before another store revoked the token is not acted on later."""
    first, second = opener(), opener()
    one = integration("one")
    with first.change(T1) as change:
        change.put(one)
        change.put(token())
    with second.change(T1) as change:
        change.put(replace(token(), revoked_at=LATER))
    with pytest.raises(UseOutdated):
        fetch(first, one)

    assert whole_history(first) == []


def test_reading_that_cannot_be_one_state_is_refused(opener: Opener) -> None:
    """When another store changes what a reading has told already, it tells nothing more."""
    first, second = opener(), opener()
    one = integration("one")
    with first.change(T1) as change:
        change.put(one)
    reading = first.read(T1)
    reading.integrations.named("one")
    delete(second, one)
    with pytest.raises(QuaymasterError, match="changed at this moment"):
        reading.integrations.named("two")

    assert reading.integrations.named("one") == one


def test_reading_goes_on_beside_other_changes(opener: Opener) -> None:
    """A change that touches nothing of what a reading has told does not disturb it."""
    first, second = opener(), opener()
    one, other = integration("one"), integration("other")
    with first.change(T1) as change:
        change.put(one)
    reading = first.read(T1)
    reading.integrations.named("one")
    with second.change(T1) as change:
        change.put(other)

    assert reading.integrations.named("other") == other


def test_no_fetch_fails_while_another_store_rotates(opener: Opener) -> None:
    """While one store rotates, every fetch at the other gets a credential that is not retired yet."""
    first, second = opener(), opener()
    rotation = Rotation(first, Clock())
    slow = ScriptedRegistry(meanwhile=lambda: time.sleep(0.005))
    beside = Ports(second, KEYRING, slow, rotation.clock)
    given: list[tuple[str, set[str]]] = []

    def fetch_beside() -> None:
        opens_before = rotation.opens
        caller = identify_caller(second, rotation.tokens[PROJECT], "my_registry", rotation.clock())
        password = fetch_named(beside, caller, "my_registry").login.secret.reveal()
        given.append((password, opens_before | rotation.opens))

    with ThreadPoolExecutor(1) as pool:
        for number in range(ROUNDS // 10):
            fetches = [pool.submit(fetch_beside) for _ in range(3)]
            rotation.replace_with(f"credential {number}")
            [one.result() for one in fetches]

    assert len(given) == 3 * (ROUNDS // 10)
    assert [password for password, opens in given if password not in opens] == []
    assert len({password for password, _ in given}) > 2
