"""A real PostgreSQL server (Debian's ``postgresql``), started by the tests on a free port, every flush real.

Tests that use one are marked ``@pytest.mark.needs("postgres")``. The server runs as ``nobody``, because it
refuses to run as root. One server serves the whole run; a test that stops or pauses one starts its own with
``running``. A ``conftest.py`` takes the fixtures over by importing them.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from storage.postgres.migrations import migrate

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))[-1:]
"""The newest installed server: Debian puts it beside, not on, the PATH."""
NOBODY = 65534
ADMIN, OWNER, SERVER_ROLE = "admin", "owner", "quaymaster"
"""Who may do everything, who owns the tables, and whom the server connects as."""

TABLES = (
    *(
        "news",
        "settings",
        "requests",
        "fetch_hours",
        "audit",
        "bars",
        "dependencies",
        "tokens",
        "integrations",
    ),
    *("workspaces", "keys", "seen_signatures", "installations", "oauth_states", "replicas", "rates", "room"),
)
"""All that hold rows, those that refer to others before them."""

_numbers = count(1)


@dataclass
class RealPostgres:
    """A server that runs."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def url(self, database: str, role: str = SERVER_ROLE) -> str:
        """The address of a database."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [str(POSTGRES[0]), "-D", str(self.folder / "data"), "-p", str(self.port), *self.options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, **as_nobody(), stdout=subprocess.DEVNULL, stderr=log)
        self.wait()

    def wait(self) -> None:
        """Wait until it answers."""
        ready = [str(POSTGRES[0].with_name("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + 20
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it at once, as a crash would; its data stay."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    def kill(self) -> None:
        """End every one of its processes at once, as when its machine goes down."""
        assert self.process
        self._signal_all(signal.SIGKILL)
        self.process.wait(20)
        self.process = None

    def pause(self) -> None:
        """Let every one of its processes stand still."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, how: signal.Signals) -> None:
        assert self.process
        parent = self.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for pid in (parent, *map(int, children)):
            os.kill(pid, how)

    def promote(self) -> None:
        """Let a standby take changes from now on."""
        assert self.sql("select pg_promote()", role=ADMIN) == "t"

    def sql(self, text: str, database: str = "postgres", role: str = OWNER) -> str:
        """Let a role do something, and give what it answers."""
        command = [str(POSTGRES[0].with_name("psql")), "-Atq", "-v", "ON_ERROR_STOP=1", "-c", text]
        environment = {**os.environ, "PGOPTIONS": "-c default_transaction_read_only=off"}
        done = subprocess.run(
            [*command, self.url(database, role)], check=False, capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def new_database(self, template: str = "template1") -> str:
        """Make a database that nobody used, owned by ``OWNER``."""
        name = f"test{next(_numbers)}"
        self.sql(f"create database {name} owner {OWNER} template {template}")
        return name


def as_nobody() -> dict[str, int]:
    """How a process gives root's rights up, where it has them."""
    return {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}


@contextmanager
def running(*options: str, log_file_mb: int = 16) -> Iterator[RealPostgres]:
    """
    Run an empty server with the two roles.

    Args:
        options: Further ones of the server's command line.
        log_file_mb: The size of each file of the write-ahead log.
    """
    made = ["initdb", "--no-sync", "-U", ADMIN, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
    made.append(f"--wal-segsize={log_file_mb}")
    with _started(made, options) as server:
        server.sql(f"create role {OWNER} login createdb; create role {SERVER_ROLE} login", role=ADMIN)
        yield server


@contextmanager
def standby_of(primary: RealPostgres) -> Iterator[RealPostgres]:
    """Run a standby of a server, which from then on acknowledges nothing that the standby does not have."""
    copied = ["pg_basebackup", "--no-sync", "-d", primary.url("", ADMIN), "-R", "-c", "fast"]
    with _started(copied) as server:
        primary.sql("alter system set synchronous_standby_names = '*'", role=ADMIN)
        primary.sql("select pg_reload_conf()", role=ADMIN)
        yield server


@contextmanager
def _started(making: Sequence[str], options: Sequence[str] = ()) -> Iterator[RealPostgres]:
    """Run a server whose data a program of PostgreSQL's makes."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        program, *arguments = making
        command = [str(POSTGRES[0].with_name(program)), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **as_nobody())
        server = RealPostgres(folder, free_port(), ("-k", str(folder), "-h", "127.0.0.1", *options))
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgres() -> Iterator[RealPostgres]:
    """The server of the whole run."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: RealPostgres) -> str:
    """A database with the schema, which ``SERVER_ROLE`` may use and not change."""
    name = postgres.new_database()
    with psycopg.connect(postgres.url(name, OWNER), autocommit=True) as connection:
        migrate(connection, grant_to=SERVER_ROLE)
    return name


@pytest.fixture
def database(postgres: RealPostgres, migrated: str) -> str:
    """That database, emptied: quicker than a new one."""
    with psycopg.connect(postgres.url(migrated, ADMIN), autocommit=True) as connection:
        for table in TABLES:
            connection.execute(sql.SQL("delete from quaymaster.{}").format(sql.Identifier(table)))
    return migrated
