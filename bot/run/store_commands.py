"""What an operator does with whole stores: migrate a database, copy, export, import."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.core.errors import SettingsError, StoreFailure
from bot.core.secrets import Secret
from bot.run.operator_commands import stopped_directory, stopped_store
from bot.run.wiring import load_keyring
from bot.settings import StoreSettings
from storage.blanking import copy_blanked
from storage.tinydb.tinydb_store import TinyDBStore
from storage.transfer import copy, export, import_into, signed

if TYPE_CHECKING:
    from storage.postgres.postgres_store import PostgresStore


def migrate_database(url: Secret | None, grant_to: str | None) -> str:
    """
    Upgrade a database to the schema of this version, and say what was done.

    Args:
        url: Its address, with a role that is allowed to create and change tables.
        grant_to: The role that the server connects as; ``None`` = no permissions are granted.

    Raises:
        SettingsError: ``DATABASE_URL`` is not set.
        StoreFailure: The database cannot be upgraded.
    """
    if url is None:
        raise SettingsError(
            "DATABASE_URL is not set: write the address of your PostgreSQL there, such as "
            "postgresql://OWNER@HOST/DATABASE."
        )
    from storage.postgres.migrations import migrate_at

    count = migrate_at(url.reveal(), grant_to)
    granted = f" The role {grant_to} may use it." if grant_to else ""
    return f"Migrations applied: {count}.{granted}"


def copy_store(settings: StoreSettings, source: str, target: str) -> str:
    """
    Copy everything, or nothing. The source is only read.

    Raises:
        StoreFailure: The source cannot be read, or the target is not empty.
    """
    with stopped_store(_settings_for(settings, source)) as opened, _new_store(settings, target) as made:
        _require_sound(opened)
        count = copy(opened, made)
        marks = [f"{one.key}: {mark}" for one in opened.workspaces() for mark in opened.marks(one)]
    lost = f" Accepted faults are marked only in the source: {' '.join(marks)}" if marks else ""
    return f"Lines copied: {count}. Exports of the source and the copy are identical.{lost}"


def _require_sound(store: "TinyDBStore | PostgresStore") -> None:
    """Refuse to copy or export a directory whose history fails verification: the result would not show it."""
    if isinstance(store, TinyDBStore) and store.faults:
        key, fault = next(iter(store.faults.items()))
        raise StoreFailure(
            f"The history of {key} fails verification: {fault} Nothing was copied or exported.",
            f"Once you know what happened, run `quaymaster store repair {key}`, then this again.",
        )


def copy_store_blanked(settings: StoreSettings, source: str, target: str, text: str) -> str:
    """
    Copy everything except some text, or copy nothing. The source is only read.

    Raises:
        InvalidInput, StoreFailure: As ``copy_blanked`` and ``copy_store``.
    """
    with stopped_store(_settings_for(settings, source)) as opened, _new_store(settings, target) as made:
        done = copy_blanked(opened, made, load_keyring(settings), text, datetime.now(UTC))
    return f"{done} Start Quaymaster with the copy, then delete the original and its backups."


def lines_of_export(settings: StoreSettings) -> list[str]:
    """Return everything in the store that the settings name, as lines."""
    with stopped_store(settings) as store:
        _require_sound(store)
        return signed(export(store), load_keyring(settings))


def import_lines(settings: StoreSettings, lines: Iterable[str], *, takes_unsigned: bool = False) -> str:
    """Import what was exported into the store that the settings name, which must be empty."""
    place = settings.database_url.reveal() if settings.database_url else str(settings.data_dir)
    with _new_store(settings, place) as made:
        count = import_into(made, lines, load_keyring(settings), takes_unsigned=takes_unsigned)
    return f"Lines imported: {count}."


def seal_rows(settings: StoreSettings) -> str:
    """
    Seal the rows of a database from a version that did not seal them, without checking them.

    Raises:
        StoreFailure: It is not a database, or cannot be used.
    """
    with stopped_store(settings) as store:
        if isinstance(store, TinyDBStore):
            raise StoreFailure(
                "DATABASE_URL is not set, and only PostgreSQL rows need seals.",
                "Set DATABASE_URL to the address of the database.",
            )
        count = store.seal_for_the_first_time()
    return f"Rows sealed: {count}. From now on, a row is trusted only if it was sealed with one of your keys."


def upgrade(settings: StoreSettings) -> str:
    """
    Convert a data directory from an earlier version.

    Raises:
        StoreFailure: It is missing, damaged or in use.
    """
    with stopped_directory(settings.data_dir):
        TinyDBStore(settings.data_dir, load_keyring(settings), converts=True).close()
    return "The data directory is in this version's format."


def _settings_for(settings: StoreSettings, place: str) -> StoreSettings:
    """Return the settings of a store at a directory or an address, with the same keys."""
    if place.startswith(("postgresql://", "postgres://")):
        return replace(settings, database_url=Secret(place))
    return replace(settings, database_url=None, data_dir=Path(place))


@contextmanager
def _new_store(settings: StoreSettings, place: str) -> "Iterator[TinyDBStore | PostgresStore]":
    """Yield an empty store: a database, or a directory that gets its name only when it is complete."""
    named = _settings_for(settings, place)
    if named.database_url:
        with stopped_store(named) as store:
            yield store
        return
    directory = named.data_dir
    if directory.exists() and any(directory.iterdir()):
        raise StoreFailure(
            f"{directory} already contains something; nothing was changed.",
            "Name a directory that does not exist yet.",
        )
    partial = directory.with_name(f"{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        store = TinyDBStore(partial, load_keyring(settings))
        try:
            yield store
        finally:
            store.close()
        partial.replace(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
