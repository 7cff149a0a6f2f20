"""A file of before, put back by somebody without the key, is known to be older however the process ended."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.model import Bar, Setting
from bot.core.ports.store import Change
from bot.core.secrets import Sealed
from storage.maintenance import verify
from storage.tinydb.repair import repair
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import PowerCut, QuickDisk
from tests.storage.samples import (
    IMAGE,
    KEYRING,
    NOON,
    PROJECT,
    T1,
    T2,
    add,
    dependency,
    full_integration,
    integration,
    link,
    names,
    opened,
    record,
    sealed,
)
from tests.storage.tokens import DAY, keep, token

PUT_BACK = "T1.db was replaced with an earlier version"
GONE = "T1.db was put back, although that workspace was forgotten or given up."


def token_with(**changes: object) -> Callable[[Change], None]:
    """A change of the token."""
    return lambda change: change.put(replace(token(), **changes))


ENDINGS: dict[str, Callable[[Change], None]] = {
    "revoke": token_with(revoked_at=NOON),
    "decline": token_with(declined_by="U9"),
    "hold": token_with(held_at=NOON),
    "shorten": token_with(expires_at=NOON + DAY),
    "keep out": token_with(kept_from=("x",)),
    "drop": lambda change: change.remove(token()),
    "close": lambda change: change.put(replace(only(change), linked_only=True, version=2)),
    "give": lambda change: change.put(replace(only(change), owner="U9", version=2)),
    "unlink": lambda change: change.remove(granted(change)),
    "take the grant": lambda change: change.put(replace(granted(change), granted_by=None)),
    "bar": lambda change: change.put(Bar(only(change).id, IMAGE, "U1", NOON)),
    "admins": lambda change: change.put(Setting("rules.admins", "U9")),
}


def _sealed_anew(change: Change) -> Sealed:
    """The credential of the one integration, sealed once more."""
    secret = sealed(only(change)).secret
    assert secret
    return secret


REPLACEMENTS: dict[str, Callable[[Change], None]] = {
    "secret": lambda change: change.put(replace(only(change), secret=_sealed_anew(change), version=2)),
    "certificate authority": lambda change: change.put(replace(only(change), ca=None, version=2)),
    "former credential": lambda change: change.put(replace(only(change), former=None, version=2)),
    "management login": lambda change: change.put(replace(only(change), management=None, version=2)),
}


def only(change: Change):  # type: ignore[no-untyped-def]
    """The one integration."""
    return next(change.integrations.all())


def granted(change: Change):  # type: ignore[no-untyped-def]
    """Its one dependency."""
    return change.dependencies.get(only(change).id, PROJECT)


@pytest.fixture
def serving(directory: Path) -> TinyDBStore:
    """A store that serves, with an integration, a granted link, a token and a second workspace."""
    store = opened(directory)
    one = integration("one")
    add(store, one)
    link(store, replace(dependency(one), granted_by="U1"))
    keep(store, token())
    record(store, 1, workspace=T2)
    store.flush()
    return store


def killed(store: TinyDBStore) -> None:
    """End as a killed process does: what a minute's write would have kept is not kept."""
    store._held.close()


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=list(ENDINGS))
def test_version_before_an_ended_right_is_not_believed(
    directory: Path, serving: TinyDBStore, ending: Callable[[Change], None]
) -> None:
    """Killed right after a right was taken away, and the file of before put back: a start names it."""
    before = (directory / "T1.db").read_bytes()
    with serving.change(T1) as change:
        ending(change)
    killed(serving)
    (directory / "T1.db").write_bytes(before)
    again = opened(directory)
    faults, health = again.faults, again.health()
    again.close()

    assert faults["T1"].startswith(PUT_BACK)
    assert health is not None
    assert "the history of T1 fails verification" in health


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=list(ENDINGS))
def test_repair_gives_no_ended_right_back(
    directory: Path, serving: TinyDBStore, ending: Callable[[Change], None]
) -> None:
    """Whoever damages the file right after a right was taken away does not get it back by a repair."""
    with serving.change(T1) as change:
        ending(change)
    killed(serving)
    kept = (directory / "T1.db").read_bytes()
    (directory / "T1.db").write_bytes(b"damaged")
    repair(directory, "T1", NOON, KEYRING)

    assert (directory / "T1.db").read_bytes() == kept


@pytest.mark.parametrize("replacement", REPLACEMENTS.values(), ids=list(REPLACEMENTS))
def test_version_before_a_replaced_credential_is_not_believed(
    directory: Path, tmp_path: Path, replacement: Callable[[Change], None]
) -> None:
    """An older copy, with a credential or a CA that was replaced, is named even after a kill."""
    store = opened(directory)
    add(store, full_integration())
    store.flush()
    shutil.copy(directory / "T1.db", tmp_path / "T1.db")
    with store.change(T1) as change:
        replacement(change)
    killed(store)
    shutil.copy(tmp_path / "T1.db", directory / "T1.db")
    again = opened(directory)
    faults = again.faults
    again.close()

    assert faults["T1"].startswith(PUT_BACK)


@pytest.fixture
def forgotten(directory: Path, serving: TinyDBStore, tmp_path: Path) -> Path:
    """A closed store that has forgotten a workspace, and beside it that workspace's file."""
    shutil.copy(directory / "T1.db", tmp_path / "T1.db")
    serving.installations.forget_data(T1)
    serving.close()
    return directory


class StoppedDisk(QuickDisk):
    """A disk on which the process ends when a workspace's file is about to be removed."""

    def remove(self, path: Path) -> None:
        """End instead of removing a workspace's file."""
        if path.name == "T1.db":
            raise PowerCut
        super().remove(path)


def test_killed_while_it_is_forgotten(directory: Path, serving: TinyDBStore) -> None:
    """A workspace that was being forgotten is gone after the next start, and nothing is wrong with it."""
    serving.close()
    stopped = TinyDBStore(directory, KEYRING, disk=StoppedDisk())
    with pytest.raises(PowerCut):
        stopped.installations.forget_data(T1)
    killed(stopped)
    is_left = (directory / "T1.db").exists()
    again = opened(directory)
    faults, health = again.faults, again.health()
    again.close()

    assert is_left
    assert (faults, health) == ({}, None)
    assert not (directory / "T1.db").exists()


def test_forgotten_workspace_does_not_come_back(forgotten: Path, tmp_path: Path) -> None:
    """The file of a workspace that was forgotten, put back, is named."""
    shutil.copy(tmp_path / "T1.db", forgotten / "T1.db")
    again = opened(forgotten)
    again.close()

    assert again.faults == {"T1": GONE}


def test_workspace_that_was_given_up_does_not_come_back(
    directory: Path, serving: TinyDBStore, tmp_path: Path
) -> None:
    """The same after the operator gave it up: accepting that it is gone is not accepting its return."""
    serving.close()
    shutil.copy(directory / "T1.db", tmp_path / "T1.db")
    [(directory / name).unlink() for name in ("T1.db", "T1.db.prev")]
    repair(directory, "T1", NOON, KEYRING)
    shutil.copy(tmp_path / "T1.db", directory / "T1.db")
    again = opened(directory)
    again.close()

    assert again.faults == {"T1": GONE}


def begun_again(directory: Path) -> None:
    """The workspace installs the app again, and a start follows."""
    store = opened(directory)
    add(store, integration("new"))
    store.close()


def test_forgotten_workspace_can_begin_again(forgotten: Path) -> None:
    """A workspace that was forgotten begins again, and nothing is wrong with it at the next start."""
    begun_again(forgotten)
    again = opened(forgotten)
    found, faults, kept = verify(again, KEYRING), again.faults, names(again)
    again.close()

    assert (faults, kept) == ({}, ["new"])
    assert [one.fault for one in found] == ["", ""]


def test_forgotten_file_is_older_than_what_began_again(forgotten: Path, tmp_path: Path) -> None:
    """Nor is the file of before believed in the place of the workspace's new one."""
    begun_again(forgotten)
    shutil.copy(tmp_path / "T1.db", forgotten / "T1.db")
    again = opened(forgotten)
    again.close()

    assert again.faults["T1"].startswith(PUT_BACK)


def test_killed_as_it_begins_again(forgotten: Path) -> None:
    """Between the first write of a workspace that begins again and the store's own, a kill is no fault."""
    meta = (forgotten / "meta.db").read_bytes()
    begun_again(forgotten)
    (forgotten / "meta.db").write_bytes(meta)
    again = opened(forgotten)
    again.close()

    assert again.faults == {}
