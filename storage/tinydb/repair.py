"""What ``quaymaster store repair`` does: with the keys, while no other process is using the directory."""

from datetime import datetime
from pathlib import Path

from bot.core.errors import StoreDamaged, StoreFailure
from storage.records import Fields, value_in
from storage.sealing import Keyring
from storage.tinydb.archive import EVERY_SEAL
from storage.tinydb.conversion import Converted
from storage.tinydb.directory import META, lock, workspace_keys, workspace_path
from storage.tinydb.durable_files import REAL_DISK, Disk, Volume, previous_of
from storage.tinydb.file_format import QuaymasterFile, Sealer
from storage.tinydb.metadata import Metadata
from storage.tinydb.workspace import OpenWorkspace, Shared


def repair(directory: Path, key: str, at: datetime, keyring: Keyring, disk: Disk = REAL_DISK) -> list[str]:
    """
    Restore the previous version of a damaged file, or accept a history that fails verification.

    What is lost by it stays marked in the store's own file, and ``audit verify`` goes on saying so.

    Args:
        directory: The data directory; no other process may hold it.
        key: The workspace's key, or ``meta``.
        at: The time, for the mark and the name of the copy.
        keyring: The loaded keys.
        disk: Another disk than the real one, for tests.

    Returns:
        What was done, a sentence each.

    Raises:
        StoreInUse: Quaymaster is running.
        StoreDamaged: The version before is missing or damaged too. Nothing was changed.
        StoreFailure: Nothing is wrong, or there is no such workspace. Nothing was changed.
    """
    with lock(directory):
        volume, sealer = Volume(directory, disk), Sealer(keyring)
        if key == META:
            return _repair_metadata(volume, sealer, directory / f"{META}.db", at)
        return _repair_workspace(volume, sealer, key, at)


def _repair_workspace(volume: Volume, sealer: Sealer, key: str, at: datetime) -> list[str]:
    metadata = Metadata(volume, sealer)
    known = sorted({*workspace_keys(volume.directory), *metadata.workspaces})
    if key not in known:
        raise StoreFailure(
            f"{volume.directory} has no workspace “{key}”; nothing was changed.",
            f"It has: {', '.join(known) or 'none'}.",
        )
    path = workspace_path(volume.directory, key)
    done: list[str] = []
    if not _is_whole(volume, sealer, path, key):
        if _is_whole(volume, sealer, previous_of(path), key):
            _require_the_one_before(volume, sealer, metadata, path, key)
            done = _put_back(volume, path, at)
        elif path.exists() or previous_of(path).exists():
            raise StoreDamaged(f"There is no intact earlier version of {path}.", "Restore it from a backup.")
        else:
            metadata.mark(key, f"{path.name} was removed.", at, None)
            return [f"{path.name} is gone for good: Quaymaster starts without that workspace."]
    opened = OpenWorkspace(Shared(volume, sealer, lambda: at, {}, lambda _: None), key)
    fault = metadata.faults({key: opened}, sealer).get(key, "")
    if not fault and not done:
        raise StoreFailure(f"{path} is not damaged; nothing was changed.", "There is nothing to repair.")
    if opened.fault(sealer).endswith("is not sealed."):
        opened.seal_again(EVERY_SEAL)
    metadata.mark(
        key, fault or f"{path.name} was damaged; the previous version was restored.", at, opened.place[1:]
    )
    return [*done, *([f"From now on this is accepted, and stays marked: {fault}"] if fault else [])]


def _repair_metadata(volume: Volume, sealer: Sealer, path: Path, at: datetime) -> list[str]:
    if _is_whole(volume, sealer, path, META):
        raise StoreFailure(f"{path} is not damaged; nothing was changed.", "There is nothing to repair.")
    if _is_whole(volume, sealer, previous_of(path), META):
        done = _put_back(volume, path, at)
        return [*done, *_mark_all(volume, sealer, "was put back as it was before", at)]
    kept = _keep_damaged(volume, path, at)
    shared = Shared(volume, sealer, lambda: at, {}, lambda _: None)
    places = [OpenWorkspace(shared, key).place for key in workspace_keys(volume.directory)]
    Metadata.write_new(volume, sealer, [Converted(*place, "") for place in places])
    return [
        "It was created again from the loaded keys and the workspaces that are there.",
        *_mark_all(volume, sealer, "was lost and created again", at),
        *kept,
    ]


def _mark_all(volume: Volume, sealer: Sealer, what: str, at: datetime) -> list[str]:
    """Mark each workspace, because its file may have been an older one just then."""
    fault = f"{META}.db {what}: whether this workspace's file is the newest could not be known then."
    Metadata(volume, sealer).note(workspace_keys(volume.directory), fault, at)
    return [
        "A workspace that was removed, forgotten or replaced with an earlier version could go unnoticed "
        "this one time. `quaymaster audit verify` keeps reporting this; add `--log` to compare with a log."
    ]


def _require_the_one_before(volume: Volume, sealer: Sealer, metadata: Metadata, path: Path, key: str) -> None:
    """Raise ``StoreDamaged`` unless ``.prev`` is the version just before the file, as far as known."""
    previous = QuaymasterFile(volume, sealer, previous_of(path), key)
    previous.load(_look_at)
    if key in metadata.gone():
        raise StoreDamaged(
            f"{previous.path} was put back, although that workspace was forgotten or given up.", "Remove it."
        )
    if previous.sequence < metadata.place_of(key)[0] - 1:
        raise StoreDamaged(
            f"{previous.path} is older than the previous version of {path.name}: somebody put it there.",
            f"Restore {path.name} from a backup.",
        )


def _is_whole(volume: Volume, sealer: Sealer, path: Path, key: str) -> bool:
    """True when a file is there and can be read. Raises ``StoreFailure`` when a newer Quaymaster wrote it."""
    try:
        return QuaymasterFile(volume, sealer, path, key).load(_look_at)
    except StoreDamaged:
        return False


def _look_at(table: str, key: str, row: Fields) -> None:
    """Refuse a row that is not one of ours."""
    value_in(table, key, row)


def _keep_damaged(volume: Volume, path: Path, at: datetime) -> list[str]:
    """Copy a damaged file aside."""
    bad = volume.read(path)
    if bad is None:
        return []
    copy = path.with_name(f"{path.name}.damaged-{at:%Y%m%dT%H%M%S}")
    volume.replace(copy, [bad])
    return [f"The damaged file was kept as {copy}; remove it once you no longer need it."]


def _put_back(volume: Volume, path: Path, at: datetime) -> list[str]:
    """Copy the file aside if there is one, then write the previous version in its place."""
    good = volume.read(previous_of(path)) or b""
    kept = _keep_damaged(volume, path, at)
    volume.replace(path, [good])
    volume.copy_to_previous(path, [good])
    return ["The previous version was restored; the last change before the damage is lost.", *kept]
