"""A login is replaced at a real registry while skopeo pulls through the helper in a loop: no pull fails."""

import json
from ipaddress import ip_network

import pytest

from bot.core.integrations.rotation import begin_rotation, find_progress, plan_rotation, retire_former
from bot.core.kinds import read_draft
from bot.core.model import Target, TargetKind
from bot.registry.client import RegistryClient
from bot.registry.kind_table import KINDS
from tests.clients.pulling import SECOND, SECOND_LINE, puller, pulling, users
from tests.fakes.real_registry import HTPASSWD, PASSWORD, TAGS, USERNAME, running
from tests.fakes.workplace import ACME, WEB_SHOP, workplace

pytestmark = pytest.mark.needs("docker-registry", "skopeo")

STAGING = Target(TargetKind.ENVIRONMENT, "staging")
NIGHTLY = Target(TargetKind.PROJECT, "nightly")


@pytest.fixture
def place(tmp_path):
    """A Quaymaster that may ask registries on this machine."""
    asking = RegistryClient(KINDS, (ip_network("127.0.0.0/8"),))
    with workplace(tmp_path / "data", asking) as opened:
        yield opened


@pytest.fixture
def registry(place, tmp_path):
    """A private registry with both users, and an integration that logs in as the first."""
    (tmp_path / "registry").mkdir()
    with running(tmp_path / "registry") as started:
        users(started, HTPASSWD + SECOND_LINE)
        place.add("team_registry", url=started.url, username=USERNAME, password=PASSWORD)
        yield started


@pytest.fixture
def pullers(tmp_path, place, url, registry):
    """Two pipelines that pull in a loop, each with a token of its own."""
    made = []
    for target in (WEB_SHOP, STAGING):
        made.append(puller(tmp_path / target.name, url, place.token(target), registry))
    with pulling(made):
        yield made


def rotate(place):
    """Enter the second login, checked against the registry."""
    ports, actor = place.services.ports, place.actor()
    plan = plan_rotation(ports, actor, name="team_registry")
    typed = {"url": plan.integration.server.origin, **SECOND}
    begin_rotation(ports, actor, plan, read_draft(KINDS["private"], "team_registry", typed), is_checked=True)


def progress(place):
    """How far the rotation is, as numbers: fetched, not yet, never known."""
    found = find_progress(place.store.read(ACME), place.named("team_registry").id)
    return tuple(map(len, (found.fetched, found.waiting, found.unknown)))


def test_no_pull_fails_while_a_login_is_replaced(place, registry, pullers):
    """From before the rotation until after the first login has ended, every pull gets its tags."""
    [one.wait(2) for one in pullers]
    place.ask(f"/v1/credentials?server={registry.server.address}", place.token(NIGHTLY))
    rotate(place)
    [one.wait(2) for one in pullers]
    both = progress(place)
    place.ask(f"/v1/credentials?server={registry.server.address}", place.token(NIGHTLY))
    everything = progress(place)
    found = place.named("team_registry")
    retire_former(place.services.ports, place.actor(), found.id, found.credential_number)
    users(registry, SECOND_LINE)
    [one.wait(3) for one in pullers]
    [one.stopped.set() for one in pullers]

    assert (both, everything) == ((2, 1, 0), (3, 0, 0))
    results = [result for one in pullers for result in one.results]
    assert len(results) >= 14
    assert [result.stderr for result in results if result.returncode] == []
    assert all(sorted(json.loads(one.stdout)["Tags"]) == sorted(TAGS) for one in results)


def test_pull_fails_once_the_login_has_ended_without_a_rotation(registry, pullers):
    """The loop notices: without a rotation, pulls fail as soon as the first login has ended."""
    [one.wait(1) for one in pullers]
    users(registry, SECOND_LINE)
    [one.wait(2) for one in pullers]

    assert all(one.results[-1].returncode for one in pullers)
