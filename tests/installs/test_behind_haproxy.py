"""Workspaces and an organization install through haproxy; each does the main job while a replica dies."""

import http.client
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot.core.audit import Action, Result
from bot.core.model import Workspace
from storage.postgres.postgres_store import PostgresStore
from storage.sealing import Keyring, parse_keys
from tests.clients.helpers import Helper
from tests.fakes.real_postgres import SERVER_ROLE, RealPostgres
from tests.fakes.served_replicas import Replicas, two_replicas, wait_for
from tests.fakes.shown import Shown
from tests.fakes.slack_cloud import CLIENT_ID, CLIENT_SECRET, SlackCloud, Tenant

pytestmark = pytest.mark.needs("postgres", "haproxy")

PLAIN = ("T0ONE", "T0TWO", "T0THREE")
ORG, OF_ORG = "E0ORG", "T0ORGA"
TARGET = "project web-shop"
_PATIENCE_S = 8.0
_TRIES = 5


@pytest.fixture
def replicas(
    tmp_path: Path, postgres: RealPostgres, database: str, keys: str, cloud: SlackCloud
) -> Iterator[Replicas]:
    """Two replicas behind haproxy, which workspaces install."""
    settings = {
        "SLACK_BOT_TOKEN": None,
        "SLACK_CLIENT_ID": CLIENT_ID,
        "SLACK_CLIENT_SECRET": CLIENT_SECRET,
        "SLACK_API_URL": f"{cloud.url}/api/",
        "QUAYMASTER_BASE_URL": "https://quaymaster.example.com",
        "QUAYMASTER_WATCH": "off",
    }
    with two_replicas(tmp_path, postgres.url(database, SERVER_ROLE), keys, **settings) as serving:
        yield serving


@pytest.fixture
def tenants(cloud: SlackCloud) -> list[Tenant]:
    """Three workspaces, and one of an organization."""
    return [*map(cloud.add, PLAIN), cloud.add(OF_ORG, ORG, is_org_wide=True)]


def ask(
    url: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Ask the address in front of the replicas, on a connection of its own."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, {name.lower(): one for name, one in response.getheaders()}, response.read()


def install(url: str, tenant: Tenant) -> str:
    """Press the button of the install page, allow it at Slack, and give the last page."""
    _, headers, _ = ask(url, "POST", "/slack/install")
    place = tenant.cloud.consent(headers["location"], tenant.holder)
    status, _, page = ask(url, "GET", place, headers={"Cookie": headers["set-cookie"].partition(";")[0]})
    assert status == http.HTTPStatus.OK, page
    return page.decode()


@dataclass
class Job:
    """An admin and a pipeline of one workspace, who do again what was not answered."""

    tenant: Tenant
    url: str
    folder: Path
    done: list[str] = field(default_factory=list)
    again: int = 0

    def __post_init__(self) -> None:
        self.admin = self.tenant.id_of("admin")
        self.server = f"{self.tenant.team.lower()}.example.com"
        self.tenant.app = lambda body, headers: ask(self.url, "POST", "/slack/events", body, headers)

    def until(self, said: str, act: Callable[[], object]) -> Shown:
        """Do something until its answer has these words (a regular expression)."""
        for _ in range(_TRIES):
            before = len(self.tenant.shown)
            act()
            try:
                wait_for(lambda before=before: self._answers(said, before), patience_s=_PATIENCE_S)
            except AssertionError:
                self.again += 1
                continue
            self.done.append(said)
            return self._answers(said, before)[-1]
        seen = [one.text for one in self.tenant.shown]
        raise AssertionError(f"{self.tenant.team} never read {said!r}; the last was {seen[-1:]}")

    def _answers(self, said: str, before: int) -> list[Shown]:
        return [one for one in self.tenant.shown[before:] if re.search(said, one.text)]

    def type(self, text: str, said: str) -> Shown:
        """Type a command."""
        return self.until(said, lambda: self.tenant.type(text))

    def press(self, on: Shown, name: str, said: str) -> Shown:
        """Press a button."""
        return self.until(
            said,
            lambda: self.tenant.use(self.admin, self.tenant.present(self.admin, on), on.button(name).key),
        )

    def save(self, form: Shown) -> None:
        """Fill in the form of ``add private`` and save it unchecked."""
        typed = {
            "Integration Name": "team",
            "URL": f"https://{self.server}",
            "Username": "ci",
            "Password": f"password of {self.tenant.team}",
        }

        def send() -> None:
            view = self.tenant.world.stacks[self.admin][-1]
            for label, text in typed.items():
                view.surface.given[form.box(label).key] = text
            view.surface.given["skip", form.menu("Save without checking").element["action_id"]] = ["skip"]
            self.tenant.send(self.admin, view)

        self.until("will now be available", send)

    def fetch(self, token: str) -> None:
        """Let a pipeline's credential helper fetch, and run once more if that fails."""
        helper = Helper(self.folder, "python", {"QUAYMASTER_URL": self.url, "QUAYMASTER_TOKEN": token})
        tries = (helper("get", said=f"{self.server}\n") for _ in range(2))
        said = next(one for one in tries if one.status == 0)
        assert f"password of {self.tenant.team}" in said.output
        self.done.append("fetch")

    def run(self) -> None:
        """Add, link, fetch, be refused the deletion, unlink, delete."""
        self.save(self.type("add private", "Integration Name"))
        asked = self.type("delete team", "No dependency")
        self.type(f"link team {TARGET}", "web-shop")
        token = self.type(f"token create {TARGET}", "qm_")
        self.fetch(re.findall(r"qm_[0-9A-Za-z_]{20,}", token.raw)[0])
        refused = self.press(asked, "Yes", "1 target depends on it")
        assert "Yes" not in refused.buttons
        self.type(f"unlink team {TARGET}", "web-shop")
        self.press(self.type("delete team", "No dependency"), "Yes", "deleted")
        self.type("list", "No integration|no integration")


def test_each_does_the_main_job_while_a_replica_is_killed(
    tenants: list[Tenant],
    replicas: Replicas,
    postgres: RealPostgres,
    database: str,
    keys: str,
    tmp_path: Path,
) -> None:
    """
    Installed through haproxy, each workspace adds, links, fetches, is refused and deletes; a replica dies.

    Every step is done once and by each, with the token of its own workspace.
    """
    pages = [install(replicas.url, one) for one in tenants]
    jobs = [Job(one, replicas.url, tmp_path / one.team) for one in tenants]
    killed_at: list[list[int]] = []

    def kill() -> None:
        wait_for(lambda: all(len(one.done) >= 2 for one in jobs))
        killed_at.append([len(one.done) for one in jobs])
        replicas.one.end(signal.SIGKILL)

    with ThreadPoolExecutor(len(jobs) + 1) as pool:
        killing = pool.submit(kill)
        running = [pool.submit(one.run) for one in jobs]
        [one.result() for one in (*running, killing)]
    store = PostgresStore(postgres.url(database, SERVER_ROLE), Keyring(parse_keys(keys)))
    with closing(store):
        told = {
            one.key: [
                (entry.event.action, entry.event.result)
                for entry in store.read(Workspace(one.key)).history.oldest_first()
            ]
            for one in store.workspaces()
        }
    changes = [(one, Result.DONE) for one in (Action.ADD, Action.LINK, Action.UNLINK, Action.DELETE)]

    assert len(pages) == len(PLAIN) + 1
    assert max(killed_at[0]) < min(len(one.done) for one in jobs)
    assert sorted(told) == sorted([*PLAIN, f"{ORG}-{OF_ORG}"])
    assert [[all_.count(one) for one in changes] for all_ in told.values()] == [[1, 1, 1, 1]] * len(told)
    assert all((Action.FETCH, Result.DONE) in all_ for all_ in told.values())
    assert all((Action.DELETE, Result.REFUSED) in all_ for all_ in told.values())
