"""The store for more than one machine: PostgreSQL, reached by ``DATABASE_URL``.

read   -> one statement per question, one round trip each         reading.py
change -> what it writes in one round trip; locked if it reads    change.py, sending.py
fetch  -> token and candidates in one; the use from memory        uses.py
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import psycopg

from bot.core.errors import KeyringFailure, QuaymasterError, StoreFailure
from bot.core.installations import Installation
from bot.core.model import Integration, Server, Workspace
from bot.core.ports.store import Candidate, Fetch, Held
from bot.core.texts import name_key
from storage.maintenance import count_by_key
from storage.postgres.bulk import fill, values_of
from storage.postgres.change import PostgresChange
from storage.postgres.connections import (
    PATIENCE_S,
    Address,
    Lost,
    Pool,
    Silence,
    StatementRefused,
    Step,
    TimedConnection,
    sentence_for,
)
from storage.postgres.leadership import Leadership
from storage.postgres.ledger import Ledger
from storage.postgres.migrations import migrate, migrations, require_schema
from storage.postgres.postgres_installations import PostgresInstallations
from storage.postgres.reading import OneState, PostgresReading
from storage.postgres.replicas import Replicas
from storage.postgres.rows import Parameters
from storage.postgres.sealed_rows import SealedRows
from storage.postgres.shared_rates import SharedRates
from storage.postgres.signatures import SharedSignatures
from storage.postgres.statements import of_token
from storage.postgres.upkeep import (
    fault_at_end,
    seal_again,
    seal_for_the_first_time,
    seal_rows_again,
    unbelieved,
)
from storage.postgres.uses import Uses
from storage.records import Fields, Value
from storage.sealing import Keyring
from storage.transfer import Contents

_READERS, _WRITERS = 10, 6
_READS_ONE_STATE = "-c default_transaction_isolation=repeatable\\ read -c default_transaction_read_only=on"
_PATIENT = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
_FLUSH_S = 60.0
_PROBE_S = 1.0
_QUIET_S = 3.0
_WORKSPACE_KEY = re.compile(r"[A-Z0-9]{1,32}(-[A-Z0-9]{1,32})?")

log = logging.getLogger(__name__)


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class PostgresStore:
    """Implements ``bot.core.ports.store.Store``. Safe to share between threads; any number of processes."""

    def __init__(
        self,
        url: str,
        keyring: Keyring,
        *,
        clock: Callable[[], datetime] = now,
        lost_keys: Collection[str] = (),
        is_serving: bool = False,
    ) -> None:
        """
        Connect, and upgrade the schema if the role is allowed to.

        Args:
            url: ``postgresql://…``; a password in it is never shown.
            keyring: Must contain every key that a record is sealed with.
            clock: Returns the time in UTC.
            lost_keys: Ids of keys that are gone for good: records sealed with them do not stop the start.
            is_serving: Whether others must be able to open what this process seals while it is running.

        Raises:
            StoreFailure: The database cannot be used; nothing was changed.
            KeyringFailure: A loaded key differs from the one that this store knows, one that records need is
                not loaded, or the keys do not match those of a serving process.
        """
        _prepare(url)
        self._url = url
        silence = Silence()
        self._reads = Pool(url, _READERS, _READS_ONE_STATE, silence)
        self._ledger = Ledger(Pool(url, _WRITERS, silence=silence), keyring, clock)
        self.installations = PostgresInstallations(url, self._ledger)
        """Where the app is installed."""
        self._uses = Uses(self._ledger)
        self._replicas = Replicas(self._ledger.pool, keyring)
        self._changing = threading.local()
        self._trouble: str | None = None
        try:
            self._replicas.fit(is_serving=is_serving)
            self._ledger.lost_keys = frozenset(lost_keys)
            self._verify_keys(keyring, lost_keys)
            # Before anything is signed on top of a history that fails verification.
            self._ledger.faults = self.faults
            self._reads.ask(("probe", None))  # so that each pool has a connection open
        except BaseException:
            self._replicas.close()
            self._reads.close()
            self._ledger.pool.close()
            raise
        self.signatures = SharedSignatures(self._ledger.pool)
        """The signatures of Slack's requests that any process has seen."""
        self.rates = SharedRates(self._ledger.pool)
        """How many requests people and workflows send to any process."""
        self._leadership = Leadership(url)
        self._closed = threading.Event()
        self._clocks = [
            threading.Thread(target=self._tick, args=tick, name=f"postgres-{tick[1].__name__}", daemon=True)
            for tick in ((_FLUSH_S, self.flush), (_PROBE_S, self._probe))
        ]
        for thread in self._clocks:
            thread.start()

    def read(self, workspace: Workspace) -> PostgresReading:
        """Return one consistent state of a workspace. A workspace that was never changed is empty."""
        ws = workspace.key
        rows = self._ledger.rows(ws)
        asked = OneState(ws, lambda steps: self._reads.ask(*steps), lambda: self._uses.noted(ws), rows)
        return PostgresReading(workspace, asked)

    @contextmanager
    def change(self, workspace: Workspace) -> Iterator[PostgresChange]:
        """Begin a change, as ``Store.change`` says."""
        ws = _require_key(workspace)
        under_way: set[str] = self._changing.__dict__.setdefault("keys", set())
        if ws in under_way:
            raise RuntimeError(f"A change of {ws} is under way on this thread already.")
        change = PostgresChange(workspace, self._ledger, lambda: self._uses.noted(ws))
        under_way.add(ws)
        try:
            yield change
            change.keep()
            self._uses.forget(workspace, change.written)
        finally:
            under_way.discard(ws)
            change.drop()

    def workspaces(self) -> Iterator[Workspace]:
        """Yield every workspace that was ever changed."""
        everywhere: Step = ("set_workspace", {"ws": "*"})
        rows = self._reads.ask(everywhere, ("workspaces", {"after": ""}))[-1]
        while rows:
            yield from (Workspace.of_key(row[0]) for row in rows)
            rows = self._reads.ask(everywhere, ("workspaces", {"after": rows[-1][0]}))[-1]

    def token_holder(self, token_id: str, asked: Server | str | None = None) -> Held | None:
        """Find a workflow token's holder and what is asked for, in one round trip."""
        asked_at = time.monotonic()
        name, given = _question(token_id, asked)
        rows = self._reads.ask((of_token(name), given))[0]
        if not rows:
            return None
        ws, *columns = rows[0][:4]
        noted, sealed = self._uses.noted(ws), self._ledger.rows(ws)
        token = noted.on_token(sealed.token(*columns))
        candidates = tuple(
            Candidate(
                _integration_asked(sealed, asked, row[4], row[5]),
                noted.on(sealed.dependency_between(row[4], token.target, *row[6:8]))
                if row[6] is not None
                else None,
                sealed.bar_between(row[4], token.target, row[8]) if row[8] is not None else None,
            )
            for row in rows
            if row[4] is not None
        )
        held = Held(Workspace.of_key(ws), token, candidates)
        self._uses.decide(held, asked_at)
        return held

    def record_use(self, use: Fetch) -> None:
        """Record a fetch, before the answer is sent."""
        _require_key(use.workspace)
        self._uses.record(use)

    def health(self) -> str | None:
        """Say in one sentence why changes are refused; ``None`` when they are not."""
        cut = self._ledger.trouble
        return self._trouble or (f"Nothing is written, because {cut}." if cut else self._replicas.trouble)

    def flush(self) -> None:
        """Write last uses and counts: every minute, and when the process ends."""
        self._uses.flush()
        with suppress(QuaymasterError):
            self.signatures.forget_old(now())
            self.rates.forget_old()

    def notice(self) -> str | None:
        """Return ``None``: the only limit is the size of the disk."""
        return None

    def is_leader(self) -> bool:
        """Return whether this process runs the scheduled jobs, which only one of all processes does."""
        return self._leadership.is_held()

    def close(self) -> None:
        """Write last uses, and close the connections."""
        self._closed.set()
        self._leadership.close()
        self.rates.close()
        for thread in self._clocks:
            thread.join(PATIENCE_S)
        self.flush()
        self._replicas.close()
        self._reads.close()
        self._ledger.pool.close()

    def values(self, workspace: Workspace) -> Iterator[Value]:
        """Yield everything in a workspace, from one state; the audit entries in order."""
        with self._alone(_READS_ONE_STATE) as connection:
            yield from values_of(connection, self._ledger.rows(workspace.key))

    def fill(self, contents: Contents, installations: Iterable[Installation] = ()) -> None:
        """Store everything unchanged, in one transaction. Raises ``StoreFailure``: nothing was stored."""
        with self._alone() as connection:
            fill(connection, self._ledger.keyring, contents, installations)

    @contextmanager
    def _alone(self, options: str = "") -> Iterator[TimedConnection]:
        """Yield a separate connection without time limits."""
        try:
            with Address(self._url, f"{options} {_PATIENT}").connect() as connection:
                yield connection
        except (Lost, StatementRefused) as error:
            raise sentence_for(error) from None

    def keys_of_rows(self, workspace: Workspace) -> set[str]:
        """Return the ids of the keys that a workspace's rows are sealed with, including its history."""
        rows = self._reads.ask(
            ("set_workspace", {"ws": workspace.key}), ("keys_of_rows", {"ws": workspace.key})
        )
        return {kid for (kid,) in rows[-1] if kid}

    @property
    def gone(self) -> tuple[str, ...]:
        """Return nothing: a forgotten workspace leaves nothing behind here."""
        return ()

    def marks(self, workspace: Workspace) -> tuple[str, ...]:
        """Return nothing: no fault of a history can be accepted here."""
        return ()

    @property
    def faults(self) -> dict[str, str]:
        """Return what is wrong with the end of each workspace's history, by its key."""
        found = {
            one.key: fault_at_end(self._reads, one.key, self._ledger.keyring, self._ledger.lost_keys)
            for one in self.workspaces()
        }
        return {key: fault for key, fault in found.items() if fault}

    def seal_again(self, trusted: str = "") -> None:
        """
        Seal every row, every entry and every end of a history again with the primary key.

        Args:
            trusted: The id of a lost key, whose seals are accepted without being checked.
        """
        for workspace in self.workspaces():
            seal_again(self._ledger, self._reads, workspace.key, self.read(workspace), trusted)
            seal_rows_again(self._ledger, self._reads, workspace.key)

    def seal_for_the_first_time(self) -> int:
        """Seal the rows of a version that did not seal them, and return how many. Raises ``StoreDamaged``."""
        with self._alone() as connection:
            return sum(
                seal_for_the_first_time(self._ledger, self._reads, one.key, connection)
                for one in self.workspaces()
            )

    def unbelieved(self, workspace: Workspace) -> Iterator[str]:
        """Name the rows of a workspace that were not sealed by this Quaymaster, and say what is wrong."""
        return unbelieved(self._ledger, self._reads, workspace.key)

    def _tick(self, every_s: float, act: Callable[[], None]) -> None:
        while not self._closed.wait(every_s):
            try:
                act()
            except Exception as error:  # noqa: BLE001 - whatever it is, the thread goes on
                log.warning("could not %s: %s", act.__name__, type(error).__name__)

    def _probe(self) -> None:
        """Find out whether changes are accepted, unless the last seconds have shown it."""
        pools = self._reads, self._ledger.pool
        # Reading says nothing about changes.
        is_idle = time.monotonic() - self._ledger.pool.answered_at > _QUIET_S
        if not (self._trouble or is_idle or any(pool.has_failed or pool.is_full for pool in pools)):
            return
        try:
            trouble = self._why_no_changes()
        except QuaymasterError as error:
            trouble = error.message
        if trouble != self._trouble:
            log.log(
                logging.WARNING if trouble else logging.INFO,
                "database: %s",
                trouble or "accepts changes again",
            )
        self._trouble = trouble

    def _why_no_changes(self) -> str | None:
        """Say why changes are refused; ``None`` when they are not. Raises ``QuaymasterError``."""
        self._reads.ask(("probe", None), is_probe=True)
        pool = self._ledger.pool
        if pool.ask(("probe", None), is_probe=True)[0][0][0]:
            pool.renew()
            return "The database is not accepting changes right now."
        return "The disk of the database is full." if pool.is_full and not pool.has_room() else None

    def _verify_keys(self, keyring: Keyring, lost_keys: Collection[str]) -> None:
        """Refuse a key that has a known id but a different value, and one that is missing; store new ones."""
        known: dict[str, str] = dict(self._ledger.pool.ask(("key_checks", None))[0])
        if strange := sorted({*lost_keys} - known.keys()):
            raise KeyringFailure(
                f"This store does not use key {', '.join(strange)}. Nothing was changed.",
                "If a row names that key, it is an older row or somebody else's: restore a backup.",
            )
        for kid in keyring.kids:
            if kid in known and not keyring.is_check_value(known[kid]):
                raise KeyringFailure(
                    f"Key {kid} is not the one that this store knows. Nothing was changed.",
                    "Load the key that this store was used with, from its copy.",
                )
        if known.keys() - {*keyring.kids, *lost_keys}:
            self._refuse_missing_keys(keyring, lost_keys)
            unused = sorted(known.keys() - {*keyring.kids, *lost_keys})
            self._ledger.pool.ask(
                ("forget_keys", {"kids": unused})
            )  # so that no later start reads every record
        checks = keyring.check_values()
        for kid in keyring.kids:
            if kid not in known:
                self._ledger.pool.ask(("keep_key_check", {"kid": kid, "check_value": checks[kid]}))

    def _refuse_missing_keys(self, keyring: Keyring, lost_keys: Collection[str]) -> None:
        """Read every record, because a key that this store knows is not loaded."""
        known = {*keyring.kids, *lost_keys}
        needed = sorted({kid for one in self.workspaces() for kid in self.keys_of_rows(one)} - known)
        needed = needed or sorted(count_by_key(self).keys() - known)
        if needed:
            raise KeyringFailure(
                f"This store is sealed with key{'s' if len(needed) > 1 else ''} {', '.join(needed)}; "
                f"loaded: {', '.join(keyring.kids)}. Nothing was changed.",
                "Load the missing key too; if it is lost for good, run `quaymaster keys forget KEY_ID`.",
            )


def _require_key(workspace: Workspace) -> str:
    """Return the key of a workspace if it is valid. Raises ``StoreFailure``."""
    if not _WORKSPACE_KEY.fullmatch(workspace.key):
        raise StoreFailure("That is not the id of a Slack workspace.", "Open Quaymaster from Slack again.")
    return workspace.key


def _question(token_id: str, asked: Server | str | None) -> tuple[str, Parameters]:
    if asked is None:
        return "held_all", {"token": token_id}
    if isinstance(asked, str):
        return "held_named", {"token": token_id, "key": name_key(asked)}
    host, port = asked.endpoint
    return "held_at", {"token": token_id, "host": host, "port": port, "or_80": asked.port is None}


def _integration_asked(
    sealed: SealedRows, asked: Server | str | None, integration_id: str, doc: Fields
) -> Integration:
    """Read what was asked for. Raises ``StoreDamaged`` if its document says that it is something else."""
    if isinstance(asked, Server):
        return sealed.integration_at(asked, integration_id, doc)
    if isinstance(asked, str):
        return sealed.integration_named(name_key(asked), integration_id, doc)
    return sealed.integration(integration_id, doc)


def _prepare(url: str) -> None:
    """Upgrade the schema, and refuse a role that can bypass row-level security."""
    try:
        connection = Address(url, _PATIENT).connect()  # another process may be migrating
    except Lost as lost:
        raise StoreFailure(
            f"The database cannot be reached: {lost}.",
            "Check the address, and whether PostgreSQL is running and accepts connections from this machine.",
        ) from None
    with connection:
        if require_schema(connection, migrations()):
            _migrate_if_allowed(connection)
        row = connection.execute(
            "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"
        ).fetchone()
        if row is None or row[0]:
            raise StoreFailure(
                "The role in DATABASE_URL can bypass row-level security, which keeps workspaces apart.",
                "Use a role that is not a superuser and does not have BYPASSRLS.",
            )


def _migrate_if_allowed(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    try:
        migrate(connection)
    except psycopg.errors.InsufficientPrivilege:
        raise StoreFailure(
            "The database does not have this version's schema, and the role in DATABASE_URL is not allowed "
            "to change it.",
            "Run “quaymaster store migrate” with a role that is allowed to, then start again.",
        ) from None
