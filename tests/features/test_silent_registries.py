"""Registries that never respond: only the requests to them wait."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from bot.core.model import Role, Target, TargetKind
from bot.core.workflows.tokens import create_token
from bot.registry.capacity import MOST_FOR_A_PERSON, CappedRegistry
from bot.web.api.routing import Rates, workflow_api
from tests.fakes.people import ADMIN, COLLEAGUE, GUEST, MEMBER
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.slack import OPS
from tests.features.team import LiveExecutor

pytestmark = pytest.mark.alone

SILENT = 64
TOKENS = 8
PROJECT = TargetKind.PROJECT


class SilentRegistry(ScriptedRegistry):
    """Registries whose hosts begin with ``silent`` do not answer until they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Event()
        self.waiting: list[str] = []

    def _asked(self, login, deadline_s, repository):
        if login.server.host.startswith("silent"):
            self.waiting.append(login.asker.person)
            self.gate.wait(20)
        super()._asked(login, deadline_s, repository)


@pytest.fixture
def silent() -> Iterator[SilentRegistry]:
    """The registries; at the end they answer, whatever happened."""
    registry = SilentRegistry()
    yield registry
    registry.gate.set()


@pytest.fixture
def crowd(make_team, silent, slack):
    """A team on real threads: 64 integrations of silent registries, and one that answers."""
    slack.people[GUEST]["is_restricted"] = False
    executor = LiveExecutor()
    team = make_team(executor=executor, asked=CappedRegistry(silent))
    [team.add(f"silent-{number}", url=f"https://silent{number}.example.com") for number in range(SILENT)]
    team.add("lively", url="https://lively.example.com")
    yield team
    silent.gate.set()
    executor.close(10)


def until(is_so, what):
    """Wait until something is so, for a while."""
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.005)


def asking(api, token, name):
    """Ask for an integration's tags; give the status."""
    started = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": f"/v1/integrations/{name}/tags",
        "QUERY_STRING": "repository=team/app",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
    }
    b"".join(api(environ, lambda *given: started.extend(given)))
    return int(started[0].split()[0])


def token_of(team, creator, project):
    """A workflow's token, from a member, good for what the member owns."""
    ports = team.services.ports
    text, _ = create_token(ports, team.actor(creator, Role.ADMIN), Target(PROJECT, project), 90)
    return text.reveal()


def test_silent_registries_hold_up_nobody_else(crowd, silent, slack):
    """While three members and eight tokens query 64 silent registries, a form opens and a fetch succeeds."""
    api = workflow_api(crowd.services, Rates(asks_a_minute=100_000))
    members = (MEMBER, COLLEAGUE, GUEST)
    tokens = [token_of(crowd, members[number % 3], f"project-{number}") for number in range(TOKENS)]
    other = token_of(crowd, ADMIN, "calm")
    with ThreadPoolExecutor(SILENT) as pool:
        [
            slack.command(members[number % 3], OPS, "/integrations", f"test silent-{number} team/app")
            for number in range(SILENT)
        ]
        asked = [pool.submit(asking, api, tokens[n % TOKENS], f"silent-{n}") for n in range(SILENT)]
        people = len(members) * MOST_FOR_A_PERSON
        until(lambda: len(silent.waiting) > people + TOKENS, "the registries are being asked")
        began = time.monotonic()
        slack.command(ADMIN, OPS, "/integrations", "add")
        until(lambda: slack.stack(ADMIN), "the form opens")
        opened_s = time.monotonic() - began
        answered = asking(api, other, "lively")
        still_silent = not silent.gate.is_set()
        silent.gate.set()
        statuses = {one.result() for one in asked}

    assert still_silent
    assert opened_s < 0.5
    assert answered == 200
    assert statuses == {200, 503}


def test_whoever_asks_too_much_is_told_at_once(crowd, silent, slack):
    """A third question of the same person is refused with the reason while two wait."""
    [slack.command(MEMBER, OPS, "/integrations", f"test silent-{n}") for n in range(MOST_FOR_A_PERSON)]
    until(lambda: len(silent.waiting) == MOST_FOR_A_PERSON, "two are being asked")
    slack.command(MEMBER, OPS, "/integrations", "test lively")
    until(lambda: "You are already checking 2 registries" in crowd.seen(MEMBER).text, "the refusal is shown")

    assert not silent.gate.is_set()
