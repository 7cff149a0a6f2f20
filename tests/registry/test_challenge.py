"""Reading ``WWW-Authenticate``: recorded headers, edge cases, and whatever a generator can think of."""

import json
from pathlib import Path
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.addresses import parse_server
from bot.core.errors import MalformedChallenge, QuaymasterError
from bot.registry.challenge import Challenge, parse_challenges, usable
from bot.registry.guard import allow_realm
from bot.registry.kind_table import KINDS, KNOWN_REALMS

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/challenges.json").read_text())


def test_every_kind_has_a_recorded_challenge() -> None:
    """The vectors cover the menu."""
    assert [vector["kind"] for vector in VECTORS] == list(KINDS)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["kind"])
def test_recorded_challenges_are_read(vector: dict[str, str]) -> None:
    """Each registry's challenge is read as its documents say."""
    best = usable(parse_challenges(vector["header"]))[0]

    assert (best.scheme, best.realm, best.service) == (vector["scheme"], vector["realm"], vector["service"])


@pytest.mark.parametrize(
    "vector", [each for each in VECTORS if each["scheme"] == "bearer"], ids=lambda vector: vector["kind"]
)
def test_recorded_realms_are_allowed_for_their_own_registry(vector: dict[str, str]) -> None:
    """A well-known registry's token server needs nobody's permission."""
    server = parse_server(vector["server"])
    trusted = (*KINDS[vector["kind"]].realm_origins, *KNOWN_REALMS.get(server.origin, ()))

    assert vector["realm"].startswith(allow_realm(urljoin(server.origin, vector["realm"]), server, trusted))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Basic realm="a"', [("basic", {"realm": "a"})]),
        ("BASIC REALM=a", [("basic", {"realm": "a"})]),
        ("Negotiate", [("negotiate", {})]),
        (
            'Negotiate, Basic realm="a", Bearer realm="b",service=c',
            [("negotiate", {}), ("basic", {"realm": "a"}), ("bearer", {"realm": "b", "service": "c"})],
        ),
        (
            'Bearer realm="https://a/t",scope="repository:x:pull,push"',
            [("bearer", {"realm": "https://a/t", "scope": "repository:x:pull,push"})],
        ),
        (r'Basic realm="a \"b\", c=\\d"', [("basic", {"realm": r'a "b", c=\d'})]),
        ('Bearer realm="a",service=""', [("bearer", {"realm": "a", "service": ""})]),
        (
            "Bearer realm=https://a/t?b=c,service=d",
            [("bearer", {"realm": "https://a/t?b=c", "service": "d"})],
        ),
        ('Bearer realm="a",realm="evil"', [("bearer", {"realm": "a"})]),
        ('Bearer realm = "a" , service\t=\t"b"', [("bearer", {"realm": "a", "service": "b"})]),
        (
            'Negotiate dG9rZW4=, Basic realm="a"',
            [("negotiate", {}), ("basic", {"realm": "a"})],
        ),
        (',, Basic realm="a",,', [("basic", {"realm": "a"})]),
        ("", []),
    ],
)
def test_the_grammar_is_followed(header: str, found: list[tuple[str, dict[str, str]]]) -> None:
    """Several challenges, any case, quotes, empty and unquoted values, duplicates."""
    assert [(each.scheme, dict(each.parameters)) for each in parse_challenges(header)] == found


@pytest.mark.parametrize(
    "header",
    [
        'realm="https://a/t",service="b"',
        'Bearer realm="https://a',
        'Bearer realm="a" service="b"',
        'Bearer realm="a"x',
        '"Bearer"',
        "Bearer@evil",
        "Bearer realm=a;b=c d",
        'Bearer realm="a"' + ", x" * 3000,
    ],
)
def test_what_is_no_challenge_is_refused(header: str) -> None:
    """A header is read in full or not at all, so that half of one never decides."""
    with pytest.raises(MalformedChallenge):
        parse_challenges(header)


@pytest.mark.parametrize("header", ["", "Negotiate", "Digest realm=a", "Bearer service=a", "Bearer realm="])
def test_a_challenge_that_cannot_be_answered_is_refused(header: str) -> None:
    """Only Basic, and Bearer with a realm, can be answered."""
    with pytest.raises(MalformedChallenge):
        usable(parse_challenges(header))


def test_bearer_comes_before_basic() -> None:
    """The password then goes to the token server only."""
    schemes = [each.scheme for each in usable(parse_challenges('Basic realm="a", Bearer realm="b"'))]

    assert schemes == ["bearer", "basic"]


TOKENS = st.text("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=30)
CHALLENGES = st.lists(
    st.tuples(TOKENS, st.dictionaries(TOKENS, VALUES, min_size=1, max_size=4)), min_size=1, max_size=4
)
SPACES = st.sampled_from(["", " ", "\t", "  "])


def written(challenges: list[tuple[str, dict[str, str]]], space: str) -> str:
    """Write challenges as RFC 9110 does, every value quoted."""
    return f"{space},{space} ".join(
        f"{scheme.upper()} "
        + f"{space},{space}".join(
            f"{name}{space}={space}" + '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
            for name, value in parameters.items()
        )
        for scheme, parameters in challenges
    )


@given(CHALLENGES, SPACES)
def test_what_is_written_by_the_grammar_is_read_back(
    challenges: list[tuple[str, dict[str, str]]], space: str
) -> None:
    """Whatever values hold, each comes back under its own name and scheme: never a wrong realm."""
    found = parse_challenges(written(challenges, space))

    assert [(each.scheme, dict(each.parameters)) for each in found] == challenges


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=80))
def test_any_text_is_read_or_refused(header: str) -> None:
    """Nothing leaves the parser but challenges and errors of the tree."""
    assert_read_or_refused(header)


@given(
    st.lists(
        st.sampled_from(
            ["Bearer", "Basic", "realm", "service", "=", '"', "\\", ",", " ", "https://a/t", "x", "\t", "=="]
        ),
        max_size=25,
    )
)
def test_any_arrangement_of_its_parts_is_read_or_refused(pieces: list[str]) -> None:
    """The same, with text that looks like a challenge."""
    assert_read_or_refused("".join(pieces))


def assert_read_or_refused(header: str) -> None:
    """Read a header; only errors of the tree may come of it, and every realm stands in it literally."""
    try:
        found: tuple[Challenge, ...] = usable(parse_challenges(header))
    except QuaymasterError:
        return
    assert all(each.realm.replace("\\", "") in header.replace("\\", "") for each in found)
