"""A credential that a registry makes: each of its states is on disk before the next step."""

from dataclasses import replace

import pytest

from bot.core.errors import InvalidInput
from bot.core.integrations.credentials import PlainLogin, open_credential, open_former
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.prepared import (
    drop_prepared,
    keep_prepared,
    open_prepared,
    prepare_credential,
    use_prepared,
)
from bot.core.integrations.rotation import begin_rotation, plan_rotation
from bot.core.kinds import read_draft
from bot.core.ports import Ports
from bot.core.secrets import Secret
from bot.registry.kind_table import KINDS
from storage.tinydb.tinydb_store import TinyDBStore
from tests.core.actors import ACME, OWNER
from tests.fakes.clock import MORNING
from tests.fakes.scripted_registry import ScriptedRegistry

TYPED = {"url": "registry.example.com", "username": "ci", "password": "the first"}
LOGIN = PlainLogin("robot$2", {}, {"password": Secret("made there")})


def draft(**changed):
    """A form that somebody filled in."""
    return read_draft(KINDS["private"], "my_registry", {**TYPED, **changed})


class Keeper:
    """A store with one integration, which every question finds as a restart would."""

    def __init__(self, folder, keyring):
        self.folder, self.keyring = folder, keyring
        self.store = TinyDBStore(folder, keyring)
        self.ports = Ports(self.store, keyring, ScriptedRegistry(), lambda: MORNING)
        self.id = add_integration(self.ports, OWNER, draft(), is_checked=False).integration.id

    def restart(self):
        """Close the store and open it again; give the integration."""
        self.store.close()
        self.store = TinyDBStore(self.folder, self.keyring)
        self.ports = replace(self.ports, store=self.store)
        return self.store.read(ACME).integrations.get(self.id)


@pytest.fixture
def keeper(tmp_path, keyring):
    """A keeper."""
    made = Keeper(tmp_path / "data", keyring)
    yield made
    made.store.close()


def test_what_was_asked_for_outlives_a_restart(keeper):
    """When no answer came, the restart finds what to look for, and the login is untouched."""
    prepare_credential(keeper.ports, OWNER, keeper.id, "robot-2")
    found = keeper.restart()

    assert (found.prepared.made_as, found.prepared.sealed) == ("robot-2", None)
    assert open_credential(keeper.keyring, ACME, found)["password"].reveal() == "the first"
    with pytest.raises(InvalidInput, match="It is unknown whether"):
        open_prepared(keeper.keyring, ACME, found)


def test_made_credential_is_used(keeper):
    """What was made is sealed, becomes the current one, and the one before is the former."""
    prepare_credential(keeper.ports, OWNER, keeper.id, "robot-2")
    keep_prepared(keeper.ports, OWNER, keeper.id, LOGIN)
    made = keeper.restart()
    use_prepared(keeper.ports, OWNER, keeper.id, None)
    used = keeper.restart()

    assert open_prepared(keeper.keyring, ACME, made) == LOGIN
    assert open_credential(keeper.keyring, ACME, made)["password"].reveal() == "the first"
    assert (used.username, used.made_as, used.prepared) == ("robot$2", "robot-2", None)
    assert open_credential(keeper.keyring, ACME, used) == LOGIN.credential
    assert open_former(keeper.keyring, ACME, used).credential["password"].reveal() == "the first"


def test_dropped_credential_leaves_the_current_one(keeper):
    """What its registry has no more is forgotten, and the next can be asked for."""
    prepare_credential(keeper.ports, OWNER, keeper.id, "robot-2")
    drop_prepared(keeper.ports, OWNER, keeper.id)
    prepare_credential(keeper.ports, OWNER, keeper.id, "robot-3")

    assert keeper.restart().prepared.made_as == "robot-3"


def test_one_is_made_at_a_time(keeper):
    """While one is being made, no other is asked for and none is typed."""
    prepare_credential(keeper.ports, OWNER, keeper.id, "robot-2")
    with pytest.raises(InvalidInput, match="is being created at its registry"):
        prepare_credential(keeper.ports, OWNER, keeper.id, "robot-3")
    plan = plan_rotation(keeper.ports, OWNER, keeper.id)

    with pytest.raises(InvalidInput, match="is being created at its registry"):
        begin_rotation(keeper.ports, OWNER, plan, draft(password="typed"), is_checked=False)
