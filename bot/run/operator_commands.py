"""What an operator does to a store that no server has open: keys, history, repair.

keys rotate -> (stop the server) -> keys reseal -> keys status -> (remove the old line, start the server)
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bot.core.errors import KeyringFailure, StoreDamaged, StoreFailure, StoreInUse
from bot.run.wiring import load_keyring, open_store
from bot.settings import StoreSettings
from storage.tinydb.repair import repair
from storage.tinydb.tinydb_store import TinyDBStore


def reseal_store(settings: StoreSettings) -> str:
    """Seal every credential anew under the first key, and say how many that were."""
    with stopped_store(settings) as store:
        count = store.reseal(load_keyring(settings))
    return f"Credentials sealed anew: {count}."


def lines_of_status(settings: StoreSettings) -> list[str]:
    """Say for each key how many credentials it seals, the first key first."""
    keyring = load_keyring(settings)
    with stopped_store(settings) as store:
        counts = store.sealed_counts()
    kids = [*keyring.kids, *sorted(counts.keys() - set(keyring.kids))]
    return [
        f"{kid}  seals {counts.get(kid, 0)}{' (first)' if kid == keyring.primary else ''}" for kid in kids
    ]


def forget_key(settings: StoreSettings, kid: str) -> str:
    """
    Drop every secret sealed under a key that is lost for good.

    Raises:
        KeyringFailure: The key is loaded, so nothing is lost; nothing was changed.
    """
    keyring = load_keyring(settings)
    if kid in keyring.kids:
        raise KeyringFailure(f"The key {kid} is loaded, so its secrets are not lost.", "Nothing was changed.")
    with stopped_store(settings, lost_keys=(kid,)) as store:
        count = store.forget(kid)
    return f"Integrations that need a new secret: {count}. Their names, servers and dependencies remain."


def lines_of_history(settings: StoreSettings) -> Iterator[str]:
    """
    Say of each workspace whether its history is as it was written.

    Raises:
        StoreDamaged: After the last line, when one is not.
    """
    with stopped_store(settings) as store:
        found = store.verify_history()
    for one in found:
        yield f"{one.workspace_key}: entries verified: {one.entries}. {one.fault}".rstrip()
    if any(one.fault for one in found):
        raise StoreDamaged("The history is not whole.", "Compare it with a backup; see above where.")


def repair_workspace(directory: Path, key: str) -> list[str]:
    """
    Put the last whole version of a damaged file back, and say what was done.

    Raises:
        StoreFailure: Nothing was changed; the message says why.
    """
    with stopped(directory):
        copy = repair(directory, key, datetime.now(UTC))
    kept = [] if copy is None else [f"The damaged file was kept as {copy}."]
    return ["The version before is in place; the last change before the damage is lost.", *kept]


@contextmanager
def stopped_store(settings: StoreSettings, lost_keys: Collection[str] = ()) -> Iterator[TinyDBStore]:
    """Open the store. Raises ``StoreFailure`` when a server has it open, or there is none."""
    with stopped(settings.data_dir):
        store = open_store(settings, lost_keys)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def stopped(directory: Path) -> Iterator[None]:
    """Say plainly that there is no such directory, or that a server holds it."""
    if not directory.is_dir():
        raise StoreFailure(f"There is no data directory {directory}.", "Set QUAYMASTER_DATA_DIR to it.")
    try:
        yield
    except StoreInUse as error:
        raise StoreInUse(
            f"A running Quaymaster holds {directory}.", "Stop it, then run this again."
        ) from error
