"""The keyring: its published vectors, and what it promises."""

import base64
import json
import logging
import os
from itertools import pairwise
from pathlib import Path

import pytest

from bot.core.errors import KeyringFailure
from bot.core.secrets import SealContext, Sealed, Secret
from storage.sealing import (
    CHECK_CONTEXT,
    CHECK_PLAIN,
    Key,
    Keyring,
    associated_data,
    derive,
    kid_of,
    new_key,
    padded,
    parse_keys,
    read_keys_file,
)
from tests.storage.vectors import (
    CREDENTIAL,
    HEAD,
    HEAD_SEAL,
    NONCE,
    PASSWORD_PLACE,
    PLACE,
    ROOT,
    SECOND_ROOT,
    VECTOR_A,
    VECTOR_A2,
    VECTOR_B,
    VECTOR_C,
)


@pytest.fixture
def keyring() -> Keyring:
    """A keyring of the vectors' first key."""
    return Keyring([ROOT])


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        ("kid", "89e9e32c296a652b64ca639de43456e94f4176028d0932c1b3549d805e9f4d66"),
        ("data", "5206b3d46c5f7fefaf73fd0bc88d09fb38024c638933c88ba47ac50c96e66b60"),
        ("audit", "b841169901df0fc518a299bda9201302208530ab7fc3537fdd6eaa7595ec8c2e"),
    ],
)
def test_each_purpose_has_its_own_key(purpose: str, expected: str) -> None:
    """Derived keys equal those computed by a separate implementation."""
    assert derive(ROOT, purpose).hex() == expected


@pytest.mark.parametrize(("root", "kid"), [(ROOT, "rhu6glbj"), (SECOND_ROOT, "txl6djfw")])
def test_key_id_comes_from_the_key(root: bytes, kid: str) -> None:
    """The id of a key is eight letters and digits, derived from the key itself."""
    assert Keyring([root]).primary == kid


def test_associated_data_equals_the_vector() -> None:
    """Each part of a record's place stands after its length."""
    expected = (
        "0000000d717561796d61737465722073310000000872687536676c"
        "626a0000000254310000000269310000000870617373776f7264"
    )

    assert associated_data(Key.of(ROOT).head, PASSWORD_PLACE).hex() == expected


@pytest.mark.parametrize(
    ("root", "place", "plain", "expected"),
    [
        (ROOT, PASSWORD_PLACE, b"pw", VECTOR_A),
        (SECOND_ROOT, PASSWORD_PLACE, b"pw", VECTOR_A2),
        (ROOT, PLACE, padded(CREDENTIAL), VECTOR_B),
        (ROOT, CHECK_CONTEXT, CHECK_PLAIN, VECTOR_C),
    ],
    ids=["A", "A, second key", "B", "C"],
)
def test_sealing_equals_the_vectors(root: bytes, place: SealContext, plain: bytes, expected: str) -> None:
    """Records equal those computed by a separate implementation."""
    assert Key.of(root).seal(place, plain, NONCE) == expected


def test_opening_gives_the_credential_back(keyring: Keyring) -> None:
    """Vector B opens to its username and password."""
    assert keyring.open(PLACE, Sealed(VECTOR_B)) == CREDENTIAL


def test_unusual_text_survives(keyring: Keyring) -> None:
    """Quotes, spaces at the end, newlines and letters of any script come back as they were."""
    credential = {"password": Secret('"\\ \n\tпароль 密码 🔑  ')}

    assert keyring.open(PLACE, keyring.seal(PLACE, credential)) == credential


def test_sealing_twice_gives_two_records(keyring: Keyring) -> None:
    """Each seal takes a fresh nonce."""
    assert keyring.seal(PLACE, CREDENTIAL) != keyring.seal(PLACE, CREDENTIAL)


@pytest.mark.parametrize("length", [1, 8, 15])
def test_length_of_a_password_is_hidden(keyring: Keyring, length: int) -> None:
    """Passwords of different lengths within a step of 32 bytes give records of one length."""
    shortest = keyring.seal(PLACE, {"password": Secret("x")})

    assert len(keyring.seal(PLACE, {"password": Secret("x" * length)})) == len(shortest)


def test_unknown_key_is_named(keyring: Keyring) -> None:
    """A record under a key that is not loaded is refused, and the key is named."""
    with pytest.raises(KeyringFailure, match="key txl6djfw, which is not loaded"):
        keyring.open(PASSWORD_PLACE, Sealed(VECTOR_A2))


def test_first_key_seals_and_others_open() -> None:
    """With a new key put first, new records are under it and old ones still open."""
    keyring = Keyring([SECOND_ROOT, ROOT])

    assert kid_of(keyring.seal(PLACE, CREDENTIAL)) == "txl6djfw"
    assert keyring.open(PLACE, Sealed(VECTOR_B)) == CREDENTIAL


def test_record_tells_whether_it_needs_resealing() -> None:
    """A record under another key than the first needs re-sealing."""
    keyring = Keyring([SECOND_ROOT, ROOT])

    assert keyring.needs_reseal(Sealed(VECTOR_A))
    assert not keyring.needs_reseal(Sealed(VECTOR_A2))


def test_keyring_knows_its_keys(keyring: Keyring) -> None:
    """A record tells whether the key it is under is loaded."""
    assert keyring.has_key_for(Sealed(VECTOR_A))
    assert not keyring.has_key_for(Sealed(VECTOR_A2))


def test_repr_shows_no_key() -> None:
    """Keys and keyrings print their ids only."""
    printed = repr((Keyring([ROOT, SECOND_ROOT]), Key.of(ROOT)))

    assert printed == "(Keyring(rhu6glbj, txl6djfw), Key(kid='rhu6glbj'))"


def test_check_value_is_opened_by_its_key(keyring: Keyring) -> None:
    """The check value of the vectors, and one just made, are those of the loaded key."""
    made = keyring.check_values()["rhu6glbj"]

    assert keyring.is_check_value(VECTOR_C)
    assert keyring.is_check_value(made)


def test_entry_seal_equals_the_vector(keyring: Keyring) -> None:
    """The seal of an audit entry's hash equals the vector."""
    assert keyring.seal_entry(HEAD) == f"rhu6glbj.{HEAD_SEAL}"


@pytest.mark.parametrize(
    ("kid", "head", "seal", "is_right"),
    [
        ("rhu6glbj", HEAD, HEAD_SEAL, True),
        ("rhu6glbj", HEAD, HEAD_SEAL[:-1] + "f", False),
        ("rhu6glbj", "00" * 32, HEAD_SEAL, False),
        ("txl6djfw", HEAD, HEAD_SEAL, False),
    ],
)
def test_entry_seal_is_verified(keyring: Keyring, kid: str, head: str, seal: str, is_right: bool) -> None:
    """Only the right seal of the right hash under a loaded key is accepted."""
    assert keyring.is_entry(head, f"{kid}.{seal}") is is_right


def test_many_seals_are_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    """Long before random nonces could repeat, the log says that a new key is due."""
    keyring = Keyring([ROOT], warn_at_seals=2)
    with caplog.at_level(logging.WARNING):
        keyring.seal(PLACE, CREDENTIAL)
        keyring.seal(PLACE, CREDENTIAL)

    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_new_key_is_a_key() -> None:
    """A fresh key is 32 bytes in base64, and differs each time."""
    first, second = new_key(), new_key()

    assert len(parse_keys(f"{first}\n{second}")[0]) == 32
    assert first != second


@pytest.mark.parametrize(
    "template", ["{0},{1}", "{0} , {1},", "{0}\n{1}\n", "# first\n\n {0}\r\n  # second\n{1}"]
)
def test_keys_are_read_in_order(template: str) -> None:
    """Keys stand a line each or with commas between; comments and blank lines are passed over."""
    text = template.format(base64.b64encode(ROOT).decode(), base64.b64encode(SECOND_ROOT).decode())

    assert parse_keys(text) == (ROOT, SECOND_ROOT)


def test_key_file_is_read(tmp_path: Path) -> None:
    """A file that only its owner may read gives its keys."""
    path = tmp_path / "keys"
    path.write_text(f"{base64.b64encode(ROOT).decode()}\n")
    path.chmod(0o600)

    assert read_keys_file(path) == (ROOT,)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_unreadable_key_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A key file that is missing, or holds no text, is named."""
    path = tmp_path / "keys"
    os.close(os.open(path if content else tmp_path / "other", os.O_CREAT | os.O_WRONLY, 0o600))
    Path(path if content else tmp_path / "other").write_bytes(content or b"")

    with pytest.raises(KeyringFailure, match=str(path)):
        read_keys_file(path)


def test_padding_is_spaces() -> None:
    """A padded credential is still JSON, a multiple of 32 bytes long."""
    plain = padded(CREDENTIAL)

    assert (len(plain), json.loads(plain)) == (64, {"password": "pw", "username": "ci"})


def test_places_never_collide() -> None:
    """Moving the border between two parts of a place gives other associated data."""
    places = [
        SealContext("T1", "i1"),
        SealContext("T", "1i1"),
        SealContext("T1i", "1"),
        SealContext("", "T1i1"),
        SealContext("T1i1", ""),
    ]
    written = sorted(associated_data(Key.of(ROOT).head, place) for place in places)

    assert all(one != other for one, other in pairwise(written))
