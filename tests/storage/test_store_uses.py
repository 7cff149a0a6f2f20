"""What every store keeps to, whichever it is: last uses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.model import Integration
from bot.core.ports.former_store import Store
from bot.core.queries import Unused
from tests.fakes.lookups import tokens_in
from tests.storage.samples import (
    IMAGE,
    NOON,
    PROJECT,
    T1,
    T2,
    add,
    delete,
    dependency,
    integration,
    link,
    record,
)
from tests.storage.tokens import DAY, LATER, TOKEN_ID, last_use, token, use, used_integration

READS: list[Callable[[Store, Integration], datetime | None]] = [
    last_use,
    lambda store, one: store.dependencies(T1, one.id, 0, 10).rows[0].last_used_at,
    lambda store, _: store.uses(T1, PROJECT)[0].dependency.last_used_at,
    lambda store, _: store.unused(T1, NOON + DAY, 10)[1][0].last_used_at,
    lambda store, _: tokens_in(store, T1)[0].last_used_at,
]


class Refused(Exception):
    """What a test raises inside a change."""


def held_use(store: Store) -> datetime | None:
    """When the token was last used."""
    return next(held.last_used_at for held in tokens_in(store, T1) if held.id == TOKEN_ID)


def use_and_raise(store: Store, one: Integration) -> None:
    """Note a use inside a change, then raise."""
    with store.transaction(T1) as change:
        change.put_token(token())
        use(store, one)
        raise Refused


def unlink(store: Store, one: Integration) -> None:
    """Take the project's dependency away."""
    with store.transaction(T1) as change:
        change.remove_dependency(one.id, PROJECT)


@pytest.mark.parametrize("read", READS)
def test_use_is_seen_at_once(store: Store, read: Callable[[Store, Integration], datetime | None]) -> None:
    """A use is seen in every read as soon as it is noted, after it is written, and after the next one."""
    one = used_integration(store)
    before = read(store, one)
    use(store, one, LATER)
    noted = read(store, one)
    record(store, 1)
    kept = read(store, one)
    use(store, one, LATER + timedelta(seconds=1))
    store.flush()

    assert (before, noted, kept) == (None, LATER, LATER)
    assert read(store, one) == LATER + timedelta(seconds=1)


@pytest.mark.parametrize("write", [lambda _: None, Store.flush])
def test_last_use_never_goes_back(store: Store, write: Callable[[Store], None]) -> None:
    """A use that is noted after a later one changes nothing, whether that one is written yet or not."""
    one = used_integration(store)
    use(store, one, LATER)
    write(store)
    use(store, one, NOON)
    store.flush()

    assert (last_use(store, one), held_use(store)) == (LATER, LATER)


def test_use_belongs_to_one_target(store: Store) -> None:
    """A use by one target says nothing of another target, integration or workspace."""
    one, other = used_integration(store), integration("other")
    theirs = used_integration(store, T2)
    add(store, other)
    link(store, dependency(one, IMAGE), dependency(other))
    use(store, one)
    found = store.dependency(T2, theirs.id, PROJECT)

    assert (last_use(store, one, IMAGE), last_use(store, other)) == (None, None)
    assert found is not None
    assert found.last_used_at is None


@pytest.mark.parametrize("write", [lambda _: None, Store.flush])
def test_use_of_what_is_gone_is_dropped(store: Store, write: Callable[[Store], None]) -> None:
    """A use of a dependency, a token or a workspace that is not there changes nothing and is no error."""
    one = used_integration(store)
    store.touch(T1, one.id, IMAGE, "unknown0", LATER)
    store.touch(T1, "unknown", PROJECT, "unknown0", LATER)
    store.touch(T2, one.id, PROJECT, TOKEN_ID, LATER)
    write(store)
    record(store, 1)

    assert store.dependencies(T1, one.id, 0, 10).rows == (dependency(one),)
    assert tokens_in(store, T1) == (token(),)
    assert tokens_in(store, T2) == ()


def test_target_linked_anew_has_not_used_it(store: Store) -> None:
    """Once a dependency is removed its last use is forgotten with it."""
    one = used_integration(store)
    use(store, one)
    unlink(store, one)
    gone = store.dependency(T1, one.id, PROJECT)
    link(store, dependency(one))
    store.flush()

    assert gone is None
    assert last_use(store, one) is None


def test_deletion_keeps_the_uses_of_others(store: Store) -> None:
    """Deleting one integration loses no use of another."""
    one, other = used_integration(store), integration("other")
    add(store, other)
    use(store, one)
    delete(store, other)
    seen = last_use(store, one)
    store.flush()

    assert (seen, last_use(store, one), held_use(store)) == (LATER, LATER, LATER)


def test_refused_change_keeps_the_uses(store: Store) -> None:
    """When a change raises, what was noted before and in it is still seen, and written later."""
    one = used_integration(store)
    use(store, one, NOON)
    with pytest.raises(Refused):
        use_and_raise(store, one)
    seen = last_use(store, one)
    store.flush()

    assert (seen, last_use(store, one)) == (LATER, LATER)


def test_change_does_not_overwrite_a_use(store: Store) -> None:
    """A change that read a dependency and a token before they were used does not lose the use."""
    one = used_integration(store)
    with store.transaction(T1) as change:
        read, held = change.dependency(one.id, PROJECT), change.token(TOKEN_ID)
        use(store, one)
        assert read is not None
        assert held is not None
        change.put_dependency(replace(read, settings_url="https://ci.example.com"))
        change.put_token(replace(held, reminded=1))
    found = store.dependency(T1, one.id, PROJECT)

    assert found == replace(dependency(one), settings_url="https://ci.example.com", last_used_at=LATER)
    assert tokens_in(store, T1) == (replace(token(), reminded=1, last_used_at=LATER),)


def test_unused_integrations_are_listed(store: Store) -> None:
    """Listed is what was added before a day and not used after it, with its last use, sorted by name."""
    idle, stale, busy = integration("b-idle"), integration("A-stale"), integration("c-busy")
    new = replace(integration("d-new"), created_at=NOON + DAY)
    add(store, idle, stale, busy, new)
    link(store, dependency(stale), replace(dependency(stale, IMAGE), last_used_at=NOON - DAY))
    link(store, dependency(busy), replace(dependency(busy, IMAGE), last_used_at=LATER + DAY))
    use(store, stale, NOON)

    assert store.unused(T1, LATER, 10) == (2, (Unused(stale, 2, NOON), Unused(idle, 0, None)))
    assert store.unused(T1, LATER, 1) == (2, (Unused(stale, 2, NOON),))
    assert store.unused(T1, NOON, 10) == (0, ())
    assert store.unused(T2, LATER, 10) == (0, ())


def test_use_makes_an_integration_used(store: Store) -> None:
    """A use that is only noted takes an integration off the list of unused ones at once."""
    one = used_integration(store)
    before = store.unused(T1, LATER, 10)[0]
    use(store, one, LATER)

    assert (before, store.unused(T1, LATER, 10)) == (1, (0, ()))


def test_used_dependency_is_found(store: Store) -> None:
    """A dependency is found by integration and target, in its workspace; what is not there is not."""
    one = used_integration(store)

    assert store.is_linked(T1, one.id, PROJECT)
    assert not store.is_linked(T1, one.id, IMAGE)
    assert not store.is_linked(T1, "unknown", PROJECT)
    assert not store.is_linked(T2, one.id, PROJECT)
