"""What every store keeps to, whichever it is: a rotation, from the new credential to the retired one."""

from collections.abc import Callable

import pytest

from bot.core.integrations.credentials import open_credential, open_former
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.rotation import (
    begin_rotation,
    find_progress,
    plan_rotation,
    retire_former,
    roll_back,
    tell_rotations,
    who_fetched,
)
from bot.core.kinds import Draft, read_draft
from bot.core.model import Actor, Role, Target
from bot.core.ports import Ports
from bot.core.ports.store import Store
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from bot.registry.kind_table import KINDS
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.samples import ENVIRONMENT, KEYRING, NOON, PROJECT, T1, Clock

ADMIN = Actor(T1, "U1", Role.ADMIN, NOON)


def draft(password: str, username: str = "ci") -> Draft:
    """A filled-in form."""
    typed = {"url": "registry.example.com", "username": username, "password": password}
    return read_draft(KINDS["private"], "my_registry", typed)


class Rotation:
    """One integration, the tokens of two targets, and a rotation that has begun."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.clock = clock
        self.use(store)
        self.id = add_integration(self.ports, ADMIN, draft("first"), is_checked=False).integration.id
        targets = (PROJECT, ENVIRONMENT)
        self.tokens = {one: create_token(self.ports, ADMIN, one, 90)[0].reveal() for one in targets}
        assert [self.fetch(one) for one in targets] == ["first", "first"]
        plan = plan_rotation(self.ports, ADMIN, self.id)
        begin_rotation(self.ports, ADMIN, plan, draft("second", "robot"), is_checked=False)

    def use(self, store: Store) -> None:
        """Go on with a store."""
        self.ports = Ports(store, KEYRING, ScriptedRegistry(), self.clock)

    def fetch(self, target: Target) -> str:
        """Fetch as a workflow; return the password."""
        caller = identify_caller(self.ports.store, self.tokens[target], "my_registry", self.clock())
        return fetch_named(self.ports, caller, "my_registry").login.secret.reveal()

    def remind(self) -> None:
        """Let the clock come by."""
        tell_rotations(self.ports)

    @property
    def kept(self) -> tuple[str, str, str]:
        """The username, the current password, and the former one."""
        found = plan_rotation(self.ports, ADMIN, self.id).integration
        current = open_credential(KEYRING, T1, found)["password"].reveal()
        if not found.former:
            return found.username, current, ""
        return found.username, current, open_former(KEYRING, T1, found).credential["password"].reveal()

    @property
    def progress(self) -> tuple[list[Target], list[Target]]:
        """What has fetched the new one, and what has not."""
        found = find_progress(self.ports.store.read(T1), self.id)
        assert found
        return [one.target for one in found.fetched], [one.target for one in found.waiting]

    @property
    def number(self) -> int:
        """The number of the current credential."""
        return plan_rotation(self.ports, ADMIN, self.id).integration.credential_number


@pytest.fixture
def rotation(store: Store, clock: Clock) -> Rotation:
    """A rotation that has begun."""
    return Rotation(store, clock)


def test_both_outlive_a_restart(rotation: Rotation, reopen: Callable[[], Store]) -> None:
    """Both credentials, and who has fetched the new one, are there after a restart."""
    given = rotation.fetch(PROJECT)
    rotation.use(reopen())

    assert given == "second"
    assert rotation.kept == ("robot", "second", "first")
    assert rotation.progress == ([PROJECT], [ENVIRONMENT])


def test_fetch_is_noted_once(rotation: Rotation) -> None:
    """Later fetches of the same credential change nothing but the last use."""
    rotation.fetch(PROJECT)
    rotation.clock.move(minutes=5)
    rotation.fetch(PROJECT)
    row = rotation.ports.store.read(T1).dependencies.get(rotation.id, PROJECT)

    assert row
    assert (row.credential_number, row.last_used_at) == (2, rotation.clock())


def test_retired_one_is_gone(rotation: Rotation, reopen: Callable[[], Store]) -> None:
    """A retired credential is not there after a restart either."""
    retire_former(rotation.ports, ADMIN, rotation.id, rotation.number)
    rotation.use(reopen())

    assert rotation.kept == ("robot", "second", "")


def test_rolled_back_one_is_handed_out(rotation: Rotation, reopen: Callable[[], Store]) -> None:
    """A former credential that is current again is handed out with its username; the other is gone."""
    rotation.fetch(PROJECT)
    dropped = rotation.number
    roll_back(rotation.ports, ADMIN, rotation.id, dropped)
    rotation.use(reopen())

    assert rotation.kept == ("ci", "first", "")
    assert [one.target for one in who_fetched(rotation.ports, ADMIN, rotation.id, dropped)] == [PROJECT]
    assert rotation.fetch(ENVIRONMENT) == "first"


def test_reminders_leave_once(rotation: Rotation) -> None:
    """The news that everything has fetched it is kept once, the reminder once in 7 days."""
    [rotation.fetch(one) for one in rotation.tokens]
    rotation.remind()
    rotation.remind()
    rotation.clock.move(days=7)
    rotation.remind()
    rotation.remind()
    told = [one.event.reason for one in rotation.ports.store.read(T1).news if one.event.actor == "quaymaster"]

    assert told == ["everything has fetched the new credential", "both credentials are still kept"]
