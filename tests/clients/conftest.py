"""What the tests with real clients share: a Quaymaster that runs, and the helper on PATH."""

import pytest

from tests.clients.helpers import EDITIONS, Helper
from tests.clients.registries import Client, registry_with_integration
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


@pytest.fixture
def registry(place, tmp_path):
    """A private registry, and an integration for it."""
    with registry_with_integration(place, tmp_path / "registry") as running:
        yield running


@pytest.fixture
def client(tmp_path, helper, registry):
    """A home for docker, podman, buildah and skopeo, whose only login is the helper's."""
    made = Client(tmp_path / "home", helper, registry)
    made.prepare()
    return made
