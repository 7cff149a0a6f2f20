"""What the tests in a browser share: one Chromium a file, and somebody who has just opened the page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.simulator.desk import Desk, chromium, seated


@pytest.fixture(scope="module")
def chromium_browser() -> Iterator[Browser]:
    """One Chromium for all tests of a file."""
    with chromium() as running:
        yield running


@pytest.fixture
def desk(chromium_browser: Browser) -> Iterator[Desk]:
    """The page, just opened."""
    with seated(chromium_browser) as one:
        yield one
