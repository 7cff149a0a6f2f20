"""What every store keeps to, whichever it is: bars, settings and news."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.audit import News
from bot.core.errors import NotFound
from bot.core.model import Bar, Setting
from bot.core.ports.store import Store
from tests.storage.samples import (
    IMAGE,
    NOON,
    PROJECT,
    T1,
    T2,
    add,
    delete,
    dependency,
    event,
    full_event,
    integration,
    link,
)

ONE = integration()
BARRED = Bar(ONE.id, PROJECT, "U1", NOON)


def told(number: int) -> News:
    """News, later the higher its number."""
    return News(f"n{number:03d}", "C1", NOON + timedelta(minutes=number), event())


def test_bar_is_kept(store: Store, reopen: Callable[[], Store]) -> None:
    """A bar is found by integration and target, in its workspace alone, after a restart too."""
    add(store, ONE)
    with store.change(T1) as change:
        change.put(BARRED)
        seen = change.dependencies.bar(ONE.id, PROJECT)

    assert (seen, store.read(T1).dependencies.bar(ONE.id, IMAGE)) == (BARRED, None)
    assert store.read(T2).dependencies.bar(ONE.id, PROJECT) is None
    assert reopen().read(T1).dependencies.bar(ONE.id, PROJECT) == BARRED


def test_bar_is_taken_away(store: Store) -> None:
    """A bar that is taken away is gone; taking it away again is no error."""
    add(store, ONE)
    with store.change(T1) as change:
        change.put(BARRED)
    with store.change(T1) as change:
        change.remove(BARRED)
        change.remove(BARRED)

    assert store.read(T1).dependencies.bar(ONE.id, PROJECT) is None


def test_bar_stands_beside_a_dependency(store: Store) -> None:
    """Bar and dependency of one target are two things: one says nothing of the other."""
    add(store, ONE)
    link(store, dependency(ONE))
    with store.change(T1) as change:
        change.put(BARRED)
        change.remove(dependency(ONE))

    assert store.read(T1).dependencies.bar(ONE.id, PROJECT) == BARRED
    assert store.read(T1).dependencies.get(ONE.id, PROJECT) is None


def test_deleted_integration_leaves_no_bar(store: Store, reopen: Callable[[], Store]) -> None:
    """With an integration its bars go."""
    add(store, ONE)
    with store.change(T1) as change:
        change.put(BARRED)
    delete(store, ONE)
    add(store, ONE)

    assert store.read(T1).dependencies.bar(ONE.id, PROJECT) is None
    assert reopen().read(T1).dependencies.bar(ONE.id, PROJECT) is None


def test_bar_from_what_is_gone_is_refused(store: Store) -> None:
    """Nothing is barred from an integration that is not there."""
    with pytest.raises(NotFound), store.change(T1) as change:
        change.put(BARRED)

    assert store.read(T1).dependencies.bar(ONE.id, PROJECT) is None


def test_setting_is_kept(store: Store, reopen: Callable[[], Store]) -> None:
    """A setting is found by its name, replaced by it, and taken away by it."""
    with store.change(T1) as change:
        change.put(Setting("notify", "C1"))
        change.put(Setting("other", "x"))
    with store.change(T1) as change:
        change.put(Setting("notify", "C2"))
        change.remove(Setting("other", "whatever"))
        change.remove(Setting("unknown", ""))
        seen = change.settings.get("notify")

    assert (seen, store.read(T1).settings.get("other")) == ("C2", None)
    assert store.read(T2).settings.all() == {}
    assert reopen().read(T1).settings.all() == {"notify": "C2"}


def test_news_waits_until_it_is_taken_away(store: Store, reopen: Callable[[], Store]) -> None:
    """News is given the oldest first, whatever order it was kept in, until it is taken away."""
    with store.change(T1) as change:
        change.put(told(2))
        change.put(told(1))
        change.put(told(3))
    with store.change(T1) as change:
        change.remove(told(1))
        change.put(replace(told(2), attempts=4))

    assert store.read(T1).news == (replace(told(2), attempts=4), told(3))
    assert reopen().read(T1).news == (replace(told(2), attempts=4), told(3))
    assert store.read(T2).news == ()


def test_news_keeps_what_happened(store: Store, reopen: Callable[[], Store]) -> None:
    """Every field of the event that news is about is kept."""
    news = replace(told(1), event=full_event(ONE))
    with store.change(T1) as change:
        change.put(news)

    assert reopen().read(T1).news == (news,)


def test_news_is_given_a_hundred_at_a_time(store: Store) -> None:
    """However much news waits, the oldest hundred are given."""
    with store.change(T1) as change:
        for number in range(103):
            change.put(told(number))

    assert store.read(T1).news == tuple(told(number) for number in range(100))


def test_workspaces_are_those_that_were_changed(store: Store, reopen: Callable[[], Store]) -> None:
    """Every workspace that was changed is named, and one that was only read is not."""
    add(store, ONE)
    with store.change(T2) as change:
        change.put(Setting("a", "b"))

    assert set(store.workspaces()) == {T1, T2}
    assert set(reopen().workspaces()) == {T1, T2}
