"""What the tests with real clients share: a Quaymaster that runs, and the helper on PATH."""

import pytest

from tests.clients.helpers import EDITIONS, Helper
from tests.fakes.workplace import serving, workplace


@pytest.fixture
def place(tmp_path):
    """A Quaymaster with a store of its own."""
    with workplace(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def url(place):
    """Where it listens."""
    with serving(place) as address:
        yield address


@pytest.fixture
def token(place):
    """A token of project web-shop."""
    return place.token()


@pytest.fixture(
    params=[
        pytest.param(edition, marks=pytest.mark.needs(*(["curl", edition] if edition != "python" else [])))
        for edition in EDITIONS
    ]
)
def edition(request):
    """Each edition of the helper."""
    return request.param


@pytest.fixture
def helper(tmp_path, edition, url, token):
    """The helper, with the settings that reach this Quaymaster."""
    return Helper(tmp_path / "bin", edition, {"QUAYMASTER_URL": url, "QUAYMASTER_TOKEN": token})
