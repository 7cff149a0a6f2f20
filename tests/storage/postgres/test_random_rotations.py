"""The random rotations of ``tests/core/test_rotation_model.py`` on PostgreSQL, against the same model."""

import pytest

from bot.core.ports import Ports
from storage.maintenance import reseal
from storage.postgres.postgres_store import PostgresStore
from storage.sealing import Keyring
from tests.core.test_rotation_model import ROOTS, STEPS, Rotations
from tests.fakes.real_postgres import ADMIN
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.disks import WatchedDisk

pytestmark = pytest.mark.needs("postgres")


class OnPostgres(Rotations):
    """The product on PostgreSQL, and the model. Nothing is cut off: other tests end its transactions."""

    def __init__(self, postgres, database, seed):
        self.postgres, self.database = postgres, database
        super().__init__(None, seed)

    def open(self):
        """Start, or start again."""
        self.disk = WatchedDisk()
        self.keyring = Keyring(self.roots)
        self.store = PostgresStore(self.postgres.url(self.database), self.keyring, clock=lambda: self.at)
        self.ports = Ports(self.store, self.keyring, ScriptedRegistry(), lambda: self.at)

    def reseal(self):
        """The operator puts a new key first and seals everything again."""
        self.roots = [next(root for root in ROOTS if root != self.roots[0]), *self.roots]
        self.restart()
        reseal(self.store, self.keyring)

    def written(self):
        """Every row that there is."""
        tables = ("integrations", "dependencies", "news", "audit", "fetch_hours", "bars", "requests")
        every = "; ".join(f"table quaymaster.{one}" for one in tables)
        return [self.postgres.sql(every, self.database, ADMIN).encode()]


def test_whatever_happens_the_rows_are_those_of_the_model(postgres, database):
    """What was not retired opens; what was retired is in no row."""
    rotations = OnPostgres(postgres, database, seed=9)
    [rotations.step() for _ in range(STEPS // 6)]
    rotations.store.close()

    assert rotations.number > STEPS // 6 // 20
