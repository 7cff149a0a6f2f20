"""The watch over a real registry and two replicas, with the clock in our hands: who hears what, how often."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from slack_sdk import WebClient

from bot.core.integrations.inventory import add_integration
from bot.core.integrations.owners import give_integration
from bot.core.kinds import read_draft
from bot.core.model import Health, Role, Target, TargetKind
from bot.core.ports import Ports
from bot.core.ports.slack import Person
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from bot.registry.client import RegistryClient
from bot.registry.kind_table import GROUPS, KINDS
from bot.run.clockwork import Watcher
from bot.run.outbox import Outbox
from bot.services import Services
from handlers.notify import draw_closed, draw_news
from storage.postgres.postgres_store import PostgresStore
from storage.sealing import Keyring, new_key, parse_keys
from tests.core.actors import ACME, actor
from tests.fakes.clock import Clock
from tests.fakes.real_postgres import SERVER_ROLE, database, migrated, postgres
from tests.fakes.real_registry import PASSWORD, USERNAME, free_port, running
from tests.fakes.served_replicas import SlackSide, wait_for
from tests.registry.conftest import LOOPBACK

__all__ = ["database", "migrated", "postgres"]

pytestmark = pytest.mark.needs("postgres", "docker-registry")

OWNER = "U0OWNER"
NOBODYS = "nobody:$2y$05$abcdefghijklmnopqrstuuOUjQ7mHqSvI8bVZ0gqS5o5XzF1cWc1C\n"
"""A line of another user's: what an htpasswd file holds after everybody else was taken out."""


class Members:
    """Everybody is a member."""

    def person(self, workspace, user_id, *, fresh):
        """A member."""
        return Person(user_id, workspace.team_id)

    def is_in_group(self, workspace, user_id, group_ids, *, fresh):
        """Nobody is in a group."""
        return False


@dataclass
class Replica:
    """One process: its store, its watch, its outbox; it does what the clock does only while it leads."""

    store: PostgresStore
    services: Services

    def __post_init__(self):
        self.watcher = Watcher(self.services.ports)
        self.outbox = Outbox(self.services, draw_news, draw_closed)

    def step(self, seconds=60):
        """Do a minute's work, if this replica leads."""
        if self.store.is_leader():
            for _ in range(seconds):
                self.watcher.step()
            self.outbox.step()


class Company:
    """Two replicas, the Slack they tell, and the clock that they go by."""

    def __init__(self, replicas, slack, clock, registry):
        self.replicas = replicas
        self.slack = slack
        self.clock = clock
        self.registry = registry

    @property
    def ports(self):
        """The domain, through the first replica."""
        return self.replicas[0].services.ports

    @property
    def owner(self):
        """The owner, now."""
        return replace(actor(OWNER, Role.ADMIN, ACME), at=self.clock.now())

    def add(self, name, url):
        """Add an integration with the registry's login."""
        typed = {"url": url, "username": USERNAME, "password": PASSWORD}
        add_integration(self.ports, self.owner, read_draft(KINDS["private"], name, typed), is_checked=False)

    def pass_time(self, minutes, step_minutes=5):
        """Let time pass; both replicas do what is theirs to do."""
        for _ in range(0, minutes, step_minutes):
            self.clock.advance(step_minutes * 60)
            for replica in self.replicas:
                replica.step()

    def told(self, word):
        """The messages with a word in them, by whom they went to."""
        return sorted(one["channel"] for one in self.slack.posted if word in str(one.get("text")))


@pytest.fixture
def company(postgres, database, tmp_path):
    """Two replicas on one PostgreSQL, and a registry with Basic authentication."""
    clock, slack, key = Clock(), SlackSide(), new_key()
    keyring = Keyring(parse_keys(key))
    made = []
    for _ in range(2):
        store = PostgresStore(postgres.url(database, SERVER_ROLE), keyring, clock=clock.now)
        ports = Ports(store, keyring, RegistryClient(KINDS, LOOPBACK), clock.now)
        client = WebClient(token="xoxb-watch", base_url=slack.api_url)
        services = Services(ports, KINDS, GROUPS, Members(), None, None, lambda _, client=client: client)
        made.append(Replica(store, services))
    made[0].store.is_leader()
    wait_for(made[0].store.is_leader)
    with running(tmp_path / "registry", auth="basic") as registry:
        yield Company(made, slack, clock, registry)
    for one in made:
        one.store.close()
    slack.close()


def test_revoked_login_is_told_once_within_one_interval(company, tmp_path):
    """A login revoked in a real registry is told to its owner once, by one replica, naming what it hits."""
    company.add("harbor", company.registry.url)
    target = Target(TargetKind.PROJECT, "web-shop")
    token = create_token(company.ports, company.owner, target, 90)[0].reveal()
    fetch_named(
        company.ports, identify_caller(company.ports.store, token, "harbor", company.clock.now()), "harbor"
    )
    company.pass_time(minutes=30)
    before = company.told("harbor")
    (tmp_path / "registry/htpasswd").write_text(NOBODYS)
    company.pass_time(minutes=6 * 60 + 30)
    told = [one for one in company.slack.posted if "refuses" in str(one.get("text"))]
    company.pass_time(minutes=24 * 60, step_minutes=30)

    assert "refuses" not in str(before)
    assert len(told) == 1
    assert told[0]["channel"] == OWNER
    assert "web-shop" in str(told[0]["blocks"])
    assert len(company.told("refuses")) == 1
    assert company.ports.store.read(ACME).integrations.named("harbor").watch.health is Health.REFUSED


def test_dead_host_is_one_message(company):
    """50 integrations of one host that does not answer are one message to their owner."""
    dead = f"http://127.0.0.1:{free_port()}"
    for number in range(50):
        company.add(f"dead-{number:02}", dead)
    company.pass_time(minutes=60)

    assert company.told("is unreachable") == [OWNER]


def test_killed_between_sent_and_noted_tells_at_most_twice(company):
    """A leader that dies after a message left and before that was noted: it is sent once more at most."""
    company.add("dead", f"http://127.0.0.1:{free_port()}")
    give_integration(company.ports, company.owner, "dead", Person("U0NEXT", ACME.team_id))
    company.clock.advance(timedelta(minutes=2).total_seconds())
    services = replace(company.replicas[0].services, ports=unable_to_note(company.ports))
    with pytest.raises(OSError, match="killed"):
        Outbox(services, draw_news, draw_closed).step()
    company.pass_time(minutes=10)

    assert 1 <= len(company.told("gave *dead* to you")) <= 2


def unable_to_note(ports):
    """Ports whose process ends at its first change."""
    return replace(ports, store=DyingStore(ports.store))


class DyingStore:
    """A store that answers, and whose process ends when it is changed."""

    def __init__(self, store):
        self._store = store

    def change(self, workspace):
        """End, as ``kill -9`` does: nothing is kept."""
        raise OSError("killed")

    def __getattr__(self, name):
        return getattr(self._store, name)
