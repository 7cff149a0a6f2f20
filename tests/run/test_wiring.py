"""Putting everything together: what the operator is warned of."""

import logging
import urllib.request

import pytest

from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Actor, Role, Workspace
from bot.core.secrets import Secret
from bot.run.metrics import Metrics
from bot.run.wiring import build_services
from bot.settings import Settings
from storage.sealing import new_key
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.workplace import FIELDS


@pytest.fixture
def warnings_of(tmp_path, caplog):
    """Start with a key file at a place, and give the log."""

    def start(place):
        path = tmp_path / place
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(new_key())
        token = Secret("xoxb-none")
        wired = build_services(Settings(data_dir=tmp_path / "data", keys_file=path, slack_bot_token=token))
        wired.executor.close(1)
        wired.store.close()
        return caplog.text

    caplog.set_level(logging.WARNING)
    return start


def test_key_beside_the_data_is_warned_of(warnings_of):
    """A key file inside the data directory is named as a danger, because one backup would hold both."""
    assert "key file is inside the data directory" in warnings_of("data/keys")


def test_key_elsewhere_is_no_reason_to_warn(warnings_of):
    """A key file outside the data directory is as it should be."""
    assert "key file" not in warnings_of("secrets/keys")


def test_metrics_measure_the_store_and_the_registry(tmp_path):
    """With metrics, what the store does and what a registry answers is counted."""
    metrics = Metrics()
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    path.write_text(new_key())
    settings = Settings(data_dir=tmp_path / "data", keys_file=path, slack_bot_token=Secret("xoxb-none"))
    wired = build_services(settings, ScriptedRegistry(), metrics)
    ports = wired.services.ports
    actor = Actor(Workspace("T1"), "U1", Role.ADMIN, ports.now())
    draft = read_draft(wired.services.kinds["private"], "my_registry", FIELDS)
    add_integration(ports, actor, draft, is_checked=True)
    stop = metrics.serve("127.0.0.1", 0)
    with urllib.request.urlopen(stop.url, timeout=5) as answer:  # noqa: S310 - our own page
        said = answer.read().decode()
    stop()
    wired.executor.close(1)
    wired.store.close()

    assert 'quaymaster_checks_total{outcome="proved"} 1.0' in said
    assert 'quaymaster_store_seconds_count{call="change"}' in said
