"""Repositories' names."""

import pytest

from bot.core.model import Server
from bot.registry.repositories import repository_name


@pytest.mark.parametrize(
    ("typed", "server", "name"),
    [
        ("alpine", Server("https", "registry-1.docker.io"), "library/alpine"),
        ("team/app", Server("https", "registry-1.docker.io"), "team/app"),
        ("alpine", Server("https", "registry.example.com"), "alpine"),
        ("registry.example.com:5000/team/app", Server("https", "registry.example.com", 5000), "team/app"),
        (" a.b_c__d-e/f ", Server("https", "registry.example.com"), "a.b_c__d-e/f"),
    ],
)
def test_repository_names_are_read_as_people_type_them(typed: str, server: Server, name: str) -> None:
    """Docker Hub's own images need no library/, and the registry may stand before the name."""
    assert repository_name(typed, server) == name
