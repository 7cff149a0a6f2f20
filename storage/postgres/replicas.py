"""The processes that share one database: each reports every few seconds which keys it knows.

A key is changed on one process after another, so at any moment each must be able to open what the others
seal. A process whose keys do not match those of a running one is refused at its start.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.errors import KeyringFailure, QuaymasterError
from bot.core.model import new_id
from storage.postgres.connections import PATIENCE_S, Lost, Pool, StatementRefused, Step, sentence_for
from storage.sealing import Keyring

_EVERY_S = 2.0
_LIVE_S = 20.0
"""A process that has reported nothing for this long is no longer running."""
_LOOK_S = 0.5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Replica:
    """What a process has reported."""

    id: str
    kids: tuple[str, ...]
    at: datetime


class Replicas:
    """Safe to share between threads."""

    def __init__(self, pool: Pool, keyring: Keyring) -> None:
        """``pool`` is allowed to write."""
        self._pool = pool
        self._kids = keyring.kids
        self._given = {"id": new_id(), "kids": list(keyring.kids), "live_s": _LIVE_S}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble: str | None = None
        """Why this process should not serve right now; ``None`` = no reason."""

    def fit(self, *, is_serving: bool) -> None:
        """
        Make sure that the keys match those of the running processes, and join these if ``is_serving``.

        Raises:
            KeyringFailure: They do not. If such a process was just killed, this takes up to 20 s to find out.
        """
        said: dict[str, datetime] = {}
        deadline = time.monotonic() + _LIVE_S
        while misfits := self._join(is_serving=is_serving):
            runs = [one for one in misfits if said.setdefault(one.id, one.at) != one.at]
            if runs or time.monotonic() > deadline:
                raise next(filter(None, map(self._misfit, runs or misfits)))
            time.sleep(_LOOK_S)
        if is_serving:
            self._thread = threading.Thread(target=self._run, name="postgres-replicas", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Leave the processes that serve."""
        self._closed.set()
        if self._thread is None:
            return
        self._thread.join(PATIENCE_S)
        try:
            self._pool.ask(("leave_replicas", self._given))
        except QuaymasterError:
            log.info("could not report that this process is ending")

    def _join(self, *, is_serving: bool) -> list[_Replica]:
        """Register among the running processes, one at a time, or return those whose keys do not match."""
        try:
            with self._pool.connection(time.monotonic() + PATIENCE_S) as connection:
                steps: list[Step] = [("begin_change", None), ("lock_replicas", None)]
                *_, rows = connection.ask(*steps, ("other_replicas", self._given))
                misfits = [one for one in _read(rows) if self._misfit(one)]
                if is_serving and not misfits:
                    connection.ask(("say_keys", self._given), ("commit", None))
                return misfits
        except (Lost, StatementRefused) as error:
            raise sentence_for(error) from None

    def _misfit(self, other: _Replica) -> KeyringFailure | None:
        """Say why the keys do not match those of a different process, and what to do; ``None`` = they do."""
        first, theirs = self._kids[0], other.kids[0]
        if theirs not in self._kids:
            return KeyringFailure(
                f"A running replica seals with key {theirs}, which is not loaded here. Nothing was changed.",
                "Load that key here too. Remove a key only when no replica uses it as its first key.",
            )
        if first not in other.kids:
            return KeyringFailure(
                f"Key {first} is first here, but a running replica does not know it. Nothing was changed.",
                "Make it the last line of every replica's key file, restart each replica, and only then "
                "make it the first one.",
            )
        return None

    def _run(self) -> None:
        while not self._closed.wait(_EVERY_S):
            try:
                self._say()
            except QuaymasterError as error:
                log.info("could not report which keys are known: %s", error.message)

    def _say(self) -> None:
        """Report which keys are known, and check whether this process missed a new key while suspended."""
        _, rows = self._pool.ask(("say_keys", self._given), ("other_replicas", self._given))
        strange = [one.kids[0] for one in _read(rows) if one.kids[0] not in self._kids]
        trouble = f"A replica seals with key {strange[0]}, which is not loaded here." if strange else None
        if trouble and trouble != self.trouble:
            log.error("%s", trouble)
        self.trouble = trouble


def _read(rows: Sequence[tuple[str, list[str], datetime]]) -> list[_Replica]:
    return [_Replica(id_, tuple(kids), at) for id_, kids, at in rows]
