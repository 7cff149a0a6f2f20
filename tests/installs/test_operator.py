"""What an operator does with keys and stores takes the installs along."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bot.cli import main
from storage.sealing import Keyring, new_key, parse_keys
from tests.fakes.slack_cloud import SlackCloud
from tests.installs.replicas import Browser, Replica

SECOND = new_key()


def kid(key: str) -> str:
    """A key's id."""
    return Keyring(parse_keys(key)).primary


@pytest.fixture
def run(cloud: SlackCloud, start: Callable[..., Replica], directory: dict[str, Path]) -> Callable[..., str]:
    """A workspace has installed the app, and the server is stopped; runs a command with some keys."""
    cloud.add("T0ACME")
    replica = start(directory)
    Browser(replica).install("T0ACME")
    replica.store.close()
    replica.store.close = bool

    def command(keys: str, *arguments: str, **more: str) -> str:
        environ = {"QUAYMASTER_DATA_DIR": str(directory["data_dir"]), "QUAYMASTER_KEYS": keys, **more}
        runner = CliRunner(env={**dict.fromkeys(os.environ, None), **environ})
        return runner.invoke(main, arguments).output.strip()

    return command


def test_tokens_go_along_when_a_key_is_rotated(run: Callable[..., str], keys: str) -> None:
    """``keys status`` counts them, ``keys reseal`` seals them under the first key, which is then enough."""
    both = f"{SECOND},{keys}"
    before = run(both, "keys", "status")
    done = run(both, "keys", "reseal")
    after = run(SECOND, "keys", "status")

    assert f"{kid(keys)}  seals 1" in before
    assert done == "Credentials sealed again: 1."
    assert f"{kid(SECOND)}  seals 1 (first)" in after


def test_start_without_their_key_is_refused(run: Callable[..., str], keys: str) -> None:
    """Without the key that sealed them nothing starts; once it is forgotten, workspaces install again."""
    refused = run(SECOND, "keys", "status")
    forgotten = run(SECOND, "keys", "forget", kid(keys))

    assert kid(keys) in refused
    assert "Workspaces that must install the app again: 1." in forgotten


@pytest.mark.needs("postgres")
def test_copy_takes_them_along(
    run: Callable[..., str],
    keys: str,
    start: Callable[..., Replica],
    directory: dict[str, Path],
    database_url: dict[str, Any],
) -> None:
    """After ``store copy`` PostgreSQL serves the workspace, and an export has no token in the clear."""
    run(keys, "store", "copy", str(directory["data_dir"]), database_url["database_url"])
    exported = run(keys, "store", "export", DATABASE_URL=database_url["database_url"])
    replica = start(database_url)
    acme = replica.cloud.tenants["T0ACME"]
    replica.serve(acme)
    acme.type("help")

    assert '["installations","T0ACME"' in exported
    assert "marker" not in exported
    assert "not installed" not in acme.texts()[-1]
