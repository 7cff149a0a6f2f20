"""What somebody without the key puts under a name of the data directory neither stops nor misleads it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest

from bot.core.errors import StoreDamaged, StoreFailure, StoreInUse
from storage.tinydb.archive import FULL_AT
from tests.storage.disks import WatchedDisk
from tests.storage.samples import (
    NOON,
    T1,
    add,
    delete,
    integration,
    names,
    only_integration,
    opened,
    record,
    whole_history,
)
from tests.storage.tokens import keep, token

KEY = b"CANARY-KEY\n"


@pytest.fixture
def closed(directory: Path) -> Path:
    """A closed store of one workspace."""
    store = opened(directory)
    add(store, integration("one"))
    store.close()
    return directory


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A file outside of the directory, with the keys."""
    path = tmp_path / "quaymaster.keys"
    path.write_bytes(KEY)
    return path


def sparse(path: Path) -> None:
    """A file of 20 GB that takes no room."""
    with path.open("wb") as file:
        file.truncate(20_000_000_000)


PLANTED: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (os.mkfifo, "it is not a regular file"),
    "link": (lambda path: path.symlink_to(path.with_name("T1.db.prev")), "it is not a regular file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "it is not a regular file"),
    "large": (sparse, "it is larger than any file that Quaymaster writes"),
}


@pytest.mark.parametrize("name", ["T1.db", "meta.db"])
@pytest.mark.parametrize(("plant", "said"), PLANTED.values(), ids=list(PLANTED))
def test_what_is_not_a_file_of_ours_is_a_sentence(
    closed: Path, name: str, plant: Callable[[Path], None], said: str
) -> None:
    """A pipe, a link, a device or a huge file in the place of a file: the start says so and does not wait."""
    (closed / name).unlink()
    plant(closed / name)

    with pytest.raises(StoreFailure, match=said):
        opened(closed)


@pytest.mark.parametrize("name", ["T1.db", "meta.db"])
@pytest.mark.parametrize(
    "header", [b'{"format": 1e999}', b'{"magic":"quaymaster","format":3,"sequence":1e999}']
)
def test_endless_number_in_a_header_is_damage(closed: Path, name: str, header: bytes) -> None:
    """A number without an end in a header is damage, not a traceback."""
    (closed / name).write_bytes(header + b"\n")

    with pytest.raises(StoreDamaged, match="its first line cannot be read"):
        opened(closed)


def test_ballast_is_written_over_no_other_file(closed: Path, key: Path) -> None:
    """A second name of a file elsewhere, as the ballast: that file stays as it is."""
    os.link(key, closed / ".reserve")
    opened(closed, WatchedDisk()).close()

    assert key.read_bytes() == KEY
    assert (closed / ".reserve").stat().st_nlink == 1


def test_pipe_as_the_ballast_stops_nothing(closed: Path) -> None:
    """A pipe as the ballast is replaced by the ballast."""
    os.mkfifo(closed / ".reserve")
    opened(closed, WatchedDisk()).close()

    assert (closed / ".reserve").is_file()


PLANTS: dict[str, Callable[[Path, Path], None]] = {
    "hard link": lambda key, path: os.link(key, path),
    "link": lambda key, path: path.symlink_to(key),
    "pipe": lambda _, path: os.mkfifo(path),
}


@pytest.mark.parametrize("plant", PLANTS.values(), ids=list(PLANTS))
def test_change_is_written_over_no_other_file(
    closed: Path, key: Path, plant: Callable[[Path, Path], None]
) -> None:
    """What has the name of the file that a change is about to write gives way, and is not written to."""
    store = opened(closed)
    plant(key, closed / "T1.db.tmp")
    add(store, integration("two"))
    kept = names(store)
    store.close()

    assert key.read_bytes() == KEY
    assert kept == ["one", "two"]
    assert not (closed / "T1.db").is_symlink()


def test_lock_makes_no_file_elsewhere(closed: Path, tmp_path: Path) -> None:
    """A link as the lock is refused, and what it leads to is not made."""
    (closed / ".lock").unlink()
    (closed / ".lock").symlink_to(tmp_path / "made")

    with pytest.raises(StoreFailure, match="it is not a regular file"):
        opened(closed)

    assert not (tmp_path / "made").exists()


def test_archive_elsewhere_is_refused(closed: Path, tmp_path: Path) -> None:
    """A link as the directory of the archive is refused."""
    shutil.rmtree(closed / "audit")
    (closed / "audit").symlink_to(tmp_path)

    with pytest.raises(StoreFailure, match="audit is a symbolic link"):
        opened(closed)


def second_part(directory: Path) -> Path:
    """The second file of the archive."""
    return directory / "audit" / "T1-000000251.db"


@pytest.mark.parametrize("other", [lambda at: at / "T1.db", second_part], ids=["workspace", "second part"])
def test_other_file_of_the_workspace_is_no_part_of_its_history(
    directory: Path, other: Callable[[Path], Path]
) -> None:
    """A whole file of the same workspace in the place of a part of its archive is damage, not a traceback."""
    store = opened(directory)
    add(store, integration("one"))
    record(store, FULL_AT + 300)
    store.close()
    shutil.copy(other(directory), directory / "audit" / "T1-000000001.db")
    store = opened(directory)
    with pytest.raises(StoreDamaged, match=r"T1-000000001\.db, a part of the history, is damaged"):
        whole_history(store, workspace=T1)
    store.close()


@pytest.mark.parametrize("name", ["T1.db", "meta.db"])
def test_endless_first_line_is_not_read(closed: Path, name: str) -> None:
    """A first line of millions of numbers is damage; nothing of it is taken apart."""
    (closed / name).write_bytes(b'{"format": 3, "numbers": [' + b"0," * 3_000_000 + b"0]}\n")
    with pytest.raises(StoreDamaged, match="its first line cannot be read"), counted_parsing() as lengths:
        opened(closed)

    assert max(lengths, default=0) < 10_000


@contextmanager
def counted_parsing() -> Iterator[list[int]]:
    """How many characters each JSON text has that is read meanwhile."""
    lengths: list[int] = []

    def look(_frame: FrameType, happened: str, _argument: object) -> None:
        if happened == "call" and _frame.f_code.co_name == "loads" and "s" in _frame.f_locals:
            lengths.append(len(_frame.f_locals["s"]))

    sys.setprofile(look)
    try:
        yield lengths
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("name", [".lock", "audit", "T1.db.tmp", "T9.db.tmp"])
def test_what_stops_a_start_is_named(closed: Path, name: str) -> None:
    """A directory, or a file, where the other belongs: the sentence names it, and not the whole directory."""
    path = closed / name
    if path.is_dir():
        shutil.rmtree(path)
        path.touch()
    else:
        path.unlink(missing_ok=True)
        path.mkdir()

    with pytest.raises(StoreFailure) as caught:
        opened(closed)

    assert str(caught.value).startswith(f"{path} cannot be used: ")
    assert "Find out who did, and move it elsewhere" in str(caught.value)


def test_what_stops_a_deletion_is_named(closed: Path) -> None:
    """A directory as ``.prev``, which could keep a deleted secret: the deletion is refused and names it."""
    (closed / "T1.db.prev").unlink()
    (closed / "T1.db.prev").mkdir()
    store = opened(closed)
    with pytest.raises(StoreFailure, match=r"T1\.db\.prev cannot be written"):
        delete(store, only_integration(store))
    store.close()


def test_place_that_cannot_be_written_is_told(closed: Path) -> None:
    """When a revocation cannot be written down in ``meta.db``, health says so until it can."""
    store = opened(closed)
    keep(store, token())
    (closed / "meta.db.tmp").mkdir()
    keep(store, replace(token(), revoked_at=NOON))
    told = store.health() or ""
    (closed / "meta.db.tmp").rmdir()
    store.flush()
    after = store.health()
    store.close()

    assert told.startswith("The progress of the workspaces could not be recorded: ")
    assert "meta.db.tmp cannot be written" in told
    assert after is None


def test_removed_lock_lets_no_second_process_in(closed: Path) -> None:
    """Whoever removes the lock file while a process runs lets no other in beside it."""
    store = opened(closed)
    (closed / ".lock").unlink()
    with pytest.raises(StoreInUse):
        opened(closed)
    store.close()
    opened(closed).close()
