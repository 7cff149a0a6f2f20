"""The docker client asks a private registry through the helper. It hides what a helper says to it, but not
what people read."""

import json

import pytest

from tests.clients.registries import INVALID, put_docker_image

pytestmark = pytest.mark.needs("docker-registry", "docker")


def inspect(client, **settings):
    """Read a private image's manifest, for which docker needs no engine."""
    put_docker_image(client.registry.store, "team/docker", "1.0")
    image = f"{client.registry.server.address}/team/docker:1.0"
    return client.run("docker", "manifest", "inspect", "--insecure", image, **settings)


def test_manifest_is_read(client):
    """The manifest of a private image is read."""
    assert json.loads(inspect(client).stdout)["schemaVersion"] == 2


@pytest.mark.parametrize("cause", INVALID)
def test_invalid_token_is_shown(client, place, cause):
    """A wrong, expired or revoked token is what the person reads, although docker goes on anonymously."""
    seen = inspect(client, QUAYMASTER_TOKEN=INVALID[cause](place))

    assert seen.returncode != 0
    assert "This workflow token is not valid." in seen.stderr


def test_dead_server_is_shown(client):
    """When Quaymaster is not there, that is what the person reads."""
    seen = inspect(client, QUAYMASTER_URL="http://127.0.0.1:9")

    assert seen.returncode != 0
    assert "Quaymaster at 127.0.0.1:9 cannot be reached" in seen.stderr


def test_logout_says_that_nothing_was_erased(client):
    """``docker logout`` succeeds, and the person reads that the login is kept elsewhere."""
    done = client.run("docker", "logout", client.registry.server.address)

    assert done.returncode == 0
    assert "Nothing was erased." in done.stderr
