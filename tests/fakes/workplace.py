"""A Quaymaster that pipelines can reach: the real store, keyring, registry client and web server, no Slack.

``Workplace`` also holds the people's side: add, link, delete, make and revoke tokens, by the operations that
the Slack commands call.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from bot.core.audit import AuditEntry
from bot.core.integrations.credentials import rebind_credential
from bot.core.integrations.deletions import LeftBehind, delete_integration
from bot.core.integrations.dependencies import link_target, unlink_target
from bot.core.integrations.edits import Sharing, edit_integration, plan_edit
from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Actor, Integration, Role, Target, TargetKind, Workspace
from bot.core.ports import Ports
from bot.core.ports.registry import Registry
from bot.core.queries import HistoryQuery
from bot.core.workflows.tokens import create_token, revoke_token
from bot.registry.capacity import CappedRegistry
from bot.registry.client import RegistryClient
from bot.registry.kind_table import GROUPS, KINDS
from bot.services import Services
from bot.web.api.routing import WORKFLOWS_PATH, Rates, workflow_api
from bot.web.health import health_page
from bot.web.server import WebServer, dispatcher
from storage.sealing import Keyring
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import QuickDisk

ACME = Workspace("T1")
OTHER = Workspace("T2")
WEB_SHOP = Target(TargetKind.PROJECT, "web-shop")
PRODUCTION = Target(TargetKind.ENVIRONMENT, "production")
USERNAME = "ci"
PASSWORD = 'pa:ss"w$rd+ü<&>'
SERVER = "registry.example.com:5000"
FIELDS = {"url": f"https://{SERVER}", "username": USERNAME, "password": PASSWORD, "email": "ci@example.com"}


@dataclass(frozen=True)
class Answered:
    """What the API answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        """Status and code of an error; it is well formed."""
        assert self.json.keys() == {"code", "message", "hint"}
        return self.status, self.json["code"]


class Workplace:
    """A store with its services, and what people do to it."""

    def __init__(self, folder: Path, registry: Registry | None = None, rates: Rates | None = None) -> None:
        self.at: datetime | None = None
        """The time; ``None`` = the real one."""
        self.keyring = Keyring([bytes(range(32))])
        self.store = TinyDBStore(folder, self.keyring, disk=QuickDisk())
        self.rates = rates or Rates()
        self.services = Services(
            ports=Ports(
                self.store,
                self.keyring,
                CappedRegistry(registry or RegistryClient(KINDS, ())),
                self.now,
            ),
            kinds=KINDS,
            groups=GROUPS,
            people=cast(Any, None),
            executor=cast(Any, None),
            replies=cast(Any, None),
            slack=cast(Any, None),
        )
        self.api = workflow_api(self.services, self.rates)

    def ask(self, path: str, token: str | None = None, **environ: str) -> Answered:
        """
        Ask the API as a web server would, without one.

        Args:
            path: Path and query.
            token: For the ``Authorization`` header.
            environ: Further WSGI variables; they win.
        """
        place, _, query = path.partition("?")
        given = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": place,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "192.0.2.1",
        }
        if token is not None:
            given["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        started: list[Any] = []
        body = self.api({**given, **environ}, lambda *started_with: started.extend(started_with))
        return Answered(int(started[0].split()[0]), dict(started[1]), b"".join(body))

    def now(self) -> datetime:
        """The time, in UTC."""
        return self.at or datetime.now(UTC)

    def actor(self, workspace: Workspace = ACME, user_id: str = "U1") -> Actor:
        """An admin."""
        return Actor(workspace, user_id, Role.ADMIN, self.now())

    def add(
        self, name: str = "my_registry", kind: str = "private", workspace: Workspace = ACME, **fields: str
    ) -> Integration:
        """Add an integration, unchecked. Without fields, ``FIELDS``; those given replace them."""
        typed: Mapping[str, str] = {**FIELDS, **fields} if kind == "private" else fields
        draft = read_draft(KINDS[kind], name, typed)
        add_integration(self.services.ports, self.actor(workspace), draft, is_checked=False)
        return self.named(name, workspace)

    def named(self, name: str, workspace: Workspace = ACME) -> Integration:
        """The integration with this name."""
        found = self.store.read(workspace).integrations.named(name)
        assert found is not None
        return found

    def mark(self, name: str, **changes: bool) -> None:
        """Tick ``linked_only`` or ``is_default``, as the form of ``edit`` does."""
        with self.store.change(ACME) as change:
            known = self.named(name)
            marked = replace(known, **cast(Any, changes))
            change.put(rebind_credential(self.services.ports.keyring, ACME, known, marked))

    def rename(self, name: str, new: str) -> None:
        """Give an integration another name; everything else stays."""
        known = self.named(name)
        draft = read_draft(KINDS[known.kind], new, {**FIELDS, "password": ""}, keeps_secret=True)
        sharing = Sharing(is_default=known.is_default, linked_only=known.linked_only)
        ports = self.services.ports
        plan = plan_edit(ports, self.actor(), known.id)
        edit_integration(ports, self.actor(), plan, draft, sharing, is_checked=False)

    def link(self, name: str, target: Target = WEB_SHOP) -> None:
        """Link a target to an integration."""
        link_target(self.services.ports, self.actor(), name, target, is_sure=True)

    def delete(self, name: str) -> None:
        """Delete an integration, and what depends on it first."""
        known = self.named(name)
        for row in self.store.read(ACME).dependencies.page(known.id, 0, 100).rows:
            unlink_target(self.services.ports, self.actor(), known.id, row.target)
        done = delete_integration(self.services.ports, self.actor(), known.id, known.version)
        assert isinstance(done, LeftBehind)

    def token(
        self, target: Target = WEB_SHOP, workspace: Workspace = ACME, *, days: int = 90, ago: int = 0
    ) -> str:
        """Have another admin than the integrations' owner make a token, ``ago`` days ago."""
        actor = replace(self.actor(workspace, "U0ADMIN"), at=self.now() - timedelta(days=ago))
        return create_token(self.services.ports, actor, target, days)[0].reveal()

    def revoke(self, token: str) -> None:
        """Revoke a token."""
        revoke_token(self.services.ports, self.actor(), token[3:11])

    def history(self, action: str | None = None) -> list[AuditEntry]:
        """The newest entries, newest first; only those of an action if one is given."""
        entries = self.store.read(ACME).history.page(HistoryQuery(size=100)).entries
        return [entry for entry in entries if action in (None, entry.event.action)]

    def targets_of(self, name: str) -> list[str]:
        """What depends on an integration."""
        rows = self.store.read(ACME).dependencies.page(self.named(name).id, 0, 100).rows
        return [row.target.name for row in rows]


@contextmanager
def serving(place: Workplace) -> Iterator[str]:
    """Serve a workplace on a free port of 127.0.0.1; gives its URL."""
    mounts = {"/healthz": health_page(place.store.health), WORKFLOWS_PATH: place.api}
    server = WebServer(dispatcher(mounts), "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.stop()
        thread.join(10)
        server.close()


@contextmanager
def workplace(
    folder: Path, registry: Registry | None = None, rates: Rates | None = None
) -> Iterator[Workplace]:
    """Open a workplace in a folder."""
    place = Workplace(folder, registry, rates)
    try:
        yield place
    finally:
        place.store.close()


def lines(entries: Iterable[AuditEntry]) -> list[str]:
    """What history says of entries, without times."""
    return [
        f"{entry.event.actor} {entry.event.action} {entry.event.name} {entry.event.detail}"
        for entry in entries
    ]
