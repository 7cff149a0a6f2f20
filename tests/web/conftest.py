"""What the tests of the API for workflows share."""

from datetime import UTC, datetime

import pytest

from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.workplace import workplace

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
