"""Values for the store's tests, and ways to look at what a store holds."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bot.core.audit import BEFORE_THE_FIRST, AuditEntry, Event, Result, chain_hash, event_fields
from bot.core.integrations.credentials import (
    former_context,
    management_context,
    prepared_context,
    seal_context,
)
from bot.core.model import (
    Check,
    Dependency,
    FormerCredential,
    Health,
    Integration,
    Outcome,
    PreparedCredential,
    Refused,
    Server,
    Source,
    Stage,
    Target,
    TargetKind,
    Watch,
    Workspace,
    new_id,
)
from bot.core.ports.store import Change, Store
from bot.core.queries import Filter, HistoryQuery, Window
from bot.core.secrets import SealContext, Sealed, Secret
from storage.sealing import Keyring
from storage.tinydb.durable_files import Disk
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import QuickDisk

ROOT = bytes(range(32))
SECOND_ROOT = bytes(range(1, 33))
KEYRING = Keyring([ROOT])
T1 = Workspace("T1")
T2 = Workspace("T2", "E1")
NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
PROJECT = Target(TargetKind.PROJECT, "web")
ENVIRONMENT = Target(TargetKind.ENVIRONMENT, "production")
IMAGE = Target(TargetKind.IMAGE, "team/app")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


def integration(name: str = "my_registry", kind: str = "private", workspace: Workspace = T1) -> Integration:
    """An integration with a sealed password."""
    made = Integration(
        id=new_id(),
        name=name,
        kind=kind,
        server=Server("https", "registry.example.com", 5000),
        username="ci",
        secret=None,
        owner="U1",
        created_at=NOON,
        created_by="U1",
        updated_at=NOON,
    )
    return sealed(made, workspace=workspace)


def sealed(
    one: Integration, password: str = PASSWORD, keyring: Keyring = KEYRING, workspace: Workspace = T1
) -> Integration:
    """An integration with a password that is sealed for it."""
    secret = keyring.seal(seal_context(workspace, one), {"password": Secret(password)})
    return replace(one, secret=secret)


def full_integration() -> Integration:
    """An integration in which no field has its default."""
    full = replace(
        integration("everything"),
        options={"email": "ci@example.com"},
        ca="-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n",
        check=Check(Outcome.REJECTED, Stage.LOGIN, "The registry refused “ci”.", NOON, "U2", Refused.LOGIN),
        trusted_realms=("https://auth.example.com",),
        linked_only=True,
        is_default=True,
        note="Ask the platform team first.",
        ends_on=date(2027, 1, 31),
        watch=Watch(Health.REFUSED, NOON, Health.UNREACHABLE, NOON, Health.REFUSED, 3, NOON, NOON, True),
    )
    kept = FormerCredential(
        _whole(former_context(T1, full)),
        3,
        NOON,
        "U3",
        NOON,
        True,
        date(2026, 5, 5),
        NOON,
        "robot-3",
        NOON,
        NOON,
        True,
    )
    asked = PreparedCredential("robot-5", NOON, "U4", _whole(prepared_context(T1, full)), True, 2, NOON)
    full = replace(full, former=kept, prepared=asked, credential_number=4, made_as="robot-4")
    managed = _whole(management_context(T1, full))
    return sealed(
        replace(
            full,
            management=managed,
            rotate_every_days=90,
            rotation_tried_at=NOON,
            rotation_trouble="AWS allows no more.",
            credential_since=NOON,
            registry_ends=NOON,
            end_asked_at=NOON,
        )
    )


def _whole(context: SealContext) -> Sealed:
    """A login that is sealed as one record."""
    return KEYRING.seal(context, {"username": Secret("before"), "secret password": Secret(PASSWORD)})


def dependency(of: Integration, target: Target = PROJECT) -> Dependency:
    """A dependency of a target."""
    return Dependency(of.id, target, added_by="U1", added_at=NOON)


def full_dependency(of: Integration) -> Dependency:
    """A dependency in which no field has its default."""
    url = "https://ci.example.com/s"
    return Dependency(of.id, IMAGE, "U2", NOON, Source.WORKFLOW, url, NOON, "U3", 4, swept_at=NOON)


def full_event(of: Integration) -> Event:
    """An event in which no field has its default."""
    return Event(
        "integration.edit",
        "U1",
        Source.WORKFLOW,
        NOON,
        of.id,
        of.name,
        "in words",
        Result.REFUSED,
        "r1",
        "former",
        "ghcr.io",
        PROJECT,
        "Ab3dEf7h",
        ("server", "note"),
        "not yours",
        "U2",
        7,
        NOON,
    )


def event(
    of: Integration | None = None, action: str = "integration.add", result: Result = Result.DONE
) -> Event:
    """Something that happened."""
    return Event(
        action,
        "U1",
        Source.SLACK,
        NOON,
        of.id if of else None,
        of.name if of else "",
        "in words",
        result,
        "r1",
    )


def add(store: Store, *added: Integration, workspace: Workspace = T1) -> None:
    """Keep integrations, each with its audit entry, in one change."""
    with store.change(workspace) as change:
        add_in(change, *added)


def add_in(change: Change, *added: Integration) -> None:
    """Keep integrations with their audit entries in a change that is under way."""
    for one in added:
        change.put(one)
        change.record(event(one))


def delete(store: Store, deleted: Integration, workspace: Workspace = T1) -> None:
    """Delete an integration, with its audit entry."""
    with store.change(workspace) as change:
        change.remove(deleted)
        change.record(event(deleted, "integration.delete"))


def link(store: Store, *links: Dependency, workspace: Workspace = T1) -> None:
    """Keep dependencies in one change."""
    with store.change(workspace) as change:
        for one in links:
            change.put(one)


def record(store: Store, count: int, workspace: Workspace = T1) -> None:
    """Append to the history, 50 entries a change."""
    for start in range(0, count, 50):
        with store.change(workspace) as change:
            for _ in range(min(50, count - start)):
                change.record(event(action="integration.test"))


def names(store: Store, workspace: Workspace = T1) -> list[str]:
    """The names of all integrations, a page after the other."""
    found: list[str] = []
    integrations = store.read(workspace).integrations
    page = integrations.page(Filter(), Window())
    while page.rows:
        found += [row.integration.name for row in page.rows]
        if not page.has_next:
            break
        page = integrations.page(Filter(), Window(after=page.rows[-1].integration.key))
    return found


def whole_history(store: Store, about: str | None = None, workspace: Workspace = T1) -> list[AuditEntry]:
    """All audit entries, newest first, a page after the other."""
    history = store.read(workspace).history
    page = history.page(HistoryQuery(about=about))
    found = list(page.entries)
    while page.older is not None:
        page = history.page(HistoryQuery(about=about, before=page.older))
        found += page.entries
    return found


def chain(entries: list[AuditEntry], workspace: Workspace = T1) -> list[str]:
    """What the hashes of entries, oldest first, ought to be."""
    hashes = [BEFORE_THE_FIRST]
    for entry in entries:
        fields = {**event_fields(entry.event), "seq": entry.sequence, "workspace": workspace.key}
        hashes.append(chain_hash(hashes[-1], fields))
    return hashes[1:]


def opened(directory: Path, disk: Disk | None = None) -> TinyDBStore:
    """The store of a directory, on a disk without a ballast unless another is given."""
    return TinyDBStore(directory, KEYRING, disk=disk or QuickDisk())


def only_integration(store: TinyDBStore) -> Integration:
    """The one integration of the first workspace."""
    return next(store.read(T1).integrations.all())


def contents(directory: Path) -> dict[str, bytes]:
    """Every file of a directory and those below it, but the ballast and the lock."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in files
        if path.name not in (".reserve", ".lock")
    }


def password_of(store: Store, one: Integration, keyring: Keyring = KEYRING) -> str:
    """The password of an integration, as the store has it now."""
    kept = store.read(T1).integrations.get(one.id)
    assert kept is not None
    assert kept.secret is not None
    return keyring.open(seal_context(T1, kept), kept.secret)["password"].reveal()
