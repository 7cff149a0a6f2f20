"""Clients that ask for every login before they build: docker's classic builder, and podman with ``--remote``.

No docker engine is needed: podman's service speaks its API, and it is the client that asks the helper.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.clients.registries import Client

OTHER = "registry.example.com"
"""A second server, whose login no build needs."""

pytestmark = [
    pytest.mark.needs("docker-registry", "docker", "podman"),
    pytest.mark.usefixtures("two_servers"),
]


@contextmanager
def engine(client: Client) -> Iterator[str]:
    """Run podman's service with a store of its own, where nobody is logged in, and give its address."""
    # podman refuses a path of more than 50 characters.
    with tempfile.TemporaryDirectory(prefix="qm-", dir="/tmp") as short:
        plain = Path(short, "registries.conf")
        plain.write_text(f'[[registry]]\nlocation = "{client.registry.server.address}"\ninsecure = true\n')
        socket = Path(short, "engine.sock")
        store = ("--root", f"{short}/store", "--runroot", f"{short}/run", "--storage-driver", "vfs")
        serving = subprocess.Popen(
            ["podman", *store, "system", "service", "--time", "0", f"unix://{socket}"],
            env={"PATH": "/usr/bin:/bin", "HOME": short, "CONTAINERS_REGISTRIES_CONF": str(plain)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 20
            while not socket.exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield f"unix://{socket}"
        finally:
            serving.terminate()
            serving.wait(20)


@pytest.fixture
def two_servers(place):
    """A second integration, whose server is never asked."""
    place.add("other_registry", url=f"https://{OTHER}")


@pytest.fixture
def context(client, tmp_path):
    """A folder whose Dockerfile begins with the private image."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {client.image}\nLABEL from=private\n")
    return folder


def knows(client, **config):
    """Write docker's settings."""
    (client.folder / "config.json").write_text(json.dumps(config))


def both_servers(client):
    """A line for each server."""
    return dict.fromkeys((client.registry.server.address, OTHER), "quaymaster")


def docker_build(client, address, context):
    """Build with docker's classic builder."""
    return client.run("docker", "build", str(context), DOCKER_HOST=address, DOCKER_BUILDKIT="0")


def podman(client, address, *command):
    """Let podman's service do something."""
    return client.run("podman", "--remote", "--url", address, *command)


def uses(place):
    """What web-shop has fetched, by integration: whether it was fetched along with everything else."""
    reading = place.store.read(place.actor().workspace)
    names = ("team_registry", "other_registry")
    return {
        name: row.is_swept
        for name in names
        for row in reading.dependencies.page(place.named(name).id, 0, 10).rows
    }


def test_classic_builder_asks_for_every_line(client, place, context):
    """docker's classic builder fetches each login that has a line: none of them counts as needed."""
    knows(client, credHelpers=both_servers(client))
    with engine(client) as address:
        built = docker_build(client, address, context)

    assert built.returncode == 0, built.stderr
    assert uses(place) == {"team_registry": True, "other_registry": True}


def test_pull_tells_which_one_is_needed(client, place, context):
    """What is pulled alone a minute later is needed, although a build fetched everything before."""
    knows(client, credHelpers=both_servers(client))
    with engine(client) as address:
        docker_build(client, address, context)
        place.at = place.now() + timedelta(minutes=1)
        pulled = client.run("docker", "pull", client.image, DOCKER_HOST=address)

    assert pulled.returncode == 0, pulled.stderr
    assert uses(place) == {"team_registry": False, "other_registry": True}


def test_classic_builder_with_a_store_asks_for_what_is_known(client, place, context):
    """With ``credsStore``, a build gets what its target depends on already, and makes no new dependency."""
    knows(client, credsStore="quaymaster")
    with engine(client) as address:
        before = docker_build(client, address, context)
        none = uses(place)
        place.link("team_registry")
        after = docker_build(client, address, context)

    assert (before.returncode, none) == (1, {})
    assert after.returncode == 0, after.stderr
    assert uses(place) == {"team_registry": False}


def test_remote_podman_pulls(client, place):
    """``podman --remote`` sends the logins along with what it asks of the service."""
    knows(client, credHelpers=both_servers(client))
    with engine(client) as address:
        pulled = podman(client, address, "pull", "--tls-verify=false", client.image)

    assert pulled.returncode == 0, pulled.stderr
    assert uses(place).keys() >= {"team_registry"}


def test_remote_podman_builds(client, place, context):
    """``podman --remote build`` fetches each login that has a line."""
    knows(client, credHelpers=both_servers(client))
    with engine(client) as address:
        built = podman(client, address, "build", "--tls-verify=false", str(context))

    assert built.returncode == 0, built.stderr
    assert uses(place) == {"team_registry": True, "other_registry": True}
