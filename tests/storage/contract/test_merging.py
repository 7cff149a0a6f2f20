"""What every store keeps to, whichever it is: two targets become one only as it was shown."""

from bot.core.integrations.dependencies import link_target
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.target_renaming import rename_target
from bot.core.kinds import read_draft
from bot.core.model import Actor, Role
from bot.core.ports import Ports
from bot.core.ports.store import Store
from bot.core.workflows.tokens import create_token
from bot.registry.kind_table import KINDS
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.samples import ENVIRONMENT, KEYRING, NOON, PROJECT, T1, Clock, whole_history

ADMIN = Actor(T1, "U1", Role.ADMIN, NOON)
LENA = Actor(T1, "U2", Role.MEMBER, NOON)


def test_targets_become_one_only_as_it_was_shown(store: Store, clock: Clock) -> None:
    """The preview keeps nothing and names what each token gains; what it showed is then done, all of it."""
    ports = Ports(store, KEYRING, ScriptedRegistry(), clock)
    for name, target in (("first", PROJECT), ("second", ENVIRONMENT)):
        typed = {"url": f"{name}.example.com", "username": "ci", "password": "first"}
        draft = read_draft(KINDS["private"], name, typed)
        add_integration(ports, LENA, draft, is_checked=False, linked_only=True)
        create_token(ports, LENA, target, 90)
        create_token(ports, ADMIN, target, 90)
        link_target(ports, LENA, name, target)
    before = whole_history(store)
    asked, is_early = rename_target(ports, ADMIN, PROJECT, ENVIRONMENT)
    kept = whole_history(store), len(store.read(T1).tokens.of_target(PROJECT))
    done, is_done = rename_target(ports, ADMIN, PROJECT, ENVIRONMENT, asked.fingerprint)

    assert (is_early, is_done) == (False, True)
    assert kept == (before, 2)
    assert done.fingerprint == asked.fingerprint
    gains = sorted((one.moves, [each.name for each in one.gains]) for one in done.tokens)
    # Lena owns both, so her tokens reached both before.
    assert gains == [(False, []), (False, ["first"]), (True, []), (True, ["second"])]
    assert store.read(T1).dependencies.of_target(PROJECT) == ()
    assert len(store.read(T1).tokens.of_target(ENVIRONMENT)) == 4
