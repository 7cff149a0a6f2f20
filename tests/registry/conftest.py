"""What the tests of the registry client share.

``QUAYMASTER_FUZZ=many`` draws 100,000 cases for each property instead of a few hundred.
"""

import os
from ipaddress import ip_network

import hypothesis
import pytest

from bot.registry.client import RegistryClient
from bot.registry.kind_table import KINDS
from tests.fakes.real_registry import (  # noqa: F401 - importing a fixture is how it is taken over
    authority,
    basic_registry,
    open_registry,
    tls_registry,
    token_registry,
)

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

hypothesis.settings.register_profile("few", max_examples=300, deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("many", max_examples=100_000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("QUAYMASTER_FUZZ", "few"))


@pytest.fixture(scope="session")
def client() -> RegistryClient:
    """A client that may talk to this machine, where the registries of the tests are."""
    return RegistryClient(KINDS, LOOPBACK)
