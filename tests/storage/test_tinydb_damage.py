"""The embedded store's files: which ones are refused."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import StoreDamaged, StoreFailure
from bot.core.queries import HistoryQuery
from storage.tinydb.file_format import FORMAT, decode, header
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.forging import OWNER, with_crc
from tests.storage.samples import (
    KEYRING,
    T1,
    contents,
    opened,
    record,
)


def cut(data: bytes) -> bytes:
    """A file cut at the middle."""
    return data[: len(data) // 2]


def zeroed(data: bytes) -> bytes:
    """A file whose second half was never written."""
    return cut(data).ljust(len(data), b"\0")


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda _: b"",
    lambda data: data[:-1],
    lambda data: data + b"\n",
    lambda data: bytes(len(data)),
    lambda data: data.partition(b"\n")[0],
    lambda data: data.partition(b"\n")[2],
    lambda data: data.replace(b"everything", b"everythinG"),
    lambda data: data.replace(b'"workspace":"T1"', b'"workspace":"T3"'),
    lambda data: data.replace(b'"magic":"quaymaster"', b'"magic":"other"'),
    lambda _: b"[" * 100_000,
    lambda _: b"\xff" * 100,
    cut,
    zeroed,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_stops_the_start(filled: Path, damage: Callable[[bytes], bytes]) -> None:
    """A file that is not as it was written stops the start, naming the file and the repairing command."""
    path = filled / "T1.db"
    path.write_bytes(damage(path.read_bytes()))
    before = contents(filled)

    with pytest.raises(
        StoreDamaged, match=rf"^{path} is damaged \(.*\). Run `quaymaster store repair T1`\.$"
    ):
        opened(filled)
    assert contents(filled) == before


def test_swapped_file_is_refused(filled: Path) -> None:
    """Another workspace's file, whole as it is, is refused."""
    shutil.copy(filled / "E1-T2.db", filled / "T1.db")

    with pytest.raises(StoreDamaged):
        opened(filled)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_flipped_bit_is_refused_or_harmless(place: float, bit: int) -> None:
    """Whichever bit of a file is flipped, the file is refused, or its tables are the same."""
    body = b'{"integrations":{"i1":{"name":"x"}}}\n'
    data = bytearray(header(OWNER, "T1", 12, body) + body)
    data[int(place * len(data))] ^= 1 << bit
    try:
        _, found = decode(OWNER, Path("T1.db"), "T1", bytes(data))
    except StoreFailure:
        found = body

    assert found == body


@pytest.mark.parametrize(
    ("gone", "command"), [("T1.db", "store repair T1"), ("meta.db", "store repair meta")]
)
def test_missing_file_is_damage(filled: Path, gone: str, command: str) -> None:
    """A file that is gone from beside its like is damage, never a first start."""
    (filled / gone).unlink()

    with pytest.raises(StoreDamaged, match=command):
        opened(filled)


def test_unknown_field_is_damage(filled: Path) -> None:
    """A record with a field that this format does not have is refused without being quoted."""
    path = filled / "T1.db"
    _, body = decode(OWNER, path, "T1", path.read_bytes())
    body = body.replace(b'"kind":"private"', b'"kind":"private","colour":"red"')
    path.write_bytes(header(OWNER, "T1", 9, body) + body)

    with pytest.raises(StoreDamaged, match="KeyError") as caught:
        opened(filled)
    assert "colour" not in str(caught.value)


@pytest.mark.parametrize("name", ["T1.db", "meta.db"])
def test_newer_format_is_refused(filled: Path, name: str) -> None:
    """A file of a newer format is not damage: the newer version is asked for."""
    path = filled / name
    line, _, body = path.read_bytes().partition(b"\n")
    fields = {**json.loads(line), "format": FORMAT + 1}
    head = {key: value for key, value in fields.items() if key not in ("mac", "crc")}
    fields["mac"] = KEYRING.sign_file(json.dumps(head, separators=(",", ":")))
    path.write_bytes(with_crc(fields) + body)

    with pytest.raises(StoreFailure, match="written by a newer Quaymaster"):
        opened(filled)


@pytest.mark.parametrize("number", [b"2", b"6", b"0", b"9"])
@pytest.mark.parametrize("name", ["T1.db", "meta.db"])
def test_flipped_format_is_damage(filled: Path, name: str, number: bytes) -> None:
    """A flipped bit in the format's number is damage, and no newer version."""
    path = filled / name
    path.write_bytes(path.read_bytes().replace(b'"format":3', b'"format":' + number, 1))

    with pytest.raises(StoreDamaged, match="store repair"):
        opened(filled)


def test_left_over_temporary_file_is_removed(filled: Path) -> None:
    """What a cut-off write has left is removed at the start and never read."""
    (filled / "T1.db.tmp").write_bytes(b"half")
    (filled / "audit" / "T1-000000001.db.tmp").write_bytes(b"half")
    opened(filled).close()

    assert not list(filled.rglob("*.tmp"))


def test_missing_part_of_the_history_is_named(tinydb: TinyDBStore, directory: Path) -> None:
    """Newer history is read without the archive; a missing archive file is named once it is needed."""
    record(tinydb, 1300)
    (directory / "audit" / "T1-000000251.db").unlink()

    assert len(tinydb.read(T1).history.page(HistoryQuery(size=500)).entries) == 500
    with pytest.raises(StoreDamaged, match=re.escape("T1-000000251.db")):
        tinydb.read(T1).history.page(HistoryQuery(before=300))
