"""What the tests in a browser share: somebody who has just opened the page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.simulator.desk import Desk, seated


@pytest.fixture
def desk(chromium_browser: Browser) -> Iterator[Desk]:
    """The page, just opened."""
    with seated(chromium_browser) as one:
        yield one
