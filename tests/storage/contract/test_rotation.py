"""What every store keeps to, whichever it is: a rotation, from the new credential to the retired one."""

from collections.abc import Callable

import pytest

from bot.core.integrations.rotation import retire_former, roll_back, who_fetched
from bot.core.ports.store import Store
from tests.storage.rotating import ADMIN, Rotation
from tests.storage.samples import ENVIRONMENT, PROJECT, T1, Clock


@pytest.fixture
def rotation(store: Store, clock: Clock) -> Rotation:
    """A rotation that has begun."""
    return Rotation(store, clock)


def test_both_outlive_a_restart(rotation: Rotation, reopen: Callable[[], Store]) -> None:
    """Both credentials, and who has fetched the new one, are there after a restart."""
    given = rotation.fetch(PROJECT)
    rotation.use(reopen())

    assert given == "second"
    assert rotation.kept == ("robot", "second", "first")
    assert rotation.progress == ([PROJECT], [ENVIRONMENT])


def test_fetch_is_noted_once(rotation: Rotation) -> None:
    """Later fetches of the same credential change nothing but the last use."""
    rotation.fetch(PROJECT)
    rotation.clock.move(minutes=5)
    rotation.fetch(PROJECT)
    row = rotation.ports.store.read(T1).dependencies.get(rotation.id, PROJECT)

    assert row
    assert (row.credential_number, row.last_used_at) == (2, rotation.clock())


def test_retired_one_is_gone(rotation: Rotation, reopen: Callable[[], Store]) -> None:
    """A retired credential is not there after a restart either."""
    retire_former(rotation.ports, ADMIN, rotation.id, rotation.number)
    rotation.use(reopen())

    assert rotation.kept == ("robot", "second", "")


def test_rolled_back_one_is_handed_out(rotation: Rotation, reopen: Callable[[], Store]) -> None:
    """A former credential that is current again is handed out with its username; the other is gone."""
    rotation.fetch(PROJECT)
    dropped = rotation.number
    roll_back(rotation.ports, ADMIN, rotation.id, dropped)
    rotation.use(reopen())

    assert rotation.kept == ("ci", "first", "")
    assert [one.target for one in who_fetched(rotation.ports, ADMIN, rotation.id, dropped)] == [PROJECT]
    assert rotation.fetch(ENVIRONMENT) == "first"


def test_reminders_leave_once(rotation: Rotation) -> None:
    """The news that everything has fetched it is kept once, the reminder once in 7 days."""
    [rotation.fetch(one) for one in rotation.tokens]
    rotation.remind()
    rotation.remind()
    rotation.clock.move(days=7)
    rotation.remind()
    rotation.remind()
    told = [one.event.reason for one in rotation.ports.store.read(T1).news if one.event.actor == "quaymaster"]

    assert told == ["everything has fetched the new credential", "both credentials are still stored"]
