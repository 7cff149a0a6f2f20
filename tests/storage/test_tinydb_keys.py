"""The embedded store and its keys: which ones it needs, sealing anew, and no secret in any file."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.errors import KeyringFailure, StoreDamaged
from bot.core.secrets import Sealed
from storage.maintenance import Verified, count_by_key, reseal, verify
from storage.sealing import Keyring
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import QuickDisk
from tests.storage.forging import OWNER, tables_of, write_as
from tests.storage.samples import (
    KEYRING,
    PASSWORD,
    ROOT,
    SECOND_ROOT,
    T1,
    T2,
    add,
    contents,
    delete,
    integration,
    names,
    password_of,
    record,
    sealed,
    whole_history,
)

SECOND = Keyring([SECOND_ROOT])
BOTH = Keyring([SECOND_ROOT, ROOT])


def start(directory: Path, keyring: Keyring, lost: tuple[str, ...] = ()) -> TinyDBStore:
    """Open a store with some keys."""
    return TinyDBStore(directory, keyring, disk=QuickDisk(), lost_keys=lost)


def test_other_key_is_refused(filled: Path) -> None:
    """A store sealed with another key refuses to start, names both keys, and changes nothing."""
    before = contents(filled)
    with pytest.raises(KeyringFailure) as caught:
        start(filled, SECOND)

    assert str(caught.value) == (
        "This store is sealed with key rhu6glbj; the key given is txl6djfw. Nothing was changed. "
        "Load the missing key too; if it is lost for good, run `quaymaster keys forget KEY_ID`."
    )
    assert contents(filled) == before


def test_refused_start_lets_go_of_the_directory(filled: Path) -> None:
    """After a refused start the right key opens the store at once."""
    with pytest.raises(KeyringFailure):
        start(filled, SECOND)

    start(filled, KEYRING).close()


def test_key_that_is_not_what_its_id_says_is_refused(directory: Path) -> None:
    """The store proves each loaded key against its own check value."""
    start(directory, KEYRING).close()
    sequence, tables = tables_of(directory / "meta.db")
    tables["keys"] = [tables["keys"][0].replace(b"rhu6glbj", b"txl6djfw")]
    write_as(OWNER, directory / "meta.db", sequence + 1, tables)

    with pytest.raises(KeyringFailure, match="Key txl6djfw is not the one"):
        start(directory, BOTH)


def test_lost_key_may_be_given_up(filled: Path) -> None:
    """When the operator says that a key is lost, the store starts and names and hosts are there."""
    store = start(filled, SECOND, lost=("rhu6glbj",))
    store.close()

    assert names(store) == ["everything"]


def test_resealing_brings_everything_under_the_new_key(directory: Path) -> None:
    """After re-sealing, the old key is needed no more, passwords are the same and versions did not rise."""
    store = start(directory, KEYRING)
    many = [integration(f"name-{number:03d}") for number in range(250)]
    add(store, *many)
    add(store, integration("theirs", workspace=T2), workspace=T2)
    store.close()
    store = start(directory, BOTH)
    before = count_by_key(store)
    count = reseal(store, BOTH)
    again = reseal(store, BOTH)
    store.seal_again()
    after = count_by_key(store)
    store.close()
    store = start(directory, SECOND)
    store.close()

    assert (before, count, again, after) == ({"rhu6glbj": 251}, 251, 0, {"txl6djfw": 251})
    assert password_of(store, many[7], SECOND) == PASSWORD
    assert [store.read(T1).integrations.get(one.id).version for one in many] == [1] * 250  # type: ignore[union-attr]
    assert len(whole_history(store)) == 250


def test_everything_is_sealed_again(directory: Path) -> None:
    """After re-sealing, every file and every entry of a long history is under the new key."""
    store = start(directory, KEYRING)
    record(store, 900)
    store.close()
    store = start(directory, BOTH)
    reseal(store, BOTH)
    store.seal_again()
    store.close()
    store = start(directory, SECOND)
    found = verify(store, SECOND)
    store.close()

    assert found == (Verified("T1", 900),)
    assert b"rhu6glbj" not in b"".join(
        data for name, data in contents(directory).items() if not name.startswith("meta.db")
    )


def test_resealing_names_what_it_cannot_open(directory: Path) -> None:
    """Records under a key that is not loaded are named; the others are sealed anew."""
    third = Keyring([bytes(32), SECOND_ROOT])
    store = start(directory, KEYRING)
    add(store, integration("lost"))
    store.close()
    store = start(directory, SECOND, lost=("rhu6glbj",))
    one = integration("kept")
    with store.change(T1) as change:
        change.put(sealed(one, "x", SECOND))
    store.close()
    store = start(directory, third, lost=("rhu6glbj",))
    with pytest.raises(KeyringFailure, match=r"again: 1\..*not loaded: lost \(key rhu6glbj\)"):
        reseal(store, third)
    counts = count_by_key(store)
    store.close()

    assert counts == {"rhu6glbj": 1, third.primary: 1}


def test_secret_that_is_not_sealed_is_refused(directory: Path) -> None:
    """What has not the form of a sealed secret is not kept, and not repeated."""
    store = start(directory, KEYRING)
    with pytest.raises(KeyringFailure) as caught:
        add(store, replace(integration(), secret=Sealed(PASSWORD)))
    store.close()

    assert PASSWORD not in repr((caught.value, caught.value.args))
    assert names(store) == []


def test_older_file_of_a_replaced_key_is_named_truly(directory: Path) -> None:
    """After re-sealing, a file of before is not said to be under a key that was never there."""
    store = start(directory, KEYRING)
    add(store, integration("one"))
    store.close()
    former = (directory / "T1.db").read_bytes()
    store = start(directory, BOTH)
    reseal(store, BOTH)
    store.seal_again()
    store.close()
    (directory / "T1.db").write_bytes(former)

    with pytest.raises(StoreDamaged, match="it names a key that this store does not use"):
        start(directory, SECOND)
    with pytest.raises(KeyringFailure, match="This store does not use key rhu6glbj"):
        start(directory, SECOND, lost=("rhu6glbj",))


def spellings(text: str) -> list[bytes]:
    """A secret as it might stand in a file: plain, in base64 at each offset, in hexadecimal."""
    plain = text.encode()
    encoded = [base64.b64encode(b"x" * shift + plain)[4:-4] for shift in range(3)]
    return [plain, plain[:12], plain.hex().encode(), plain[::-1], *encoded]


def test_no_file_holds_a_secret(directory: Path) -> None:
    """Neither the files, nor the versions before, nor the archive hold any part of a password."""
    store = start(directory, KEYRING)
    one = integration("deleted")
    add(store, one, integration("kept"))
    delete(store, one)
    record(store, 900)
    store.close()
    store = start(directory, BOTH)
    reseal(store, BOTH)
    store.seal_again()
    store.close()
    everything = b"".join(contents(directory).values())

    assert len(contents(directory)) >= 4
    assert not [text for text in spellings(PASSWORD) if text in everything]
    assert not [text for text in [*spellings(ROOT.decode("latin-1")), ROOT] if text in everything]
