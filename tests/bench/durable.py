"""A durable add, against a file of the same size that is written, flushed and renamed by hand."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median

from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Actor, Role
from bot.registry.client import RegistryClient
from bot.registry.kind_table import KINDS
from storage.sealing import Keyring, read_keys_file
from storage.tinydb.tinydb_store import TinyDBStore
from tests.bench.bench import Bench
from tests.bench.dataset import HOME, dataset
from tests.bench.generator import ratio_of
from tests.bench.report import Limit, Row, say, verdict

SIZE = 1_000
EACH_ROUND = 20


def adds(bench: Bench) -> list[Row]:
    """Add to a team of 1,000 and write by hand in turn."""
    data = dataset(bench.folder / "adds", SIZE)
    keyring = Keyring(read_keys_file(data.keys))
    store = TinyDBStore(data.directory, keyring)
    file = data.directory / f"{HOME.key}.db"
    try:
        add = adding(store, keyring)
        add()
        rounds = [one_round(file, add) for _ in range(bench.rounds)]
    finally:
        store.close()
    return [row([base for base, _ in rounds], [ours for _, ours in rounds], file.stat().st_size)]


def adding(store: TinyDBStore, keyring: Keyring) -> Callable[[], None]:
    """Give a function that adds one more integration, without asking its registry."""
    numbers = count()
    registry = RegistryClient(KINDS, ())

    def add() -> None:
        number = next(numbers)
        typed = {"url": "https://registry.example.com", "username": "ci", "password": "a-password"}
        draft = read_draft(KINDS["private"], f"added_{number:05d}", typed)
        actor = Actor(HOME, "U0BENCH00", Role.MEMBER, datetime.now(UTC), request_id=f"add-{number}")
        add_integration(store, keyring, registry, actor, draft, is_checked=False)

    return add


def write_by_hand(content: bytes, target: Path) -> None:
    """Write a file as briefly as it can be done durably: temporary file, flush, rename, directory flush."""
    rest, temporary = memoryview(content), target.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)
    os.close(descriptor)
    os.replace(temporary, target)
    directory = os.open(target.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def one_round(file: Path, add: Callable[[], None]) -> tuple[float, float]:
    """The median milliseconds of each, one after the other."""
    base: list[float] = []
    ours: list[float] = []
    for _ in range(EACH_ROUND):
        content = file.read_bytes()
        base.append(timed(lambda content=content: write_by_hand(content, file.with_name("by-hand"))))
        ours.append(timed(add))
    return median(base), median(ours)


def timed(task: Callable[[], None]) -> float:
    """The milliseconds a task takes."""
    started = time.perf_counter()
    task()
    return (time.perf_counter() - started) * 1000


def row(base: list[float], ours: list[float], size: int) -> Row:
    """The row of durable adds."""
    ratio, limit = ratio_of(base, ours), Limit(2.0)
    texts = [f"{median(side):.2f} ms" for side in (base, ours)]
    say(f"    file of {size / 1024:.0f} KiB: by hand {texts[0]}, add {texts[1]}")
    return Row("durable add at 1,000, p50", *texts, str(ratio), str(limit), verdict(ratio.value, limit))
