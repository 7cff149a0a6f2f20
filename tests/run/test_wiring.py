"""Putting everything together: what the operator is warned of."""

import logging

import pytest

from bot.core.secrets import Secret
from bot.run.wiring import build_services
from bot.settings import Settings
from storage.sealing import new_key


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
    assert "key file lies inside the data directory" in warnings_of("data/keys")


def test_key_elsewhere_is_no_reason_to_warn(warnings_of):
    """A key file outside the data directory is as it should be."""
    assert "key file" not in warnings_of("secrets/keys")
