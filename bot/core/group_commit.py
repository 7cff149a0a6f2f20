"""Changes of one workspace that wait at the same moment become one write.

A write of a large workspace takes tens of milliseconds, and at the beginning of an hour every pipeline's
first fetch needs one. One after the other they would outlast a credential helper's patience.

1. Whoever comes puts its change into the workspace's batch, then waits for its turn to write.
2. Whose turn it is takes the whole batch, and writes it in one transaction; of the same change one is made.
3. The others find their change taken, and wait until its outcome is known.
"""

import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from bot.core.errors import QuaymasterError
from bot.core.model import Workspace
from bot.core.ports.former_store import Store, Transaction

Change = Callable[[Transaction], None]
"""Makes a change. A ``QuaymasterError`` that it raises, before it changes anything, is its outcome alone."""


@dataclass(eq=False, slots=True)
class Waiting:
    """A change and what comes of it."""

    key: Hashable
    change: Change
    error: BaseException | None = None
    is_done: threading.Event = field(default_factory=threading.Event)

    def make(self, transaction: Transaction) -> None:
        """Make the change."""
        try:
            self.change(transaction)
        except QuaymasterError as error:
            self.error = error

    def settle(self, error: BaseException | None) -> None:
        """Say how the write ended."""
        self.error = self.error or error
        self.is_done.set()


def make_all(batch: Iterable[Waiting], transaction: Transaction) -> None:
    """Make every change of a batch, those of one key once."""
    made: dict[Hashable, Waiting] = {}
    for each in batch:
        same = made.setdefault(each.key, each)
        if same is each:
            each.make(transaction)
        else:
            each.error = same.error


class Batches:
    """The changes that wait, by workspace. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Workspace, list[Waiting]] = {}

    def write(self, store: Store, workspace: Workspace, key: Hashable, change: Change) -> None:
        """
        Make a change, together with those that wait at the same moment; when this returns it is on disk.

        Args:
            store, workspace: Where.
            key: Changes of equal keys are the same.
            change: What to do.

        Raises:
            QuaymasterError: The change's own, or the store's; it was not made.
        """
        mine = Waiting(key, change)
        with self._lock:
            self._waiting.setdefault(workspace, []).append(mine)
        try:
            self._take_turn(store, workspace)
        except BaseException:
            # The turn did not come; or it did and the write failed, which the whole batch knows by now.
            if self._withdraw(workspace, mine):
                raise
        mine.is_done.wait()
        if mine.error:
            raise mine.error

    def _take_turn(self, store: Store, workspace: Workspace) -> None:
        batch: list[Waiting] = []
        outcome: BaseException | None = None
        try:
            with store.transaction(workspace) as transaction:
                with self._lock:
                    batch = self._waiting.pop(workspace, [])
                make_all(batch, transaction)
        except BaseException as error:
            outcome = error
            raise
        finally:
            for each in batch:
                each.settle(outcome)

    def _withdraw(self, workspace: Workspace, mine: Waiting) -> bool:
        """Take a change back; false when somebody has taken it."""
        with self._lock:
            waiting = self._waiting.get(workspace, [])
            if mine not in waiting:
                return False
            waiting.remove(mine)
            return True
