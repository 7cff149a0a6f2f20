"""What the tests of the commands for pipelines share: a Quaymaster to ask, and a way to ask it."""

import base64

import pytest
from click.testing import CliRunner

from bot.cli import main
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.workplace import PASSWORD, serving, workplace

LOGIN = {"auth": base64.b64encode(f"ci:{PASSWORD}".encode()).decode()}
"""The integration's, as docker's file holds it."""


@pytest.fixture
def place(tmp_path):
    """A Quaymaster with one integration, which project web-shop is linked to."""
    with workplace(tmp_path / "store", ScriptedRegistry()) as opened:
        opened.add()
        opened.link("my_registry")
        yield opened


@pytest.fixture
def settings(place):
    """The settings that reach it."""
    with serving(place) as url:
        yield {"QUAYMASTER_URL": url, "QUAYMASTER_TOKEN": place.token(), "QUAYMASTER_TOKEN_FILE": ""}


@pytest.fixture
def run(settings):
    """Run a command of quaymaster with them."""
    return lambda *arguments, **env: CliRunner().invoke(main, arguments, env={**settings, **env})
