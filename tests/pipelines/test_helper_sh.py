"""The shell edition of the credential helper: what it starts, what others of the machine can see of it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.pipeline.docker_credential import VERSION
from tests.clients.helpers import Helper
from tests.fakes.odd_server import OddServer, reply, whole

SOURCE = Path(__file__).parents[2] / "bot/pipeline/docker_credential.sh"
LOGIN = b'{"ServerURL":"x","Username":"u","Secret":"s"}'
TOKEN = "qm_0123456789ABCDEFGHIJKLMNOPQRST1RVxKQ"
SPY = """#!/bin/sh
printf '%s\\n' "$@" >"$SPIED/arguments"
env >"$SPIED/environment"
cat >"$SPIED/input"
printf '{"ServerURL":"x","Username":"u","Secret":"s"}\\n200 application/json'
"""


@pytest.fixture
def odd():
    """A server that answers every question with the same login."""
    with OddServer(whole(reply(200, LOGIN))) as running:
        yield running


@pytest.fixture(
    params=[pytest.param(shell, marks=pytest.mark.needs("curl", shell)) for shell in ("dash", "busybox")]
)
def helper(tmp_path, odd, request):
    """The helper under each shell, with its token in a file."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    settings = {"QUAYMASTER_URL": odd.url, "QUAYMASTER_TOKEN_FILE": str(tmp_path / "token")}
    return Helper(tmp_path / "bin", request.param, settings)


@pytest.mark.needs("shellcheck")
def test_shellcheck_finds_nothing():
    """shellcheck finds nothing, and no line switches it off."""
    done = subprocess.run(
        ["shellcheck", "-s", "sh", str(SOURCE)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert "shellcheck disable" not in SOURCE.read_text("utf-8")


def test_versions_agree():
    """Both editions are of one version."""
    assert f"\nversion={VERSION}\n" in SOURCE.read_text("utf-8")


def test_token_reaches_curl_by_its_input_only(helper, tmp_path):
    """Neither curl's arguments, which all users of a machine see, nor its environment hold the token."""
    spy = tmp_path / "bin/curl"
    spy.write_text(SPY)
    spy.chmod(0o755)
    said = helper("get", said="x", SPIED=str(tmp_path))

    assert said.output == f"{LOGIN.decode()}\n"
    assert TOKEN not in (tmp_path / "arguments").read_text()
    assert TOKEN not in (tmp_path / "environment").read_text()
    assert (tmp_path / "input").read_text() == f'header = "Authorization: Bearer {TOKEN}"\n'


def test_nothing_but_curl_is_started(helper, tmp_path):
    """With nothing on PATH but the shell and curl it works: an image need not have more."""
    bare = tmp_path / "bare"
    bare.mkdir()
    for program in ("curl", helper.edition):
        (bare / program).symlink_to(shutil.which(program))
    command = [
        shutil.which(helper.edition),
        *(["sh"] if helper.edition == "busybox" else []),
        str(SOURCE),
        "get",
    ]
    done = subprocess.run(
        command, input=b"x", capture_output=True, check=False, env={**helper.settings, "PATH": str(bare)}
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, LOGIN + b"\n", b"")


def test_curls_own_settings_file_is_not_read(helper, tmp_path):
    """A ``.curlrc`` changes nothing: it might switch certificates off."""
    (tmp_path / ".curlrc").write_text('url = "http://127.0.0.1:9"\nproxy = "http://127.0.0.1:9"\nverbose\n')
    said = helper("get", said="x", HOME=str(tmp_path), CURL_HOME=str(tmp_path))

    assert (said.status, said.people_read) == (0, "")


def test_nothing_of_the_environment_is_mistaken_for_its_own(helper, odd):
    """Variables of the environment do not stand in for what the script works out itself."""
    names = (
        "good",
        "url",
        "authority",
        "port",
        "token",
        "body",
        "found",
        "what",
        "trimmed",
        "server",
        "source",
    )
    taken = dict.fromkeys(names, "yes")
    said = helper("get", said="x", **taken)
    refused = helper("get", said="x", QUAYMASTER_URL="ftp://example.com", **taken)

    assert (said.status, len(odd.requests)) == (0, 1)
    assert refused.output.startswith("QUAYMASTER_URL is not an address")


def test_missing_curl_is_told(helper, tmp_path):
    """Without curl the caller reads so."""
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / helper.edition).symlink_to(shutil.which(helper.edition))
    command = [
        shutil.which(helper.edition),
        *(["sh"] if helper.edition == "busybox" else []),
        str(SOURCE),
        "get",
    ]
    done = subprocess.run(
        command, input=b"x", capture_output=True, check=False, env={**helper.settings, "PATH": str(bare)}
    )

    assert (done.returncode, done.stdout) == (1, b"curl cannot be started.\n")


def test_marks_of_curls_and_shells_languages_are_only_text(helper, odd):
    """What a caller says is sent as it is, whatever it means to a shell or to curl."""
    server = "$(touch x)`id`\"'@{a,b}[1-3]\\;&#"
    helper("get", said=server)

    asked = odd.requests[0].split(b" ")[1].lower()
    assert asked.startswith(b"/v1/credentials?server=%24%28touch")
    assert len(odd.requests) == 1
    assert not os.path.exists("x")
