"""A backup by ``pg_dump``: it holds nothing in the clear, and what is restored from it works."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.core.integrations.credentials import open_credential
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.rotation import begin_rotation, plan_rotation
from bot.core.kinds import read_draft
from bot.core.model import Role, Target, TargetKind
from bot.core.ports import Ports
from bot.core.workflows.tokens import create_token
from bot.registry.kind_table import KINDS
from storage.maintenance import verify
from storage.postgres.postgres_store import PostgresStore
from tests.core.actors import ACME, actor
from tests.fakes.real_postgres import ADMIN, OWNER, POSTGRES, SERVER_ROLE
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.samples import KEYRING

pytestmark = pytest.mark.needs("postgres")

CANARIES = {"password": "canary-password-1", "username": "canary-user", "email": "canary@example.com"}
TYPED = {"url": "registry.example.com", **CANARIES}
NEW = {**TYPED, "password": "canary-password-2"}


def run(name, *arguments, said=b""):
    """Run one of PostgreSQL's programs; give what it prints."""
    command = [str(POSTGRES[0].with_name(name)), *arguments]
    done = subprocess.run(command, input=said, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def ports(store):
    """The domain on PostgreSQL."""
    return Ports(store, KEYRING, ScriptedRegistry(), lambda: datetime.now(UTC))


@pytest.fixture
def token(ports):
    """The text of a workflow token, beside an integration whose credential is being replaced."""
    admin = replace(actor("U0ADMIN", Role.ADMIN), at=datetime.now(UTC))
    add_integration(ports, admin, read_draft(KINDS["private"], "shared", TYPED), is_checked=False)
    draft = read_draft(KINDS["private"], "shared", NEW)
    begin_rotation(ports, admin, plan_rotation(ports, admin, name="shared"), draft, is_checked=False)
    return create_token(ports, admin, Target(TargetKind.PROJECT, "web-shop"), 90)[0].reveal()


@pytest.fixture
def dump(postgres, database, token):  # noqa: ARG001 - what it adds is in the dump
    """A backup, made as the page for companies says."""
    return run("pg_dump", "--no-owner", postgres.url(database, ADMIN))


def test_backup_holds_nothing_in_the_clear(dump, token):
    """No password, former password, username, e-mail address or token is in it; the integration's name is."""
    found = [one for one in (*CANARIES.values(), NEW["password"], token) if one.encode() in dump]

    assert found == []
    assert b"shared" in dump


def test_backup_can_be_restored(dump, postgres):
    """Restored into an empty database it opens with the same key, and its history holds."""
    name = postgres.new_database()
    postgres.sql(f"grant all on database {name} to {OWNER}", role=ADMIN)
    run("psql", "-q", "-v", "ON_ERROR_STOP=1", postgres.url(name, ADMIN), said=dump)
    restored = PostgresStore(postgres.url(name, SERVER_ROLE), KEYRING)
    found = restored.read(ACME).integrations.named("shared")
    opened = open_credential(KEYRING, ACME, found)["password"].reveal()
    faults = [one.fault for one in verify(restored, KEYRING)]
    restored.close()

    assert (opened, found.username) == (NEW["password"], CANARIES["username"])
    assert faults == [""]
