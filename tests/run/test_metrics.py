"""What ``/metrics`` says, as Prometheus reads it."""

import subprocess
import urllib.request
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bot.core.errors import StoreFull
from bot.core.model import Workspace
from bot.run.metrics import Metrics
from tests.fakes.people import MEMBER
from tests.features.team import ACME

MONITORING = Path(__file__).parents[2] / ".github/docs/monitoring"
WORKSPACE = Workspace("T1")


class BrokenStore:
    """A store whose disk is full."""

    def read(self, workspace):
        """Fail."""
        raise StoreFull


@pytest.fixture
def page():
    """A running metrics page: the numbers, and how to read what is served."""
    metrics = Metrics()
    stop = metrics.serve("127.0.0.1", 0)
    yield metrics, stop.url
    stop()


def read(url):
    """What the page says."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own page
        return answer.read().decode()


def answering(status):
    """A WSGI application that answers everything with a status."""

    def application(_environ, start_response):
        start_response(status, [])
        return [b""]

    return application


def ask(metrics, path, status="200 OK"):
    """Send a request through the measured application."""
    wsgi = metrics.measured_requests(answering(status))
    list(wsgi({"PATH_INFO": path}, lambda *_: None))


def test_requests_are_counted_by_kind_and_outcome(page):
    """Each request counts under its kind and how it ended."""
    metrics, url = page
    ask(metrics, "/slack/events")
    ask(metrics, "/v1/credentials", "403 Forbidden")

    said = read(url)
    assert 'quaymaster_request_seconds_count{kind="slack",outcome="done"} 1.0' in said
    assert 'quaymaster_request_seconds_count{kind="fetch",outcome="refused"} 1.0' in said


def test_no_word_of_a_request_becomes_a_label(page):
    """What a stranger puts into a path is no label: labels are the product's own words."""
    metrics, url = page
    ask(metrics, "/v1/integrations/S3cretInAPath", "404 Not Found")
    ask(metrics, "/S3cretInAPath", "404 Not Found")

    said = read(url)
    assert "S3cret" not in said
    assert 'kind="integrations"' in said
    assert 'kind="other"' in said


def test_a_failing_store_is_counted(page):
    """A call that the store refuses counts under the call and the reason, and still fails."""
    metrics, url = page
    store = metrics.measured_store(BrokenStore())

    with pytest.raises(StoreFull):
        store.read(WORKSPACE)

    assert 'quaymaster_store_errors_total{call="read",error="StoreFull"} 1.0' in read(url)


@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_wrong(page):
    """Prometheus' own linter has nothing to say about the page."""
    metrics, url = page
    ask(metrics, "/slack/events")
    found = subprocess.run(["promtool", "check", "metrics"], input=read(url), capture_output=True, text=True)

    assert (found.returncode, found.stdout + found.stderr) == (0, "")


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("command", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_alert_rules_fire_when_they_should(command):
    """The shipped alert rules are valid, and fire on their samples."""
    found = subprocess.run(["promtool", *command], cwd=MONITORING, capture_output=True, text=True)

    assert found.returncode == 0, found.stderr


def test_each_integration_is_told_by_its_id(page, team):
    """Health, end, orphans and rotations stand under an integration's id, and under nobody's name."""
    metrics, url = page
    metrics.watch_integrations(team.store, team.services.ports.now)
    team.add("my_registry")
    team.command("rotate my_registry")
    team.submit({"Password": "another"})
    one = team.find("my_registry")
    with team.store.change(ACME) as change:
        change.put(replace(one, ends_on=date(2030, 1, 1), orphaned_at=team.services.ports.now()))

    said = read(url)
    assert f'quaymaster_integration_health{{health="not asked",integration="{one.id}"}} 1.0' in said
    assert f'quaymaster_integration_ends_timestamp_seconds{{integration="{one.id}"}} 1.893456e+09' in said
    assert f'quaymaster_integration_orphaned{{integration="{one.id}"}} 1.0' in said
    assert f'quaymaster_integration_rotation_timestamp_seconds{{integration="{one.id}"}} ' in said
    assert "my_registry" not in said
    assert MEMBER not in said
