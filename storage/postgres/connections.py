"""Connections to PostgreSQL: a few that are lent out, a time limit for each call, a sentence for each error.

psycopg_pool is not used: it keeps waiting where a person must get an answer within 2 seconds, and retries a
server that came back only after growing pauses. Here a caller opens a connection when it needs one, or learns
at once why there is none.
"""

import logging
import queue
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import psycopg
from psycopg import conninfo
from psycopg.abc import RV, PQGen
from psycopg.types.json import set_json_dumps, set_json_loads

from bot.core.errors import Busy, InvalidInput, SettingsError, StoreFailure, StoreFull, StoreReadOnly
from storage.postgres.statements import STATEMENTS

PATIENCE_S = 1.6
"""How long a person waits for the database at most, before being told that it does not answer."""
_SILENT_PATIENCE_S = 0.1
_CONNECT_S = 2
_DISK_FULL, _READ_ONLY = "53100", "25006"
_ROOM_BYTES = 64 * 1024
_MOST_DOCUMENTS, _SHORT_BYTES = 2_000, 4 * 1024
_OPTIONS = (
    "-c search_path=quaymaster -c jit=off -c timezone=UTC -c statement_timeout=1500ms -c lock_timeout=1400ms "
    "-c idle_in_transaction_session_timeout=5s "
    # A process that vanished during a change loses its locks after this time.
    "-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3"
)
_ADVICE = "Nothing was changed. Try again in a moment; if the problem continues, ask the operator."

Row = tuple[Any, ...]
Step = tuple[str, Mapping[str, Any] | None]
"""A statement of ``queries.sql`` by its name, and its parameters."""

_ENCODED = {name: text.encode() for name, text in STATEMENTS.items()}

log = logging.getLogger(__name__)

UNREADABLE = "unreadable"
"""Stands for an unreadable document: a real one is never a string."""


def _document(text: str | bytes) -> Any:
    """Read a document, fast: a page of the list reads one for each row, mostly the same ones as before."""
    return _short_document(text) if len(text) < _SHORT_BYTES else _read_document(text)


def _read_document(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return UNREADABLE


_short_document = lru_cache(_MOST_DOCUMENTS)(_read_document)
"""The same object for the same text, which must not be changed: ``ReadBefore`` recognizes it at once."""


set_json_loads(_document)
set_json_dumps(orjson.dumps)


class Lost(Exception):
    """The connection ended, or was given up, before the outcome of a statement was known."""

    def __init__(self, message: str, *, is_late: bool = False, is_unreachable: bool = False) -> None:
        super().__init__(message)
        self.is_late = is_late
        """True when the database did not answer in time: asking again would take as long."""
        self.is_unreachable = is_unreachable
        """True when no connection could be opened; nothing was sent."""

    @property
    def is_final(self) -> bool:
        """True when another connection would end the same way."""
        return self.is_late or self.is_unreachable


class StatementRefused(Exception):
    """The database refused one of several steps."""

    def __init__(self, step: Step | None, error: psycopg.Error) -> None:
        super().__init__(error.sqlstate)
        self.step = step
        """The refused step; ``None`` if it is not known."""
        self.sqlstate = error.sqlstate or ""
        self.what = error.diag.message_primary or ""
        self.constraint = error.diag.constraint_name or ""


class TimedConnection(psycopg.Connection[Row]):
    """A connection whose every wait ends at ``deadline``, in monotonic seconds."""

    deadline: float = float("inf")
    trips = 0
    """How many times it waited for an answer."""

    @property
    def is_in_transaction(self) -> bool:
        """True between ``begin`` and ``commit``."""
        return self.info.transaction_status != psycopg.pq.TransactionStatus.IDLE

    @property
    def has_heard(self) -> bool:
        """True when the server has sent something unasked: almost always, that it closes the connection."""
        return bool(select.select([self.pgconn.socket], [], [], 0)[0])

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for the database, never past the deadline."""
        left = self.deadline - time.monotonic()
        return super().wait(gen, interval, timeout if left == float("inf") else max(left, 0.001))

    def ask(self, *steps: Step) -> list[list[Row]]:
        """
        Run steps in one round trip.

        Returns:
            The rows of each.

        Raises:
            StatementRefused: One of them was refused; outside a transaction, none of them took effect.
            Lost: The connection ended. The steps may have been executed.
        """
        self.trips += 1
        cursors: list[psycopg.Cursor[Row]] = []
        try:
            if len(steps) == 1:
                cursors.append(self.execute(_ENCODED[steps[0][0]], steps[0][1]))
            else:
                with self.pipeline():
                    for name, parameters in steps:
                        cursors.append(self.execute(_ENCODED[name], parameters))
        except psycopg.Error as error:
            raise self._failure(steps, cursors, error) from None
        return [one.fetchall() if one.description else [] for one in cursors]

    def _failure(
        self, steps: Sequence[Step], cursors: Sequence[psycopg.Cursor[Row]], error: psycopg.Error
    ) -> Exception:
        is_ended = self.broken or self.closed or (error.sqlstate or "").startswith("57P")
        if error.sqlstate is None or is_ended:
            self.close()
            return Lost(type(error).__name__, is_late=time.monotonic() >= self.deadline)
        done = [one.pgresult is not None and one.pgresult.status in _FINE for one in cursors]
        place = done.index(False) if False in done else len(done)
        return StatementRefused(steps[place] if place < len(steps) else None, error)


_FINE = (psycopg.pq.ExecStatus.COMMAND_OK, psycopg.pq.ExecStatus.TUPLES_OK)


@dataclass(slots=True)
class _Slot:
    """A place for one connection."""

    connection: TimedConnection | None = None
    opened_at: float = 0.0
    _opening: "Future[TimedConnection] | None" = None

    def lend(self, address: "Address", deadline: float) -> TimedConnection:
        """
        Return the connection that is open, or open one.

        Raises:
            Lost: None could be opened by ``deadline``. It may be open for the next caller.
        """
        if self.connection and self.connection.has_heard:
            self.close()
        if self.connection is None:
            self.connection, self.opened_at = self._open(address, deadline), time.monotonic()
        return self.connection

    def _open(self, address: "Address", deadline: float) -> TimedConnection:
        # On a thread of its own, because psycopg waits at least 2 s for each host.
        if self._opening is None or (self._opening.done() and self._opening.exception()):
            self._opening = _begun(address.connect)
        try:
            opened = self._opening.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            raise Lost("ConnectionTimeout", is_late=True, is_unreachable=True) from None
        self._opening = None
        return opened

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self.connection:
            self.connection.close()
            self.connection = None

    def end(self) -> None:
        """Close the connection, and one that is being opened."""
        self.close()
        if self._opening:
            self._opening.add_done_callback(_close_opened)


def _close_opened(opening: "Future[TimedConnection]") -> None:
    if not opening.exception():
        opening.result().close()


@dataclass(slots=True)
class Silence:
    """Whether the database has stopped answering, as far as any pool of this process knows."""

    since: float = 0.0
    """When an answer did not come: connections opened before may lead to a host that is gone."""
    answered_at: float = 0.0
    """When the database last answered. Both in monotonic seconds."""

    def deadline(self, wanted: float) -> float:
        """Return how long to wait for an answer: only briefly after one did not come."""
        is_silent = self.since > self.answered_at
        return min(wanted, time.monotonic() + _SILENT_PATIENCE_S) if is_silent else wanted


class Pool:
    """A limited number of connections, opened when they are needed. Safe to share between threads."""

    def __init__(self, url: str, size: int, options: str = "", silence: Silence | None = None) -> None:
        """Nothing is opened yet. Pools of one database share ``silence``."""
        self._silence = silence or Silence()
        self._address = Address(url, options)
        self._free: queue.LifoQueue[_Slot] = queue.LifoQueue()  # so that few connections are opened
        self._slots = [_Slot() for _ in range(size)]
        for slot in self._slots:
            self._free.put(slot)
        self.trips = 0
        """How many round trips were made, not counting connecting."""
        self.answered_at = 0.0
        """When the database last answered, in monotonic seconds."""
        self.has_failed = False
        """True when it has not answered since a connection was lost."""
        self.is_full = False
        """True after the database has said that its disk is full, until a check finds room again."""
        self._renewed_at = 0.0
        self._is_closed = False

    @contextmanager
    def connection(self, deadline: float, *, is_probe: bool = False) -> Iterator[TimedConnection]:
        """
        Lend a connection, for calls that end by ``deadline``. An open transaction is rolled back.

        While the database is silent, only a probe waits that long: a request that waits twice would be late.

        Raises:
            Busy: All of them are lent out for too long.
            Lost: The database cannot be reached.
        """
        deadline = deadline if is_probe else self._silence.deadline(deadline)
        slot = self._take(deadline)
        try:
            if slot.opened_at < max(self._silence.since, self._renewed_at):
                slot.close()
            connection = slot.lend(self._address, deadline)
            connection.deadline = deadline
            before = connection.trips
            try:
                yield connection
                self.answered_at, self.has_failed = time.monotonic(), False
                self._silence.answered_at = self.answered_at
            finally:
                self.trips += connection.trips - before
                _end(slot, connection)
                if self._is_closed:
                    slot.close()
        except Lost as lost:
            self.has_failed = True
            if lost.is_late:
                self._silence.since = time.monotonic()
            raise
        except StatementRefused as refused:
            self._silence.answered_at = time.monotonic()
            self.is_full = self.is_full or refused.sqlstate == _DISK_FULL
            if refused.sqlstate == _READ_ONLY:
                self.renew()
            raise
        finally:
            self._free.put(slot)

    def renew(self) -> None:
        """Reopen every connection before it is lent again: one that was opened read-only stays so."""
        self._renewed_at = time.monotonic()

    def _take(self, deadline: float) -> _Slot:
        try:
            return self._free.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise Busy from None

    def ask(self, *steps: Step, is_probe: bool = False) -> list[list[Row]]:
        """
        Run steps that change nothing, in one round trip; retry if a connection proves to be dead.

        Raises:
            StoreFailure, Busy: As ``sentence_for`` says.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self.connection(deadline, is_probe=is_probe) as connection:
                    return connection.ask(*steps)
            except Lost as lost:
                if lost.is_final or time.monotonic() > deadline:
                    raise sentence_for(lost) from None
            except StatementRefused as refused:
                raise sentence_for(refused) from None

    def has_room(self) -> bool:
        """
        Find out whether the disk has room by writing something, which is undone at once.

        Raises:
            StoreFailure, Busy: As ``sentence_for`` says, for what is not about room.
        """
        try:
            with self.connection(time.monotonic() + PATIENCE_S) as connection:
                connection.ask(("begin_change", None), ("fill_room", {"filling": bytes(_ROOM_BYTES)}))
        except StatementRefused as refused:
            if refused.sqlstate != _DISK_FULL:
                raise sentence_for(refused) from None
            return False
        except Lost as lost:
            raise sentence_for(lost) from None
        self.is_full = False
        return True

    def close(self) -> None:
        """Close what is open; what is lent out is closed when it is returned."""
        self._is_closed = True
        for slot in self._slots:
            slot.end()


def _begun(connect: Callable[[], TimedConnection]) -> "Future[TimedConnection]":
    """Start to connect on another thread."""
    future: Future[TimedConnection] = Future()

    def work() -> None:
        try:
            future.set_result(connect())
        except Lost as lost:
            future.set_exception(lost)

    threading.Thread(target=work, name="postgres-connect", daemon=True).start()
    return future


def _end(slot: _Slot, connection: TimedConnection) -> None:
    """Clean up after a borrower."""
    if not connection.closed and connection.is_in_transaction:
        try:
            connection.ask(("rollback", None))
        except (Lost, StatementRefused):
            connection.close()
    if connection.closed:
        slot.connection = None


class Address:
    """Where the database is. Of several hosts, the one that answered last is tried first."""

    def __init__(self, url: str, options: str = "") -> None:
        """``options`` are added to each session. Raises ``SettingsError`` without the address."""
        try:
            given = _with_defaults(url, options)
            self._hosts = [conninfo.make_conninfo("", **one) for one in _each_host(given)]
        except psycopg.ProgrammingError:  # it repeats what it cannot read, which may be the password
            raise SettingsError(
                "The address of the database cannot be read.",
                "Write postgresql://ROLE:PASSWORD@HOST:5432/DATABASE; in the password write % as %25, / as "
                "%2F, # as %23 and @ as %40.",
            ) from None

    def connect(self) -> TimedConnection:
        """Open one connection. Raises ``Lost`` if that fails; its text contains no password."""
        failures: list[psycopg.Error] = []
        for host in self._hosts:
            try:
                connection = TimedConnection.connect(host, autocommit=True, prepare_threshold=0)
            except psycopg.Error as error:
                failures.append(error)
                continue
            if failures:
                # A silent host costs 2 s each time: more than a person waits.
                self._hosts = [host, *(one for one in self._hosts if one != host)]
            connection.prepared_max = 200
            return connection
        is_late = any(isinstance(error, psycopg.errors.ConnectionTimeout) for error in failures)
        raise Lost(_first_line(failures[-1]), is_late=is_late, is_unreachable=True)


def _with_defaults(url: str, options: str) -> dict[str, Any]:
    """Add what every connection is opened with to an address."""
    given = {name: value for name, value in conninfo.conninfo_to_dict(url).items() if value is not None}
    if given.get("target_session_attrs") == "read-write":
        # Sessions that only read would find no host, and a read-only primary has its own message.
        given["target_session_attrs"] = "primary"
    return {
        "connect_timeout": _CONNECT_S,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
        "application_name": "quaymaster",
        **given,
        "options": f"{_OPTIONS} {options} {given.get('options') or ''}".strip(),
    }


def _each_host(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Split an address with several hosts into one for each; psycopg reports what does not match."""
    lists = {name: str(given[name]).split(",") for name in ("host", "hostaddr", "port") if name in given}
    count = max(map(len, lists.values()), default=1)
    if any(len(values) not in (1, count) for values in lists.values()):
        return [dict(given)]
    return [
        {**given, **{name: values[at % len(values)] for name, values in lists.items()}} for at in range(count)
    ]


def _first_line(error: psycopg.Error) -> str:
    """Return libpq's message without hosts: they may be private, and the log has its own line."""
    lines = str(error).strip().splitlines() or [""]
    line = next((one for one in lines if "failed: " in one), lines[-1])
    return line.rpartition("failed: ")[2].removeprefix("FATAL:").strip() or type(error).__name__


def sentence_for(error: Lost | StatementRefused) -> Exception:
    """Return the error that a person sees."""
    if isinstance(error, Lost):
        if error.is_late:
            return StoreFailure("The database does not answer.", _ADVICE)
        return StoreFailure("The database cannot be reached.", _ADVICE)
    make = _SENTENCES.get(error.sqlstate, _other)
    return make(error)


def _other(error: StatementRefused) -> Exception:
    log.error("the database refused a statement: %s", error.sqlstate)
    return StoreFailure(f"The database rejected the request ({error.sqlstate}).", _ADVICE)


_SENTENCES: Mapping[str, Callable[[StatementRefused], Exception]] = {
    _DISK_FULL: lambda _: StoreFull(),
    _READ_ONLY: lambda _: StoreReadOnly("The database is not accepting changes right now.", _ADVICE),
    "55P03": lambda _: Busy(),
    "57014": lambda _: StoreFailure("The database is taking too long.", _ADVICE),
    "40001": lambda _: Busy(),
    "40P01": lambda _: Busy(),
    "22021": lambda _: InvalidInput("That text contains characters that cannot be stored.", "Type it again."),
    "22P05": lambda _: InvalidInput("That text contains characters that cannot be stored.", "Type it again."),
}
