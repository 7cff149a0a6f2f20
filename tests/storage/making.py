"""A rotation that Quaymaster makes by itself, on any store; and a program that does it until it is killed.

    python -m tests.storage.making DATABASE_URL FOLDER

It makes a credential or enters one, retires the former or rolls back, and prints a line after each.
"""

import random
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from bot.core.integrations.credentials import open_credential, open_former
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.made_by_clock import rotate_due
from bot.core.integrations.made_credentials import keep_management, make_credential, rotate_every
from bot.core.integrations.made_endings import find_leftovers, retire_there, roll_back_there, settle
from bot.core.integrations.prepared import open_prepared
from bot.core.integrations.rotation import begin_rotation, plan_rotation
from bot.core.kinds import Kind, read_draft
from bot.core.model import Integration, new_id
from bot.core.ports import Ports
from bot.core.ports.store import Store
from bot.registry.kind_table import KINDS
from storage.postgres.postgres_store import PostgresStore
from tests.fakes.folder_registry import FIRST, FORM, FolderDrivers
from tests.storage.rotating import ADMIN
from tests.storage.samples import KEYRING, T1, Clock

NAME = "my_registry"


class Making:
    """An integration whose credentials are made in a folder."""

    def __init__(self, store: Store, drivers: FolderDrivers, clock: Clock | None = None) -> None:
        self.drivers = drivers
        self.ports = Ports(store, KEYRING, drivers.registry, clock or _now, drivers)

    def begin(self) -> None:
        """Add it, with its management credential."""
        (self.drivers.registry.folder / "ci").write_text(FIRST)
        typed = {"url": "registry.example.com", "username": "ci", "password": FIRST}
        added = add_integration(
            self.ports, ADMIN, read_draft(KINDS["private"], NAME, typed), is_checked=False
        )
        found = added.integration
        manager = read_draft(_form(found), NAME, {"username": "manager", "password": "its secret"})
        keep_management(self.ports, ADMIN, found.id, found.version, manager)
        rotate_every(self.ports, ADMIN, KINDS, NAME, 90)

    @property
    def found(self) -> Integration:
        """The integration as it is kept."""
        one = self.ports.store.read(T1).integrations.named(NAME)
        assert one
        return one

    def make(self) -> None:
        """Make the next one."""
        make_credential(self.ports, ADMIN, self.found.id)

    def enter(self) -> None:
        """A person makes the next one at the registry, and enters it."""
        secret = new_id()
        name = f"typed-{secret[:8]}"
        (self.drivers.registry.folder / name).write_text(secret)
        typed = {"url": "registry.example.com", "username": name, "password": secret}
        plan = plan_rotation(self.ports, ADMIN, self.found.id)
        begin_rotation(self.ports, ADMIN, plan, read_draft(KINDS["private"], NAME, typed), is_checked=True)

    def retire(self) -> None:
        """Retire the former."""
        retire_there(self.ports, ADMIN, self.found.id, self.found.credential_number)

    def back(self) -> None:
        """Roll back."""
        roll_back_there(self.ports, ADMIN, self.found.id, self.found.credential_number)

    def clean(self) -> None:
        """End what was made and is not in use."""
        left = find_leftovers(self.ports, ADMIN, self.found.id)
        settle(self.ports, ADMIN, self.found.id, left.digest)

    def tick(self) -> None:
        """Let the clock come by."""
        rotate_due(self.ports)

    @property
    def opened(self) -> dict[str, str]:
        """Every secret that is kept, opened, by the state of its credential."""
        found = self.found
        kept = {"current": open_credential(KEYRING, T1, found)["password"].reveal()}
        if found.former:
            kept["former"] = open_former(KEYRING, T1, found).credential["password"].reveal()
        if found.prepared and found.prepared.sealed:
            kept["prepared"] = open_prepared(KEYRING, T1, found).credential["password"].reveal()
        return kept


def _form(found: Integration) -> Kind:
    return replace(FORM, server=found.server.origin)


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    """Rotate for ever."""
    chance = random.Random()  # noqa: S311 - a pause, not a secret
    drivers = FolderDrivers(Path(sys.argv[2]), lambda _: time.sleep(chance.uniform(0, 0.004)))
    making = Making(PostgresStore(sys.argv[1], KEYRING), drivers)
    for number in count():
        (making.enter if number % 4 == 1 else making.make)()
        print("made", flush=True)  # noqa: T201 - what this program is for
        (making.back if number % 3 == 2 else making.retire)()
        print("ended", flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    main()
