"""The format of workflow tokens: made, read, told from a typing error, and never printed."""

import pytest

from bot.core.secrets import (
    ALPHABET,
    TOKEN_SHAPE,
    Secret,
    base62,
    hash_of,
    is_same,
    new_token,
    public_id,
    token_of,
)

RANDOM_PART = "0123456789ABCDEFGHIJKLMNOPQRST"
TOKEN = "qm_0123456789ABCDEFGHIJKLMNOPQRST1RVxKQ"
SHA256 = "0136f662ab80c9b4db0a10c148aabd4d0adbd95873076c1b304e2f7eaf33c23f"


def test_token_is_as_the_vector_says():
    """The random part gives this text and no other."""
    assert token_of(RANDOM_PART).reveal() == TOKEN


def test_hash_is_as_the_vector_says():
    """What is kept of the vector's token is this SHA-256."""
    assert hash_of(Secret(TOKEN)) == SHA256


def test_public_id_is_the_first_eight_characters():
    """A token's public id is the beginning of its random part."""
    assert public_id(TOKEN) == "01234567"


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_each_mistyped_character_is_noticed(place):
    """A token with any one character changed is none."""
    other = "Z" if TOKEN[place] != "Z" else "Y"

    assert public_id(TOKEN[:place] + other + TOKEN[place + 1 :]) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "qm_", TOKEN[:-1], TOKEN + "0", f" {TOKEN}", f"{TOKEN}\n", TOKEN.lower(), TOKEN.upper()),
        *(TOKEN.replace("qm_", "QM_"), TOKEN.replace("qm_", "gh_"), TOKEN.replace("5", "５"), "x" * 10_000),
    ],
)
def test_what_is_no_token_has_no_id(text):
    """Too short, too long, with spaces, in another case or alphabet: it is no token."""
    assert public_id(text) is None


@pytest.mark.parametrize(
    ("number", "text"), [(0, "000000"), (61, "00000z"), (62, "000010"), (2**32 - 1, "4gfFC3")]
)
def test_checksum_is_padded_on_the_left(number, text):
    """Every CRC-32 fits into six digits."""
    assert base62(number, 6) == text


def test_alphabet_has_each_digit_once():
    """Sixty-two characters, none twice."""
    assert len(set(ALPHABET)) == len(ALPHABET) == 62


def test_new_token_has_the_format():
    """A fresh token is one that a scanner recognises and a look-up accepts."""
    text = new_token().reveal()

    assert TOKEN_SHAPE.fullmatch(text)
    assert public_id(text) == text[3:11]


def test_new_tokens_differ():
    """No token is made twice."""
    assert len({new_token().reveal() for _ in range(100)}) == 100


def test_token_never_prints_itself():
    """A token that lands in a log by mistake shows stars."""
    assert f"{new_token()}{new_token()!r}" == "Secret(****)Secret(****)"


def test_same_token_is_recognised():
    """The text that a hash was made of is recognised by it."""
    assert is_same(Secret(TOKEN), SHA256)


@pytest.mark.parametrize(
    ("text", "known"), [(token_of("1" * 30).reveal(), SHA256), (TOKEN, None), ("", None), ("é", SHA256)]
)
def test_other_tokens_are_not(text, known):
    """Another text, or no token to compare with: not the same."""
    assert not is_same(Secret(text), known)
