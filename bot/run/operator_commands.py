"""What an operator does to a store that no server has open: keys, history, repair.

keys rotate -> (stop the server) -> keys reseal -> keys status -> (remove the old line, start the server)
"""

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.core.errors import KeyringFailure, SettingsError, StoreDamaged, StoreFailure, StoreInUse
from bot.core.model import Workspace
from bot.pipeline.atomic_write import replace_whole
from bot.run.wiring import load_keyring, open_store
from bot.settings import StoreSettings
from storage import maintenance
from storage.sealing import Keyring, new_key, parse_keys, read_keys_file
from storage.tinydb.durable_files import REAL_DISK
from storage.tinydb.repair import repair
from storage.tinydb.tinydb_store import TinyDBStore

if TYPE_CHECKING:
    from storage.postgres.postgres_store import PostgresStore

_SEALED_UNDER = re.compile(rb'"s[12]\.([a-z2-7]{8})\.|"kid":"([a-z2-7]{8})"')
_NEXT = (
    "1. Keep a copy of the key file on another machine.",
    "2. Stop Quaymaster and run “quaymaster keys reseal”.",
    "3. Once “quaymaster keys status” says that the old key seals nothing, remove its line from the file.",
    "4. Start Quaymaster.",
)
"""What follows once a new key is the first one."""


def put_new_key_first(settings: StoreSettings) -> tuple[str, ...]:
    """
    Put a new key first in the key file.

    Returns:
        Lines that say what was done and what to do next.

    Raises:
        SettingsError: The keys are in the environment, which cannot be changed from here, or other processes
            may serve the same database.
        KeyringFailure: The file cannot be read or written. Nothing was changed.
    """
    if settings.database_url is not None:
        raise SettingsError(
            "With PostgreSQL several replicas may be running, and each of them must be able to open what the "
            "others seal. Nothing was changed.",
            "Add a new key as the last line, “quaymaster keys new >> FILE”, and continue with “Rotate the "
            "key” in .github/docs/company.md.",
        )
    if settings.keys_file is None:
        raise SettingsError(
            "QUAYMASTER_KEYS contains the keys themselves: put a key from “quaymaster keys new” and a comma "
            "in front of them."
        )
    path = settings.keys_file.resolve()  # the file that a link points to is replaced, not the link
    read_keys_file(path)
    fresh = new_key()
    try:
        replace_whole(path, f"{fresh}\n{path.read_text('ascii')}")
    except OSError as error:
        raise KeyringFailure(
            f"The key file {path} cannot be written: {error.strerror}.",
            "Let this user write to it and to its directory, then try again.",
        ) from error
    kid = Keyring(parse_keys(fresh)).primary
    return (f"Key {kid} is now first in {path}.", "Next:", *_NEXT)


def reseal_store(settings: StoreSettings) -> str:
    """Seal everything again with the first key, and say how many credentials that was."""
    with stopped_store(settings) as store:
        try:
            count = maintenance.reseal(store, load_keyring(settings))
        finally:
            store.seal_again()
    return f"Credentials sealed again: {count}."


def lines_of_status(settings: StoreSettings) -> list[str]:
    """Say for each key how many credentials it seals, the first key first, and which other files need it."""
    keyring = load_keyring(settings)
    with stopped_store(settings) as store:
        counts = maintenance.count_by_key(store)
        needed = {} if isinstance(store, TinyDBStore) else _rows_by_key(store)
    needed = _files_by_key(settings.data_dir) if settings.database_url is None else needed
    kids = [*keyring.kids, *sorted((counts.keys() | needed.keys()) - set(keyring.kids))]
    return [_status(kid, counts.get(kid, 0), needed.get(kid, []), kid == keyring.primary) for kid in kids]


def _status(kid: str, count: int, files: list[str], is_primary: bool) -> str:
    if is_primary:
        return f"{kid}  seals {count} (first)"
    hidden = f"; still needed by {', '.join(files)}" if files and not count else ""
    return f"{kid}  seals {count}{hidden}"


def _rows_by_key(store: "PostgresStore") -> dict[str, list[str]]:
    """Return the keys that rows or the history of any workspace are sealed with."""
    kids = {kid for workspace in store.workspaces() for kid in store.keys_of_rows(workspace)}
    return {kid: ["rows or the history"] for kid in kids}


def _files_by_key(directory: Path) -> dict[str, list[str]]:
    """Return, for each key, the files that contain anything sealed with it."""
    found: dict[str, list[str]] = {}
    files = (path for path in sorted(directory.rglob("*.db*")) if path.is_file() and not path.is_symlink())
    for path in files:
        # In the store's own file only the header counts: the file has a check value for each former key.
        data = _read(path)
        held = data.partition(b"\n")[0] if path.name.startswith("meta.db") else data
        for kid in {one or other for one, other in _SEALED_UNDER.findall(held)}:
            found.setdefault(kid.decode(), []).append(str(path.relative_to(directory)))
    return found


def _read(path: Path) -> bytes:
    try:
        return REAL_DISK.read(path)
    except OSError as error:
        raise StoreFailure(
            f"{path} cannot be read: {error.strerror}.", "Find out who put it there, and remove it."
        ) from error


def forget_key(settings: StoreSettings, kid: str) -> str:
    """
    Delete every secret sealed with a key that is lost for good.

    Raises:
        KeyringFailure: The key is loaded, so nothing is lost; nothing was changed.
    """
    keyring = load_keyring(settings)
    if kid in keyring.kids:
        raise KeyringFailure(f"The key {kid} is loaded, so its secrets are not lost.", "Nothing was changed.")
    with stopped_store(settings, lost_keys=(kid,)) as store:
        count = maintenance.forget(store, kid, datetime.now(UTC))
        installs = maintenance.forget_tokens(store, kid)
        store.seal_again(trusted=kid)
    again = f" Workspaces that must install the app again: {installs}." if installs else ""
    return (
        f"Integrations that need a new secret: {count}. Their names, servers and linked targets remain."
        f"{again} Other records sealed with that key were accepted without being checked, because nobody can "
        "verify them without it."
    )


def lines_of_history(settings: StoreSettings, logs: Iterable[str] = ()) -> Iterator[str]:
    """
    Say for each workspace whether its history is unchanged and matches a log.

    Raises:
        StoreDamaged: After the last line, if any history fails.
    """
    with stopped_store(settings) as store:
        gone = tuple(key for key in store.gone if key not in {one.key for one in store.workspaces()})
        ends = maintenance.ends_in_log(logs)
        found = maintenance.verify(store, load_keyring(settings), ends, gone)
        faults = dict(store.faults)
        forged = [(one.key, fault) for one in store.workspaces() for fault in store.unbelieved(one)]
        marked = [*store.workspaces(), *map(Workspace.of_key, gone)]
        marks = [(workspace.key, mark) for workspace in marked for mark in store.marks(workspace)]
    known = {one.workspace_key for one in found}
    for one in found:
        fault = one.fault or faults.get(one.workspace_key, "")
        yield f"{one.workspace_key}: entries verified: {one.entries}. {fault}".rstrip()
    yield from (f"{key}: {fault}" for key, fault in faults.items() if key not in known)
    yield from (f"{key}: it was forgotten (on purpose, or with its lost key)." for key in gone if key in ends)
    yield from (f"{key}: marked: {mark}" for key, mark in marks)
    yield from (f"{key}: {fault}" for key, fault in forged)
    if forged or faults or any(one.fault for one in found):
        raise StoreDamaged(
            "Something stored was changed without your keys; the lines above say where.",
            "Compare it with a backup.",
        )


def repair_workspace(settings: StoreSettings, key: str) -> list[str]:
    """
    Restore the last intact version of a damaged file, or accept a history as it is.

    Raises:
        StoreFailure: Nothing was changed; the message says why.
    """
    with stopped_directory(settings.data_dir):
        return repair(settings.data_dir, key, datetime.now(UTC), load_keyring(settings))


@contextmanager
def stopped_store(
    settings: StoreSettings, lost_keys: Collection[str] = ()
) -> Iterator["TinyDBStore | PostgresStore"]:
    """
    Open the store. With PostgreSQL, operators can work while servers are running.

    Raises:
        StoreFailure: A server has the directory open, or there is none.
    """
    with stopped_directory(settings.data_dir) if settings.database_url is None else nullcontext():
        store = open_store(settings, lost_keys)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def stopped_directory(directory: Path) -> Iterator[None]:
    """Raise ``StoreFailure`` when there is no such directory, or a server uses it."""
    if not directory.is_dir():
        raise StoreFailure(
            f"There is no data directory {directory}.", "Check QUAYMASTER_DATA_DIR or the path you typed."
        )
    try:
        yield
    except StoreInUse as error:
        raise StoreInUse(
            f"A running Quaymaster is using {directory}.", "Stop it, then run this again."
        ) from error
