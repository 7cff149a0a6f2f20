"""The keyring: every refusal."""

import base64
import string
from pathlib import Path

import pytest

from bot.core.errors import KeyringFailure
from bot.core.secrets import SealContext, Sealed, Secret
from storage.sealing import (
    Key,
    Keyring,
    new_key,
    parse_keys,
    read_keys_file,
)
from tests.storage.vectors import (
    MARKER,
    NONCE,
    PLACE,
    ROOT,
    VECTOR_A,
    VECTOR_A2,
    VECTOR_B,
    VECTOR_C,
)


@pytest.fixture
def keyring() -> Keyring:
    """A keyring of the vectors' first key."""
    return Keyring([ROOT])


def altered(sealed: str) -> list[str]:
    """A record with each of its characters changed in turn."""
    swapped = [("A" if letter != "A" else "B") for letter in sealed]
    return [sealed[:place] + letter + sealed[place + 1 :] for place, letter in enumerate(swapped)]


def sealed_plain(plain: bytes) -> Sealed:
    """Bytes sealed below the layer that pads credentials."""
    return Key.of(ROOT).seal(PLACE, plain, NONCE)


@pytest.mark.parametrize("sealed", altered(VECTOR_B))
def test_changed_character_is_refused(keyring: Keyring, sealed: str) -> None:
    """A record with any one character changed does not open."""
    with pytest.raises(KeyringFailure):
        keyring.open(PLACE, Sealed(sealed))


@pytest.mark.parametrize("last", sorted(set(string.ascii_letters + string.digits + "-_") - {"c"}))
def test_other_spelling_is_refused(keyring: Keyring, last: str) -> None:
    """Spare bits in the last character do not give a record a second spelling."""
    with pytest.raises(KeyringFailure):
        keyring.open(PLACE, Sealed(VECTOR_B[:-1] + last))


@pytest.mark.parametrize(
    "place",
    [
        SealContext("T2", "i1"),
        SealContext("T1", "i2"),
        SealContext("T1", "i1", "password"),
        SealContext("i1", "T1"),
        SealContext("T", "1i1"),
        SealContext("T1i", "1"),
        SealContext("", ""),
    ],
)
def test_record_moved_elsewhere_is_refused(keyring: Keyring, place: SealContext) -> None:
    """A record opens only in the workspace, integration and field it was sealed for."""
    with pytest.raises(KeyringFailure, match="altered, or belongs to a different integration"):
        keyring.open(place, Sealed(VECTOR_B))


@pytest.mark.parametrize(
    "sealed",
    [
        "",
        "s1",
        "s1.rhu6glbj",
        "s2" + VECTOR_B[2:],
        "S1" + VECTOR_B[2:],
        "s1.rhu6glbj.",
        "s1.rhu6glbj.Cw",
        "s1.rhu6glbj." + "A" * 36,
        VECTOR_B + "=",
        VECTOR_B + "\n",
        VECTOR_B + ".x",
        VECTOR_B.replace("-", "+"),
        VECTOR_B[:-1],
        VECTOR_B[:-4],
        VECTOR_B + "AAAA",
        VECTOR_B[:-1] + "é",
    ],
)
def test_record_of_another_form_is_refused(keyring: Keyring, sealed: str) -> None:
    """An unknown version, a missing part, too few bytes or foreign characters are refused."""
    with pytest.raises(KeyringFailure):
        keyring.open(PLACE, Sealed(sealed))


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"pw",
        b'{"password":"pw"}',
        b" " * 32,
        b"[]".ljust(32),
        b"1".ljust(32),
        b'{"a":1}'.ljust(32),
        b'{"a":"\xff"}'.ljust(32),
        b"{" * 64,
    ],
)
def test_plaintext_that_is_no_credential_is_refused(keyring: Keyring, plain: bytes) -> None:
    """Wrong padding, or something else than an object of texts, is refused though its seal is right."""
    with pytest.raises(KeyringFailure):
        keyring.open(PLACE, sealed_plain(plain))


@pytest.mark.parametrize(
    "plain", [MARKER.encode(), MARKER.encode().ljust(32), f'["{MARKER}"]'.encode().ljust(32)]
)
def test_refusal_holds_no_plaintext(keyring: Keyring, plain: bytes) -> None:
    """The error of a record that does not open holds no part of what is in it, nor does its cause."""
    with pytest.raises(KeyringFailure) as caught:
        keyring.open(PLACE, sealed_plain(plain))

    assert MARKER not in repr((caught.value, caught.value.args, caught.value.hint, caught.value.__cause__))


def test_text_that_cannot_be_written_is_refused_without_it(keyring: Keyring) -> None:
    """A lone surrogate is refused, and Python's own error, which quotes the text, is not passed on."""
    with pytest.raises(KeyringFailure) as caught:
        keyring.seal(PLACE, {"password": Secret(MARKER + "\ud800")})

    assert MARKER not in repr((caught.value, caught.value.args, caught.value.__cause__))


def test_keyring_without_a_key_is_refused() -> None:
    """There is no keyring without a key, and the refusal names the command that makes one."""
    with pytest.raises(KeyringFailure, match="quaymaster keys new"):
        Keyring([])


@pytest.mark.parametrize("check", [VECTOR_A, VECTOR_A2, VECTOR_B, *altered(VECTOR_C)[-8:]])
def test_false_check_value_is_refused(keyring: Keyring, check: str) -> None:
    """Another record, or an altered check value, proves no key."""
    assert not keyring.is_check_value(check)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing", ",,"])
def test_no_key_is_refused(text: str) -> None:
    """Text without a key is refused, and the refusal names the command that makes one."""
    with pytest.raises(KeyringFailure, match="quaymaster keys new"):
        parse_keys(text)


@pytest.mark.parametrize("word", ["not base64!", "c2hvcnQ=", base64.b64encode(bytes(33)).decode(), "é"])
def test_key_of_another_form_is_refused_without_it(word: str) -> None:
    """What is not 32 bytes in base64 is refused by its number in the list, and not repeated."""
    with pytest.raises(KeyringFailure, match="Key 2 is not 32 bytes") as caught:
        parse_keys(f"{new_key()},{word}")

    assert word not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
def test_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """A key file that group or others may use is refused, and the refusal names the repairing command."""
    path = tmp_path / "keys"
    path.write_text(new_key())
    path.chmod(mode)

    with pytest.raises(KeyringFailure, match=f"chmod 600 {path}"):
        read_keys_file(path)
