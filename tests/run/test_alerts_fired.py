"""The shipped alert rules, fired: Debian's prometheus reads /metrics, its alertmanager tells a receiver."""

import json
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot.core.model import Health, Watch
from bot.run.metrics import Metrics
from tests.fakes.real_postgres import free_port
from tests.fakes.served_replicas import wait_for
from tests.features.team import ACME

pytestmark = pytest.mark.needs("prometheus", "prometheus-alertmanager")

RULES = Path(__file__).parents[2] / ".github/docs/monitoring/alerts.yml"
PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
scrape_configs: [{{job_name: quaymaster, static_configs: [{{targets: ["{metrics}"]}}]}}]
"""
ALERTMANAGER = """
route: {{receiver: test, group_by: ["..."], group_wait: 0s, group_interval: 1s}}
receivers: [{{name: test, webhook_configs: [{{url: "http://127.0.0.1:{receiver}/"}}]}}]
"""


class Receiver:
    """What an operator has alerts sent to."""

    def __init__(self):
        fired = self.fired = set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for one in told["alerts"]:
                    labels = one["labels"]
                    fired.add((labels["alertname"], labels.get("integration", "")))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format, *arguments):  # noqa: A002 - the base class names it
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """End."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def monitored(team, tmp_path):
    """A team whose metrics are read, and what its operator is told."""
    metrics = Metrics()
    metrics.watch_integrations(team.store, team.services.ports.now)
    with ExitStack() as opened:
        page = metrics.serve("127.0.0.1", 0)
        opened.callback(page)
        receiver = Receiver()
        opened.callback(receiver.close)
        prometheus, alertmanager = free_port(), free_port()
        places = {
            "rules": RULES,
            "alertmanager": alertmanager,
            "metrics": page.url.removeprefix("http://").removesuffix("/metrics"),
            "receiver": receiver.port,
        }
        (tmp_path / "prometheus.yml").write_text(PROMETHEUS.format(**places))
        (tmp_path / "alertmanager.yml").write_text(ALERTMANAGER.format(**places))
        for command in (
            (
                "prometheus-alertmanager",
                f"--config.file={tmp_path}/alertmanager.yml",
                f"--storage.path={tmp_path}/alertmanager",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=",
            ),
            (
                "prometheus",
                f"--config.file={tmp_path}/prometheus.yml",
                f"--storage.tsdb.path={tmp_path}/prometheus",
                f"--web.listen-address=127.0.0.1:{prometheus}",
            ),
        ):
            with (tmp_path / "monitoring.log").open("ab") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log)
            opened.callback(process.wait)
            opened.callback(process.terminate)
        yield team, receiver


def test_refused_ending_and_orphaned_integrations_raise_alerts(monitored, tmp_path):
    """A refused login, one that ends within 7 days and one whose owner has left each raise their alert."""
    team, receiver = monitored
    for name in ("refused", "ending", "orphaned", "well"):
        team.add(name, url=f"https://{name}.example.com")
    now = datetime.now(UTC)
    changes = {
        "refused": {"watch": Watch(health=Health.REFUSED)},
        "ending": {"ends_on": (now + timedelta(days=3)).date()},
        "orphaned": {"orphaned_at": now},
        "well": {"watch": Watch(health=Health.WORKS), "ends_on": (now + timedelta(days=30)).date()},
    }
    for name, changed in changes.items():
        with team.store.change(ACME) as change:
            change.put(replace(team.find(name), **changed))
    expected = {
        ("QuaymasterLoginRefused", team.find("refused").id),
        ("QuaymasterLoginEnds", team.find("ending").id),
        ("QuaymasterIntegrationOrphaned", team.find("orphaned").id),
    }
    wait_for(lambda: expected <= receiver.fired, tmp_path / "monitoring.log", patience_s=40)

    assert {one for one in receiver.fired if one[1]} == expected
