"""A rotation on a store, for the tests of every store: one integration, two targets, two credentials."""

from bot.core.integrations.credentials import open_credential, open_former
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.rotation import (
    begin_rotation,
    find_progress,
    plan_rotation,
    retire_former,
    tell_rotations,
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
        self.enter("second", "robot")

    def use(self, store: Store) -> None:
        """Go on with a store."""
        self.ports = Ports(store, KEYRING, ScriptedRegistry(), self.clock)

    def fetch(self, target: Target) -> str:
        """Fetch as a workflow; return the password."""
        caller = identify_caller(self.ports.store, self.tokens[target], "my_registry", self.clock())
        return fetch_named(self.ports, caller, "my_registry").login.secret.reveal()

    def enter(self, password: str, username: str = "ci") -> None:
        """Enter another credential."""
        plan = plan_rotation(self.ports, ADMIN, self.id)
        begin_rotation(self.ports, ADMIN, plan, draft(password, username), is_checked=False)

    def replace_with(self, password: str) -> None:
        """Retire the former credential, and enter another."""
        retire_former(self.ports, ADMIN, self.id, self.number)
        self.enter(password)

    @property
    def opens(self) -> set[str]:
        """Every password that is kept now."""
        return {one for one in self.kept[1:] if one}

    def remind(self) -> None:
        """Let the clock come by."""
        tell_rotations(self.ports)

    @property
    def kept(self) -> tuple[str, str, str]:
        """The username, the current password, and the former one."""
        found = self.ports.store.read(T1).integrations.get(self.id)
        assert found
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
