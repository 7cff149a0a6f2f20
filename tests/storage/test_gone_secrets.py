"""What is gone is gone: no file of the data directory opens to a secret that was deleted or replaced."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import KeyringFailure
from bot.core.model import Integration, seal_context
from bot.core.secrets import Sealed
from storage.maintenance import forget, reseal
from storage.sealing import Keyring
from storage.tinydb.repair import repair
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.samples import (
    KEYRING,
    NOON,
    PASSWORD,
    ROOT,
    SECOND_ROOT,
    T1,
    add,
    delete,
    integration,
    names,
    opened,
    record,
    sealed,
)

BOTH = Keyring([SECOND_ROOT, ROOT])
SECOND = Keyring([SECOND_ROOT])
SEALED = re.compile(rb"s[12]\.[a-z2-7]{8}\.[A-Za-z0-9_-]{20,}")


def openable(directory: Path, one: Integration, keyring: Keyring = KEYRING) -> set[str]:
    """Every password of an integration that any file of the directory opens to."""
    found = set()
    for path in directory.rglob("*"):
        texts = SEALED.findall(path.read_bytes()) if path.is_file() else []
        for text in texts:
            try:
                opened_text = keyring.open(seal_context(T1, one), Sealed(text.decode()))
            except KeyringFailure:
                continue
            found.add(opened_text["password"].reveal())
    return found


def with_password(one: Integration, password: str) -> Integration:
    """The integration after an edit that typed another password."""
    return replace(sealed(one, password), version=one.version + 1)


@pytest.fixture
def one(directory: Path) -> Integration:
    """An integration of a closed store with several changes behind it."""
    made = integration("one")
    store = opened(directory)
    add(store, made)
    record(store, 2)
    store.close()
    return made


def test_password_is_there_at_first(directory: Path, one: Integration) -> None:
    """The search finds what is there."""
    assert openable(directory, one) == {PASSWORD}


def test_deleted_secret_is_gone(directory: Path, one: Integration) -> None:
    """As soon as an integration is deleted, its password is in no file."""
    store = opened(directory)
    delete(store, one)
    found = openable(directory, one)
    store.close()

    assert found == set()


def test_replaced_secret_is_gone(directory: Path, one: Integration) -> None:
    """As soon as another password is typed, the one before is in no file."""
    store = opened(directory)
    add(store, with_password(one, "new password"))
    found = openable(directory, one)
    store.close()

    assert found == {"new password"}


@pytest.mark.parametrize("act", [reseal, lambda store, _: forget(store, "rhu6glbj", NOON)])
def test_old_key_opens_nothing(
    directory: Path, one: Integration, act: Callable[[TinyDBStore, Keyring], int]
) -> None:
    """After re-sealing or forgetting, nothing in any file opens with the old key."""
    store = TinyDBStore(directory, BOTH)
    act(store, BOTH)
    store.seal_again()
    store.close()

    assert openable(directory, one) == set()


def test_damaged_copy_goes_with_the_secret(directory: Path, one: Integration) -> None:
    """What a repair kept aside holds the secret no longer than the store does."""
    path = directory / "T1.db"
    path.write_bytes(path.read_bytes()[:-1])
    repair(directory, "T1", NOON + timedelta(days=1), KEYRING)
    before = openable(directory, one)
    store = opened(directory)
    delete(store, one)
    store.close()

    assert before == {PASSWORD}
    assert openable(directory, one) == set()


def test_repair_does_not_bring_back_what_was_deleted(directory: Path, one: Integration) -> None:
    """The spare that a repair puts back was written after the deletion."""
    store = opened(directory)
    delete(store, one)
    store.close()
    (directory / "T1.db").write_bytes(b"damaged")
    repair(directory, "T1", NOON, KEYRING)
    store = opened(directory)
    store.close()

    assert names(store) == []
    assert store.read(T1).history.deletion(one.id) is not None


def test_crash_after_a_deletion_leaves_no_secret(directory: Path, one: Integration) -> None:
    """Even when the spare could not be written any more, no former file is left with the secret."""
    store = opened(directory)
    (directory / "T1.db.prev.tmp").mkdir()
    delete(store, one)
    found = openable(directory, one)
    (directory / "T1.db.prev.tmp").rmdir()
    store.close()

    assert found == set()
