"""Where the app is installed: kept, changed by one at a time, and forgotten."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Thread
from typing import Any

from bot.core.installations import Installation, tokens_context
from bot.core.secrets import Secret
from tests.storage.samples import IMAGE, KEYRING, NOON, T1, T2, dependency, event, integration
from tests.storage.tokens import token

TOKENS = KEYRING.seal(tokens_context("T1"), {"access": Secret("xoxb-marker")})
ACME = Installation("T1", "U1", NOON, TOKENS)
ORG = Installation("E1", "U2", NOON, TOKENS, "E1", NOON + timedelta(hours=12))


def keep(store: Any, *installations: Installation) -> None:
    """Keep installations."""
    for one in installations:
        with store.installations.locked(one.holder) as row:
            row.value = one


def test_installation_is_kept(store: Any, reopen: Callable[[], Any]) -> None:
    """What was kept is found by its holder, after a restart too."""
    keep(store, ACME, ORG)
    opened = reopen()

    assert opened.installations.get("T1") == ACME
    assert list(opened.installations.all()) == [ORG, ACME]
    assert opened.installations.get("T2") is None


def test_installation_alone_makes_no_workspace(store: Any) -> None:
    """An installation is no workspace with data."""
    keep(store, ACME)

    assert list(store.workspaces()) == []


def test_change_that_raises_keeps_nothing(store: Any) -> None:
    """A change that ends in an error leaves the installation as it was."""
    keep(store, ACME)
    with suppress(ZeroDivisionError), store.installations.locked("T1") as row:
        row.value = replace(ACME, gone_at=NOON)
        raise ZeroDivisionError

    assert store.installations.get("T1") == ACME


def test_installation_is_removed(store: Any) -> None:
    """An installation that becomes none is gone, others stay."""
    keep(store, ACME, ORG)
    with store.installations.locked("T1") as row:
        row.value = None

    assert list(store.installations.all()) == [ORG]


def test_one_changes_at_a_time(store: Any) -> None:
    """What one has changed the next one sees: of 8 at once, each finds the one before."""
    keep(store, ACME)

    def add() -> None:
        with store.installations.locked("T1") as row:
            row.value = replace(row.value, installed_by=row.value.installed_by + "x")

    threads = [Thread(target=add) for _ in range(8)]
    [one.start() for one in threads]
    [one.join() for one in threads]

    assert store.installations.get("T1").installed_by == "U1" + 8 * "x"


def test_state_is_taken_once(store: Any) -> None:
    """The state of an install works once, in time, and only the one that was begun."""
    store.installations.begin(b"state", NOON + timedelta(minutes=10))
    store.installations.begin(b"late", NOON)
    taken = [store.installations.take(state, NOON) for state in (b"state", b"state", b"late", b"never")]

    assert taken == [True, False, False, False]


def full(store: Any, workspace: Any, letter: str) -> None:
    """Put one of everything into a workspace."""
    one = integration("their_registry", workspace=workspace)
    with store.change(workspace) as change:
        change.put(one)
        change.put(dependency(one, IMAGE))
        change.put(token(f"Token00{letter}", IMAGE))
        change.record(event(one))


def left(store: Any) -> Iterator[Any]:
    """What is there of the first workspace."""
    reading = store.read(T1)
    yield from reading.integrations.all()
    yield from reading.history.oldest_first()
    yield from filter(None, [store.token_holder("Token001")])


def test_data_is_forgotten(store: Any, reopen: Callable[[], Any]) -> None:
    """Everything of a workspace is deleted for good, and nothing of another; it can begin again."""
    full(store, T1, "1")
    full(store, T2, "2")
    store.installations.forget_data(T1)
    assert list(left(store)) == []
    opened = reopen()
    assert list(left(opened)) == []
    assert list(opened.workspaces()) == [T2]
    full(opened, T1, "3")

    assert opened.faults == {}
    assert [one.key for one in sorted(opened.workspaces())] == [T1.key, T2.key]
    assert opened.token_holder("Token002") is not None
