"""The lines for a shell on the page for pipelines, run as written: they work, or stop and show the cause."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.odd_server import OddServer, reply, whole
from tests.fakes.workplace import PASSWORD

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / ".github" / "docs" / "pipelines.md").read_text("utf-8")
RECORDED = '#!/bin/sh\nprintf "%s\\n" "$*" >>"$HOME/arguments"\ncat >"$HOME/input"\n'
QUAYMASTER = f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m bot "$@"\n'
UNAUTHORIZED = "This workflow token is not valid."
WRONG = "qm_0123456789ABCDEFGHIJKLMNOPQRST1RVxKQ"


def snippets(title):
    """The blocks of shell lines below a heading."""
    below = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", below, re.DOTALL)


BY_CURL, BY_QUAYMASTER = snippets("Plain shell")
(SECRET_BY_CURL,) = snippets("Kubernetes")
SNIPPETS = {"curl": BY_CURL, "quaymaster": BY_QUAYMASTER, "kubernetes": SECRET_BY_CURL}
VARIABLES = {"curl": BY_CURL, "quaymaster": BY_QUAYMASTER}

each_snippet = pytest.mark.parametrize("lines", SNIPPETS.values(), ids=list(SNIPPETS))


@pytest.fixture(params=[["sh", "-c"], ["sh", "-ec"], ["dash", "-c"], ["busybox", "sh", "-c"]], ids=" ".join)
def shell(request, tmp_path, settings):
    """Run lines under each shell, with docker and kubectl that only note what they are told."""
    for name, text in {"docker": RECORDED, "kubectl": RECORDED, "quaymaster": QUAYMASTER}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path), **settings}

    def run(lines, **changed):
        command = [*request.param, f"{lines}\necho reached"]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env={**env, **changed}, timeout=20
        )

    return run


def noted(tmp_path, name):
    """What docker or kubectl was told, if it was."""
    path = tmp_path / name
    return path.read_text("utf-8") if path.exists() else ""


@pytest.mark.needs("curl", "dash", "busybox")
def test_login_reaches_docker(shell, tmp_path):
    """The variables are set, and the password reaches docker by its standard input."""
    done = shell(BY_CURL)

    assert (done.returncode, done.stdout, done.stderr) == (0, "reached\n", "")
    assert noted(tmp_path, "arguments") == "login -u ci --password-stdin registry.example.com\n"
    assert noted(tmp_path, "input") == PASSWORD


@pytest.mark.needs("dash", "busybox")
def test_commands_set_variables_and_write_files(shell, tmp_path):
    """The program's three commands do the same."""
    done = shell(f'{BY_QUAYMASTER}printf %s "$MY_REGISTRY_INTEGRATION_PASSWORD" >"$HOME/password"')

    assert (done.returncode, done.stdout, done.stderr) == (0, "reached\n", "")
    assert noted(tmp_path, "password") == PASSWORD
    assert (tmp_path / ".docker/config.json").exists()
    assert '"kind": "Secret"' in noted(tmp_path, "input")


@pytest.mark.needs("curl", "dash", "busybox")
def test_secret_reaches_kubectl(shell, tmp_path):
    """The secret is applied."""
    done = shell(SECRET_BY_CURL)

    assert (done.returncode, done.stdout, done.stderr) == (0, "reached\n", "")
    assert '"registry-login"' in noted(tmp_path, "input")


@each_snippet
@pytest.mark.needs("curl", "dash", "busybox")
def test_refusal_stops_the_lines_and_is_shown(shell, tmp_path, lines):
    """With a wrong token no later line is run, with or without ``set -e``, and the person reads why."""
    done = shell(lines, QUAYMASTER_TOKEN=WRONG)

    assert done.returncode != 0
    assert done.stdout == ""
    assert UNAUTHORIZED in done.stderr
    assert "/integrations token list" in done.stderr
    assert noted(tmp_path, "arguments") == ""


@each_snippet
@pytest.mark.needs("curl", "dash", "busybox")
def test_dead_server_stops_the_lines(shell, tmp_path, lines):
    """Where nothing listens no later line is run."""
    done = shell(lines, QUAYMASTER_URL="http://127.0.0.1:9")

    assert done.returncode != 0
    assert done.stdout == ""
    assert "127.0.0.1" in done.stderr
    assert noted(tmp_path, "arguments") == ""


@pytest.mark.parametrize("lines", VARIABLES.values(), ids=list(VARIABLES))
@pytest.mark.parametrize("status", [200, 302])
@pytest.mark.needs("curl", "dash", "busybox")
def test_strangers_page_is_not_run(shell, lines, status):
    """A page of somebody else's is not run by the shell."""
    with OddServer(whole(reply(status, b"echo reached too\n", "text/html"))) as odd:
        done = shell(lines, QUAYMASTER_URL=odd.url)

    assert done.returncode != 0
    assert done.stdout == ""
