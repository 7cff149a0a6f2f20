"""Puts the version before back in the place of a damaged file. Only ever run by hand."""

from datetime import datetime
from pathlib import Path

from bot.core.errors import StoreDamaged, StoreFailure
from storage.tinydb.directory import META, lock, workspace_path
from storage.tinydb.disk import REAL_DISK, Disk
from storage.tinydb.durable_files import Volume, previous_of
from storage.tinydb.loading import Loading
from storage.tinydb.tables import QuaymasterFile


def repair(directory: Path, key: str, at: datetime, disk: Disk = REAL_DISK) -> Path | None:
    """
    Copy a damaged file aside, then put the version before in its place. The last change is lost by it.

    Args:
        directory: The data directory; no other process may hold it.
        key: The workspace's key, or ``meta``.
        at: The time, for the copy's name.
        disk: Another disk than the real one, for tests.

    Returns:
        Where the damaged file was copied to; ``None`` when it was missing altogether.

    Raises:
        StoreInUse: Quaymaster is running.
        StoreDamaged: The version before is missing or damaged too. Nothing was changed.
        StoreFailure: The file is not damaged. Nothing was changed.
    """
    path = directory / f"{META}.db" if key == META else workspace_path(directory, key)
    with lock(directory):
        volume = Volume(directory, disk)
        if is_whole(volume, path, key):
            raise StoreFailure(f"{path} is not damaged; nothing was changed.", "There is nothing to repair.")
        if not is_whole(volume, previous_of(path), key):
            raise StoreDamaged(f"No whole version before {path} is there.", "Put it back from a backup.")
        return put_back(volume, path, at)


def is_whole(volume: Volume, path: Path, key: str) -> bool:
    """True when a file is there and can be read. Raises ``StoreFailure`` when a newer Quaymaster wrote it."""
    try:
        return QuaymasterFile(volume, path, key).load(Loading().take)
    except StoreDamaged:
        return False


def put_back(volume: Volume, path: Path, at: datetime) -> Path | None:
    """Copy the file aside if there is one, then write the version before in its place."""
    bad = volume.read(path)
    good = volume.read(previous_of(path)) or b""
    copy = path.with_name(f"{path.name}.damaged-{at:%Y%m%dT%H%M%S}")
    if bad is not None:
        volume.replace(copy, [bad], keeps_previous=False)
    volume.replace(path, [good], keeps_previous=False)
    return copy if bad is not None else None
