"""Who can write the data directory, but has no key, is believed nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.core.audit import News
from bot.core.errors import KeyringFailure, StoreDamaged, StoreReadOnly
from bot.core.model import Bar, Setting
from storage.maintenance import Verified, verify
from storage.tinydb.repair import repair
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.forging import OWNER, STRANGER, fields_of, forge, tables_of, with_other, write_as
from tests.storage.samples import (
    ENVIRONMENT,
    KEYRING,
    NOON,
    T1,
    T2,
    add,
    contents,
    full_dependency,
    full_event,
    full_integration,
    integration,
    link,
    names,
    opened,
    record,
)
from tests.storage.tokens import full_token, keep

ONE = full_integration()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store that holds every kind of row, each field of it filled."""
    directory = tmp_path_factory.mktemp("store") / "data"
    store = opened(directory)
    add(store, ONE)
    link(store, full_dependency(ONE))
    keep(store, full_token())
    with store.change(T1) as change:
        change.put(Bar(ONE.id, ENVIRONMENT, "U1", NOON))
        change.put(Setting("notify", "C1"))
        change.put(News("n1", "C1", NOON, full_event(ONE), 3))
        change.remember("request", "made")
        change.record(full_event(ONE))
    store.close()
    return directory


@pytest.fixture
def copied(everything: Path, tmp_path: Path) -> Path:
    """A copy of that store to forge in."""
    return Path(shutil.copytree(everything, tmp_path / "data"))


def test_every_table_and_field_is_tried(everything: Path) -> None:
    """The rows that are forged cover every kind of row that a workspace keeps."""
    tables = {table for table, _, _ in fields_of(everything / "T1.db")}

    assert tables == {
        *("integrations", "dependencies", "tokens", "bars", "settings", "news", "requests", "audit"),
    }


def forged(copied: Path, field: tuple[str, int, str]) -> str:
    """What the start says once one field of one row was changed."""
    table, place, name = field
    path = copied / "T1.db"
    whole = path.read_bytes()
    forge(path, lambda tables: tables[table].__setitem__(place, with_other(tables[table][place], name)))
    try:
        opened(copied).close()
    except StoreDamaged as error:
        return error.message
    finally:
        path.write_bytes(whole)
    return f"{field} was believed"


def test_no_changed_field_is_believed(copied: Path) -> None:
    """Whichever field of whichever row is changed without the key, the start is refused."""
    said = {forged(copied, field) for field in fields_of(copied / "T1.db")}

    assert said == {f"{copied / 'T1.db'} is damaged (it was not signed with the key it names)."}


@pytest.mark.parametrize("change", [lambda rows: rows.pop(), lambda rows: rows.append(rows[0])])
@pytest.mark.parametrize("table", ["integrations", "tokens", "bars", "audit"])
def test_no_row_is_put_in_or_taken_out(
    copied: Path, change: Callable[[list[bytes]], object], table: str
) -> None:
    """A row that is taken out or put in without the key is refused as damage."""
    forge(copied / "T1.db", lambda tables: change(tables[table]) and None)

    with pytest.raises(StoreDamaged, match="not signed with the key"):
        opened(copied)


def test_file_under_a_strangers_key_is_refused(copied: Path) -> None:
    """A file under a key that the store was never used with is damage: nobody is told to give up that key."""
    sequence, tables = tables_of(copied / "T1.db")
    write_as(STRANGER, copied / "T1.db", sequence + 1, tables)

    with pytest.raises(StoreDamaged, match="a key that this store does not use"):
        opened(copied)


@pytest.mark.parametrize("forged", [["T1.db"], ["T1.db", "meta.db"]])
def test_key_that_was_never_there_is_not_given_up(copied: Path, forged: list[str]) -> None:
    """Whoever forges files under a key of theirs gains nothing by an operator who gives that key up."""
    for name in forged:
        sequence, tables = tables_of(copied / name)
        write_as(STRANGER, copied / name, sequence + 1, tables)
    before = contents(copied)

    with pytest.raises(KeyringFailure, match="Nothing was changed"):
        TinyDBStore(copied, KEYRING, lost_keys=(STRANGER.keyring.primary,))

    assert contents(copied) == before


def test_forged_metadata_is_refused(copied: Path) -> None:
    """What the store knows of itself is authenticated too."""
    forge(copied / "meta.db", lambda tables: tables.pop("workspaces") and None)

    with pytest.raises(StoreDamaged, match="store repair meta"):
        opened(copied)


def reads_only(directory: Path) -> str:
    """Open a store whose history does not hold, see that it can be read and not changed; say why."""
    store = opened(directory)
    names(store)
    with pytest.raises(StoreReadOnly) as caught:
        record(store, 1, workspace=T2)
    store.close()
    return caught.value.message


@pytest.fixture
def two_states(directory: Path, tmp_path: Path) -> Path:
    """A closed store, and beside it a copy of its workspace's file as it was ten entries ago."""
    store = opened(directory)
    record(store, 5)
    store.close()
    shutil.copy(directory / "T1.db", tmp_path / "before.db")
    store = opened(directory)
    record(store, 10)
    store.close()
    return directory


def test_file_put_back_is_named(two_states: Path, tmp_path: Path) -> None:
    """A workspace's file as it was earlier, whole as it is, is noticed before anything is sealed on it."""
    shutil.copy(tmp_path / "before.db", two_states / "T1.db")

    said = reads_only(two_states)

    assert "an earlier version: it has 5 audit entries and had at least 15" in said
    assert "quaymaster store repair T1" in said


@pytest.mark.parametrize("gone", [("T1.db", "T1.db.prev")])
def test_removed_workspace_is_named(two_states: Path, gone: tuple[str, ...]) -> None:
    """A workspace that was removed altogether is noticed."""
    [(two_states / name).unlink() for name in gone]

    assert "T1.db is missing, although it was written before" in reads_only(two_states)


def test_missing_archive_is_named(directory: Path) -> None:
    """A part of the archive that was removed is noticed at the start."""
    store = opened(directory)
    record(store, 800)
    store.close()
    (directory / "audit" / "T1-000000001.db").unlink()

    assert "The part of the archive that begins with entry 1 is missing" in reads_only(directory)


def test_repaired_history_stays_marked(two_states: Path, tmp_path: Path) -> None:
    """Once the operator takes a history as it is, changes are kept again, and the mark stays for good."""
    shutil.copy(tmp_path / "before.db", two_states / "T1.db")
    said = repair(two_states, "T1", NOON, KEYRING)
    store = opened(two_states)
    record(store, 1)
    marks, found = store.marks(T1), verify(store, KEYRING)
    store.close()
    again = opened(two_states)
    again.close()

    assert "From now on this is accepted, and stays marked" in said[0]
    assert found == (Verified("T1", 6),)
    assert marks == again.marks(T1)
    assert marks[0].startswith("T1.db was replaced with an earlier version")


def test_removed_workspace_can_be_given_up(two_states: Path) -> None:
    """When a workspace's file is gone for good, the operator can say so, and the store starts without it."""
    (two_states / "T1.db").unlink()
    (two_states / "T1.db.prev").unlink()
    said = repair(two_states, "T1", NOON, KEYRING)
    store = opened(two_states)
    add(store, integration("new"))
    marks = store.marks(T1)
    store.close()

    assert said == ["T1.db is gone for good: Quaymaster starts without that workspace."]
    assert marks == ("T1.db was removed. (accepted 2026-01-01)",)


def test_unsealed_entry_is_not_built_upon(directory: Path) -> None:
    """A newest entry without a seal of ours stops all writing, even in a file that is whole."""
    store = opened(directory)
    record(store, 3)
    store.close()
    sequence, tables = tables_of(directory / "T1.db")
    tables["audit"][-1] = with_other(tables["audit"][-1], "seal")
    write_as(OWNER, directory / "T1.db", sequence + 1, tables)

    assert "Entry 3 is not sealed" in reads_only(directory)


def test_crash_between_file_and_metadata_is_no_fault(directory: Path) -> None:
    """After a kill the metadata may be behind a file; that is not taken for a rollback."""
    store = opened(directory)
    record(store, 1)
    meta = (directory / "meta.db").read_bytes()
    record(store, 9)
    store.close()
    (directory / "meta.db").write_bytes(meta)
    again = opened(directory)
    record(again, 1)
    found = verify(again, KEYRING)
    again.close()

    assert found == (Verified("T1", 11),)


def test_event_of_another_is_not_believed(directory: Path) -> None:
    """Verifying looks at each entry's own seal, whoever wrote the file."""
    store = opened(directory)
    record(store, 3)
    store.close()
    sequence, tables = tables_of(directory / "T1.db")
    tables["audit"][0] = with_other(tables["audit"][0], "seal")
    write_as(OWNER, directory / "T1.db", sequence + 1, tables)
    store = opened(directory)
    found = verify(store, KEYRING)
    store.close()

    assert found == (Verified("T1", 0, "Entry 1 is sealed with key other, which is not loaded."),)
