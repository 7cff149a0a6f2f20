"""The embedded store's files: what is in them, and how a change is written."""

import json
import stat
from pathlib import Path

import pytest
from tinydb import TinyDB
from tinydb.storages import JSONStorage

from bot.core.errors import StoreFailure, StoreInUse
from bot.core.model import Target, new_id
from bot.core.queries import Filter, HistoryQuery, Window
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import WatchedDisk
from tests.storage.samples import (
    KEYRING,
    PROJECT,
    T1,
    T2,
    Clock,
    add,
    delete,
    dependency,
    full_dependency,
    full_integration,
    integration,
    link,
    names,
    only_integration,
    opened,
    record,
    whole_history,
)

ONE_CHANGE = [
    "create",
    "write",
    "write",
    "sync file",
    "close",
    "open directory",
    "remove",
    "link",
    "replace",
    "sync directory",
    "close",
]


def test_change_writes_one_file_and_flushes_it_once(directory: Path) -> None:
    """A change, with everything in it, is one flushed file and one flushed directory; pages read nothing."""
    disk = WatchedDisk()
    store = TinyDBStore(directory, KEYRING, disk=disk)
    one = integration()
    add(store, one)
    disk.calls.clear()
    with store.change(T1) as change:
        change.put(integration("other"))
        change.put(dependency(one))
        change.remember("request", one.id)
    store.read(T1).integrations.page(Filter(words=("o",)), Window())
    store.read(T1).history.page(HistoryQuery())
    calls = list(disk.calls)
    store.close()

    assert calls == ONE_CHANGE


def test_change_of_nothing_writes_nothing(directory: Path) -> None:
    """A block that only reads touches no file."""
    disk = WatchedDisk()
    store = TinyDBStore(directory, KEYRING, disk=disk)
    add(store, integration())
    disk.calls.clear()
    with store.change(T1) as change:
        change.integrations.get("unknown")
    calls = list(disk.calls)
    store.close()

    assert calls == []


def test_long_history_does_not_grow_the_file(tinydb: TinyDBStore, directory: Path) -> None:
    """Of a long history at most 750 entries and those of one change stand in the workspace's file."""
    record(tinydb, 1500)

    body = json.loads((directory / "T1.db").read_bytes().partition(b"\n")[2])

    assert 500 <= len(body["audit"]) <= 800
    assert len(list((directory / "audit").iterdir())) == (1500 - len(body["audit"])) // 250


def test_old_requests_leave_the_file(tinydb: TinyDBStore, directory: Path, clock: Clock) -> None:
    """A request that is remembered no more is not in the file either, once another is remembered."""
    remember(tinydb, "old")
    clock.move(minutes=6)
    remember(tinydb, "newer")
    clock.move(minutes=6)
    remember(tinydb, "newest")

    body = json.loads((directory / "T1.db").read_bytes().partition(b"\n")[2])

    assert list(body["requests"]) == ["newer", "newest"]


def test_requests_of_a_clock_that_was_ahead_leave_the_file(
    tinydb: TinyDBStore, directory: Path, clock: Clock
) -> None:
    """What was remembered while the clock stood a day ahead keeps nothing else, and goes with the next."""
    clock.move(days=1)
    remember(tinydb, "ahead")
    clock.move(days=-1)
    for number in range(4):
        remember(tinydb, f"request-{number}")
        clock.move(minutes=6)

    body = json.loads((directory / "T1.db").read_bytes().partition(b"\n")[2])

    assert list(body["requests"]) == ["request-2", "request-3"]


def remember(store: TinyDBStore, request_id: str) -> None:
    """Keep what a request came to."""
    with store.change(T1) as change:
        change.remember(request_id, "made")


def test_everything_is_there_after_a_restart(filled: Path) -> None:
    """Whatever was kept is loaded again at the next start, in every workspace."""
    store = opened(filled)
    one = only_integration(store)
    rows = store.read(T1).dependencies.page(one.id, 0, 10).rows
    store.close()

    assert (one.name, one.ca, one.check) == (
        full_integration().name,
        full_integration().ca,
        full_integration().check,
    )
    assert rows == (full_dependency(one),)
    assert names(store, T2) == ["also_theirs", "theirs"]
    assert len(whole_history(store, workspace=T2)) == 2


def test_nobody_else_may_read_the_files(filled: Path) -> None:
    """The directory is of mode 0700, and every file in it of mode 0600."""
    modes = {stat.S_IMODE(path.stat().st_mode) for path in filled.rglob("*") if path.is_file()}

    assert stat.S_IMODE(filled.stat().st_mode) == 0o700
    assert modes == {0o600}


def test_tinydb_reads_what_follows_the_header(filled: Path, tmp_path: Path) -> None:
    """Without its header line a file is one that TinyDB itself opens."""
    body = (filled / "T1.db").read_bytes().partition(b"\n")[2]
    (tmp_path / "plain.json").write_bytes(body)
    with TinyDB(tmp_path / "plain.json", storage=JSONStorage, access_mode="r") as database:
        tables = database.tables()
        (integration_id,) = json.loads(body)["integrations"]
        row = database.table("integrations").get(doc_id=integration_id)

    assert {"integrations", "dependencies", "audit"} <= tables
    assert row["name"] == "everything"


@pytest.mark.usefixtures("tinydb")
def test_second_copy_is_refused(directory: Path) -> None:
    """A second store on the same directory is refused with one sentence that says what to do."""
    with pytest.raises(StoreInUse) as caught:
        opened(directory)

    assert str(caught.value) == (
        "Another copy of Quaymaster is using this data directory. Stop it first: only one can run at a time."
    )


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777, 0o710])
def test_open_directory_is_refused(directory: Path, mode: int) -> None:
    """A data directory that others may enter is refused, and the repairing command is named."""
    directory.mkdir()
    directory.chmod(mode)

    with pytest.raises(StoreFailure, match=f"chmod 700 {directory}"):
        opened(directory)


def test_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """Where a file stands in the directory's place, the refusal names it."""
    (tmp_path / "data").touch()

    with pytest.raises(StoreFailure, match="data"):
        opened(tmp_path / "data")


def test_deletion_then_restart(filled: Path) -> None:
    """What was deleted stays deleted, and its history stays."""
    store = opened(filled)
    one = only_integration(store)
    with store.change(T1) as change:
        change.remove(full_dependency(one))
    delete(store, one)
    store.close()
    store = opened(filled)
    found = store.read(T1).history.deletion(one.id)
    store.close()

    assert names(store) == []
    assert found is not None


def test_ids_of_targets_may_hold_anything(directory: Path) -> None:
    """Names of targets are kept and found whatever characters are in them."""
    store = opened(directory)
    one = integration()
    odd = Target(PROJECT.kind, 'a/b "c"\n\\ é 密')
    add(store, one)
    link(store, dependency(one, odd))
    store.close()
    store = opened(directory)
    store.close()

    assert store.read(T1).dependencies.of_target(odd)[0].dependency == dependency(one, odd)
    assert store.read(T1).integrations.get(new_id()) is None
