"""The plaintext type: it never shows itself."""

import copy
import json
import logging
import pickle

import pytest

from bot.core.model import Server
from bot.core.ports.registry import Login
from bot.core.secrets import Secret

TEXT = "correct horse"


@pytest.mark.parametrize(
    "shown", [str, repr, "{}".format, "{!r}".format, "{:>40}".format, lambda one: f"{[one]}"]
)
def test_secret_never_shows_itself(shown):
    """However it is printed, it prints as stars."""
    assert TEXT not in shown(Secret(TEXT))
    assert "Secret(****)" in shown(Secret(TEXT))


@pytest.mark.parametrize("act", [pickle.dumps, copy.deepcopy, json.dumps, vars])
def test_secret_goes_nowhere_by_accident(act):
    """What would write its text elsewhere is refused, without its text."""
    with pytest.raises(TypeError) as refused:
        act(Secret(TEXT))

    assert TEXT not in str(refused.value)


def test_secret_in_a_log_line_is_hidden(caplog):
    """A secret that is logged by mistake is stars."""
    logging.getLogger("test").warning("login with %s and %r", Secret(TEXT), {"password": Secret(TEXT)})

    assert TEXT not in caplog.text


def test_reveal_gives_the_text():
    """One method gives the text away, so that each use can be searched for."""
    assert Secret(TEXT).reveal() == TEXT


def test_equal_secrets_are_equal():
    """Secrets compare by their text, and an empty one is false."""
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != TEXT
    assert not Secret("")
    assert len({Secret(TEXT), Secret(TEXT), Secret("other")}) == 2


def test_login_prints_without_its_secret():
    """What a registry client is given can be printed."""
    login = Login("private", Server("https", "registry.example.com"), "ci", {"password": Secret(TEXT)})

    assert TEXT not in f"{login!r} {login}"
