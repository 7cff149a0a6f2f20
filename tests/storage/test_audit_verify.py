"""``audit verify``: whoever can write the files, but has no key, changes no entry of the history unseen."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.audit_verify import Verified
from storage.tinydb.archive import FULL_AT, SEGMENT
from storage.tinydb.file_format import decode, encode, lines_in
from tests.storage.samples import T1, opened, record

ENTRIES = FULL_AT + 5
"""So many that the first ``SEGMENT`` are in the archive."""

Lines = dict[str, list[bytes]]


@pytest.fixture
def long_history(directory: Path) -> Path:
    """A closed store with a long history."""
    store = opened(directory)
    record(store, ENTRIES)
    store.close()
    return directory


def verify(directory: Path) -> Verified:
    """Open the store again and verify its one workspace."""
    store = opened(directory)
    (found,) = store.verify_history()
    store.close()
    return found


def forge(path: Path, change: Callable[[Lines], None]) -> None:
    """Change a file's documents, with a right checksum, as whoever knows the layout can."""
    sequence, body = decode(path, T1.key, path.read_bytes())
    tables: Lines = {}
    for table, line in lines_in(body):
        tables.setdefault(table, []).append(line)
    change(tables)
    path.write_bytes(b"".join(encode(T1.key, sequence, tables)))


def first_of_the_archive(directory: Path) -> Path:
    """The oldest file of the archive."""
    return min((directory / "audit").iterdir())


def blame_another(lines: list[bytes]) -> None:
    """Write another actor into the third entry."""
    lines[2] = lines[2].replace(b'"actor":"', b'"actor":"X', 1)


def test_whole_history_is_verified(long_history: Path) -> None:
    """Archived and recent entries are counted, and nothing is wrong with them."""
    assert verify(long_history) == Verified(T1.key, ENTRIES)


def test_workspace_without_a_history_is_whole(directory: Path) -> None:
    """Where nothing has happened nothing is missing."""
    store = opened(directory)
    with store.transaction(T1):
        pass
    found = store.verify_history()
    store.close()

    assert found == (Verified(T1.key, 0),)


def test_changed_entry_is_named(long_history: Path) -> None:
    """An entry with another actor is named, whether it is in memory or in the archive."""
    forge(long_history / "T1.db", lambda tables: blame_another(tables["audit"]))
    recent = verify(long_history)
    forge(first_of_the_archive(long_history), lambda tables: blame_another(tables["audit"]))
    archived = verify(long_history)

    assert recent == Verified(T1.key, SEGMENT + 2, f"Entry {SEGMENT + 3} is not as it was written.")
    assert archived == Verified(T1.key, 2, "Entry 3 is not as it was written.")


def test_missing_entry_is_named(long_history: Path) -> None:
    """An entry that was taken out is named."""
    forge(long_history / "T1.db", lambda tables: tables["audit"].pop(1))

    assert verify(long_history) == Verified(T1.key, SEGMENT + 1, f"Entry {SEGMENT + 2} is missing.")


def test_missing_file_of_the_archive_is_named(long_history: Path) -> None:
    """A part of the archive that is gone is named."""
    path = first_of_the_archive(long_history)
    path.unlink()

    assert verify(long_history).fault.startswith(f"{path}, a part of the history, is missing")


def test_cut_end_is_noticed(long_history: Path) -> None:
    """Without its newest entry the history does not fit the seal; without any, neither."""
    forge(long_history / "T1.db", lambda tables: tables["audit"].pop())
    cut = verify(long_history)
    forge(long_history / "T1.db", lambda tables: tables["audit"].clear())
    empty = verify(long_history)

    fault = f"Entry {ENTRIES - 1} is not the one that was sealed last, which was {ENTRIES}."
    assert cut == Verified(T1.key, ENTRIES - 1, fault)
    assert empty.fault == "Every entry is missing."


def test_missing_seal_is_noticed(long_history: Path) -> None:
    """Taking the seal away with the end does not help."""
    forge(long_history / "T1.db", lambda tables: tables.pop("head"))

    assert verify(long_history) == Verified(T1.key, ENTRIES, "The seal of the newest entry is missing.")


def test_seal_of_another_key_is_no_proof(long_history: Path) -> None:
    """A seal under a key that is not loaded proves nothing, and the key is named."""

    def reseal(tables: Lines) -> None:
        head = json.loads(b"{%b}" % tables["head"][0])
        head["audit"]["kid"] = "txl6djfw"
        tables["head"] = [json.dumps(head)[1:-1].encode()]

    forge(long_history / "T1.db", reseal)

    assert verify(long_history).fault == "The newest entry is sealed with key txl6djfw, which is not loaded."


def test_history_wiped_with_its_seal_is_noticed(long_history: Path) -> None:
    """Taking every recent entry and the seal away leaves an archive, which says that there was something."""

    def wipe(tables: Lines) -> None:
        tables.pop("head")
        tables["audit"].clear()

    forge(long_history / "T1.db", wipe)
    wiped = verify(long_history)
    (long_history / "T1.db").unlink()
    (long_history / "T1.db.prev").unlink()

    assert wiped == Verified(T1.key, 0, "Every entry is missing.")
    assert verify(long_history) == wiped


@pytest.mark.parametrize("line", [b'"3":{}', b'"3":{oops}', b'"3":{"at":"\xff"}', b'"3":' + b"[" * 100_000])
def test_unreadable_entry_is_a_sentence(long_history: Path, line: bytes) -> None:
    """What was put in the place of an archived entry and is none is said, not raised."""
    forge(first_of_the_archive(long_history), lambda tables: tables["audit"].__setitem__(2, line))

    assert verify(long_history) == Verified(T1.key, 2, "The entry behind it cannot be read.")
