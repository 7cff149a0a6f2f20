"""The credential helper's protocol, the same in every edition: what it prints where, and its exit status.

Source: docker/docker-credential-helpers, ``credentials/credentials.go`` and ``error.go``.
"""

import json
import os
import subprocess

import pytest

from bot.pipeline.docker_credential import VERSION
from tests.clients.helpers import NAME, heard, told
from tests.fakes.odd_server import OddServer, reply
from tests.fakes.workplace import PASSWORD, SERVER

NOT_FOUND = "credentials not found in native keychain\n"
NO_SERVER = "no credentials server URL\n"
READ_ONLY = "This helper stores nothing: use /integrations in Slack to add, edit and delete integrations."
STORED = f'{{"ServerURL":"{SERVER}",' + r'"Username":"ci","Secret":"pa:ss\"w$rd+ü\u003c\u0026\u003e"}'


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_get(place, helper, end):
    """``get`` prints the server's login and nothing for people, whether or not the caller ends its line."""
    place.add()
    said = helper("get", said=f"{SERVER}{end}")

    assert (said.status, said.people_read) == (0, "")
    assert json.loads(said.output) == {"ServerURL": SERVER, "Username": "ci", "Secret": PASSWORD}


def test_get_of_an_open_registry_is_empty(place, helper):
    """For a registry without a login user name and secret are empty, which callers take for anonymous."""
    place.add(username="", password="")

    assert json.loads(helper("get", said=SERVER).output) == {
        "ServerURL": SERVER,
        "Username": "",
        "Secret": "",
    }


@pytest.mark.parametrize(
    "server", ["nowhere.example.com", "https://index.docker.io/v1/", "not a server", "a/b", "ü"]
)
def test_unknown_server_is_answered_with_the_exact_words(helper, server):
    """For a server of nobody's, callers read the words they compare with."""
    said = helper("get", said=server)

    assert (said.status, said.output) == (1, NOT_FOUND)


def test_unknown_server_is_no_news_to_people(helper):
    """Callers ask for many servers: people are not told of those that are none of ours."""
    assert helper("get", said="nowhere.example.com").people_read == ""


def test_deleted_integration_is_news_to_people(place, helper):
    """After a deletion the caller goes on anonymously, and people read when it was deleted."""
    place.add()
    helper("get", said=SERVER)
    place.delete("my_registry")
    said = helper("get", said=SERVER)

    assert (said.status, said.output) == (1, NOT_FOUND)
    assert "“my_registry” was deleted on " in said.people_read


def test_list(place, helper):
    """``list`` names each server that the target is linked to with its user name, whatever is said."""
    place.add()
    place.add("hub", "docker-hub", username="acme", password="x")
    place.add("quay", "quay", username="acme+ci", password="x")
    place.link("my_registry")
    place.link("hub")
    said = helper("list", said="unused")

    assert said.status == 0
    assert json.loads(said.output) == {
        SERVER: "ci",
        "https://index.docker.io/v1/": "acme",
        "docker.io": "acme",
    }


@pytest.mark.parametrize("verb", ["version", "--version", "-v"])
def test_version(helper, verb):
    """The version is told without a server."""
    assert heard(helper(verb, QUAYMASTER_URL="")) == (0, f"{NAME} (quaymaster) {VERSION}\n", "")


def test_store_of_what_is_held(place, helper):
    """``store`` of the login that Quaymaster holds succeeds: docker login stores what it got from here."""
    place.add()

    assert heard(helper("store", said=f"{STORED}\n")) == (0, "", "")


ODD = 'a/<&>"\\\n\t\r\b\f\u20ac\U0001f600é%s $x `y` \u2028'
WRITTEN = {
    "as Go writes it": lambda login: json.dumps(login, ensure_ascii=False, separators=(",", ":")),
    "in ASCII": json.dumps,
    "sorted": lambda login: json.dumps(login, sort_keys=True),
    "indented": lambda login: json.dumps(login, indent="\t"),
    "every letter escaped": lambda login: (
        "{" + ",".join(f'"{key}":"{escaped(value)}"' for key, value in reversed(login.items())) + "}"
    ),
    "slashes escaped": lambda login: json.dumps(login).replace("/", "\\/"),
}


def escaped(text):
    """A text of JSON in which every letter is written by its number."""
    codes = text.encode("utf-16-be")
    return "".join(f"\\u{codes[at]:02X}{codes[at + 1]:02x}" for at in range(0, len(codes), 2))


@pytest.mark.parametrize("write", WRITTEN.values(), ids=list(WRITTEN))
def test_store_compares_values(place, helper, write):
    """However a caller writes the login, the same values are the same login and others are not."""
    place.add(password=ODD)
    login = {"ServerURL": SERVER, "Username": "ci", "Secret": ODD}

    assert heard(helper("store", said=write(login))) == (0, "", "")
    assert helper("store", said=write({**login, "Secret": f"{ODD}x"})).status == 1
    assert helper("store", said=write({**login, "Username": "Ci"})).status == 1


@pytest.mark.parametrize(
    "server",
    [f"{SERVER}/team/app", "https://nowhere.example.com/v1/users/", "a b", "x@y", "?x", "[::1", "h:99999"],
)
def test_what_is_not_held_is_no_news_to_people(place, helper, server):
    """Callers ask for paths and other things that are not servers: people read nothing of it at each pull."""
    place.add()

    assert heard(helper("get", said=server)) == (1, NOT_FOUND, "")


def test_nothing_like_a_token_is_repeated(helper, token):
    """A token in the wrong place is not repeated: not from the command line, the input or a setting."""
    wrong = token.upper().replace("QM_", "qm_")
    said = [
        helper(token),
        helper("get", token),
        helper("get", said=token),
        helper("store", said=json.dumps({"ServerURL": token, "Username": token, "Secret": token})),
        helper("get", said="x", QUAYMASTER_URL=token),
        helper("get", said="x", QUAYMASTER_URL=f"http://{token}.invalid"),
        helper("get", said="x", QUAYMASTER_TOKEN="", QUAYMASTER_TOKEN_FILE=token),
        helper("get", said="x", QUAYMASTER_CA_FILE=token, QUAYMASTER_URL="https://127.0.0.1:9"),
        helper("get", said="x", QUAYMASTER_TOKEN=f"{wrong} x"),
    ]
    heard_of_all = "".join(one.output + one.people_read for one in said).lower()

    assert [one.status for one in said] == [1] * len(said)
    assert token.lower() not in heard_of_all
    assert token[3:20].lower() not in heard_of_all


def test_answer_that_holds_a_token_is_not_repeated(helper, token):
    """Somebody who answers with what was sent does not bring the token onto the screen."""
    body = f"unauthorized\nYou sent {token}, and {token.lower()}.\nqm_short stays\n".encode()
    as_json = {
        "code": "unauthorized",
        "message": f"You sent {token}, and {token.lower()}.",
        "hint": "qm_short stays",
    }
    answers = {True: reply(401, body, "text/plain"), False: reply(401, json.dumps(as_json).encode())}
    with OddServer(lambda request: [answers[b"Accept: text/plain" in request]]) as odd:
        said = helper("get", said="x", QUAYMASTER_URL=odd.url)

    assert heard(said) == (1, *told("You sent qm_…, and qm_….", "qm_short stays"))


@pytest.mark.parametrize(
    ("verb", "sentence"),
    [
        ("get", "No server was given: type it, then press Ctrl-D."),
        ("erase", "No server was given: type it, then press Ctrl-D."),
        ("store", "No login to store was given: type it as JSON, then press Ctrl-D."),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\x04\x04"])
def test_person_at_a_terminal_is_told_what_to_type(helper, verb, sentence, end):
    """Whoever starts it by hand reads at once what it waits for, and no false reason."""
    screen, terminal = os.openpty()
    with subprocess.Popen(
        [str(helper.path), verb], stdin=terminal, stdout=terminal, stderr=terminal, env=helper.env
    ):
        first = os.read(screen, 1000).decode()
        os.write(screen, b"nowhere.example.com" + end)
        rest = read_until(screen, ENDS[verb])

    assert first.strip() == f"{NAME}: {sentence}"
    assert ENDS[verb] in rest


ENDS = {"get": NOT_FOUND.strip(), "erase": "Nothing was erased.", "store": NO_SERVER.strip()}


def read_until(screen, word):
    """Read a terminal until a word is on it."""
    text = ""
    while word not in text:
        text += os.read(screen, 1000).decode()
    return text


@pytest.mark.parametrize(
    "stored",
    [STORED.replace("pa:ss", "other"), STORED.replace('"ci"', '"me"'), STORED.replace(SERVER, "docker.io")],
)
def test_store_of_anything_else(place, helper, stored):
    """``store`` of another login fails, and people read where logins are kept."""
    place.add()
    said = helper("store", said=f"{stored}\n")

    assert said.status == 1
    assert said.output in (NOT_FOUND, "This is not the login that Quaymaster has stored.\n")
    assert READ_ONLY in said.people_read or said.output == NOT_FOUND


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("{}", NO_SERVER),
        ("nonsense", NO_SERVER),
        ("[" * 60_000, NO_SERVER),
        ('{"ServerURL":"","Username":"x","Secret":"y"}', NO_SERVER),
        ('{"ServerURL":"x","Username":"","Secret":"y"}', "no credentials username\n"),
        ('{"ServerURL":"x"}', "no credentials username\n"),
    ],
)
def test_store_of_half_a_login(helper, stored, expected):
    """``store`` without server or user name answers with the exact words."""
    assert heard(helper("store", said=stored)) == (1, expected, "")


def test_erase(place, helper):
    """``erase`` succeeds, as callers expect, erases nothing, and tells people so."""
    place.add()
    said = helper("erase", said=SERVER)

    assert heard(said) == (0, "", f"{NAME}: Nothing was erased. {READ_ONLY}\n")
    assert helper("get", said=SERVER).status == 0


@pytest.mark.parametrize("verb", ["get", "erase", "store"])
@pytest.mark.parametrize("nothing", ["", "\n"])
def test_nothing_said(helper, verb, nothing):
    """Without a server the answer is the exact words."""
    assert heard(helper(verb, said=nothing)) == (1, NO_SERVER, "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), f"Usage: {NAME} <store|get|erase|list|version>\n"),
        (("get", "x"), f"Usage: {NAME} <store|get|erase|list|version>\n"),
        (("put",), f"{NAME}: unknown action; use store, get, erase, list or version\n"),
    ],
)
def test_unknown_verbs(helper, arguments, expected):
    """A wrong verb or a wrong number of them is told, and no word is repeated: it may be a token."""
    assert heard(helper(*arguments)) == (1, expected, "")


def test_refusal_is_told_to_caller_and_people(place, helper):
    """What Quaymaster refuses is told in its own words: the sentence to the caller, people read the hint."""
    place.add()
    place.mark("my_registry", linked_only=True)
    said = helper("get", said=SERVER)

    hint = "Ask its owner: /integrations link my_registry project web-shop"
    assert heard(said) == (1, *told("“my_registry” is for linked targets only.", hint))


def test_revoked_token_is_told(place, helper, token):
    """A token that is no longer valid is told as such, not as an unknown server."""
    place.add()
    place.revoke(token)
    said = helper("get", said=SERVER)

    hint = "It may be mistyped, expired or revoked: /integrations token list shows the tokens."
    assert heard(said) == (1, *told("This workflow token is not valid.", hint))
