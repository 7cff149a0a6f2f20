"""podman and buildah pull from a private registry through the helper, without privileges."""

import pytest

from tests.clients.registries import INVALID
from tests.fakes.real_registry import TAGS


def needing(program):
    """A program as a parameter of a test that needs it."""
    return pytest.param(program, marks=pytest.mark.needs("docker-registry", program))


@pytest.mark.needs("docker-registry", "podman")
def test_podman_pulls(client):
    """podman pulls a private image."""
    pulled = client.podman("podman", "pull", "-q", "--signature-policy", str(client.policy), client.image)

    assert (pulled.returncode, len(pulled.stdout.strip())) == (0, 64)


@pytest.mark.needs("docker-registry", "podman")
def test_podman_lists_tags(client):
    """podman lists the tags of a private image."""
    listed = client.podman("podman", "search", "--list-tags", client.image.rpartition(":")[0])

    assert [tag for tag in TAGS if tag in listed.stdout] == list(TAGS)


@pytest.mark.needs("docker-registry", "buildah")
def test_buildah_pulls(client):
    """buildah pulls a private image."""
    pulled = client.podman("buildah", "pull", "-q", "--signature-policy", str(client.policy), client.image)

    assert (pulled.returncode, len(pulled.stdout.strip())) == (0, 64)


@pytest.mark.parametrize("cause", INVALID)
@pytest.mark.parametrize("program", [needing("podman"), needing("buildah")])
def test_invalid_token_is_shown(client, place, program, cause):
    """A wrong, expired or revoked token is what the person reads."""
    client.helper.settings["QUAYMASTER_TOKEN"] = INVALID[cause](place)
    pulled = client.podman(program, "pull", "-q", "--signature-policy", str(client.policy), client.image)

    assert pulled.returncode != 0
    assert "This workflow token is not valid." in pulled.stderr


@pytest.mark.parametrize("program", [needing("podman"), needing("buildah")])
def test_dead_server_is_shown(client, program):
    """When Quaymaster is not there, that is what the person reads."""
    client.helper.settings["QUAYMASTER_URL"] = "http://127.0.0.1:9"
    pulled = client.podman(program, "pull", "-q", "--signature-policy", str(client.policy), client.image)

    assert pulled.returncode != 0
    assert "Quaymaster at 127.0.0.1:9 cannot be reached" in pulled.stderr
