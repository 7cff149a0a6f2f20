"""What every store keeps to, whichever it is: the history, repeated requests, and several at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.audit import Result
from bot.core.errors import AlreadyDone, HasDependencies, NotFound, Outdated
from bot.core.model import Integration
from bot.core.ports.store import Change, Store
from bot.core.queries import Filter, HistoryQuery, Window
from tests.storage.samples import (
    IMAGE,
    NOON,
    PROJECT,
    T1,
    Clock,
    add,
    chain,
    delete,
    dependency,
    event,
    full_event,
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

    page = store.read(T1).history.page(HistoryQuery())

    assert [entry.sequence for entry in page.entries] == list(range(23, 13, -1))
    assert page.older == 14
    assert [entry.sequence for entry in whole_history(store)] == list(range(23, 0, -1))


def test_event_comes_back_as_it_was(store: Store) -> None:
    """Every field of an event is kept, empty ones too."""
    events = [full_event(integration()), replace(event(), request_id="", detail="")]
    with store.change(T1) as change:
        change.record(events[0])
        change.record(events[1])

    assert [entry.event for entry in store.read(T1).history.page(HistoryQuery()).entries] == [
        events[1],
        events[0],
    ]


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
    with store.change(T1) as change:
        change.record(event(other, "integration.delete", Result.REFUSED))
    delete(store, one)

    found = store.read(T1).history.deletion(one.id)

    assert found is not None
    assert found.event.integration_id == one.id
    assert store.read(T1).history.deletion(other.id) is None
    assert store.read(T1).history.deletion("unknown") is None


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

    deletion = store.read(T1).history.deletion(one.id)

    assert [entry.sequence for entry in whole_history(store, "ancient")] == [2, 1]
    assert [entry.sequence for entry in whole_history(store, one.id)] == [2, 1]
    assert deletion is not None
    assert deletion.sequence == 2


def remember(store: Store, request_id: str = "request", outcome: str = "made") -> None:
    """Carry a request out."""
    with store.change(T1) as change:
        change.remember(request_id, outcome)


def add_again(store: Store) -> None:
    """Add something by a request that was carried out before."""
    with store.change(T1) as change:
        change.put(integration("lost"))
        change.remember("request", "again")


@pytest.mark.parametrize("minutes", [0, 10])
def test_request_is_remembered_for_ten_minutes(
    store: Store, clock: Clock, reopen: Callable[[], Store], minutes: float
) -> None:
    """A request sent again within ten minutes is told what it came to, after a restart too."""
    remember(store)
    clock.move(minutes=minutes)
    with pytest.raises(AlreadyDone) as caught:
        remember(reopen(), outcome="other")

    assert caught.value.outcome == "made"


def test_request_is_forgotten_after_ten_minutes(store: Store, clock: Clock) -> None:
    """More than ten minutes later a request of the same id is new."""
    remember(store)
    clock.move(minutes=10.1)
    remember(store, outcome="other")
    with pytest.raises(AlreadyDone) as caught:
        remember(store)

    assert caught.value.outcome == "other"


def test_repeated_request_keeps_nothing(store: Store) -> None:
    """A change whose request was carried out before keeps nothing at all."""
    remember(store)
    with pytest.raises(AlreadyDone):
        add_again(store)

    assert names(store) == []


def test_request_without_an_id_is_new(store: Store) -> None:
    """Requests that carry no id are never taken for each other."""
    remember(store, "")
    remember(store, "")

    assert names(store) == []


WEB = replace(event(), target=PROJECT, actor="U2", at=NOON + timedelta(days=1))
LATER = replace(event(), at=NOON + timedelta(days=2), actor="token Ab3dEf7h")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (HistoryQuery(), [3, 2, 1]),
        (HistoryQuery(actor="U2"), [2]),
        (HistoryQuery(actor="token Ab3dEf7h"), [3]),
        (HistoryQuery(actor="U"), []),
        (HistoryQuery(target=PROJECT), [2]),
        (HistoryQuery(target=IMAGE), []),
        (HistoryQuery(since=WEB.at), [3, 2]),
        (HistoryQuery(until=WEB.at), [1]),
        (HistoryQuery(since=WEB.at, until=LATER.at), [2]),
        (HistoryQuery(before=3, size=1), [2]),
        (HistoryQuery(actor="U2", target=PROJECT, since=LATER.at), []),
    ],
)
def test_history_is_narrowed(store: Store, query: HistoryQuery, found: list[int]) -> None:
    """Actor, target and times narrow the history together; a time bounds from it on, and up to before it."""
    with store.change(T1) as change:
        change.record(event())
        change.record(WEB)
        change.record(LATER)

    assert [one.sequence for one in store.read(T1).history.page(query).entries] == found


def test_page_is_never_empty_before_the_end(store: Store) -> None:
    """However far back the only entry that fits is, the first page shows it."""
    with store.change(T1) as change:
        change.record(WEB)
    record(store, 1300)
    page = store.read(T1).history.page(HistoryQuery(actor="U2"))

    assert [one.sequence for one in page.entries] == [1]


def test_history_of_what_was_done(store: Store) -> None:
    """Entries are found by their kind of action, and those that were refused."""
    one, other = integration("one"), integration("other")
    with store.change(T1) as change:
        change.record(event(one))
        change.record(event(one, "integration.delete", Result.REFUSED))
        change.record(event(one, "integration.edit"))
        change.record(event(other, "integration.delete"))
    history = store.read(T1).history

    def found(**asked: Any) -> list[int]:
        return [entry.sequence for entry in history.page(HistoryQuery(**asked)).entries]

    deleted = frozenset({"integration.delete"})
    assert found(actions=deleted) == [4, 2]
    assert found(actions=deleted | {"integration.edit"}) == [4, 3, 2]
    assert found(actions=deleted, is_refused=True) == [2]
    assert found(is_refused=True, about=other.name) == []
    assert found(actions=deleted, about="one") == [2]


def test_newest_deletions(store: Store) -> None:
    """The newest deletions are given, not attempts that were refused, and no more than asked for."""
    with store.change(T1) as change:
        for name in ("first", "second", "third"):
            change.record(event(integration(name), "integration.delete"))
        change.record(event(integration("kept"), "integration.delete", Result.REFUSED))
    history = store.read(T1).history

    assert [entry.event.name for entry in history.deletions(2)] == ["third", "second"]
    assert len(history.deletions(9)) == 3


def test_renaming_is_found(store: Store) -> None:
    """The newest entry that says that an integration gave a name up is found by that name."""
    one = integration("second")
    renamed = replace(event(one, "integration.edit"), former_name="First")
    add(store, one)
    with store.change(T1) as change:
        change.record(renamed)
    found = store.read(T1).history.renaming("fIRST")

    assert found is not None
    assert found.event == renamed
    assert store.read(T1).history.renaming("second") is None


def test_history_is_read_from_the_first_on(store: Store) -> None:
    """Every entry is read once, the oldest first, however long the history is."""
    record(store, 1100)

    assert [one.sequence for one in store.read(T1).history.oldest_first()] == list(range(1, 1101))


def test_reading_stays_as_it_was(store: Store) -> None:
    """What a reading has shown once it shows again, whatever was changed since then."""
    add(store, integration("one"))
    reading = store.read(T1)
    before = reading.integrations.page(Filter(), Window())
    add(store, integration("two"))

    assert reading.integrations.page(Filter(), Window()) == before
    assert names(store) == ["one", "two"]


def test_threads_change_one_after_the_other(store: Store) -> None:
    """Eight threads lose no change of each other, and the history stays one chain."""

    def work(place: int) -> None:
        one = integration(f"name-{place:03d}")
        add(store, one)
        link(store, dependency(one))
        store.read(T1).integrations.page(Filter(words=("name",)), Window())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(80)))
    entries = whole_history(store)[::-1]

    assert names(store) == [f"name-{place:03d}" for place in range(80)]
    assert len(store.read(T1).dependencies.of_target(PROJECT)) == 80
    assert [entry.hash for entry in entries] == chain(entries)


def remove(change: Change, one: Integration) -> None:
    """Take an integration away."""
    change.remove(one)


def put_dependency_on(change: Change, one: Integration) -> None:
    """Keep a dependency on an integration."""
    change.put(dependency(one))


def test_deleter_and_linker_never_both_win(store: Store) -> None:
    """When one person deletes while another links, no dependency is left on a deleted integration."""
    many = numbered(40)
    add(store, *many)

    def attempt(place: int) -> bool:
        act = [remove, put_dependency_on][place % 2]
        with suppress(HasDependencies, NotFound, Outdated), store.change(T1) as change:
            act(change, many[place // 2])
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(attempt, range(80)))

    assert done.count(True) == 40
    assert len(store.read(T1).dependencies.of_target(PROJECT)) == len(names(store))
