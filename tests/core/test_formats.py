"""The keys of a configuration file: each spelling of a server under which a client looks for its login."""

import pytest

from bot.core.addresses import parse_server
from bot.core.workflows.formats import config_keys

HUB = (
    "https://index.docker.io/v1/",
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
)


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("registry.example.com", ("registry.example.com", "registry.example.com:443")),
        ("https://registry.example.com:443", ("registry.example.com", "registry.example.com:443")),
        ("registry.example.com:5000", ("registry.example.com:5000",)),
        ("http://registry.example.com", ("registry.example.com", "registry.example.com:80")),
        ("http://registry.example.com:443", ("registry.example.com:443",)),
        ("[fd00::5]", ("[fd00::5]", "[fd00::5]:443")),
        ("docker.io", HUB),
    ],
)
def test_every_spelling_has_a_key(typed, keys):
    """A default port is a second key; Docker Hub has one for each of its names."""
    assert config_keys(parse_server(typed)) == keys
