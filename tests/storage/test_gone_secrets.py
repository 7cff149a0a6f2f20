"""What is gone is gone: no file of the data directory opens to a secret that was deleted or replaced."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import KeyringFailure
from bot.core.integrations.credentials import (
    former_context,
    management_context,
    prepared_context,
    seal_context,
)
from bot.core.model import Integration
from bot.core.secrets import Sealed
from storage.maintenance import count_by_key, forget, reseal
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
    full_integration,
    integration,
    names,
    only_integration,
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


@pytest.fixture
def rotating(directory: Path) -> Integration:
    """An integration of a closed store with a former and a prepared credential."""
    made = full_integration()
    store = opened(directory)
    add(store, made)
    store.close()
    return made


def test_resealing_takes_every_credential_along(directory: Path, rotating: Integration) -> None:
    """After re-sealing, the former and the prepared credential open under the new key alone."""
    store = TinyDBStore(directory, BOTH)
    count = reseal(store, BOTH)
    store.seal_again()
    store.close()
    store = TinyDBStore(directory, SECOND)
    found = only_integration(store)
    kids = count_by_key(store)
    store.close()
    assert found.former
    assert found.prepared
    assert found.prepared.sealed
    former = SECOND.open(former_context(T1, found), found.former.sealed)
    assert found.management
    prepared = SECOND.open(prepared_context(T1, found), found.prepared.sealed)
    managing = SECOND.open(management_context(T1, found), found.management)

    assert (count, kids) == (1, {SECOND.primary: 1})
    assert former["secret password"].reveal() == prepared["secret password"].reveal() == PASSWORD
    assert managing["secret password"].reveal() == PASSWORD
    assert found.version == rotating.version


def test_lost_key_loses_every_credential(directory: Path, rotating: Integration) -> None:
    """A lost key loses the former and the prepared credential too; what a registry calls it stays known."""
    store = TinyDBStore(directory, SECOND, lost_keys=(KEYRING.primary,))
    count = forget(store, KEYRING.primary, NOON)
    found = only_integration(store)
    store.close()
    assert rotating.prepared

    assert count == 1
    assert (found.secret, found.former, found.management) == (None, None, None)
    assert found.prepared == replace(rotating.prepared, sealed=None)
    assert count_by_key(store) == {}


def test_retired_credential_is_in_no_file(directory: Path, rotating: Integration) -> None:
    """As soon as the former is dropped, no file has its text, that of the version before included."""
    assert rotating.former
    text = rotating.former.sealed.encode()
    store = opened(directory)
    record(store, 1100)
    before = [path for path in directory.rglob("*") if path.is_file() and text in path.read_bytes()]
    add(store, replace(only_integration(store), former=None, version=2))
    after = [path for path in directory.rglob("*") if path.is_file() and text in path.read_bytes()]
    store.close()

    assert before
    assert after == []


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
