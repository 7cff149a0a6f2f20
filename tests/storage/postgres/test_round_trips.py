"""What a question or a change costs: round trips, counted on the wire."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.core.audit import Result
from bot.core.errors import HasDependencies
from bot.core.model import Integration, new_id
from bot.core.ports.store import Fetch, Store
from bot.core.queries import Filter, HistoryQuery, Window
from storage.postgres.postgres_store import PostgresStore
from tests.fakes.wire import Wire
from tests.storage.samples import IMAGE, NOON, T1, dependency, event, integration
from tests.storage.tokens import TOKEN_ID, token

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture(autouse=True)
def one(wired: PostgresStore) -> Integration:
    """An integration that a token's target depends on, in a store that has done everything once."""
    one, gone = integration("one"), integration("gone")
    with wired.change(T1) as change:
        change.put(one)
        change.put(dependency(one))
        change.put(token())
        change.put(gone)
        change.record(event(one))
    with wired.change(T1) as change:
        change.remove(gone)
        change.record(event(gone, "integration.delete"))
    wired.token_holder(TOKEN_ID, one.server)
    return one


def trips_of_question(wire: Wire, ask: Callable[[], object]) -> int:
    """How many round trips a question takes; preparing it took one more on this connection, once."""
    ask()
    return trips(wire, ask)


def trips(wire: Wire, act: Callable[[], object]) -> int:
    """How many round trips it takes."""
    before = wire.turns
    act()
    return wire.turns - before


def save(store: Store, name: str) -> None:
    """Add an integration as *Save* does."""
    with store.change(T1) as change:
        added = integration(name)
        change.remember(new_id(), added.id)
        change.put(added)
        change.record(event(added))


def delete(store: Store, one: Integration) -> None:
    """Delete as *Yes* does."""
    with store.change(T1) as change:
        change.remove(one)
        change.record(event(one, "integration.delete"))


def test_page_is_one_round_trip(wired: PostgresStore, wire: Wire, one: Integration) -> None:
    """A page of the list, its total and each row's dependencies come in one round trip."""
    narrowed = Filter(kinds=frozenset({one.kind}), words=("o",))

    assert trips_of_question(wire, lambda: wired.read(T1).integrations.page(narrowed, Window())) == 1


def test_hand_out_is_one_round_trip(wired: PostgresStore, wire: Wire, one: Integration) -> None:
    """A fetch that is no first one asks once: who holds the token, and what it may have."""

    def hand_out() -> None:
        held = wired.token_holder(TOKEN_ID, one.server)
        assert held
        fetched = replace(event(one, "credential.hand_out"), result=Result.DONE)
        link = held.candidates[0].dependency
        wired.record_use(Fetch(T1, one, held.token, NOON, fetched, link))

    hand_out()

    assert trips(wire, hand_out) == 1


def test_save_is_one_round_trip(wired: PostgresStore, wire: Wire) -> None:
    """The change of *Save*, its entry and its request's id are one round trip."""
    assert trips(wire, lambda: save(wired, "another")) == 1


def test_delete_with_its_check_is_one_round_trip(wired: PostgresStore, wire: Wire) -> None:
    """Deleting, and making sure that nothing depends on it, is one round trip."""
    two = integration("two")
    with wired.change(T1) as change:
        change.put(two)

    assert trips(wire, lambda: delete(wired, two)) == 1


def test_refused_delete_is_two_round_trips(wired: PostgresStore, wire: Wire, one: Integration) -> None:
    """A delete that is refused asks once more: how many depend on it."""
    with wired.change(T1) as change:
        change.put(dependency(one, IMAGE))

    def refused() -> None:
        with pytest.raises(HasDependencies, match="2 targets depend"):
            delete(wired, one)

    assert trips(wire, refused) == 2


def test_change_that_reads_locks_first(wired: PostgresStore, wire: Wire, one: Integration) -> None:
    """A change that reads takes a round trip for each question, the first of which locks, and one to keep."""

    def change_what_is_read() -> None:
        with wired.change(T1) as change:
            present = change.integrations.get(one.id)
            assert present
            change.put(replace(present, note="seen"))

    assert trips(wire, change_what_is_read) == 2


def test_question_asked_twice_is_asked_once(wired: PostgresStore, wire: Wire, one: Integration) -> None:
    """One reading answers the same question from what it said before."""

    def ask_twice() -> None:
        reading = wired.read(T1)
        reading.integrations.get(one.id)
        reading.integrations.get(one.id)

    assert trips_of_question(wire, ask_twice) == 1


def test_change_without_content_costs_nothing(wired: PostgresStore, wire: Wire) -> None:
    """A change that does nothing is no round trip."""

    def nothing() -> None:
        with wired.change(T1):
            pass

    assert trips(wire, nothing) == 0


def test_long_history_slows_no_page(wired: PostgresStore, wire: Wire) -> None:
    """A page of the history is one round trip."""
    assert trips_of_question(wire, lambda: wired.read(T1).history.page(HistoryQuery(about="one"))) == 1
