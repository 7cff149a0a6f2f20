"""What the tests of the page share: real registries, and the real app with somebody at its page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.fakes.real_registry import (  # noqa: F401 - importing a fixture is how it is taken over
    authority,
    basic_registry,
    tls_registry,
    token_registry,
)
from tests.web.tryit_desk import chromium
from tests.web.whole_job import Person, at_the_page, trying


@pytest.fixture(scope="module")
def chromium_browser() -> Iterator[Browser]:
    """One Chromium for all tests of a file."""
    with chromium() as running:
        yield running


@pytest.fixture
def app_url(tmp_path: Path) -> Iterator[str]:
    """The address of ``quaymaster try``, just started in a folder of its own."""
    with trying(tmp_path / "try") as url:
        yield url


@pytest.fixture
def person(chromium_browser: Browser, app_url: str) -> Iterator[Person]:
    """An admin who has just opened the page."""
    with at_the_page(chromium_browser, app_url) as one:
        yield one
