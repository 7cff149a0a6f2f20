"""Repositories' names."""

import pytest

from bot.core.errors import InvalidInput
from bot.core.model import Server
from bot.registry.repositories import repository_name

HUB = Server("https", "registry-1.docker.io")


@pytest.mark.parametrize(
    ("typed", "server", "name"),
    [
        ("alpine", Server("https", "registry-1.docker.io"), "library/alpine"),
        ("team/app", Server("https", "registry-1.docker.io"), "team/app"),
        ("alpine", Server("https", "registry.example.com"), "alpine"),
        ("registry.example.com:5000/team/app", Server("https", "registry.example.com", 5000), "team/app"),
        (" a.b_c__d-e/f ", Server("https", "registry.example.com"), "a.b_c__d-e/f"),
        ("docker.io/team/app", HUB, "team/app"),
        ("docker.io/library/nginx", HUB, "library/nginx"),
        ("docker.io/nginx", HUB, "library/nginx"),
        ("index.docker.io/team/app:1.0", HUB, "team/app"),
        ("Registry-1.Docker.io:443/team/app", HUB, "team/app"),
        ("https://hub.docker.com/r/team/app", HUB, "team/app"),
        ("hub.docker.com/_/nginx", HUB, "library/nginx"),
        (f"team/app:1.0@sha256:{'a' * 64}", HUB, "team/app"),
        (f"nginx@sha256:{'a' * 64}", HUB, "library/nginx"),
        ("registry.example.com:443/team/app:1.0", Server("https", "registry.example.com"), "team/app"),
        ("https://REGISTRY.example.com/team/app", Server("https", "registry.example.com"), "team/app"),
        ("http://localhost:5000/app:1", Server("http", "localhost", 5000), "app"),
        ("docker.io/library/nginx", Server("https", "harbor.example.com"), "docker.io/library/nginx"),
        ("gcr.io/example.com/project/app", Server("https", "gcr.io"), "example.com/project/app"),
        ("example.com:project/app:1", Server("https", "gcr.io"), "example.com/project/app"),
        (
            "us-docker.pkg.dev/example.com:proj/r/app",
            Server("https", "us-docker.pkg.dev"),
            "example.com/proj/r/app",
        ),
        ("team/\u200bapp", HUB, "team/app"),
    ],
)
def test_repository_names_are_read_as_people_type_them(typed: str, server: Server, name: str) -> None:
    """Docker Hub's own images need no library/, and the registry may stand before the name."""
    assert repository_name(typed, server) == name


@pytest.mark.parametrize(
    ("typed", "server"),
    [
        ("ghcr.io/team/app", HUB),
        ("other.example:5000/team/app", Server("https", "registry.example.com")),
        ("localhost:5000/app", HUB),
    ],
)
def test_another_registry_is_not_taken_for_a_name(typed: str, server: Server) -> None:
    """An image of another registry is asked about nowhere."""
    with pytest.raises(InvalidInput, match="names a different registry"):
        repository_name(typed, server)
