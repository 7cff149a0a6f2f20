"""Data directories to measure with: a team with many integrations, named and mixed as teams do it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.core.audit import event
from bot.core.model import (
    Actor,
    Dependency,
    Integration,
    Role,
    Server,
    Target,
    TargetKind,
    Workspace,
    new_id,
)
from bot.core.ports.former_store import Transaction
from bot.core.secrets import Place, Secret
from bot.core.workflows.token_format import WorkflowToken, hash_of, new_token, public_id
from bot.registry.kind_table import KINDS
from storage.sealing import Keyring, new_key, read_keys_file
from storage.tinydb.tinydb_store import TinyDBStore
from tests.fakes.people import TEAM

HOME = Workspace(TEAM)
SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC)
OWNER = Actor(HOME, "U0BENCH00", Role.MEMBER, SINCE)
MIX = ("private", "private", "docker-hub", "private", "ecr", "quay", "private", "docker-hub", "gcr", "harbor")
GROUPS = ("alfa", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo")
GROUPS += ("lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform")
HISTORY = 500
"""Entries in the workspace's file; older ones would be in the archive."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data directory, and the file with its key."""

    directory: Path
    keys: Path
    integrations: tuple[Integration, ...]
    tokens: tuple[Secret, ...]
    """One for each integration, speaking for a project that is named like it; or none."""

    def matches(self, group: str, word: str) -> int:
        """How many integrations a filter lets through, counted the plain way."""
        kinds = {kind.id for kind in KINDS.values() if kind.group == group}
        return sum(one.kind in kinds and word in one.name for one in self.integrations)


def dataset(folder: Path, count: int, *, with_tokens: bool = False) -> Dataset:
    """Make a data directory with so many integrations, and as many workflow tokens or none."""
    folder.mkdir(mode=0o700)
    keys = folder / "keys"
    keys.touch(mode=0o600)
    keys.write_text(f"{new_key()}\n")
    keyring = Keyring(read_keys_file(keys))
    made = tuple(integration(number, keyring) for number in range(count))
    tokens = tuple(new_token() for _ in made) if with_tokens else ()
    store = TinyDBStore(folder / "data", keyring)
    try:
        with store.transaction(HOME) as change:
            fill(change, made)
            for text, one in zip(tokens, made, strict=False):
                change.put_token(token(text, one))
    finally:
        store.close()
    return Dataset(folder / "data", keys, made, tokens)


def fill(change: Transaction, made: tuple[Integration, ...]) -> None:
    """Put everything into one change, with the history of the newest."""
    for one in made:
        change.put_integration(one)
    for one in made[::3]:
        for dependency in dependencies(one):
            change.put_dependency(dependency)
    for one in made[-HISTORY:]:
        change.record(event(OWNER, "integration.add", one, "not checked"))


def integration(number: int, keyring: Keyring) -> Integration:
    """One integration; half of the names begin with ``my_``."""
    kind = MIX[number % len(MIX)]
    prefix = "my" if number // len(MIX) % 2 == 0 else "ci"
    integration_id = new_id()
    credential = {"password": Secret(password(number))}
    return Integration(
        id=integration_id,
        name=f"{prefix}_{GROUPS[number // 7 % len(GROUPS)]}_{number:05d}",
        kind=kind,
        server=Server("https", f"r{number:05d}.registry.example.com"),
        username="ci",
        secret=keyring.seal(Place(HOME.key, integration_id), credential),
        owner=f"U0BENCH{number % 20:02d}",
        created_at=SINCE,
        created_by=OWNER.user_id,
        updated_at=SINCE,
    )


def password(number: int) -> str:
    """The password of an integration, by its place among all."""
    return f"dckr_pat_{number:027d}"


def token(text: Secret, one: Integration) -> WorkflowToken:
    """What is kept of a token for the project of an integration."""
    now = datetime.now(UTC)
    return WorkflowToken(
        id=public_id(text.reveal()) or "",
        sha256=hash_of(text),
        target=Target(TargetKind.PROJECT, one.name),
        created_by=OWNER.user_id,
        created_at=now,
        expires_at=now + timedelta(days=90),
    )


def dependencies(one: Integration) -> Iterator[Dependency]:
    """A project and an environment that use an integration."""
    for kind in (TargetKind.PROJECT, TargetKind.ENVIRONMENT):
        url = f"https://ci.example.com/{kind.value}s/{one.name}/settings"
        yield Dependency(one.id, Target(kind, one.name), OWNER.user_id, SINCE, settings_url=url)
