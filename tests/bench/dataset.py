"""Data directories to measure with: a team with many integrations, named and mixed as teams do it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from bot.core.audit import Action, Event, event
from bot.core.integrations.credentials import seal_context
from bot.core.model import (
    Actor,
    Dependency,
    Integration,
    Role,
    Server,
    Target,
    TargetKind,
    WorkflowToken,
    Workspace,
    new_id,
)
from bot.core.ports.store import Store
from bot.core.secrets import Secret, hash_of, new_token, public_id
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
LARGE = 10_000
"""As many integrations as the embedded store is meant for."""
RECENT = 500
"""So many entries are about 20 integrations, the ones before them about all in turn."""
GONE = "long_gone"
"""What the first entries are about."""
EACH_CHANGE = 250
"""Entries; so many go to the archive at once."""


class Shape(NamedTuple):
    """What a data directory holds."""

    count: int
    """Of integrations."""
    with_tokens: bool = False
    """True: a token for each integration, speaking for the project of its name."""
    targets: int = 0
    """That depend on each integration; none = two on every third."""
    history: int = RECENT


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


def dataset(folder: Path, shape: Shape) -> Dataset:
    """Make a data directory."""
    folder.mkdir(mode=0o700)
    keys = folder / "keys"
    keys.touch(mode=0o600)
    keys.write_text(f"{new_key()}\n")
    keyring = Keyring(read_keys_file(keys))
    made = tuple(integration(number, keyring) for number in range(shape.count))
    tokens = tuple(new_token() for _ in made) if shape.with_tokens else ()
    store = TinyDBStore(folder / "data", keyring)
    try:
        with store.change(HOME) as change:
            for value in (*made, *dependencies(made, shape.targets)):
                change.put(value)
            for text, one in zip(tokens, made, strict=False):
                change.put(token(text, one))
        record(store, events(made, shape.history))
    finally:
        store.close()
    return Dataset(folder / "data", keys, made, tokens)


def record(store: Store, history: Iterator[Event]) -> None:
    """Record a history, some entries a change."""
    while some := list(islice(history, EACH_CHANGE)):
        with store.change(HOME) as change:
            for each in some:
                change.record(each)


def events(made: Sequence[Integration], count: int) -> Iterator[Event]:
    """What happened, the oldest first: something that is gone, then all in turn, then a few."""
    gone = replace(made[0], id=new_id(), name=GONE)
    yield event(OWNER, Action.ADD, gone)
    yield event(OWNER, Action.DELETE, gone)
    for number in range(count - 2):
        some = made if number < count - RECENT else made[:20]
        yield event(OWNER, Action.EDIT, some[number % len(some)])


def integration(number: int, keyring: Keyring) -> Integration:
    """One integration; half of the names begin with ``my_``."""
    kind = MIX[number % len(MIX)]
    prefix = "my" if number // len(MIX) % 2 == 0 else "ci"
    made = Integration(
        id=new_id(),
        name=f"{prefix}_{GROUPS[number // 7 % len(GROUPS)]}_{number:05d}",
        kind=kind,
        server=Server("https", f"r{number:05d}.registry.example.com"),
        username="ci",
        secret=None,
        owner=f"U0BENCH{number % 20:02d}",
        created_at=SINCE,
        created_by=OWNER.user_id,
        updated_at=SINCE,
    )
    secret = keyring.seal(seal_context(HOME, made), {"password": Secret(password(number))})
    return replace(made, secret=secret)


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
        created_by=one.owner,
        created_at=now,
        expires_at=now + timedelta(days=90),
    )


def dependencies(made: Sequence[Integration], targets: int) -> Iterator[Dependency]:
    """So many targets for each integration; or a project and an environment for every third."""
    for one in made if targets else made[::3]:
        for number in range(targets or 2):
            kind = TargetKind.ENVIRONMENT if number % 2 else TargetKind.PROJECT
            name = f"{one.name}{f'-{number // 2}' * (number > 1)}"
            url = f"https://ci.example.com/{kind.value}s/{name}/settings"
            target = Target(kind, name)
            linked = Dependency(one.id, target, one.owner, SINCE, settings_url=url, granted_by=one.owner)
            # Its pipelines have fetched it before: the very first time costs one more write, once.
            yield replace(linked, last_used_at=SINCE, fetched_by=one.owner, fetched_at=SINCE)
