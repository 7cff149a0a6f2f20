"""Two replicas behind haproxy: one is killed, both are restarted, and nothing acknowledged is lost."""

import signal
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.core.audit import Action
from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Role, Target, TargetKind
from bot.core.ports import Ports
from bot.core.queries import HistoryQuery
from bot.core.workflows.tokens import create_token
from bot.registry.kind_table import KINDS
from storage.postgres.postgres_store import PostgresStore
from storage.sealing import Keyring, new_key, parse_keys
from tests.clients.helpers import Helper
from tests.core.actors import ACME, actor
from tests.fakes.real_postgres import SERVER_ROLE, database, migrated, postgres
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.served_load import Load
from tests.fakes.served_replicas import two_replicas, wait_for

__all__ = ["database", "migrated", "postgres"]

pytestmark = pytest.mark.needs("postgres", "haproxy")
SERVER = "registry.example.com"


@pytest.fixture
def key():
    """A root key."""
    return new_key()


@pytest.fixture
def store(postgres, database, key):
    """The store that the replicas share, opened here too."""
    opened = PostgresStore(postgres.url(database, SERVER_ROLE), Keyring(parse_keys(key)))
    yield opened
    opened.close()


@pytest.fixture
def replicas(tmp_path, postgres, database, key, ports):  # noqa: ARG001 - what it adds is there before they start
    """Two replicas that serve one integration."""
    with two_replicas(tmp_path, postgres.url(database, SERVER_ROLE), key, QUAYMASTER_WATCH="off") as serving:
        yield serving


@pytest.fixture
def ports(store, key):
    """The domain on that store, with an integration that everybody may fetch."""
    made = Ports(store, Keyring(parse_keys(key)), ScriptedRegistry(), now)
    add_integration(made, admin(), draft("shared"), is_checked=False)
    return made


def now():
    """The real time: the replicas go by it."""
    return datetime.now(UTC)


def draft(name):
    """A filled-in form."""
    return read_draft(KINDS["private"], name, {"url": SERVER, "username": "ci", "password": "correct horse"})


def admin():
    """An admin, now."""
    return replace(actor("U0ADMIN", Role.ADMIN, ACME), at=now())


def linked(store):
    """Every target that depends on the integration, and how often the history says that it was linked."""
    reading = store.read(ACME)
    integration = reading.integrations.named("shared")
    there = {row.target.name for row in reading.dependencies.page(integration.id, 0, 100_000).rows}
    told = [
        entry.event.target.name
        for entry in reading.history.oldest_first()
        if entry.event.action == Action.LINK and entry.event.target
    ]
    return there, told


@pytest.mark.alone
def test_killed_replica_loses_nothing(store, replicas):
    """Under load one of two is killed: what was acknowledged is there once, and nobody waits for 3 s."""
    with Load(replicas) as load:
        wait_for(lambda: len(load.acknowledged) > 60)
        replicas.one.end(signal.SIGKILL)
        before = len(load.acknowledged)
        wait_for(lambda: len(load.acknowledged) > before + 60)
    there, told = linked(store)
    acknowledged = {target for target, *_ in load.acknowledged}

    assert acknowledged <= there
    assert len(told) == len(set(told))
    assert there == set(told)
    assert load.longest_s < 3
    assert len(load.failed) <= 12


def test_rolling_restart_fails_no_request(store, replicas):
    """Each replica is ended and started again under load, one after the other: every request is answered."""
    with Load(replicas) as load:
        wait_for(lambda: len(load.acknowledged) > 30)
        for replica in (replicas.one, replicas.two):
            status = replica.end(signal.SIGTERM)
            assert status == 0
            replica.start()
            before = len(load.acknowledged)
            wait_for(lambda before=before: len(load.acknowledged) > before + 30)
    there, told = linked(store)

    assert load.failed == []
    assert {target for target, *_ in load.acknowledged} <= there
    assert len(told) == len(set(told))


@pytest.mark.parametrize("edition", ["python", pytest.param("dash", marks=pytest.mark.needs("curl", "dash"))])
def test_helpers_succeed_at_their_retry(ports, replicas, tmp_path, edition):
    """While a replica is killed, each helper gets its login, at the second try at the latest."""
    target = Target(TargetKind.PROJECT, "web-shop")
    token = create_token(ports, admin(), target, 90)[0].reveal()
    settings = {"QUAYMASTER_URL": replicas.url, "QUAYMASTER_TOKEN": token}
    helper = Helper(tmp_path / "bin", edition, settings)
    tries = []
    stop = threading.Event()

    def fetch():
        while not stop.is_set():
            first = helper("get", said=f"{SERVER}\n")
            tries.append(first.status == 0 or helper("get", said=f"{SERVER}\n").status == 0)

    workers = [threading.Thread(target=fetch) for _ in range(3)]
    [one.start() for one in workers]
    wait_for(lambda: len(tries) > 6)
    replicas.two.end(signal.SIGKILL)
    before = len(tries)
    wait_for(lambda: len(tries) > before + 12)
    stop.set()
    [one.join() for one in workers]

    assert all(tries)


def test_news_is_sent_once_and_by_the_next_leader(ports, store, replicas):
    """One replica sends news; when it dies the other does within 15 s, and nothing is told twice."""
    replicas.send("notify #ops", "U0ADMIN", 1)
    wait_for(lambda: store.read(ACME).settings.get("notify"))
    add_integration(ports, admin(), draft("first-news"), is_checked=False)
    added = store.read(ACME).history.page(HistoryQuery(size=1)).entries[0].sequence
    # A process that ends between sending and noting sends twice; that is another test's subject.
    wait_for(lambda: store.read(ACME).settings.get("notify told") == str(added), replicas.one.log)
    wait_for(lambda: replicas.one.leads or replicas.two.leads)
    leader = replicas.one if replicas.one.leads else replicas.two
    leader.end(signal.SIGKILL)
    add_integration(ports, admin(), draft("second-news"), is_checked=False)
    seconds = wait_for(lambda: replicas.slack.texts("second-news"))
    time.sleep(6)  # one more turn of the outbox

    assert seconds < 15
    assert len(replicas.slack.texts("first-news")) == 1
    assert len(replicas.slack.texts("second-news")) == 1
