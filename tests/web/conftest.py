"""What the tests of the web share: an API with its own store, real registries, somebody at the try page."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bot.run.try_server import TryApp
from tests.fakes.real_registry import (  # noqa: F401 - importing a fixture is how it is taken over
    authority,
    basic_registry,
    tls_registry,
    token_registry,
)
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.workplace import workplace
from tests.web.whole_job import Person, at_the_page, trying

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def registry():
    """A registry port whose answers a test decides."""
    return ScriptedRegistry()


@pytest.fixture
def place(tmp_path, registry):
    """A Quaymaster with a store of its own, at nine o'clock."""
    with workplace(tmp_path / "data", registry) as opened:
        opened.at = NINE
        yield opened


@pytest.fixture
def token(place):
    """A token of project web-shop."""
    return place.token()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[TryApp]:
    """``quaymaster try``, just started in a folder of its own."""
    with trying(tmp_path / "try") as running:
        yield running


@pytest.fixture
def person(chromium_browser: Browser, app: TryApp) -> Iterator[Person]:
    """An admin who has just opened the page."""
    with at_the_page(chromium_browser.new_context(), app.address) as one:
        yield one
