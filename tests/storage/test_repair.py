"""Putting the version before in the place of a damaged file."""

import re
import shutil
from pathlib import Path

import pytest

from bot.core.errors import StoreDamaged, StoreFailure, StoreInUse
from storage.tinydb.archive import FULL_AT
from storage.tinydb.repair import repair
from tests.storage.samples import KEYRING, NOON, T1, T2, contents, integration, names, opened, record
from tests.storage.samples import add as add_to


def put(path: Path, content: bytes | None) -> None:
    """Put something else in a file's place, or nothing."""
    path.unlink()
    if content is not None:
        path.write_bytes(content)


@pytest.mark.parametrize("damage", [b"", b"zeros" * 100, None])
def test_repair_puts_the_version_before_back(filled: Path, damage: bytes | None) -> None:
    """After a repair the store starts with the version before, and the damaged file is kept aside."""
    path = filled / "E1-T2.db"
    put(path, damage)
    said = repair(filled, "E1-T2", NOON, KEYRING)
    store = opened(filled)
    store.close()
    copies = list(filled.glob("*.damaged-20260101T120000"))

    assert names(store, T2) == ["theirs"]
    assert said[0] == "The previous version was restored; the last change before the damage is lost."
    assert [copy.read_bytes() for copy in copies] == ([] if damage is None else [damage])


def test_repair_leaves_a_mark(filled: Path) -> None:
    """What a repair has lost stays marked, and changes are kept again."""
    put(filled / "E1-T2.db", b"")
    repair(filled, "E1-T2", NOON, KEYRING)
    store = opened(filled)
    add_to(store, integration("after", workspace=T2), workspace=T2)
    marks = store.marks(T2)
    store.close()

    assert len(marks) == 1
    assert marks[0].endswith("(accepted 2026-01-01)")


def test_repaired_workspace_goes_on(filled: Path) -> None:
    """After a repair, and with the damaged copy beside it, changes are kept as before."""
    (filled / "T1.db").write_bytes(b"damaged")
    repair(filled, "T1", NOON, KEYRING)
    store = opened(filled)
    add_to(store, integration("after"))
    store.close()
    store = opened(filled)
    store.close()

    assert names(store) == ["after", "everything"]


def test_whole_file_is_left_alone(filled: Path) -> None:
    """A file that is not damaged is not repaired."""
    before = contents(filled)
    with pytest.raises(StoreFailure, match="is not damaged; nothing was changed"):
        repair(filled, "T1", NOON, KEYRING)

    assert contents(filled) == before


@pytest.mark.parametrize("previous", [b"", b"damaged too", None])
def test_nothing_is_done_without_a_whole_version_before(filled: Path, previous: bytes | None) -> None:
    """When the version before is damaged or missing too, nothing is touched."""
    (filled / "T1.db").write_bytes(b"damaged")
    put(filled / "T1.db.prev", previous)
    before = contents(filled)
    with pytest.raises(StoreDamaged, match="backup"):
        repair(filled, "T1", NOON, KEYRING)

    assert contents(filled) == before


def test_store_in_use_is_not_repaired(filled: Path) -> None:
    """While Quaymaster runs, its files are not repaired."""
    store = opened(filled)
    with pytest.raises(StoreInUse):
        repair(filled, "T1", NOON, KEYRING)
    store.close()

    assert names(store, T1) == ["everything"]


@pytest.mark.parametrize("previous", [True, False])
@pytest.mark.parametrize("damage", [b"", None])
def test_metadata_can_be_repaired(filled: Path, damage: bytes | None, *, previous: bool) -> None:
    """The store's own file is put back, or made again from the loaded keys where nothing is before it."""
    put(filled / "meta.db", damage)
    put(filled / "meta.db.prev", (filled / "meta.db.prev").read_bytes() if previous else None)
    repair(filled, "meta", NOON, KEYRING)
    store = opened(filled)
    add_to(store, integration("after"))
    store.close()

    assert names(store) == ["after", "everything"]
    assert store.faults == {}


def test_workspace_that_was_written_once_can_be_repaired(directory: Path) -> None:
    """Even a file that was written once only has a spare."""
    store = opened(directory)
    add_to(store, integration("only"))
    store.close()
    put(directory / "T1.db", b"damaged")
    repair(directory, "T1", NOON, KEYRING)
    store = opened(directory)
    store.close()

    assert names(store) == ["only"]


@pytest.mark.parametrize("key", ["../x", "t1", "lock", "T2"])
def test_unknown_workspace_is_refused(filled: Path, key: str) -> None:
    """A workspace that the directory does not have is refused, and those that it has are named."""
    with pytest.raises(StoreFailure, match=f"has no workspace “{re.escape(key)}”") as refused:
        repair(filled, key, NOON, KEYRING)

    assert refused.value.hint == "It has: E1-T2, T1."


@pytest.fixture
def aged(filled: Path, tmp_path: Path) -> Path:
    """A closed store with more changes behind it; the files of before them are beside it."""
    shutil.copytree(filled, tmp_path / "earlier")
    store = opened(filled)
    for number in range(3):
        add_to(store, integration(f"more-{number}"))
    store.close()
    return filled


@pytest.mark.parametrize("damage", [b"damaged", None])
def test_older_version_is_not_taken_for_the_one_before(
    aged: Path, tmp_path: Path, damage: bytes | None
) -> None:
    """A damaged file, and beside it ``.prev`` as it was long ago: a repair puts nothing of that back."""
    put(aged / "T1.db", damage)
    shutil.copy(tmp_path / "earlier" / "T1.db", aged / "T1.db.prev")
    before = contents(aged)
    with pytest.raises(
        StoreDamaged, match=r"older than the previous version of T1\.db: somebody put it there"
    ):
        repair(aged, "T1", NOON, KEYRING)

    assert contents(aged) == before


def test_archive_is_not_taken_for_the_version_before(directory: Path) -> None:
    """Nor is a part of the history, which is a whole file of the same workspace."""
    store = opened(directory)
    record(store, FULL_AT + 5)
    store.close()
    put(directory / "T1.db", b"damaged")
    shutil.copy(directory / "audit" / "T1-000000001.db", directory / "T1.db.prev")
    with pytest.raises(StoreDamaged, match="somebody put it there"):
        repair(directory, "T1", NOON, KEYRING)


def test_forgotten_workspace_is_not_repaired(filled: Path, tmp_path: Path) -> None:
    """The former ``.prev`` of a workspace that was forgotten is not put back by a repair."""
    shutil.copy(filled / "T1.db", tmp_path / "T1.db.prev")
    store = opened(filled)
    store.installations.forget_data(T1)
    store.close()
    shutil.copy(tmp_path / "T1.db.prev", filled)
    with pytest.raises(StoreDamaged, match="forgotten or given up"):
        repair(filled, "T1", NOON, KEYRING)

    assert not (filled / "T1.db").exists()


@pytest.mark.parametrize("previous", [True, False])
def test_repaired_metadata_leaves_a_mark(aged: Path, tmp_path: Path, *, previous: bool) -> None:
    """Whatever the store's own file is made of again: that older files went unnoticed stays marked."""
    (aged / "meta.db").unlink()
    (aged / "meta.db.prev").unlink()
    if previous:
        shutil.copy(tmp_path / "earlier" / "meta.db", aged / "meta.db.prev")
    said = repair(aged, "meta", NOON, KEYRING)
    store = opened(aged)
    marks = [store.marks(workspace) for workspace in (T1, T2)]
    store.close()

    assert any("could go unnoticed this one time" in sentence for sentence in said)
    assert [len(found) for found in marks] == [1, 1]
    assert "whether this workspace's file is the newest could not be known then" in marks[0][0]
