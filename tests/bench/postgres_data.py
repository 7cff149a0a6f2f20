"""A PostgreSQL with 1,000,000 integrations in 10,000 workspaces, loaded by ``COPY``.

Ten workspaces have 10,000 integrations each, the others 90 or 91. On every third integration a project and an
environment depend, and the project has a token. Those workspaces that are asked have real seals; the others
have one integration's rows over and over, under other names.
"""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

import psycopg
from psycopg.types.json import Jsonb

from bot.core.audit import Action, AuditEntry, event
from bot.core.integrations.credentials import seal_context
from bot.core.model import Actor, Dependency, Integration, Role, Server, Target, TargetKind, Workspace
from bot.core.secrets import Secret, new_token
from storage.postgres.heads import end_of
from storage.postgres.migrations import migrate
from storage.postgres.rows import Parameters, entry_row
from storage.postgres.sealed_rows import SealedRows
from storage.records import Identities
from storage.sealing import Keyring, new_key, parse_keys
from tests.bench.dataset import OWNER as OF_BENCH
from tests.bench.dataset import SINCE, integration, password, token
from tests.bench.report import say
from tests.fakes.real_postgres import ADMIN, OWNER, SERVER_ROLE, RealPostgres, running

ALL, WORKSPACES, LARGE, OF_LARGE, OF_SMALL = 1_000_000, 10_000, 10, 10_000, 90
OPTIONS = ("shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=30min", "maintenance_work_mem=256MB")
_WS, _NUMBER = "TPLACEHOLDER", "77777777"
_AT_ONCE = 2_000
_HASH = "0" * 64

_COLUMNS = {
    "workspaces": "ws revision head_sequence head_hash head_kid head_seal",
    "integrations": "ws id name_key=key kind host port version created_at search owner marks ends_on doc",
    "dependencies": "ws integration=id target_kind target_name target_key last_used_at doc",
    "tokens": "ws id target_kind target_name target_key words created_at expires_at revoked_at last_used_at"
    " doc",
    "audit": "ws sequence at action is_done actor integration name_key former_key server target_kind"
    " target_name hash seal=entry_seal doc",
}
"""Of each table; ``column=parameter`` where the store calls it otherwise."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An integration of a workspace that is asked."""

    workspace: Workspace
    integration: Integration
    token: Secret
    is_linked: bool
    """True: two targets depend on it, and it has the token."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The database, and what may be asked of it."""

    server: RealPostgres
    database: str
    keyring: Keyring
    kept: tuple[Kept, ...]
    """Of each workspace with real seals the first, then of each the second, and so on."""

    @property
    def url(self) -> str:
        """As the server connects."""
        return self.server.url(self.database, SERVER_ROLE)

    @property
    def raw_url(self) -> str:
        """As one connects whom row-level security does not concern."""
        return self.server.url(self.database, ADMIN)


def sizes() -> Iterator[tuple[str, int]]:
    """Each workspace and how many integrations it has."""
    left = ALL - LARGE * OF_LARGE - (WORKSPACES - LARGE) * OF_SMALL
    for number in range(WORKSPACES):
        small = OF_SMALL + (LARGE <= number < LARGE + left)
        yield f"T{number:08d}", OF_LARGE if number < LARGE else small


@contextmanager
def scale(asked: Iterable[str]) -> Iterator[Scale]:
    """Load it, with real seals in these workspaces."""
    keyring = Keyring(parse_keys(new_key()))
    with running(*(part for one in OPTIONS for part in ("-c", one))) as server:
        database = server.new_database()
        with psycopg.connect(server.url(database, OWNER), autocommit=True) as connection:
            migrate(connection, grant_to=SERVER_ROLE)
        began = time.monotonic()
        with psycopg.connect(server.url(database, ADMIN), autocommit=True) as connection:
            connection.execute(
                "set session_replication_role = replica"
            )  # what is copied refers to what is there
            connection.execute("set synchronous_commit = off")
            connection.execute("set search_path = quaymaster")
            kept = tuple(_load(connection, keyring, frozenset(asked)))
            say(f"    loaded in {time.monotonic() - began:.0f} s")
            connection.execute("vacuum analyze")
            connection.execute("checkpoint")
        say(f"    ready in {time.monotonic() - began:.0f} s")
        yield Scale(server, database, keyring, kept)


def _load(connection: psycopg.Connection, keyring: Keyring, asked: frozenset[str]) -> Iterator[Kept]:
    """Copy everything, one table after the other; give what was sealed for real."""
    one = _integration(_NUMBER, Workspace(_WS), keyring)
    real = {
        ws: [_kept(ws, number, keyring) for number in range(count)] for ws, count in sizes() if ws in asked
    }
    for table, columns in _COLUMNS.items():
        alike = "".join(_lines(table, _rows(table, one, SealedRows(keyring, _WS))))
        names = (one.partition("=")[0] for one in columns.split())
        statement = f"copy {table} ({', '.join(names)}) from stdin"
        lines = (
            line
            for ws, count in sizes()
            for line in (
                [_end_of(ws, count, keyring)]
                if table == "workspaces"
                else _lines_of(table, SealedRows(keyring, ws), count, real.get(ws), alike)
            )
        )
        with connection.cursor() as cursor, cursor.copy(statement.encode()) as copying:
            while some := "".join(islice(lines, _AT_ONCE)):
                copying.write(some)
    for alike_numbered in zip(*real.values(), strict=False):
        yield from alike_numbered


def _lines_of(
    table: str, sealed: SealedRows, count: int, real: list[Kept] | None, alike: str
) -> Iterator[str]:
    """What ``COPY`` reads of one workspace: its own rows, or those that are alike under its numbers."""
    if real:
        for number, kept in enumerate(real):
            yield from _lines(table, _rows(table, kept.integration, sealed, number, kept.token))
    else:
        text = alike.replace(_WS, sealed.ws)
        for number in range(0, count, 3 if table in ("dependencies", "tokens") else 1):
            yield text.replace(_NUMBER, f"{number:08d}").replace("\tSEQUENCE\t", f"\t{number + 1}\t")


def _end_of(ws: str, count: int, keyring: Keyring) -> str:
    """The row of a workspace, whose history ends with an entry for each integration, signed."""
    signed = keyring.sign_file(end_of(ws, count, _HASH))
    return f"{ws}\t1\t{count}\t{_HASH}\t{keyring.primary}\t{signed}\n"


def _kept(ws: str, number: int, keyring: Keyring) -> Kept:
    workspace = Workspace(ws)
    one = _integration(f"{number:08d}", workspace, keyring)
    return Kept(workspace, one, new_token(), number % 3 == 0)


def _integration(number: str, workspace: Workspace, keyring: Keyring) -> Integration:
    """One whose identity and secret are sealed for its place, named by its number."""
    made = replace(
        integration(0, keyring),
        id=f"i{number}",
        name=f"my_alfa_{number}",
        server=Server("https", f"r{number}.registry.example.com"),
    )
    secret = keyring.seal(seal_context(workspace, made), {"password": Secret(password(0))})
    return Identities(keyring, workspace.key).sealed(replace(made, secret=secret))


def _rows(
    table: str, one: Integration, sealed: SealedRows, number: int | None = None, text: Secret | None = None
) -> list[Parameters]:
    """The rows that an integration has in a table; without a number they are those of any."""
    is_used = number is None or number % 3 == 0
    given = {"ws": sealed.ws}
    if table == "integrations":
        return [{**given, **sealed.written(one)}]
    if table == "dependencies" and is_used:
        return [{**given, **sealed.written(_dependency(one, kind))} for kind in list(TargetKind)[:2]]
    if table == "tokens" and is_used:
        row = sealed.written(token(text or new_token(), one))
        return [{**given, **row, "id": row["id"] if text else f"{sealed.ws}{_NUMBER}"}]
    if table == "audit":
        actor = Actor(Workspace(sealed.ws), OF_BENCH.user_id, Role.MEMBER, SINCE)
        entry = AuditEntry(1, event(actor, Action.ADD, one), _HASH, f"key.{'0' * 64}")
        sequence = "SEQUENCE" if number is None else number + 1
        return [{**given, **entry_row(entry), "id": one.id, "sequence": sequence}]
    return []


def _dependency(one: Integration, kind: TargetKind) -> Dependency:
    target = Target(kind, one.name)
    return Dependency(one.id, target, OF_BENCH.user_id, SINCE, granted_by=OF_BENCH.user_id)


def _lines(table: str, rows: list[Parameters]) -> Iterator[str]:
    """Rows as ``COPY`` reads them."""
    names = [one.rpartition("=")[2] for one in _COLUMNS[table].split()]
    for row in rows:
        yield "\t".join(_copied(row[name]) for name in names) + "\n"


def _copied(value: object) -> str:
    """A value as ``COPY`` reads it."""
    if value is None:
        return "\\N"
    if isinstance(value, list):
        return f"{{{','.join(value)}}}"
    text = json.dumps(value.obj) if isinstance(value, Jsonb) else str(value)
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
