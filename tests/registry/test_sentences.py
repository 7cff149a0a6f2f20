"""A registry's own sentence: found, cleaned, cut, and never a secret."""

import base64
import json

import pytest

from bot.core.secrets import Secret
from bot.registry.answer import Answer
from bot.registry.sentences import LONGEST, said

SECRET = "Zx9-marker_secret"


def heard(body: object, content_type: str = "application/json", username: str = "") -> str:
    """What is shown of an error answer of ``auth.example.com``."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Answer(401, "https://auth.example.com/token", {"Content-Type": content_type}, content)
    return said(answer, [Secret(SECRET), Secret("-----BEGIN\nMIIEvgIBADANBgkqhkiG9w0B\n-----END")], username)


@pytest.mark.parametrize(
    "body",
    [
        {"errors": [{"code": "DENIED", "message": "not yours", "detail": {"x": 1}}]},
        {"errors": [{"code": "DENIED", "detail": "not yours"}]},
        {"errors": ["not yours"]},
        {"errors": {"message": "not yours"}},
        {"details": "not yours"},
        {"detail": "not yours"},
        {"message": "not yours"},
        {"error": "not yours"},
        {"error": {"message": "not yours"}},
        {"error": "invalid_grant", "error_description": "not yours"},
        {"errors": [], "message": "not yours"},
        "not yours",
        {"message": " not\r\n\tyours\u0000\u001b\u200b\u202e "},
        {"message": "<b>not</b> *yours*"},
        {"message": "`not` ~yours~ <!here>"},
    ],
)
def test_the_sentence_is_found_and_cleaned(body: object) -> None:
    """Every form of error answer, without control characters and markup."""
    assert heard(body) == "auth.example.com says: not yours"


@pytest.mark.parametrize(
    "body", [{}, [], 5, None, {"errors": [{"code": "DENIED"}]}, {"message": "***"}, {"error": 1}]
)
def test_no_sentence_is_none(body: object) -> None:
    """An answer that says nothing adds nothing."""
    assert heard(body) == ""


def test_plain_text_counts_and_a_page_does_not() -> None:
    """The first line of a text; a web page is no sentence."""
    assert heard(b"not yours\nmore", "text/plain; charset=utf-8") == "auth.example.com says: not yours"
    assert heard(b"<html>not yours</html>", "text/html") == ""


def test_a_long_sentence_is_cut() -> None:
    """Nobody reads a page of it."""
    shown = heard({"message": "word " * 1000})

    assert len(shown) <= len("auth.example.com says: ") + LONGEST
    assert shown.endswith("…")


@pytest.mark.parametrize(
    "text",
    [
        f"no such password {SECRET}",
        f"{SECRET.upper()} is wrong",
        "Zx9*-marker_sec`ret",
        "Zx9%2Dmarker_secret",
        "Z x 9 - m a r k e r _ s e c r e t",
        base64.b64encode(SECRET.encode()).decode(),
        "key MIIEvgIBADANBgkqhkiG9w0B is bad",
    ],
)
def test_a_sentence_that_repeats_a_secret_is_dropped(text: str) -> None:
    """Whatever the case, the quoting and the marks between."""
    assert heard({"message": text}) == ""


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"&#{ord(letter)};" for letter in SECRET),
        "".join(f"&#x{ord(letter):x};" for letter in SECRET),
        "".join(f"%25{ord(letter):x}" for letter in SECRET),
        "".join(f"\\u{ord(letter):04x}" for letter in SECRET),
        "".join(f"\\x{ord(letter):02X}" for letter in SECRET),
        " ".join(f"0x{ord(letter):x}" for letter in SECRET),
        SECRET.encode().hex(":"),
        " ".join(str(ord(letter)) for letter in SECRET),
        "".join(f"\\{ord(letter):03o}" for letter in SECRET),
        " ".join(f"{ord(letter):08b}" for letter in SECRET),
        base64.b64encode(b"ci:" + SECRET.encode() + b"!").decode(),
        base64.b64encode(b"robot:" + SECRET.encode()).decode(),
        base64.b64encode(b"x" + SECRET.encode()).decode(),
        base64.b32encode(SECRET.encode()).decode(),
        SECRET[::-1],
        "<b></b>".join(SECRET),
        "".join(chr(ord(letter) + 0xFEE0) for letter in SECRET),
        f"it begins with {SECRET[:11]}",
        f"{SECRET[:9]}, and then {SECRET[9:]}",
    ],
)
def test_a_sentence_that_repeats_an_encoded_secret_is_dropped(text: str) -> None:
    """In HTML, numbers, base64 at any place, base32, backwards, divided, or half of it."""
    assert heard({"message": text}) == ""


def test_a_short_secret_stops_no_number() -> None:
    """A secret of three letters is looked for as it is typed, not as numbers."""
    answer = Answer(429, "https://a.example.com", {"Content-Type": "text/plain"}, b"wait 979899 seconds")

    assert said(answer, [Secret("abc")], "") == "a.example.com says: wait 979899 seconds"


def test_what_looks_like_a_secret_is_covered() -> None:
    """A token that is not ours is nobody's business either."""
    text = f"token ghp_{'a1B2' * 9} has expired"

    assert heard({"message": text}) == "auth.example.com says: token **** has expired"


def test_the_user_name_is_covered() -> None:
    """User names are kept sealed, so a stored sentence must not hold one."""
    assert heard({"message": "user ci-bot is blocked"}, username="ci-bot") == (
        "auth.example.com says: user this user is blocked"
    )


def test_nobody_is_called() -> None:
    """A registry's sentence neither notifies a channel nor shows an emoji."""
    assert heard({"message": "@channel :white_check_mark: ok"}) == (
        "auth.example.com says: channel white_check_mark: ok"
    )
