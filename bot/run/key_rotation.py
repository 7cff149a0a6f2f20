"""The key file: a fresh key goes first, and at every instant the file is whole."""

from bot.core.errors import KeyringFailure, SettingsError
from bot.pipeline.atomic_write import replace_whole
from bot.settings import StoreSettings
from storage.sealing import Keyring, new_key, parse_keys, read_keys_file

_NEXT = (
    "1. Store a copy of the key file outside this machine.",
    "2. Stop Quaymaster and run “quaymaster keys reseal”.",
    "3. Once “quaymaster keys status” says that the old key seals nothing, remove its line from the file.",
    "4. Start Quaymaster.",
)


def put_new_key_first(settings: StoreSettings) -> tuple[str, ...]:
    """
    Put a fresh key before those in the key file.

    Returns:
        Lines that say what was done and what is to be done next.

    Raises:
        SettingsError: The keys stand in the environment, which nobody can change from here.
        KeyringFailure: The file cannot be read or written. Nothing was changed.
    """
    if settings.keys_file is None:
        raise SettingsError(
            "QUAYMASTER_KEYS contains the keys themselves: put a key from “quaymaster keys new” and a comma "
            "in front of them."
        )
    path = settings.keys_file.resolve()  # a link stays a link
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
