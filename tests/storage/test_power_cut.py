"""A power cut at any system call: what was acknowledged is there, and nothing is half there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.tinydb.durable_files import Volume
from storage.tinydb.file_format import Database, QuaymasterFile
from tests.storage.disks import ModelDisk, PowerCut
from tests.storage.forging import OWNER

PATH = Path("/nowhere/T1.db")
CHANGES = 4


def play(disk: ModelDisk) -> int:
    """Make changes until the power is cut; say how many were acknowledged."""
    done = 0
    try:
        database = Database(Volume(PATH.parent, disk), OWNER, PATH, "T1")
        for number in range(CHANGES):
            with database.file.transaction():
                database.rows("integrations").put({f"i{number}": {"name": "x" * 40}})
                database.rows("audit").put({f"{number}": {"action": "integration.add"}})
            done += 1
    except PowerCut:
        pass
    return done


def counts(found: bytes | None) -> tuple[int, int]:
    """How many integrations and audit entries a file that was left holds. Raises when it is damaged."""
    file = QuaymasterFile(Volume(PATH.parent, FoundDisk(found)), OWNER, PATH, "T1")
    tables = file.read() or {}
    return len(tables.get("integrations", {})), len(tables.get("audit", {}))


class FoundDisk(ModelDisk):
    """A disk on which one file was found after a cut."""

    def __init__(self, found: bytes | None) -> None:
        super().__init__()
        self._found = found

    def read(self, path: Path) -> bytes:
        if self._found is None:
            raise FileNotFoundError(path)
        return self._found


def number_of_calls() -> int:
    """How many system calls the changes make when nothing is cut."""
    disk = ModelDisk()
    play(disk)
    return disk.calls


def left_by_cuts() -> Iterator[tuple[int, tuple[int, int]]]:
    """For each instant and each state a cut may leave: how many were acknowledged, and what is there."""
    for instant in range(number_of_calls() + 1):
        disk = ModelDisk(stops_at=instant)
        done = play(disk)
        for found in disk.after_a_cut(PATH.name):
            yield done, counts(found)


@pytest.fixture(scope="module")
def outcomes() -> list[tuple[int, tuple[int, int]]]:
    """Everything that may be found."""
    return list(left_by_cuts())


def test_many_states_are_tried(outcomes: list[tuple[int, tuple[int, int]]]) -> None:
    """The cuts leave a good number of different states, from nothing kept to everything kept."""
    assert len(outcomes) > 100
    assert {found for _, found in outcomes} == {(number, number) for number in range(CHANGES + 1)}


def test_acknowledged_change_is_there(outcomes: list[tuple[int, tuple[int, int]]]) -> None:
    """Whatever the instant, every acknowledged change is found, and at most the one under way besides."""
    assert all(done <= found[0] <= done + 1 for done, found in outcomes)


def test_change_and_its_audit_entry_stay_together(outcomes: list[tuple[int, tuple[int, int]]]) -> None:
    """Whatever the instant, there are as many audit entries as changes."""
    assert all(integrations == entries for _, (integrations, entries) in outcomes)


class ForgetfulDisk(ModelDisk):
    """A disk that does not flush files, or does not flush names."""

    forgets = ""

    def sync(self, descriptor: int) -> None:
        kind = "file" if descriptor in self._open else "directory"
        if kind != self.forgets:
            super().sync(descriptor)


@pytest.mark.parametrize("forgets", ["file", "directory"])
def test_cuts_would_show_a_missing_flush(forgets: str) -> None:
    """Without the flush of the file, or of the directory, the same cuts lose what was acknowledged."""
    disk = ForgetfulDisk()
    disk.forgets = forgets
    done = play(disk)

    assert any(lost(found, done) for found in disk.after_a_cut(PATH.name))


def lost(found: bytes | None, done: int) -> bool:
    """True when a state is damaged or lacks an acknowledged change."""
    try:
        return counts(found)[0] < done
    except Exception:  # noqa: BLE001 # any failure to read is a loss here
        return True
