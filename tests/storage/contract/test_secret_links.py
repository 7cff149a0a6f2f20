"""What every store keeps to, whichever it is: links to the page for secrets, used once by one of many."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.audit import Action
from bot.core.errors import LinkRefused
from bot.core.integrations.credentials import open_credential
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.secret_entry import (
    MadeLink,
    Purpose,
    describe,
    end_old_links,
    enter_secret,
    make_link,
)
from bot.core.kinds import read_draft
from bot.core.model import Actor, Role
from bot.core.ports import Ports
from bot.core.ports.keyring import Box
from bot.core.ports.slack import Person
from bot.core.ports.store import Store
from bot.core.queries import HistoryQuery
from bot.registry.kind_table import KINDS
from storage.tinydb.tinydb_store import TinyDBStore
from tests.fakes.browser_side import proof_of, sealed
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.contract.conftest import Opener
from tests.storage.samples import KEYRING, NOON, T1, Clock

OWNER = Actor(T1, "U1", Role.MEMBER, NOON)
OTHER = Actor(T1, "U2", Role.MEMBER, NOON)
KIND = KINDS["private"]
TYPED = {"name": "fresh", "url": "fresh.example.com", "username": "ci"}
LENA = Person("U2", T1.team_id)


class MeetingRegistry(ScriptedRegistry):
    """A registry that answers nobody before everybody has asked."""

    def __init__(self, people: int) -> None:
        super().__init__()
        self._meeting = threading.Barrier(people, timeout=10)

    def check(self, *asked, **how):
        """Answer once all are here."""
        self._meeting.wait()
        return super().check(*asked, **how)


class Office:
    """An integration, and two replicas that both take what the page sends."""

    def __init__(self, replicas: tuple[Store, Store], clock: Clock, registry: ScriptedRegistry) -> None:
        self.clock = clock
        self.all = tuple(Ports(one, KEYRING, registry, clock) for one in replicas)
        self.ports = self.all[0]
        typed = {"url": "registry.example.com", "username": "ci", "password": "first"}
        draft = read_draft(KIND, "my_registry", typed)
        self.id = add_integration(self.ports, OWNER, draft, is_checked=False).integration.id

    def link(self, purpose: Purpose, actor: Actor = OWNER, person: Person | None = None) -> MadeLink:
        """Make a link."""
        found = self.ports.store.read(T1).integrations.get(self.id)
        is_new = purpose is Purpose.ADD
        actor = replace(actor, at=self.clock())
        integration = None if is_new else found
        typed = TYPED if is_new else {}
        return make_link(self.ports, actor, KIND, purpose, integration, typed, person=person)

    def enter(self, made: MadeLink, password: str, replica: int = 0, skip: str = "") -> str:
        """Enter a secret; return the integration's name, or why it was refused."""
        box = Box(**sealed(f"/enter/{T1.key}/{made.link.id}#{made.public}", password=password, skip=skip))
        try:
            return enter_secret(self.all[replica], KINDS, T1, made.link.id, box, self.actor_of)
        except LinkRefused as error:
            return error.message

    def actor_of(self, user_id: str) -> Actor:
        """Everybody is a member."""
        return Actor(T1, user_id, Role.MEMBER, self.clock())

    def password(self, name: str) -> str:
        """The stored password of an integration."""
        found = self.ports.store.read(T1).integrations.named(name)
        assert found
        return open_credential(KEYRING, T1, found)["password"].reveal()

    @property
    def kept(self) -> list[str]:
        """What is kept of each link after the time it was made at."""
        settings = self.ports.store.read(T1).settings.all()
        return [text.partition(" ")[2] for name, text in settings.items() if name.startswith("link ")]

    def count(self, action: Action) -> int:
        """How often something is in the history."""
        entries = self.ports.store.read(T1).history.page(HistoryQuery(size=100)).entries
        return [one.event.action for one in entries].count(action)


@pytest.fixture
def replicas(store: Store, opener: Opener, clock: Clock) -> Iterator[tuple[Store, Store]]:
    """Two processes of a store that takes several; the same one twice where one process has it to itself."""
    other = store if isinstance(store, TinyDBStore) else opener(clock)
    yield store, other
    if other is not store:
        other.close()


@pytest.fixture
def office(replicas: tuple[Store, Store], clock: Clock) -> Office:
    """An office whose registry answers at once."""
    return Office(replicas, clock, ScriptedRegistry())


@pytest.mark.parametrize(
    ("purpose", "name"),
    [(Purpose.ADD, "fresh"), (Purpose.EDIT, "my_registry"), (Purpose.ROTATE, "my_registry")],
)
def test_of_two_submissions_at_once_one_wins(replicas, clock, purpose, name):
    """Both were checked by the registry before either is kept: one is, the other hears that it was used."""
    office = Office(replicas, clock, MeetingRegistry(2))
    made = office.link(purpose)
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(office.enter, (made, made), ("one", "two"), (0, 1)))

    assert sorted(answers) == sorted([name, "This link was already used."])
    assert office.password(name) == ("one", "two")[answers.index(name)]
    assert office.count(Action.ENTER_SECRET) == 1


def test_used_link_keeps_no_key(office):
    """From the change on that keeps the secret, the link's private key is nowhere."""
    made = office.link(Purpose.EDIT)
    before = office.kept
    office.enter(made, "second")

    assert before[0].startswith("U1 s1.")
    assert office.kept == ["used"]


def test_what_is_told_is_in_the_same_change(office):
    """Who asked is told by the change that keeps the secret: one cannot be there without the other."""
    made = office.link(Purpose.EDIT, person=LENA)
    office.enter(made, "second", 1)
    news = office.ports.store.read(T1).news

    assert [(one.to, one.event.action, one.event.name) for one in news] == [
        ("U1", Action.ENTER_SECRET, "my_registry")
    ]


def test_key_of_a_link_that_is_over_is_dropped_by_the_clock(office, clock):
    """Within a round after 10 minutes the key is gone; a day later the row is."""
    made = office.link(Purpose.EDIT)
    clock.now += timedelta(minutes=9)
    end_old_links(office.ports)
    early = office.kept
    clock.now += timedelta(minutes=1)
    end_old_links(office.ports)
    late, said = office.kept, office.enter(made, "second")
    clock.now += timedelta(days=1)
    end_old_links(office.ports)

    assert early[0].startswith("U1 s1.")
    assert (late, said) == (["over"], "This link is older than 10 minutes.")
    assert office.kept == []


def test_used_addition_is_not_repeated_after_a_deletion(office):
    """A link that added an integration adds none again, even when that one is gone."""
    made = office.link(Purpose.ADD)
    office.enter(made, "second")
    added = office.ports.store.read(T1).integrations.named("fresh")
    with office.ports.store.change(T1) as change:
        change.remove(added)

    assert office.enter(made, "third") == "This link was already used."
    assert office.ports.store.read(T1).integrations.named("fresh") is None


def test_many_links_of_one_person_end_nobody_elses(office, clock):
    """Who makes more than 20 links ends the oldest of their own; a colleague's still works."""
    colleagues = office.link(Purpose.ADD, OTHER)
    first = office.link(Purpose.EDIT)
    clock.now += timedelta(seconds=1)
    made = [office.link(Purpose.EDIT) for _ in range(20)]

    assert office.enter(first, "second") == "This link is older than 10 minutes."
    assert describe(office.ports, KINDS, T1, made[0].link.id, proof_of(made[0].public)).name == "my_registry"
    assert office.enter(colleagues, "second") == "fresh"


def test_link_outlives_a_restart(store, clock, reopen):
    """A link is a row of the store: the next process takes what is entered."""
    office = Office((store, store), clock, ScriptedRegistry())
    made = office.link(Purpose.EDIT)
    opened = reopen()
    office.all = (office.ports, replace(office.ports, store=opened))

    assert office.enter(made, "second", 1) == "my_registry"
