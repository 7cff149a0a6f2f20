"""How often the watch asks, by a clock that the test moves: at most once a second, and a round in 6 hours."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.model import Health, Server, Watch
from bot.core.ports import Ports
from bot.run.clockwork import Watcher
from storage.tinydb.tinydb_store import TinyDBStore
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.disks import QuickDisk
from tests.storage.samples import KEYRING, NOON, T1, Clock, integration

SIX_HOURS_S = 6 * 3600


class Watched:
    """Many integrations that are all due at once, each of a server of its own."""

    def __init__(self, folder: Path, count: int) -> None:
        self.clock, self.registry = Clock(), ScriptedRegistry()
        self.registry.meanwhile = self.note
        self.asked: list[int] = []
        """The second of each question."""
        self.store = TinyDBStore(folder, KEYRING, clock=self.clock, disk=QuickDisk())
        works = Watch(Health.WORKS, NOON, told=Health.WORKS)
        with self.store.change(T1) as change:
            for number in range(count):
                server = Server("https", f"registry-{number}.example.com")
                one = integration(f"name-{number}")
                change.put(replace(one, server=server, secret=None, watch=works))
        self.watcher = Watcher(Ports(self.store, KEYRING, self.registry, self.clock))

    def note(self) -> None:
        """Note when a registry was asked."""
        self.asked.append(int((self.clock.now - NOON).total_seconds()))

    def run(self, seconds: int) -> None:
        """Let the clock go on by seconds, with a step in each, as the thread does."""
        for _ in range(seconds):
            self.clock.move(seconds=1)
            self.watcher.step()

    @property
    def times(self) -> Counter[str]:
        """How often each server was asked."""
        return Counter(login.server.host for login in self.registry.checked)


@pytest.mark.parametrize("count", [1_000, 10_000])
def test_round_takes_less_than_six_hours(tmp_path: Path, count: int) -> None:
    """Each is asked once within 6 hours, with at most one question in any second."""
    watched = Watched(tmp_path / "data", count)
    watched.run(SIX_HOURS_S)
    watched.store.close()

    assert len(watched.times) == count
    assert max(Counter(watched.asked).values()) == 1
    assert max(watched.asked[:count]) <= count + 60


def test_rounds_go_on(tmp_path: Path) -> None:
    """In a day each of 1,000 is asked four times, or five where the spreading made its rounds shorter."""
    watched = Watched(tmp_path / "data", 1_000)
    watched.run(4 * SIX_HOURS_S)
    watched.store.close()

    assert len(watched.times) == 1_000
    assert set(watched.times.values()) <= {4, 5}
    assert max(Counter(watched.asked).values()) == 1
    assert watched.clock.now - NOON == timedelta(days=1)
