"""Two processes of ``quaymaster serve``: installed at one, served by the other, and one is killed."""

import http.client
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes.slack import SIGNING_SECRET
from tests.fakes.slack_cloud import CLIENT_ID, CLIENT_SECRET, SlackCloud, Tenant

pytestmark = pytest.mark.needs("postgres")

ROOT = Path(__file__).parents[2]
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Process:
    """A process that serves."""

    popen: "subprocess.Popen[str]"
    url: str

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Ask once."""
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)) as connection:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def take(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Take a signed request of Slack's."""
        return self.ask("POST", "/slack/events", body, headers)


@pytest.fixture
def processes(cloud: SlackCloud, database_url: dict[str, str], keys: str) -> Iterator[list[Process]]:
    """Two of them."""
    ours = ("QUAYMASTER_", "SLACK_", "DATABASE_URL")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
        "SLACK_CLIENT_ID": CLIENT_ID,
        "SLACK_CLIENT_SECRET": CLIENT_SECRET,
        "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "SLACK_API_URL": f"{cloud.url}/api/",
        "QUAYMASTER_BASE_URL": "https://quaymaster.example.com",
        "QUAYMASTER_KEYS": keys,
        "DATABASE_URL": database_url["database_url"],
        "PORT": "0",
    }
    command = [sys.executable, "-m", "bot", "serve"]
    started = [
        subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    yield [Process(one, str(one.stdout.readline() if one.stdout else "").split()[-1]) for one in started]
    [one.kill() for one in started]
    [one.communicate() for one in started]


def install(process: Process, tenant: Tenant) -> Answer:
    """Install the app through one process."""
    _, headers, _ = process.ask("POST", "/slack/install")
    cookie = headers["Set-Cookie"].partition(";")[0]
    place = tenant.cloud.consent(headers["Location"], tenant.holder)
    return process.ask("GET", place, headers={"Cookie": cookie})


def answers(process: Process, tenant: Tenant, text: str) -> str:
    """Type a command that one process takes, and give what is answered."""
    taking: Callable[..., Any] = process.take
    tenant.app = taking
    tenant.type(text)
    return tenant.texts()[-1]


def test_installed_at_one_and_served_by_the_other(cloud: SlackCloud, processes: list[Process]) -> None:
    """Three workspaces install at the first; the second serves each with its own token, also when alone."""
    first, second = processes
    tenants = [cloud.add(team) for team in ("T0ONE", "T0TWO", "T0THREE")]
    before = answers(second, tenants[0], "list")
    pages = [install(first, one)[0] for one in tenants]
    made = [answers(first, one, "token create project web-shop") for one in tenants]
    first.popen.kill()
    first.popen.wait(10)
    after = [answers(second, one, "token list") for one in tenants[1:]]
    second.popen.terminate()
    _, log = second.popen.communicate(timeout=20)

    assert "not installed" in before
    assert pages == [200, 200, 200]
    assert all("qm_" in one for one in made)
    assert all("web-shop" in one for one in after)
    assert second.popen.returncode == 0
    assert "marker" not in log
