"""The commands for pipelines: what they print, and what they say when they cannot."""

import base64
import json
import subprocess
import sys

import jsonschema
import pytest
import yaml

from bot.core.workflows import fetch as handouts
from bot.pipeline import commands as pipelines
from bot.pipeline.docker_credential import Client, Failure
from tests.fakes.certificates import Authority
from tests.fakes.odd_server import OddServer, drip, reply, whole
from tests.fakes.token_server import tls_context
from tests.fakes.workplace import SERVER
from tests.pipelines.conftest import LOGIN

FILE_ONLY = {"QUAYMASTER_TOKEN": ""}
NAME = {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"}
SECRET = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "type", "data"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "v1"},
        "kind": {"const": "Secret"},
        "type": {"const": "kubernetes.io/dockerconfigjson"},
        "metadata": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {
                "name": {**NAME, "maxLength": 253},
                "namespace": {
                    "type": "string",
                    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
                    "maxLength": 63,
                },
                "annotations": {
                    "type": "object",
                    "propertyNames": {
                        "pattern": r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
                    },
                    "additionalProperties": {"type": "string"},
                },
            },
        },
        "data": {
            "type": "object",
            "required": [".dockerconfigjson"],
            "additionalProperties": {"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"},
            "propertyNames": {"pattern": r"^[-._a-zA-Z0-9]{1,253}$"},
        },
    },
}
"""The shape of a v1 Secret of this type, after kubernetes.io/docs/concepts/configuration/secret and the API
reference of ObjectMeta."""


def test_kubernetes_secret_is_one(run):
    """What is printed is YAML, fits the shape of a Secret, and holds docker's configuration."""
    secret = yaml.safe_load(run("kubernetes-secret", "registry-login", "--namespace", "web-shop").stdout)

    jsonschema.validate(secret, SECRET)
    config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    assert config == {"auths": {SERVER: LOGIN}}
    assert secret["metadata"] == {"name": "registry-login", "namespace": "web-shop"}


def test_kubernetes_secret_without_namespace(run):
    """Without a namespace kubectl's own decides."""
    secret = yaml.safe_load(run("kubernetes-secret", "login").stdout)

    jsonschema.validate(secret, SECRET)
    assert secret["metadata"] == {"name": "login"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("env", "missing"), "There is no integration with this name."),
        (("env", "team/app"), "This is not an integration's name."),
        (("kubernetes-secret", "Wrong_Name"), "Kubernetes would refuse this name or namespace."),
    ],
)
def test_refusals_are_one_sentence(run, arguments, sentence):
    """What Quaymaster refuses is told in its words, on standard error, with exit status 1."""
    result = run(*arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"{sentence} ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [("env", "x"), ("docker-config",), ("kubernetes-secret", "x")])
@pytest.mark.parametrize("name", ["QUAYMASTER_URL", "QUAYMASTER_TOKEN"])
def test_missing_setting_is_told_with_status_2(run, command, name):
    """A missing setting is named, with exit status 2."""
    result = run(*command, **{name: ""})

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{name} is not set: ")


@pytest.mark.parametrize("command", [("env", "my_registry"), ("docker-config",), ("kubernetes-secret", "x")])
@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"{}", b"[]", b""])
def test_strangers_answer_is_not_used(run, command, body):
    """A page of somebody else's is neither printed for a shell to run nor kept in a file."""
    with OddServer(whole(reply(200, body))) as odd:
        result = run(*command, QUAYMASTER_URL=odd.url)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "not Quaymaster" in result.stderr


def test_environment_is_printed(run):
    """What a shell needs of an integration is printed as “export” lines."""
    result = run("env", "my_registry")

    assert result.exit_code == 0
    assert f"export MY_REGISTRY_INTEGRATION_URL=https://{SERVER}\n" in result.stdout


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"QUAYMASTER_URL": "quaymaster.example.com"}, "QUAYMASTER_URL is not an address: "),
        ({"QUAYMASTER_TOKEN": "ghp_abc"}, "QUAYMASTER_TOKEN does not contain a workflow token: "),
        ({"QUAYMASTER_TOKEN_FILE": "/x"}, "Both QUAYMASTER_TOKEN and QUAYMASTER_TOKEN_FILE are set: "),
        (FILE_ONLY | {"QUAYMASTER_TOKEN_FILE": "/nowhere/token"}, "QUAYMASTER_TOKEN_FILE cannot be read: "),
        (FILE_ONLY | {"QUAYMASTER_TOKEN_FILE": "/"}, "QUAYMASTER_TOKEN_FILE cannot be read: "),
    ],
)
def test_wrong_setting_is_told_with_status_2(run, wrong, sentence):
    """A setting that cannot be used is named, with exit status 2."""
    result = run("docker-config", **wrong)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(sentence)


def test_token_may_come_from_a_file(run, settings, tmp_path):
    """The token is read from the file that the setting names."""
    file = tmp_path / "token"
    file.write_text(f"{settings['QUAYMASTER_TOKEN']}\n")
    result = run("docker-config", **FILE_ONLY, QUAYMASTER_TOKEN_FILE=str(file))

    assert json.loads(result.stdout) == {"auths": {SERVER: LOGIN}}


def test_server_is_believed_by_its_authority(run, tmp_path):
    """A server of a private authority is asked once that authority's file is named, and not before."""
    authority = Authority()
    file = tmp_path / "ca.pem"
    file.write_text(authority.pem)
    with OddServer(whole(reply(200, b'{"auths": {}}')), tls_context(authority.issue())) as odd:
        unknown = run("docker-config", QUAYMASTER_URL=odd.url)
        wrong = run("docker-config", QUAYMASTER_URL=odd.url, QUAYMASTER_CA_FILE=str(tmp_path / "none.pem"))
        believed = run("docker-config", QUAYMASTER_URL=odd.url, QUAYMASTER_CA_FILE=str(file))

    assert (unknown.exit_code, wrong.exit_code, believed.exit_code) == (1, 1, 0)
    assert "certificate" in unknown.stderr
    assert wrong.stderr.startswith("QUAYMASTER_CA_FILE is not a file of certificates in PEM.")
    assert json.loads(believed.stdout) == {"auths": {}}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (reply(302, b""), "points to a redirect, which is not followed (status 302)"),
        (reply(502, b"{}"), "points to something that is not Quaymaster (status 502)"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "sent an answer that cannot be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "sent an answer that cannot be read"),
    ],
)
def test_other_answers_are_told(run, answer, sentence):
    """A redirect, a gateway's error, another protocol and an answer that is cut short are told as that."""
    with OddServer(whole(answer)) as odd:
        result = run("docker-config", QUAYMASTER_URL=odd.url)

    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr


def test_answer_after_a_continue_is_read(run):
    """A server may say first that it goes on."""
    first = b"HTTP/1.1 100 Continue\r\n\r\n"
    with OddServer(whole(first + reply(200, b'{"auths": {}}'))) as odd:
        result = run("docker-config", QUAYMASTER_URL=odd.url)

    assert json.loads(result.stdout) == {"auths": {}}


def test_dead_server_is_told(run):
    """When Quaymaster is not there, that is what is told."""
    result = run("docker-config", QUAYMASTER_URL="http://127.0.0.1:9")

    assert result.exit_code == 1
    assert result.stderr.startswith("Quaymaster at 127.0.0.1:9 cannot be reached: ")


def test_silent_server_is_given_up(settings):
    """A server that says nothing is waited for so long and no longer, however it drips."""
    with (
        OddServer(drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.1)) as odd,
        pytest.raises(Failure, match=f"^Quaymaster at {odd.authority} did not answer within 0.3 seconds.$"),
    ):
        Client({**settings, "QUAYMASTER_URL": odd.url}, 0.3).get("/v1/docker/config.json")


def test_server_may_take_its_time():
    """The deadline is longer than that which Quaymaster gives a registry's own answer."""
    assert handouts._DEADLINE_S < pipelines.DEADLINE_S < 60


def test_no_server_is_loaded(settings):
    """These commands import nothing that serves."""
    code = "import sys; from bot.cli import main; main(['docker-config'], standalone_mode=False)"
    code += "; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=settings
    )

    loaded = set(done.stdout.split())
    assert {"slack_bolt", "waitress", "requests", "tinydb", "cryptography", "bot.settings"} & loaded == set()
