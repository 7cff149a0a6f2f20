"""A rotation is killed at each call of the disk: the restart shows the state before or the one after."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.core.integrations.rotation import retire_former, roll_back
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import PowerCut, WatchedDisk
from tests.storage.rotating import ADMIN, Rotation
from tests.storage.samples import KEYRING, Clock

Act = Callable[[Rotation], object]

BEGUN = ("robot", "second", "first")
RETIRED = ("robot", "second", "")
BACK = ("ci", "first", "")
CALLS = range(24)
"""More than an act makes; the last ones let it end."""


def begin(rotation: Rotation) -> None:
    """Begin again, after the rotation of before was rolled back."""
    rotation.enter("second", "robot")


def retire(rotation: Rotation) -> None:
    """Retire the former."""
    retire_former(rotation.ports, ADMIN, rotation.id, rotation.number)


def back(rotation: Rotation) -> None:
    """Roll back."""
    roll_back(rotation.ports, ADMIN, rotation.id, rotation.number)


def killed(directory: Path, prepare: Act, act: Act, call: int) -> tuple[tuple[str, str, str], bool]:
    """Kill an act before a call of the disk, start again, and give what is kept and whether it was killed."""
    disk, clock = WatchedDisk(), Clock()
    store = TinyDBStore(directory, KEYRING, clock=clock, disk=disk)
    rotation = Rotation(store, clock)
    prepare(rotation)
    disk.stops_at = len(disk.calls) + call
    is_killed = False
    try:
        act(rotation)
    except PowerCut:
        is_killed = True
    store._held.close()  # an ended process holds no lock, and writes nothing more
    store = TinyDBStore(directory, KEYRING, clock=clock)
    rotation.use(store)
    kept = rotation.kept
    store.close()
    return kept, is_killed


def nothing(_: Rotation) -> None:
    """Leave it as it is."""


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("prepare", "act", "before", "after"),
    [(back, begin, BACK, BEGUN), (nothing, retire, BEGUN, RETIRED), (nothing, back, BEGUN, BACK)],
    ids=["begin", "retire", "back"],
)
def test_killed_rotation_is_before_or_after(
    tmp_path: Path,
    prepare: Act,
    act: Act,
    before: tuple[str, str, str],
    after: tuple[str, str, str],
    call: int,
) -> None:
    """Whatever call it is killed before, every credential opens that was not retired by then."""
    kept, is_killed = killed(tmp_path / "data", prepare, act, call)

    assert kept in (before, after)
    assert is_killed or kept == after
