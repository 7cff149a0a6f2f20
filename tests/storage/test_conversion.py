"""A data directory of format 1 is converted once, and everything in it is there afterwards.

``tests/vectors/former_data_directory.tar.gz`` was written by the last version of format 1: an integration of
each kind, dependencies, tokens, 815 audit entries (250 of them in the archive), a second workspace. Its key
is ``ROOT``; the password of each integration is ``password of <kind>``.
"""

import hashlib
import json
import tarfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.errors import StoreDamaged, StoreFailure, StoreReadOnly
from bot.core.model import Server, Source
from bot.core.queries import HistoryQuery
from bot.registry.kind_table import KINDS
from storage.maintenance import Verified, verify
from storage.tinydb.repair import repair
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import PowerCut, QuickDisk, WatchedDisk
from tests.storage.samples import (
    ENVIRONMENT,
    IMAGE,
    KEYRING,
    NOON,
    PROJECT,
    T1,
    T2,
    contents,
    names,
    password_of,
    record,
    whole_history,
)

VECTOR = Path(__file__).parents[1] / "vectors" / "former_data_directory.tar.gz"
ENTRIES = 815
COUNT = 11
"""How many kinds format 1 had."""


def upgraded(directory: Path) -> TinyDBStore:
    """The store of a directory, converted when it is of format 1."""
    return TinyDBStore(directory, KEYRING, disk=QuickDisk(), converts=True)


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """The directory as format 1 left it."""
    with tarfile.open(VECTOR) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "data").chmod(0o700)
    return tmp_path / "data"


def test_start_believes_no_file_without_a_key(former: Path) -> None:
    """A start takes no file of format 1, which whoever can write the directory could put back, changed."""
    upgraded(former).close()
    (former / "meta.db").write_bytes((former / "meta.db.format1").read_bytes())
    (former / "T1.db").write_bytes((former / "T1.db.format1").read_bytes())
    before = contents(former)

    with pytest.raises(StoreFailure, match="somebody put old files back"):
        TinyDBStore(former, KEYRING)
    assert contents(former) == before


def test_everything_is_there(former: Path) -> None:
    """Integrations of each kind, dependencies, tokens and both workspaces are there, and passwords open."""
    store = upgraded(former)
    store.close()
    reading = store.read(T1)
    kinds = [one.kind for one in reading.integrations.all()]
    full = next(one for one in reading.integrations.all() if one.is_default)

    assert len(set(kinds)) == COUNT
    assert set(kinds) <= set(KINDS)
    assert (full.options, full.trusted_realms, full.linked_only, full.version) == (
        {"email": "ci@example.com"},
        ("https://auth.example.com",),
        True,
        3,
    )
    assert full.ca is not None
    assert full.check is not None
    assert password_of(store, full) == f"password of {full.kind}"
    assert names(store, T2) == ["private-prod"]
    assert {one.target for one in reading.dependencies.page(full.id, 0, 10).rows} == {PROJECT, IMAGE}
    assert reading.dependencies.of_target(ENVIRONMENT)[0].dependency.source is Source.WORKFLOW
    assert {one.id for one in reading.tokens.of_target(PROJECT)} == {"Ab3dEf7h"}
    assert reading.tokens.of_target(ENVIRONMENT)[0].revoked_at is not None


def test_links_by_people_stay_granted(former: Path) -> None:
    """What a person linked may still be fetched; what was only fetched grants nothing."""
    store = upgraded(former)
    store.close()
    reading = store.read(T1)

    assert reading.dependencies.of_target(PROJECT)[0].dependency.granted_by == "U1"
    assert reading.dependencies.of_target(ENVIRONMENT)[0].dependency.granted_by is None


def test_history_is_whole(former: Path) -> None:
    """The history is one chain from its first entry on, sealed and verified, in both workspaces."""
    store = upgraded(former)
    found = verify(store, KEYRING)
    marks = store.marks(T1)
    store.close()

    assert found == (Verified("E1-T2", 1), Verified("T1", ENTRIES))
    assert marks == ()


def test_facts_of_old_entries_are_fields(former: Path) -> None:
    """Who deleted what of a server, and what gave a name up, is found in entries of format 1."""
    store = upgraded(former)
    deleted = store.read(T1).history.deletion_at(Server("https", "gone.example.com", 8443))
    archived = store.read(T1).history.page(HistoryQuery(before=15)).entries
    store.close()
    edits = [entry.event.former_name for entry in archived if entry.event.action == "integration.edit"]

    assert deleted is not None
    assert deleted.event.name == "gone"
    assert len(edits) == 1
    assert edits[0].endswith("-prod")


def test_former_files_are_kept(former: Path) -> None:
    """Each file of format 1 stays beside the new one, byte for byte."""
    before = contents(former)
    upgraded(former).close()
    after = contents(former)
    kept = {name.removesuffix(".format1"): data for name, data in after.items() if name.endswith(".format1")}

    assert kept == {name: data for name, data in before.items() if not name.endswith(".prev")}


def test_conversion_happens_once(former: Path) -> None:
    """The second start converts nothing and finds the same."""
    upgraded(former).close()
    first = contents(former)
    store = upgraded(former)
    found = names(store)
    store.close()

    assert contents(former) == first
    assert len(found) == COUNT


def test_killed_at_any_call_the_next_start_converts(former: Path, tmp_path: Path) -> None:
    """Wherever a conversion is cut off, the next start finds everything."""
    disk = WatchedDisk()
    TinyDBStore(former, KEYRING, disk=disk, converts=True).close()
    calls = len(disk.calls)
    found = {after_a_cut(tmp_path, instant) for instant in range(0, calls, 3)}

    assert calls > 30
    assert found == {(COUNT, ENTRIES)}


def after_a_cut(folder: Path, instant: int) -> tuple[int, int]:
    """Cut a conversion off at a system call; what the next start finds: integrations, verified entries."""
    place = folder / f"cut-{instant}"
    with tarfile.open(VECTOR) as archive:
        archive.extractall(place, filter="data")
    (place / "data").chmod(0o700)
    disk = WatchedDisk()
    disk.stops_at = instant
    with suppress(PowerCut):
        TinyDBStore(place / "data", KEYRING, disk=disk, converts=True).close()
    store = upgraded(place / "data")
    verified = {one.workspace_key: one.entries for one in verify(store, KEYRING) if not one.fault}
    count = len(names(store))
    store.close()
    return count, verified.get("T1", 0)


def forge_actor(path: Path) -> None:
    """Write another actor into an entry of format 1, with a right checksum."""
    line, _, body = path.read_bytes().partition(b"\n")
    body = body.replace(b'"actor":"U1"', b'"actor":"U9"', 1)
    header = {**json.loads(line), "sha256": hashlib.sha256(body).hexdigest()}
    path.write_bytes(json.dumps(header, separators=(",", ":")).encode() + b"\n" + body)


def test_forged_history_is_not_sealed(former: Path) -> None:
    """A history rewritten before the conversion stops all writing, and stays marked after a repair."""
    forge_actor(former / "audit" / "T1-000000001.db")
    store = upgraded(former)
    with pytest.raises(StoreReadOnly, match="Entry 1 was changed after it was written"):
        record(store, 1)
    verified = verify(store, KEYRING)[1]
    store.close()
    repair(former, "T1", NOON, KEYRING)
    store = upgraded(former)
    record(store, 1)
    marks = store.marks(T1)
    store.close()

    assert verified == Verified("T1", 0, "Entry 1 is not sealed.")
    assert marks == ("Entry 1 was changed after it was written. (accepted 2026-01-01)",)


def test_damaged_former_file_is_named(former: Path) -> None:
    """A damaged file of format 1 stops the start, and nothing of its workspace is converted."""
    path = former / "T1.db"
    path.write_bytes(path.read_bytes()[:-9])
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match="T1"):
        upgraded(former)

    assert path.read_bytes() == before


def test_changes_go_on(former: Path) -> None:
    """After the conversion changes are kept as ever, on top of the same history."""
    store = upgraded(former)
    one = next(store.read(T1).integrations.all())
    with store.change(T1) as change:
        change.put(replace(one, name="new-name", version=one.version + 1))
    record(store, 1)
    store.close()
    again = upgraded(former)
    found = verify(again, KEYRING)
    again.close()

    assert found[1] == Verified("T1", ENTRIES + 1)
    assert whole_history(again)[0].sequence == ENTRIES + 1


def test_files_of_two_versions_are_not_converted(former: Path) -> None:
    """A format 1 file beside files of today: the upgrade refuses, and what is of today stays as it is."""
    upgraded(former).close()
    (former / "meta.db").write_bytes((former / "meta.db.format1").read_bytes())
    (former / "T1.db.format1").unlink()
    before = contents(former)
    with pytest.raises(StoreDamaged, match=r"T1\.db is not in the earlier version's format"):
        upgraded(former)

    assert contents(former) == before


@pytest.mark.parametrize("row", ['{"tokens":{"x":{}}}', '{"audit":{"1":{"sequence":1}}}'])
def test_strange_row_of_format_1_is_a_sentence(former: Path, row: str) -> None:
    """A row that no version wrote is damage, not a traceback."""
    path = former / "T1.db"
    table, _, rest = row.partition(":{")
    body = f"{table}:{{\n{rest[:-2]}\n}}}}\n".encode()
    head = {"format": 1, "workspace": "T1", "sequence": 900, "sha256": hashlib.sha256(body).hexdigest()}
    path.write_bytes(json.dumps(head).encode() + b"\n" + body)
    with pytest.raises(StoreDamaged, match="cannot be read: KeyError"):
        upgraded(former)
