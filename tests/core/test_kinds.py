"""How a filled-in form becomes a draft."""

from collections.abc import Mapping

import pytest

from bot.core.errors import InvalidFields
from bot.core.kinds import Field, Kind, read_draft
from bot.core.model import Server
from bot.core.secrets import Secret

URL = Field("url", "URL", example="https://registry.example.com")
USERNAME = Field("username", "Username", is_required=False)
PASSWORD = Field("password", "Password", is_secret=True, is_required=False)
SIZE = Field("size", "Size", choices=("small", "large"), is_required=False)
CODE = Field("code", "Code", pattern=r"[0-9]{3}", problem="Not a code.", example="123", is_required=False)
CA = Field(
    "ca", "CA certificate", is_required=False, problem_with=lambda text: "No." if text == "x" else None
)

KIND = Kind(
    "any", "Any", "Other", (URL, USERNAME, PASSWORD, SIZE, CODE, CA), together=("username", "password")
)
GOOD = {"url": "registry.example.com", "username": "ci", "password": " marker "}


def problems_of(typed: Mapping[str, str], *, keeps_secret: bool = False) -> dict[str, str]:
    """What is said of a form."""
    with pytest.raises(InvalidFields) as caught:
        read_draft(KIND, "name", typed, keeps_secret=keeps_secret)
    return caught.value.problems


def test_a_good_form_becomes_a_draft() -> None:
    """Spaces around an address are a slip; spaces in a password are part of it."""
    draft = read_draft(KIND, " name ", {**GOOD, "url": " registry.example.com/ ", "code": "123", "ca": "pem"})

    assert draft.name == "name"
    assert draft.server == Server("https", "registry.example.com")
    assert draft.username == "ci"
    assert draft.credential == {"password": Secret(" marker ")}
    assert draft.options == {"code": "123"}
    assert draft.ca == "pem"


def test_every_wrong_field_is_named_at_once() -> None:
    """A person sees all that is wrong in one go, each with its example."""
    problems = problems_of({**GOOD, "url": "", "size": "huge", "code": "12", "ca": "x"})

    assert problems == {
        "url": "URL is missing. Example: https://registry.example.com",
        "size": "Choose one of small, large.",
        "code": "Not a code. Example: 123",
        "ca": "No.",
    }


def test_a_bad_address_stands_beside_its_field() -> None:
    """The sentence about an address goes to the field that it is made of."""
    assert "path" in problems_of({**GOOD, "url": "registry.example.com/team"})["url"]


@pytest.mark.parametrize("name", ["", "-a", "a b", "a" * 65, "naïve", "a/b"])
def test_a_bad_name_is_refused(name: str) -> None:
    """A name must be usable as a word in a command."""
    with pytest.raises(InvalidFields) as caught:
        read_draft(KIND, name, GOOD)

    assert "my_registry" in caught.value.problems["name"]


@pytest.mark.parametrize(
    ("typed", "keeps_secret", "missing"),
    [
        ({"username": "ci", "password": ""}, False, "password"),
        ({"username": "", "password": "marker"}, False, "username"),
        ({"username": "", "password": ""}, True, "username"),
    ],
)
def test_half_a_login_is_refused(typed: dict[str, str], keeps_secret: bool, missing: str) -> None:
    """User name and password are filled in both or neither; a kept secret counts as filled in."""
    problems = problems_of({**GOOD, **typed}, keeps_secret=keeps_secret)

    assert list(problems) == [missing]
    assert "fill in both Username and Password, or neither" in problems[missing]


def test_a_kind_may_go_without_a_login() -> None:
    """Both empty is a registry used by everybody."""
    draft = read_draft(KIND, "name", {"url": "registry.example.com"})

    assert (draft.username, draft.credential) == ("", {})


def test_an_empty_secret_may_mean_keep_it() -> None:
    """An edit leaves the secret empty and keeps the one there is."""
    draft = read_draft(KIND, "name", {**GOOD, "password": ""}, keeps_secret=True)

    assert draft.credential == {}


def test_a_kind_can_compute_its_address() -> None:
    """What a template cannot say, a function does; the template still names the field for errors."""
    kind = Kind("x", "X", "Other", (URL,), username="", address=lambda values: f"{values['url']}:5000")

    assert read_draft(kind, "name", {"url": "registry.example.com"}).server.port == 5000
