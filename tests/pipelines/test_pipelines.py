"""The commands for pipelines: what they print and keep, and what they say when they cannot."""

import base64
import json
import stat
import subprocess
import sys

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from bot.cli import main
from tests.fakes.odd_server import OddServer, reply, whole
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.workplace import PASSWORD, SERVER, serving, workplace

AUTH = base64.b64encode(f"ci:{PASSWORD}".encode()).decode()
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


@pytest.fixture
def place(tmp_path):
    """A Quaymaster with one integration, which project web-shop is linked to."""
    with workplace(tmp_path / "store", ScriptedRegistry()) as opened:
        opened.add()
        opened.link("my_registry")
        yield opened


@pytest.fixture
def settings(place):
    """The settings that reach it."""
    with serving(place) as url:
        yield {"QUAYMASTER_URL": url, "QUAYMASTER_TOKEN": place.token(), "QUAYMASTER_TOKEN_FILE": ""}


@pytest.fixture
def run(settings):
    """Run a command of quaymaster with them."""
    return lambda *arguments, **env: CliRunner().invoke(main, arguments, env={**settings, **env})


def test_env_is_read_by_a_shell(settings):
    """``eval "$(quaymaster env NAME)"`` sets the variables."""
    script = (
        f'eval "$({sys.executable} -m bot env my_registry)" && printf %s "$MY_REGISTRY_INTEGRATION_PASSWORD"'
    )
    done = subprocess.run(
        ["sh", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", **settings},
    )

    assert done.stdout == PASSWORD


def test_docker_config_is_printed(run):
    """Without a file the configuration is printed."""
    result = run("docker-config")

    assert json.loads(result.stdout) == {"auths": {SERVER: {"auth": AUTH}}}


def test_docker_config_is_kept_for_its_owner_alone(run, tmp_path):
    """A new file and its folder are their owner's alone, and nothing is left beside it."""
    path = tmp_path / "home/.docker/config.json"
    path.parent.parent.mkdir()
    result = run("docker-config", str(path))

    assert (result.exit_code, result.stdout) == (0, "")
    assert json.loads(path.read_text())["auths"] == {SERVER: {"auth": AUTH}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["config.json"]


def test_docker_config_keeps_what_else_the_file_holds(run, tmp_path):
    """Other logins and settings of the file stay; a link stays a link; a lax mode is made strict."""
    path = tmp_path / "config.json"
    held = {"auths": {"other": {"auth": "eA=="}, SERVER: {"auth": "old"}}, "credHelpers": {"ghcr.io": "x"}}
    path.write_text(json.dumps(held))
    path.chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(path)
    run("docker-config", str(link))

    assert json.loads(path.read_text()) == {
        **held,
        "auths": {"other": {"auth": "eA=="}, SERVER: {"auth": AUTH}},
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert link.is_symlink()


@pytest.mark.parametrize("held", ["not json", "[1]", '"text"'])
def test_file_that_is_not_dockers_is_left_alone(run, tmp_path, held):
    """A file that is no JSON object is not overwritten."""
    path = tmp_path / "config.json"
    path.write_text(held)
    result = run("docker-config", str(path))

    assert result.exit_code == 1
    assert f"{path} is not docker's: it is no JSON object; nothing was changed." in result.stderr
    assert path.read_text() == held


def test_unwritable_place_is_told(run, tmp_path):
    """A place where nothing can be written is told in one sentence."""
    (tmp_path / "file").touch()
    result = run("docker-config", str(tmp_path / "file/config.json"))

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    assert result.stderr.count("\n") == 1


def test_kubernetes_secret_is_one(run):
    """What is printed is YAML, fits the shape of a Secret, and holds docker's configuration."""
    secret = yaml.safe_load(run("kubernetes-secret", "registry-login", "--namespace", "web-shop").stdout)

    jsonschema.validate(secret, SECRET)
    config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    assert config == {"auths": {SERVER: {"auth": AUTH}}}
    assert secret["metadata"] == {"name": "registry-login", "namespace": "web-shop"}


def test_kubernetes_secret_without_namespace(run):
    """Without a namespace kubectl's own decides."""
    secret = yaml.safe_load(run("kubernetes-secret", "login").stdout)

    jsonschema.validate(secret, SECRET)
    assert secret["metadata"] == {"name": "login"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("env", "missing"), "There is no integration named “missing”."),
        (("env", "team/app"), "This is no integration's name."),
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


def test_dead_server_is_told(run):
    """When Quaymaster is not there, that is what is told."""
    result = run("docker-config", QUAYMASTER_URL="http://127.0.0.1:9")

    assert result.exit_code == 1
    assert result.stderr.startswith("Quaymaster at 127.0.0.1:9 cannot be reached: ")


def test_no_server_is_loaded(settings):
    """These commands import nothing that serves."""
    code = "import sys; from bot.cli import main; main(['docker-config'], standalone_mode=False)"
    code += "; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=settings
    )

    loaded = set(done.stdout.split())
    assert {"slack_bolt", "waitress", "requests", "tinydb", "cryptography", "bot.settings"} & loaded == set()
