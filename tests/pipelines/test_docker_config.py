"""``quaymaster docker-config``: where it writes, what it leaves alone, and what it says."""

import json
import os
import socket
import stat
import subprocess
import sys

import pytest

from tests.fakes.workplace import SERVER
from tests.pipelines.conftest import LOGIN


def make_socket(path):
    """Make a socket's name."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


MAKE = {
    "pipe": os.mkfifo,
    "socket": make_socket,
    "device": lambda path: path.symlink_to(os.ttyname(os.openpty()[1])),
}
"""The device is a terminal of its own: should it be replaced after all, the machine misses nothing."""


@pytest.mark.parametrize("file", [(), ("-",)])
def test_docker_config_is_printed(run, tmp_path, monkeypatch, file):
    """Without a file, or with ``-`` for one, the configuration is printed."""
    monkeypatch.chdir(tmp_path)
    result = run("docker-config", *file)

    assert json.loads(result.stdout) == {"auths": {SERVER: LOGIN}}
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("kind", list(MAKE))
def test_what_is_no_file_is_not_replaced(tmp_path, run, place, kind):
    """A pipe, a socket or a device is refused at once, before any login is fetched, and stays what it is."""
    path = tmp_path / "config.json"
    MAKE[kind](path)
    before = path.stat()
    result = run("docker-config", str(path))

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        f"{path} is not a regular file; nothing was changed. Name a file, or leave FILE"
    )
    assert path.stat().st_ino == before.st_ino
    assert place.history("credential.hand_out") == []


def test_standard_output_by_its_path_is_refused(settings):
    """``/dev/stdout`` into a pipe is refused rather than waited for: there is a way without."""
    command = [sys.executable, "-m", "bot", "docker-config", "/dev/stdout"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings, timeout=10)

    assert (done.returncode, done.stdout) == (1, "")
    assert "leave FILE out for standard output" in done.stderr


def test_links_that_lead_round_are_told(run, tmp_path):
    """A link to itself is told in one sentence."""
    (tmp_path / "loop").symlink_to("loop")
    result = run("docker-config", str(tmp_path / "loop"))

    assert result.exit_code == 1
    assert "cannot be written: Too many levels of symbolic links; nothing was changed." in result.stderr


def test_link_to_a_file_that_is_not_there_makes_it(run, tmp_path):
    """A link whose file is missing stays a link; its file is made, and the folder before it."""
    (tmp_path / "link").symlink_to(tmp_path / "home/config.json")
    result = run("docker-config", str(tmp_path / "link"))

    assert result.exit_code == 0
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "home/config.json").read_text())["auths"] == {SERVER: LOGIN}


@pytest.mark.parametrize(
    "held",
    [
        {"credsStore": "desktop"},
        {"credHelpers": {SERVER: "x"}},
        {"credHelpers": {SERVER: "x"}, "credsStore": ""},
    ],
)
def test_logins_that_docker_will_not_read_are_told(run, tmp_path, held):
    """Where docker asks a helper for the server, the logins are written, and people read what to do."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(held))
    result = run("docker-config", str(path))

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        f"docker will not read the logins of {SERVER} here: remove “credsStore”, or these servers from "
        f"“credHelpers”, in {path}.\n"
    )
    assert json.loads(path.read_text()) == {**held, "auths": {SERVER: LOGIN}}


@pytest.mark.parametrize(
    "held",
    [
        {"credHelpers": {"ghcr.io": "x"}},
        {"credHelpers": {SERVER: ""}, "credsStore": "desktop"},
        {"credsStore": ""},
        {"credHelpers": None},
    ],
)
def test_logins_that_docker_reads_are_no_news(run, tmp_path, held):
    """Where docker reads the file, nothing is said."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(held))

    assert run("docker-config", str(path)).stderr == ""


def test_docker_config_is_kept_for_its_owner_alone(run, tmp_path):
    """A new file and its folder are their owner's alone, and nothing is left beside it."""
    path = tmp_path / "home/.docker/config.json"
    path.parent.parent.mkdir()
    result = run("docker-config", str(path))

    assert (result.exit_code, result.stdout) == (0, "")
    assert json.loads(path.read_text())["auths"] == {SERVER: LOGIN}
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
        "auths": {"other": {"auth": "eA=="}, SERVER: LOGIN},
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
    assert (
        f"{path} is not a docker configuration file (it is not a JSON object); nothing was changed."
        in result.stderr
    )
    assert path.read_text() == held


def test_unwritable_place_is_told(run, tmp_path):
    """A place where nothing can be written is told in one sentence."""
    (tmp_path / "file").touch()
    result = run("docker-config", str(tmp_path / "file/config.json"))

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    assert result.stderr.count("\n") == 1


def test_server_with_two_keys_is_told_once(run, place, tmp_path):
    """A server whose default port is written out in a second key is named once."""
    place.add("other", url="https://other.example.com")
    place.link("other")
    path = tmp_path / "config.json"
    path.write_text('{"credsStore": "desktop"}')
    result = run("docker-config", str(path))

    assert json.loads(path.read_text())["auths"].keys() == {
        SERVER,
        "other.example.com",
        "other.example.com:443",
    }
    assert "the logins of registry.example.com:5000, other.example.com here" in result.stderr
