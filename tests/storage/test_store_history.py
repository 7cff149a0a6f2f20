"""What every store keeps to, whichever it is: the history, repeated requests, and several at once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from bot.core.errors import HasDependencies, NotFound
from bot.core.model import Integration, Result
from bot.core.ports.former_store import Store, Transaction
from bot.core.queries import Filter, Window
from tests.storage.samples import (
    PROJECT,
    T1,
    Clock,
    add,
    chain,
    delete,
    dependency,
    event,
    integration,
    link,
    names,
    record,
    whole_history,
)


def numbered(count: int) -> list[Integration]:
    """Integrations ``name-000``, ``name-001``, …; each fifth is of another kind."""
    kinds = ["private", "private", "private", "private", "docker-hub"]
    return [integration(f"name-{place:03d}", kinds[place % 5]) for place in range(count)]


def test_history_is_newest_first_and_paged(store: Store) -> None:
    """Ten entries a page, each page telling where to read on, until the first entry."""
    record(store, 23)

    page = store.history(T1)

    assert [entry.sequence for entry in page.entries] == list(range(23, 13, -1))
    assert page.older == 14
    assert [entry.sequence for entry in whole_history(store)] == list(range(23, 0, -1))


def test_event_comes_back_as_it_was(store: Store) -> None:
    """Every field of an event is kept, empty ones too."""
    events = [event(integration(), result=Result.REFUSED), replace(event(), request_id="", detail="")]
    with store.transaction(T1) as change:
        change.record(events[0])
        change.record(events[1])

    assert [entry.event for entry in store.history(T1).entries] == [events[1], events[0]]


def test_history_is_a_chain(store: Store) -> None:
    """Each entry's hash covers the one before it."""
    add(store, *numbered(3))
    record(store, 9)
    entries = whole_history(store)[::-1]

    assert [entry.hash for entry in entries] == chain(entries)


def test_history_of_one_integration(store: Store) -> None:
    """History is found by id, by present name and by past name; a deleted integration's stays."""
    one, other = integration("first"), integration("other")
    add(store, one, other)
    add(store, replace(one, name="second"))
    delete(store, replace(one, name="second"))

    assert [entry.sequence for entry in whole_history(store, one.id)] == [4, 3, 1]
    assert [entry.sequence for entry in whole_history(store, "SECOND")] == [4, 3, 1]
    assert [entry.sequence for entry in whole_history(store, "first")] == [4, 3, 1]
    assert whole_history(store, "unknown") == []


def test_present_name_finds_the_whole_history(store: Store) -> None:
    """An integration's history is whole under the name it has now and under its earlier ones."""
    one = integration("first")
    add(store, one)
    add(store, replace(one, name="second"))

    assert [entry.sequence for entry in whole_history(store, "second")] == [2, 1]
    assert [entry.sequence for entry in whole_history(store, "FIRST")] == [2, 1]


def test_name_given_anew_is_the_new_integrations(store: Store) -> None:
    """When an old name belongs to another integration today, what the first did elsewhere stays out."""
    one, other = integration("first"), integration("other")
    add(store, one)
    add(store, replace(one, name="second"))
    add(store, replace(other, name="first"))

    assert [entry.sequence for entry in whole_history(store, "first")] == [3, 1]


def test_deletion_is_found(store: Store) -> None:
    """The entry that says who deleted an integration is found; a refused attempt is none."""
    one, other = integration("one"), integration("other")
    add(store, one, other)
    with store.transaction(T1) as change:
        change.record(event(other, "integration.delete", Result.REFUSED))
    delete(store, one)

    found = store.deletion(T1, one.id)

    assert found is not None
    assert found.event.integration_id == one.id
    assert store.deletion(T1, other.id) is None
    assert store.deletion(T1, "unknown") is None


@pytest.mark.parametrize("total", [749, 750, 751, 1000, 1300])
def test_long_history_is_whole(store: Store, total: int) -> None:
    """However long the history is, paging through it gives every entry once, in an unbroken chain."""
    record(store, total)
    entries = whole_history(store)[::-1]

    assert [entry.sequence for entry in entries] == list(range(1, total + 1))
    assert [entry.hash for entry in entries] == chain(entries)


def test_old_entries_of_an_integration_are_found(store: Store) -> None:
    """What happened to an integration long ago, and who deleted it, is found behind a long history."""
    one = integration("Ancient")
    add(store, one)
    delete(store, one)
    record(store, 1300)

    deletion = store.deletion(T1, one.id)

    assert [entry.sequence for entry in whole_history(store, "ancient")] == [2, 1]
    assert [entry.sequence for entry in whole_history(store, one.id)] == [2, 1]
    assert deletion is not None
    assert deletion.sequence == 2


@pytest.mark.parametrize(("minutes", "expected"), [(0, "made"), (10, "made"), (10.1, None), (60, None)])
def test_request_is_remembered_for_ten_minutes(
    store: Store, clock: Clock, minutes: float, expected: str | None
) -> None:
    """A request sent again within ten minutes finds what it came to; later it is new."""
    with store.transaction(T1) as change:
        change.remember("request", "made")
    clock.move(minutes=minutes)

    with store.transaction(T1) as change:
        assert change.outcome("request") == expected
        assert change.outcome("other") is None


def test_request_without_an_id_is_new(store: Store) -> None:
    """Requests that carry no id are never taken for each other."""
    with store.transaction(T1) as change:
        change.remember("", "made")

    with store.transaction(T1) as change:
        assert change.outcome("") is None


def test_threads_change_one_after_the_other(store: Store) -> None:
    """Eight threads lose no change of each other, and the history stays one chain."""

    def work(place: int) -> None:
        one = integration(f"name-{place:03d}")
        add(store, one)
        link(store, dependency(one))
        store.page(T1, Filter(words=("name",)), Window())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(80)))
    entries = whole_history(store)[::-1]

    assert names(store) == [f"name-{place:03d}" for place in range(80)]
    assert len(store.uses(T1, PROJECT)) == 80
    assert [entry.hash for entry in entries] == chain(entries)


def remove(change: Transaction, one: Integration) -> None:
    """Take an integration away."""
    change.remove_integration(one.id)


def put_dependency_on(change: Transaction, one: Integration) -> None:
    """Keep a dependency on an integration."""
    change.put_dependency(dependency(one))


def test_deleter_and_linker_never_both_win(store: Store) -> None:
    """When one person deletes while another links, no dependency is left on a deleted integration."""
    many = numbered(40)
    add(store, *many)

    def attempt(place: int) -> bool:
        act = [remove, put_dependency_on][place % 2]
        with suppress(HasDependencies, NotFound), store.transaction(T1) as change:
            act(change, many[place // 2])
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(attempt, range(80)))

    assert done.count(True) == 40
    assert len(store.uses(T1, PROJECT)) == len(names(store))
