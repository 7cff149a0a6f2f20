"""``quaymaster try``: which port it takes, what it says, and to whom it gives the page."""

import signal
import socket
import subprocess
import sys

import pytest
import requests

from bot.simulator.cast import ADMIN
from tests.web.whole_job import trying


@pytest.fixture
def busy_port():
    """A port that another program listens on; the next one is most likely free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def run_until(arguments, last_words):
    """Run ``quaymaster try`` until it has said its last words; gives what it said and its exit status."""
    command = [sys.executable, "-m", "bot", "try", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        lines = []
        for line in program.stdout:
            lines.append(line)
            if last_words in line:
                break
        program.send_signal(signal.SIGINT)
    return "".join(lines), program.returncode


def test_it_says_what_it_is_and_how_it_ends():
    """The terminal shows what runs, the address, what becomes of the work, and how to end it."""
    said, status = run_until(["--port", "0"], "Ctrl+C")

    assert "Quaymaster is running with a simulated Slack, on this machine only." in said
    assert "http://127.0.0.1:" in said
    assert "/?key=" in said
    assert "What you do there is discarded when you stop Quaymaster. To stop it, press Ctrl+C." in said
    assert "in use" not in said
    assert status == 0


def test_folder_is_named(tmp_path):
    """Work that stays is said to stay, and where."""
    said, _ = run_until(["--port", "0", "--data", str(tmp_path / "kept")], "Ctrl+C")

    assert f"is saved in {tmp_path / 'kept'}." in said


def test_busy_port_is_passed_over(busy_port):
    """On a busy port the next free one is taken, and that is said."""
    said, status = run_until(["--port", str(busy_port)], "Ctrl+C")

    assert f"Port {busy_port} is in use, so this run uses port " in said
    assert f"http://127.0.0.1:{busy_port}/" not in said
    assert status == 0


@pytest.fixture
def app(tmp_path):
    """The app, its page not yet opened."""
    with trying(tmp_path / "try") as running:
        yield running


def test_page_is_given_with_the_key_only(app):
    """Another user of the machine, who can reach the port, gets neither the page nor a workflow token."""
    stranger = requests.get(app.url, timeout=5)
    typed = requests.post(
        f"{app.url}/try/say?as={ADMIN.id}",
        json={"channel": "C0TRYINTEG", "text": "/integrations token create project web-shop"},
        timeout=5,
    )
    owner = requests.get(app.address, timeout=5)

    assert (stranger.status_code, typed.status_code) == (403, 403)
    assert "page-token" not in stranger.text
    assert owner.status_code == 200
    assert app.page.token in owner.text
    assert "key=" not in owner.url
