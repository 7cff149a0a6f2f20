"""The API for workflows: what it refuses, with which status and code, and what it never says."""

import json
import logging

import pytest

from bot.core.errors import (
    Busy,
    KeyringFailure,
    LoginRejected,
    MalformedChallenge,
    StoreDamaged,
    Unreachable,
)
from bot.core.model import Stage
from bot.web.api.endpoints import ENDPOINTS
from tests.fakes.workplace import OTHER, PASSWORD, SERVER

HINT = "Do something else."

ASK = f"/v1/credentials?server={SERVER}"
TAGS = "/v1/integrations/my_registry/tags?repository=team/app"
UNAUTHORIZED = {
    "code": "unauthorized",
    "message": "This workflow token is not valid.",
    "hint": "It may be mistyped, expired or revoked: /integrations token list shows the tokens.",
}


@pytest.fixture
def revoked(place):
    """A revoked token."""
    token = place.token()
    place.revoke(token)
    return token


def test_every_invalid_token_gets_the_same_answer(place, token, revoked):
    """Missing, malformed, mistyped, unknown, expired, revoked: status, body and headers are the same."""
    mistyped = token[:-1] + ("A" if token[-1] != "A" else "B")
    unknown = "qm_0123456789ABCDEFGHIJKLMNOPQRST1RVxKQ"
    shown = [None, "", "qm_", mistyped, unknown, place.token(days=1, ago=2), revoked, f"{token} {token}", "ü"]
    answers = [place.ask(ASK, one, REMOTE_ADDR=f"192.0.2.{number}") for number, one in enumerate(shown)]

    assert {answer.status for answer in answers} == {401}
    assert {answer.body for answer in answers} == {json.dumps(UNAUTHORIZED, ensure_ascii=False).encode()}
    assert {tuple(answer.headers.items()) for answer in answers} == {tuple(answers[0].headers.items())}
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization", ["Basic cW06cW0=", "Bearer", "Token x", "Bearer  ", "Bearer a, Bearer b", "qm_x"]
)
def test_only_bearer_is_read(place, authorization):
    """Any other way of showing a token is not one."""
    assert place.ask(ASK, HTTP_AUTHORIZATION=authorization).error == (401, "unauthorized")


def test_bearer_is_read_whatever_its_case(place, token):
    """The scheme's name may be written in any case."""
    assert place.ask("/v1/integrations", HTTP_AUTHORIZATION=f"bEARER   {token}").status == 200


def test_token_in_the_query_is_refused_and_not_repeated(place, token):
    """A token in the address is no token, and with a valid one beside it the parameter is refused unread."""
    alone = place.ask(f"{ASK}&token={token}")
    beside = place.ask(f"{ASK}&token={token}", token)

    assert alone.error == (401, "unauthorized")
    assert beside.error == (400, "invalid_request")
    assert token.encode() not in alone.body + beside.body


def test_token_sees_its_own_workspace_only(place):
    """A token of one workspace finds nothing of another's."""
    place.add("theirs")
    token = place.token(workspace=OTHER)

    assert place.ask(ASK, token).error == (404, "not_found")
    assert place.ask("/v1/integrations/theirs", token).error == (404, "not_found")
    assert place.ask("/v1/integrations", token).json["integrations"] == []


@pytest.mark.parametrize(
    "query",
    [
        f"server={SERVER}&server={SERVER}",
        f"server={SERVER}&x=1",
        "server=",
        "server=%FF",
        "server=a%20b",
        "server=https://user:secret@host",
        "server=host/path/of/an/image",
        "x=1",
        "=",
        "&".join(f"a{number}=1" for number in range(100)),
        "server=" + "a" * 5000,
        f"server={SERVER}" + "%20" * 1500,
        f"server={SERVER}&%73erver={SERVER}",
    ],
)
def test_odd_queries_are_refused(place, token, query):
    """A parameter that is repeated, unknown, empty or unreadable is refused, and not repeated."""
    answer = place.ask(f"/v1/credentials?{query}", token)

    assert answer.error == (400, "invalid_request")
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    "path",
    [
        "/v1/integrations/my_registry/tags",
        "/v1/integrations/my_registry/tags?repository=",
        "/v1/kubernetes/secret",
        "/v1/kubernetes/secret?namespace=a",
    ],
)
def test_missing_parameter_is_named(place, token, path):
    """A parameter that must be there and is not is named."""
    place.add()
    answer = place.ask(path, token)

    assert answer.error == (400, "invalid_request")
    assert "is missing" in answer.json["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1/credentials/",
        "/v1/integrations/",
        "/v1/integrations//env",
        "/v1/integrations/a/b",
        "/v1/integrations/{name}/x",
        "/v1/tokens",
        "/v1/docker",
    ],
)
def test_unknown_path(place, token, path):
    """An unknown path is answered 404, with a code of its own and where to read on."""
    assert place.ask(path, token).error == (404, "no_such_path")


@pytest.mark.parametrize("name", ["missing", "%00", "a b", "x" * 65, "__class__", "{name}"])
def test_unknown_name(place, token, name):
    """A name that no integration has, or can have, is answered 404."""
    assert place.ask(f"/v1/integrations/{name}", token).error == (404, "not_found")


def test_token_in_the_path_is_not_repeated(place, token):
    """A token in the place of a name does not reach the pipeline's log."""
    answer = place.ask(f"/v1/integrations/{token}/env", token)

    assert answer.error == (404, "not_found")
    assert token.encode() not in answer.body


@pytest.mark.parametrize("word", ["größe".encode().decode("latin-1"), "hunter2", "%20"])
def test_unknown_name_is_not_repeated(place, token, word):
    """A word of the path may be a password that somebody put there, and pipelines keep what they print."""
    answer = place.ask(f"/v1/integrations/{word}", token)

    assert answer.json["message"] == "There is no integration with this name."
    assert word not in answer.body.decode()


@pytest.mark.parametrize("change", [str, str.lower])
def test_token_as_the_server_is_not_repeated(place, token, change):
    """Neither as it was written nor in lower case, from which its checksum would give it back."""
    answer = place.ask(f"/v1/credentials?server={change(token)}", token)

    assert answer.status in (400, 404)
    assert token.lower() not in answer.body.decode().lower()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "get"])
@pytest.mark.parametrize("path", sorted(ENDPOINTS))
def test_other_methods_are_refused(place, token, path, method):
    """Nothing but GET is taken, not even HEAD: it would have to hand something out and not send it."""
    place.add()
    answer = place.ask(path.replace("{name}", "my_registry"), token, REQUEST_METHOD=method)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert place.history("credential.hand_out") == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (LoginRejected("AWS does not know this key.", "Check it."), (502, "registry_refused")),
        (MalformedChallenge("That is no challenge.", HINT), (502, "registry_refused")),
        (Unreachable("AWS took too long.", HINT, stage=Stage.LOGIN), (504, "registry_unreachable")),
        (
            Unreachable("There is no such repository.", HINT, stage=Stage.REPOSITORY),
            (502, "registry_refused"),
        ),
        (Busy("Too many registries are being asked.", HINT), (503, "busy")),
        (
            KeyringFailure("The credential does not open.", HINT),
            (500, "credential_unreadable"),
        ),
        (StoreDamaged("The file is damaged.", HINT), (503, "store_unavailable")),
        (RuntimeError("marker-4711"), (500, "internal_error")),
    ],
)
@pytest.mark.parametrize("path", [ASK, TAGS])
def test_every_failure_has_its_code(place, token, registry, path, error, expected):
    """What a registry, the store or the keyring does wrong has a status and a code; nothing was recorded."""
    place.add()
    registry.error = error
    answer = place.ask(path, token)

    assert answer.error == expected
    assert b"marker" not in answer.body
    assert place.history("credential.hand_out") == []


def test_registrys_failure_names_the_integration(place, token, registry):
    """A registry's failure says which integration it is about: who asks by server may not know."""
    place.add()
    registry.error = LoginRejected("AWS does not know this key.", "Check it.")

    assert place.ask(ASK, token).json["message"] == "“my_registry”: AWS does not know this key."


def test_error_is_three_lines_for_a_shell(place, token):
    """A script that asks for text gets code, message and hint, a line each, free of control characters."""
    name = "a\x1b\n\x85b".encode().decode("latin-1")
    answer = place.ask(f"/v1/integrations/{name}", token, HTTP_ACCEPT="text/plain")

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.body.decode() == (
        "not_found\nThere is no integration with this name.\n"
        "GET /v1/integrations lists what this token can fetch.\n"
    )


@pytest.mark.parametrize(
    "path",
    [ASK, "/v1/integrations", "/v1/openapi.json", "/v1/helper.sh", "/v1/nowhere", "/v1/credentials?x=1"],
)
@pytest.mark.parametrize("is_known", [True, False])
def test_nothing_is_cached_or_sniffed(place, token, path, is_known):
    """Every answer, errors too, forbids caching and sniffing, and knows its length."""
    answer = place.ask(path, token if is_known else None)

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Length"] == str(len(answer.body))


def test_log_holds_no_token_query_or_secret(place, token, registry, caplog):
    """Whatever happens, the log holds no token, nothing of a query and no secret."""
    caplog.set_level(logging.DEBUG)
    place.add()
    place.ask(ASK, token)
    place.ask(ASK, token[:-1])
    registry.error = KeyringFailure("It does not open.", HINT)
    place.ask(ASK, token)
    registry.error = RuntimeError("broken")
    place.ask(ASK, token)

    text = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert [record.message for record in caplog.records] == [
        "refused a workflow token",
        "a workflow could not be answered",
        "request failed",
    ]
    assert token[:-1] not in text
    assert SERVER not in text
    assert PASSWORD not in text
