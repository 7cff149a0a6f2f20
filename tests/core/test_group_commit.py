"""Changes that wait at the same moment: one write, an outcome for each."""

import threading
from contextlib import contextmanager

import pytest

from bot.core.errors import NotFound, StoreFull
from bot.core.group_commit import Batches
from bot.core.model import Workspace

T1, T2 = Workspace("T1"), Workspace("T2")


class Disk:
    """A store whose write ends when it is let: it keeps what each write held."""

    def __init__(self):
        self.writes = []
        self.error = None
        self.begun = threading.Event()
        self.gate = threading.Event()
        self._turns = {T1: threading.Lock(), T2: threading.Lock()}

    @contextmanager
    def transaction(self, workspace):
        """One change after the other."""
        with self._turns[workspace]:
            made = []
            yield made
            if made:
                self.begun.set()
                self.gate.wait(5)
                if self.error:
                    raise self.error
                self.writes.append(made)


class Crowd:
    """Threads that write, and what became of each."""

    def __init__(self, disk):
        self.disk = disk
        self.batches = Batches()
        self.outcomes = {}
        self.threads = []

    def write(self, name, workspace=T1, change=None):
        """Begin to write a name, on a thread of its own."""
        change = change or (lambda made: made.append(name))

        def run():
            try:
                self.batches.write(self.disk, workspace, name, change)
                self.outcomes.setdefault(name, []).append("written")
            except (NotFound, StoreFull) as error:
                self.outcomes.setdefault(name, []).append(type(error).__name__)

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def gather(self, *names):
        """Let names wait behind a first one whose write has begun."""
        self.write("first")
        assert self.disk.begun.wait(5)
        for name in names:
            self.write(name)
        while sum(map(len, self.batches._waiting.values())) < len(names):
            threading.Event().wait(0.005)

    def end(self):
        """Let writes end."""
        self.disk.gate.set()
        for thread in self.threads:
            thread.join(5)


@pytest.fixture
def disk():
    """A store."""
    return Disk()


@pytest.fixture
def crowd(disk):
    """A crowd before it."""
    return Crowd(disk)


def test_those_that_wait_are_one_write(crowd, disk):
    """While one write is under way the others gather, and are the next write together."""
    crowd.gather(*"abcde")
    crowd.end()

    assert [sorted(made) for made in disk.writes] == [["first"], list("abcde")]
    assert list(crowd.outcomes.values()) == [["written"]] * 6


def test_same_change_is_made_once(crowd, disk):
    """Of the same change that several wait for one is made, and all are told so."""
    crowd.gather("a", "a", "a")
    crowd.end()

    assert disk.writes == [["first"], ["a"]]
    assert crowd.outcomes["a"] == ["written"] * 3


def refuse(_):
    """A change that cannot be made."""
    raise NotFound("It is gone.")


def test_change_that_cannot_be_made_stops_nobody_else(crowd, disk):
    """A change's own error is its outcome alone."""
    crowd.gather("a")
    crowd.write("b", change=refuse)
    crowd.write("c")
    crowd.end()

    assert sorted(name for made in disk.writes for name in made) == ["a", "c", "first"]
    assert crowd.outcomes["b"] == ["NotFound"]


def test_failed_write_is_everybodys(crowd, disk):
    """When the write fails nobody is told that it was made, and the next one can succeed."""
    crowd.gather("a", "b")
    disk.error = StoreFull()
    crowd.end()
    disk.error = None
    crowd.write("later")
    crowd.threads[-1].join(5)

    assert crowd.outcomes["a"] == crowd.outcomes["b"] == ["StoreFull"]
    assert crowd.outcomes["later"] == ["written"]
    assert disk.writes == [["later"]]


def test_store_that_gives_no_turn(crowd):
    """When the store does not even begin, the change is withdrawn and the reason told."""

    class Shut:
        def transaction(self, workspace):
            raise StoreFull

    with pytest.raises(StoreFull):
        crowd.batches.write(Shut(), T1, "a", refuse)

    assert list(crowd.batches._waiting.values()) in ([], [[]])


def test_workspaces_do_not_wait_for_each_other(crowd, disk):
    """A batch holds changes of one workspace only."""
    crowd.gather("a")
    crowd.write("other", T2)
    crowd.end()

    assert sorted(map(sorted, disk.writes)) == [["a"], ["first"], ["other"]]
