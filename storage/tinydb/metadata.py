"""``meta.db``: the store's id, its format, and a check value for each key it was opened with."""

from pathlib import Path

from bot.core.errors import KeyringFailure, StoreDamaged
from bot.core.model import new_id
from bot.core.secrets import Sealed
from storage.sealing import Keyring
from storage.tinydb.directory import META, workspace_keys
from storage.tinydb.durable_files import Volume
from storage.tinydb.file_format import FORMAT
from storage.tinydb.tables import Database

STORE = "store"
KEYS = "keys"


class Meta:
    """What the store knows of itself."""

    def __init__(self, volume: Volume) -> None:
        """
        Read ``meta.db``; nothing is written yet.

        Raises:
            StoreDamaged: It is damaged, or missing beside workspace files.
        """
        path = volume.directory / f"{META}.db"
        self._database = Database(volume, path, META)
        self._is_new = self._database.file.read() is None
        if self._is_new and workspace_keys(volume.directory):
            raise missing(path)

    def verify(self, keyring: Keyring) -> None:
        """Raise ``KeyringFailure`` when a loaded key is not the one whose id the store knows."""
        for kid in keyring.kids:
            row = self._database.rows(KEYS).row(kid)
            if row and not is_check_value(keyring, row["check"]):
                raise KeyringFailure(
                    f"Key {kid} is not the one this store knows. Nothing was changed.",
                    "Load the key that this store was used with, from its copy.",
                )

    def remember(self, keyring: Keyring) -> None:
        """Write the store's id when it is new, and the check values of keys it does not know yet."""
        keys = self._database.rows(KEYS)
        unknown = [kid for kid in keyring.kids if keys.row(kid) is None]
        if not unknown:
            return
        checks = keyring.check_values()
        with self._database.file.transaction():
            if self._is_new:
                self._database.rows(STORE).put({STORE: {"format": FORMAT, "id": new_id()}})
            keys.put({kid: {"check": checks[kid]} for kid in unknown})


def is_check_value(keyring: Keyring, check: str) -> bool:
    """True when a loaded key opens this check value."""
    try:
        keyring.verify_check_value(Sealed(check))
    except KeyringFailure:
        return False
    return True


def missing(path: Path) -> StoreDamaged:
    """Say that the store's own file is gone, and what to do."""
    return StoreDamaged(
        f"{path} is missing although workspaces are kept beside it.",
        f"Put it back from a backup, or run `quaymaster store repair {META}`.",
    )
