"""``audit verify``: which entry of a history is not as it was written."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.core.audit import HISTORY_DELETED, HISTORY_ENDS, Action, Event
from bot.core.model import Setting, Source
from bot.core.queries import HistoryQuery
from storage.maintenance import Verified, ends_in_log, verify
from storage.tinydb.archive import FULL_AT, SEGMENT
from tests.storage.forging import OWNER, Lines, forge, tables_of, write_as
from tests.storage.samples import KEYRING, T1, opened, record

ENTRIES = FULL_AT + 5
"""So many that the first ``SEGMENT`` are in the archive."""


@pytest.fixture
def long_history(directory: Path) -> Path:
    """A closed store with a long history."""
    store = opened(directory)
    record(store, ENTRIES)
    store.close()
    return directory


def verified(directory: Path) -> Verified:
    """Open the store again and verify its one workspace."""
    store = opened(directory)
    (found,) = verify(store, KEYRING)
    store.close()
    return found


def rewrite(path: Path, change: Callable[[Lines], object]) -> None:
    """Change a file's lines with the key, so that only the chain shows it."""
    sequence, tables = tables_of_archive(path)
    change(tables)
    write_as(OWNER, path, sequence + 1, tables, T1.key)


def tables_of_archive(path: Path) -> tuple[int, Lines]:
    """A file's sequence and lines; an archive's name holds more than the workspace."""
    alias = path.with_name("T1.db") if path.parent.name == "audit" else path
    if alias != path:
        alias.write_bytes(path.read_bytes())
    found = tables_of(alias)
    if alias != path:
        alias.unlink()
    return found


def first_of_the_archive(directory: Path) -> Path:
    """The oldest file of the archive."""
    return min((directory / "audit").iterdir())


def blame_another(tables: Lines) -> None:
    """Write another actor into the third entry."""
    tables["audit"][2] = tables["audit"][2].replace(b'"actor":"', b'"actor":"X', 1)


def test_whole_history_is_verified(long_history: Path) -> None:
    """Archived and recent entries are counted, and nothing is wrong with them."""
    assert verified(long_history) == Verified(T1.key, ENTRIES)


def test_workspace_without_a_history_is_whole(directory: Path) -> None:
    """Where nothing has happened nothing is missing."""
    store = opened(directory)
    with store.change(T1) as change:
        change.put(Setting("a", "b"))
    found = verify(store, KEYRING)
    store.close()

    assert found == (Verified(T1.key, 0),)


def test_changed_entry_is_named(long_history: Path) -> None:
    """An entry with another actor is named, whether it is in memory or in the archive."""
    rewrite(long_history / "T1.db", blame_another)
    recent = verified(long_history)
    rewrite(first_of_the_archive(long_history), blame_another)
    archived = verified(long_history)

    assert recent == Verified(T1.key, SEGMENT + 2, f"Entry {SEGMENT + 3} was changed after it was written.")
    assert archived == Verified(T1.key, 2, "Entry 3 was changed after it was written.")


def ends(store_at: Path) -> dict[str, dict[int, str]]:
    """What a log of the server says of a closed store."""
    store = opened(store_at)
    (newest,) = store.read(T1).history.page(HistoryQuery(size=1)).entries
    store.close()
    line = HISTORY_ENDS % (T1.key, newest.sequence, newest.hash)
    return ends_in_log(["starting", f'{{"message": "{line}", "level": "INFO"}}\n', "stopped"])


def held_against(known: dict[str, dict[int, str]], directory: Path) -> tuple[Verified, ...]:
    """Verify a closed store with what a log says."""
    store = opened(directory)
    found = verify(store, KEYRING, known)
    store.close()
    return found


@pytest.mark.parametrize("field", ["rewritten_from", "more"])
def test_log_of_what_was_blanked_is_no_fault(directory: Path, field: str) -> None:
    """Entries that a blanking wrote again may differ from a log of before, also one of an earlier version."""
    at = datetime(2026, 3, 2, tzinfo=UTC)
    blanked = Event(Action.BLANK, "operator", Source.COMMAND_LINE, at, **{field: 2})
    store = opened(directory)
    record(store, 3)
    with store.change(T1) as change:
        change.record(blanked)
    store.close()

    assert held_against({T1.key: {2: "0" * 64}}, directory) == (Verified(T1.key, 4),)
    assert held_against({T1.key: {1: "0" * 64}}, directory)[0].fault == (
        "Entry 1 is not the one that the log names."
    )


def test_store_put_back_is_named_by_the_log(directory: Path, tmp_path: Path) -> None:
    """The whole directory as it was before: it opens and verifies, and the log knows better."""
    store = opened(directory)
    record(store, 3)
    store.close()
    earlier = shutil.copytree(directory, tmp_path / "earlier")
    store = opened(directory)
    record(store, 2)
    store.close()
    logged = ends(directory)

    assert held_against(logged, directory) == (Verified(T1.key, 5),)
    assert held_against({}, earlier) == (Verified(T1.key, 3),)
    fault = "The log lists entry 5, so an earlier state was restored."
    assert held_against(logged, earlier) == (Verified(T1.key, 3, fault),)


def test_history_written_again_after_it_was_put_back_is_named(directory: Path, tmp_path: Path) -> None:
    """Other entries in the place of those that were taken away: the first one that the log names is named."""
    store = opened(directory)
    record(store, 3)
    store.close()
    earlier = shutil.copytree(directory, tmp_path / "earlier")
    for place, times in ((directory, 2), (earlier, 4)):
        store = opened(place)
        with store.change(T1) as change:
            change.record(Event(Action.TEST, f"U{times}", Source.SLACK, datetime(2026, 1, 1, tzinfo=UTC)))
        record(store, times)
        store.close()

    (found,) = held_against(ends(directory), earlier)

    assert found == Verified(T1.key, 5, "Entry 6 is not the one that the log names.")


def test_workspace_that_the_log_knows_is_missed(directory: Path) -> None:
    """A workspace whose file and entry in the metadata are both gone is named by the log."""
    store = opened(directory)
    record(store, 1)
    store.close()
    known = ends_in_log([HISTORY_ENDS % ("T0GONE", 7, "0" * 64)])

    found = held_against(known, directory)

    assert found == (Verified("T0GONE", 0, "It is missing; the log lists entry 7."), Verified(T1.key, 1))


def test_missing_entry_is_named(long_history: Path) -> None:
    """An entry that was taken out is named."""
    rewrite(long_history / "T1.db", lambda tables: tables["audit"].pop(1))

    assert verified(long_history) == Verified(T1.key, SEGMENT + 1, f"Entry {SEGMENT + 2} is missing.")


def test_missing_file_of_the_archive_is_named(long_history: Path) -> None:
    """A part of the archive that is gone is named."""
    path = first_of_the_archive(long_history)
    path.unlink()

    assert verified(long_history).fault.startswith(f"{path}, a part of the history, is missing")


def test_forged_file_of_the_archive_is_named(long_history: Path) -> None:
    """A part of the archive that was changed without the key is named."""
    path = first_of_the_archive(long_history)
    rewrite(path, blame_another)
    path.write_bytes(path.read_bytes().replace(b'"mac":"', b'"mac":"0', 1))

    assert verified(long_history).fault.startswith(f"{path}, a part of the history, is damaged")


def test_cut_end_is_noticed(long_history: Path) -> None:
    """Without its newest entry a history is shorter than the store knows, which stops all writing."""
    rewrite(long_history / "T1.db", lambda tables: tables["audit"].pop())
    store = opened(long_history)
    faults = store.faults
    store.close()

    assert list(faults) == ["T1"]
    assert f"it has {ENTRIES - 1} audit entries and had at least {ENTRIES}" in faults["T1"]


@pytest.mark.parametrize("line", [b'"3":{}', b'"3":{"at":7}', b'"3":[]'])
def test_unreadable_entry_is_a_sentence(long_history: Path, line: bytes) -> None:
    """What stands in the place of an archived entry and is not one is said, not raised."""
    rewrite(first_of_the_archive(long_history), lambda tables: tables["audit"].__setitem__(2, line))

    assert verified(long_history) == Verified(T1.key, 2, "The next entry cannot be read.")


def test_forged_recent_entry_stops_the_start(long_history: Path) -> None:
    """Without the key not even the file is believed."""
    before = (long_history / "T1.db").read_bytes()
    forge(long_history / "T1.db", blame_another)

    assert (long_history / "T1.db").read_bytes() != before
    with pytest.raises(Exception, match="not signed with the key"):
        opened(long_history)


def test_forgotten_workspace_is_not_missed(directory: Path) -> None:
    """A workspace that was forgotten on purpose is not missing, whatever an old log knows of it."""
    store = opened(directory)
    record(store, 7)
    store.installations.forget_data(T1)
    known = ends_in_log([HISTORY_ENDS % ("T1", 7, "0" * 64)])
    found = verify(store, KEYRING, known, store.gone)
    store.close()

    assert (found, store.gone) == ((), ("T1",))


def test_log_that_says_what_was_deleted_misses_nothing_before_it() -> None:
    """What a log knows of a workspace ends where it says that the workspace was forgotten."""
    ends = [HISTORY_ENDS % (key, 7, "0" * 64) for key in ("T1", "T2")]
    again = HISTORY_ENDS % ("T1", 2, "1" * 64)

    assert ends_in_log([*ends, HISTORY_DELETED % "T1"]) == {"T2": {7: "0" * 64}}
    assert ends_in_log([*ends, HISTORY_DELETED % "T1", again])["T1"] == {2: "1" * 64}


def test_endless_number_in_a_log_is_passed_over() -> None:
    """A number of thousands of digits is none that the server has written."""
    assert ends_in_log([f"The history of T1 ends with entry {'9' * 5000}, abc."]) == {}
