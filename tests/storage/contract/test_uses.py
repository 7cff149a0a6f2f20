"""What every store keeps to, whichever it is: fetches and last uses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.audit import Result
from bot.core.errors import UseOutdated
from bot.core.model import Bar, Integration
from bot.core.ports.store import Change, Store
from bot.core.queries import Unused
from tests.storage.samples import (
    IMAGE,
    NOON,
    PROJECT,
    T1,
    T2,
    Clock,
    add,
    delete,
    dependency,
    integration,
    link,
    record,
    whole_history,
)
from tests.storage.tokens import (
    DAY,
    FETCHED,
    LATER,
    TOKEN_ID,
    all_tokens,
    fetch,
    keep,
    last_use,
    token,
    use,
    used_integration,
)

SECOND = timedelta(seconds=1)
READS: list[Callable[[Store, Integration], datetime | None]] = [
    last_use,
    lambda store, one: store.read(T1).dependencies.page(one.id, 0, 10).rows[0].last_used_at,
    lambda store, _: store.read(T1).dependencies.of_target(PROJECT)[0].dependency.last_used_at,
    lambda store, _: store.read(T1).integrations.unused(NOON + DAY, 10)[1][0].last_used_at,
    lambda store, _: all_tokens(store)[0].last_used_at,
]


class Refused(Exception):
    """What a test raises inside a change."""


def unlink(store: Store, one: Integration) -> None:
    """Take the project's dependency away."""
    with store.change(T1) as change:
        change.remove(dependency(one))


def raise_after_linking(store: Store, one: Integration) -> None:
    """Begin a change, then raise."""
    with store.change(T1) as change:
        change.put(dependency(one, IMAGE))
        raise Refused


def fetches(store: Store) -> list[tuple[int, datetime | None]]:
    """The fetches in the history, the oldest first: how many more, in which hour."""
    events = [entry.event for entry in whole_history(store)[::-1]]
    return [(one.more, one.hour) for one in events if one.action == FETCHED]


@pytest.mark.parametrize("read", READS)
def test_use_is_seen_at_once(
    store: Store,
    reopen: Callable[[], Store],
    read: Callable[[Store, Integration], datetime | None],
) -> None:
    """A use is seen in every read as soon as it is recorded, after the next change and after a restart."""
    one = used_integration(store)
    before = read(store, one)
    use(store, one, LATER)
    use(store, one, LATER + SECOND)
    noted = read(store, one)
    record(store, 1)
    kept = read(store, one)
    use(store, one, LATER + 2 * SECOND)

    assert (before, noted, kept) == (None, LATER + SECOND, LATER + SECOND)
    assert read(reopen(), one) == LATER + 2 * SECOND


def test_last_use_never_goes_back(store: Store, reopen: Callable[[], Store]) -> None:
    """A use that is recorded after a later one leaves the last use as it is."""
    one = used_integration(store)
    use(store, one, LATER)
    use(store, one, NOON)

    assert last_use(store, one) == LATER
    assert last_use(reopen(), one) == LATER


def test_first_fetch_makes_the_target_depend(store: Store, reopen: Callable[[], Store]) -> None:
    """A target's first fetch keeps the dependency it came with, and one entry of the history."""
    one = integration()
    add(store, one)
    keep(store, token())
    first = fetch(store, one)
    store.record_use(first)

    assert store.read(T1).dependencies.get(one.id, PROJECT) == first.dependency
    assert whole_history(store)[0].event == first.event
    assert reopen().read(T1).dependencies.get(one.id, PROJECT) == first.dependency


def test_known_dependency_stays_as_it_is(store: Store) -> None:
    """A fetch by a target that depends already changes nothing of the dependency but its last use."""
    one = used_integration(store)
    use(store, one)

    assert store.read(T1).dependencies.get(one.id, PROJECT) == replace(dependency(one), last_used_at=LATER)


def test_fetches_of_an_hour_are_two_lines(store: Store, clock: Clock, reopen: Callable[[], Store]) -> None:
    """The hour's first fetch is an entry at once; how many followed is another, once the hour is over."""
    one = used_integration(store)
    use(store, one, NOON)
    use(store, one, NOON + SECOND)
    use(store, one, NOON + 2 * SECOND)
    during = fetches(store)
    clock.move(hours=2)
    use(store, one, NOON + 2 * timedelta(hours=1))
    hour = NOON.replace(minute=0, second=0, microsecond=0)

    assert during == [(0, None)]
    assert sorted(fetches(reopen()), key=str) == [(0, None), (0, None), (2, hour)]


def test_refused_attempt_is_recorded(store: Store) -> None:
    """A refused attempt is one line an hour, beside what was fetched, and makes nothing depend."""
    one = integration()
    add(store, one)
    keep(store, token())
    tried = fetch(store, one)
    refused = replace(tried, dependency=None, event=replace(tried.event, result=Result.REFUSED))
    store.record_use(refused)
    store.record_use(refused)
    store.record_use(tried)

    results = [entry.event.result for entry in whole_history(store)]

    assert results == [Result.DONE, Result.REFUSED, Result.DONE]
    assert last_use(store, one) == LATER


def revoke(change: Change, _: Integration) -> None:
    """Revoke the token."""
    change.put(replace(token(), revoked_at=NOON))


def approve(change: Change, _: Integration) -> None:
    """Approve the token."""
    change.put(replace(token(), approved_by="U9"))


def give_away(change: Change, _: Integration) -> None:
    """Give the token to somebody else."""
    change.put(replace(token(), created_by="U9"))


def take_over(change: Change, _: Integration) -> None:
    """Mark the token as taken over."""
    change.put(replace(token(), taken_over_from="U9"))


def keep_out(change: Change, one: Integration) -> None:
    """Keep the token from the integration."""
    change.put(replace(token(), kept_from=(one.id,)))


def leave(change: Change, _: Integration) -> None:
    """Hold the token, because its owner has left."""
    change.put(replace(token(), held_at=NOON))


def edit(change: Change, one: Integration) -> None:
    """Close the integration."""
    change.put(replace(one, linked_only=True, version=2))


def remove(change: Change, one: Integration) -> None:
    """Delete the integration."""
    change.remove(dependency(one))
    change.remove(one)


def bar(change: Change, one: Integration) -> None:
    """Keep the target from the integration."""
    change.put(Bar(one.id, PROJECT, "U9", NOON))


@pytest.mark.parametrize(
    "meanwhile", [revoke, approve, give_away, take_over, keep_out, leave, edit, remove, bar]
)
@pytest.mark.parametrize("fetched_before", [0, 1])
def test_outdated_fetch_is_refused(
    store: Store, meanwhile: Callable[[Change, Integration], None], fetched_before: int
) -> None:
    """What was decided on something that has changed since then is refused, and nothing is recorded."""
    one = used_integration(store)
    decided = fetch(store, one)
    [store.record_use(decided) for _ in range(fetched_before)]
    with store.change(T1) as change:
        meanwhile(change, one)
    before = len(whole_history(store))
    with pytest.raises(UseOutdated):
        store.record_use(decided)

    assert len(whole_history(store)) == before


def test_fetch_that_needs_a_link_needs_it_granted(store: Store) -> None:
    """Where only a granted link lets a target pass, a note does not, nor does a link that is gone."""
    one = integration()
    add(store, one)
    keep(store, token())
    link(store, dependency(one))
    decided = replace(fetch(store, one), needs_link=True)
    with pytest.raises(UseOutdated):
        store.record_use(decided)
    link(store, replace(dependency(one), granted_by="U1"))
    store.record_use(decided)
    unlink(store, one)
    with pytest.raises(UseOutdated):
        store.record_use(decided)

    assert last_use(store, one) is None


def test_use_belongs_to_one_target(store: Store) -> None:
    """A use by one target says nothing of another target, integration or workspace."""
    one, other = used_integration(store), integration("other")
    theirs = used_integration(store, T2)
    add(store, other)
    link(store, dependency(one, IMAGE), dependency(other))
    use(store, one)
    found = store.read(T2).dependencies.get(theirs.id, PROJECT)

    assert (last_use(store, one, IMAGE), last_use(store, other)) == (None, None)
    assert found is not None
    assert found.last_used_at is None


def test_target_linked_again_has_not_used_it(store: Store) -> None:
    """Once a dependency is removed its last use is forgotten with it."""
    one = used_integration(store)
    use(store, one)
    unlink(store, one)
    gone = store.read(T1).dependencies.get(one.id, PROJECT)
    link(store, dependency(one))

    assert gone is None
    assert last_use(store, one) is None


def test_deletion_keeps_the_uses_of_others(store: Store, reopen: Callable[[], Store]) -> None:
    """Deleting one integration loses no use of another."""
    one, other = used_integration(store), integration("other")
    add(store, other)
    use(store, one, NOON)
    use(store, one, NOON + SECOND)
    delete(store, other)

    assert last_use(store, one) == NOON + SECOND
    assert last_use(reopen(), one) == NOON + SECOND


def test_refused_change_keeps_the_uses(store: Store, reopen: Callable[[], Store]) -> None:
    """When a change raises, what was recorded before it is still seen, and kept."""
    one = used_integration(store)
    use(store, one, NOON)
    use(store, one, NOON + SECOND)
    with pytest.raises(Refused):
        raise_after_linking(store, one)

    assert last_use(store, one) == NOON + SECOND
    assert last_use(reopen(), one) == NOON + SECOND


def test_unused_integrations_are_listed(store: Store) -> None:
    """Listed is what was added before a day and not used after it, with its last use, sorted by name."""
    idle, stale, busy = integration("b-idle"), integration("A-stale"), integration("c-busy")
    new = replace(integration("d-new"), created_at=NOON + DAY)
    add(store, idle, stale, busy, new)
    link(store, dependency(stale), replace(dependency(stale, IMAGE), last_used_at=NOON - DAY))
    link(store, dependency(busy), replace(dependency(busy, IMAGE), last_used_at=LATER + DAY))
    keep(store, token())
    use(store, stale, NOON)
    integrations = store.read(T1).integrations

    assert integrations.unused(LATER, 10) == (2, (Unused(stale, 2, NOON), Unused(idle, 0, None)))
    assert integrations.unused(LATER, 1) == (2, (Unused(stale, 2, NOON),))
    assert integrations.unused(NOON, 10) == (0, ())
    assert store.read(T2).integrations.unused(LATER, 10) == (0, ())


def test_use_makes_an_integration_used(store: Store) -> None:
    """A use takes an integration off the list of unused ones at once."""
    one = used_integration(store)
    before = store.read(T1).integrations.unused(LATER, 10)[0]
    use(store, one, LATER)

    assert (before, store.read(T1).integrations.unused(LATER, 10)) == (1, (0, ()))


def test_token_shows_its_last_use(store: Store) -> None:
    """A token found by its id shows when it was last used."""
    one = used_integration(store)
    use(store, one)
    found = store.read(T1).tokens.get(TOKEN_ID)

    assert found == replace(token(), last_used_at=LATER)
