"""Integrations to act on, and a workflow that fetches them."""

import pytest

from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Target, TargetKind
from bot.core.ports import Ports
from bot.core.workflows.tokens import Caller, create_token
from bot.registry.kind_table import KINDS
from tests.core.actors import ACME, OWNER
from tests.fakes.clock import MORNING

WEB_SHOP = Target(TargetKind.PROJECT, "web-shop")
TYPED = {"url": "registry.example.com", "username": "ci", "password": "correct horse"}


@pytest.fixture
def draft():
    """A filled-in form; named arguments change what was typed."""

    def make(name="my_registry", kind="private", keeps_secret=False, **typed):
        return read_draft(KINDS[kind], name, {**TYPED, **typed}, keeps_secret=keeps_secret)

    return make


@pytest.fixture
def ports(store, keyring, registry):
    """The ports that operations use, in the morning."""
    return Ports(store, keyring, registry, lambda: MORNING)


@pytest.fixture
def added(ports, draft):
    """An integration of the owner's, in the store."""
    return add_integration(ports, OWNER, draft(), is_checked=False).integration


@pytest.fixture
def caller(ports):
    """A workflow of the project."""
    _, token = create_token(ports, OWNER, WEB_SHOP, 90)
    return Caller(ACME, token, MORNING)
