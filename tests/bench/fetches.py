"""Credentials for workflows, over HTTP: what a fetch costs, and hundreds of them at the turn of an hour."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.commands import HELP, NOOP
from tests.bench.dataset import HOME, LARGE, Dataset, password
from tests.bench.generator import Ask, Rounds, costed, load, loading
from tests.bench.processes import Child
from tests.bench.report import Limit, Row, measured_row, number_row, say

CALLERS = 100
"""So many of the tokens fetch again and again: each may ask 600 times a minute."""
PIPELINES = 400
PATIENCE_S = 2.0
"""How long ``docker-credential-quaymaster`` waits for an answer."""
MEANWHILE_S = 2.0
NONE_LATE, MOST_WRITES = Limit(0), Limit(12)
LAST, HELPED = Limit(1000, unit=" ms"), Limit(500, unit=" ms")


def with_logins(data: Dataset) -> list[int]:
    """The places of integrations that have a password and a project of their name that depends on them."""
    dependent = range(0, len(data.integrations), 3)
    return [place for place in dependent if data.integrations[place].kind not in ("ecr", "gcr")]


def fetch(data: Dataset, place: int) -> Ask:
    """What a pipeline asks for, and the password that the answer holds."""
    server = data.integrations[place].server.address
    headers = {"Authorization": f"Bearer {data.tokens[place].reveal()}"}
    return {"path": f"/v1/credentials?server={server}", "headers": headers, "expect": password(place)}


def fetch_costs(bench: Bench) -> list[Row]:
    """Compare the processor time of a fetch with that of a handler that says ``ok``."""
    data = bench.dataset(LARGE, with_tokens=True)
    fetches = [fetch(data, place) for place in with_logins(data)[-CALLERS:]]
    with (
        bench.slack() as slack,
        bench.other("empty") as empty,
        bench.product(LARGE, slack, with_tokens=True) as ours,
    ):
        load(ours.address, fetches, 0, CALLERS, once=True)  # an hour's first fetch is written to disk
        nothing = [{**ask, "expect": "ok"} for ask in fetches]
        base, product = bench.costs([("empty handler", empty, nothing), ("fetch", ours, fetches)])
    return [costed("`GET /v1/credentials`, 10,000 tokens", base, product, Limit(2.0))]


@dataclass(slots=True)
class Turns:
    """What the beginnings of hours came to."""

    nothing: Rounds = field(default_factory=Rounds)
    fetched: Rounds = field(default_factory=Rounds)
    writes: list[int] = field(default_factory=list)
    noop: Rounds = field(default_factory=Rounds)
    helped: Rounds = field(default_factory=Rounds)


def turn_of_hour(bench: Bench) -> list[Row]:
    """Let 400 pipelines fetch at once for the first time in an hour, and somebody ask for help meanwhile."""
    data = bench.dataset(LARGE, with_tokens=True)
    found = Turns()
    with (
        bench.slack() as slack,
        bench.other("empty") as empty,
        bench.other("noop") as noop,
        bench.product(LARGE, slack, with_tokens=True) as ours,
    ):
        load(ours.address, HELP, 0.1)
        for number in range(bench.rounds):
            places = with_logins(data)[number * PIPELINES : (number + 1) * PIPELINES]
            asks = [fetch(data, place) for place in places]
            nothing = [{**ask, "expect": "ok"} for ask in asks]
            found.nothing.runs.append(load(empty.address, nothing, 0, len(asks), once=True))
            found.noop.runs.append(load(noop.address, NOOP, 0.5))
            one_hour(ours, data, asks, found)
    return turn_rows(found)


def one_hour(ours: Child, data: Dataset, asks: list[Ask], found: Turns) -> None:
    """Let everybody fetch at once, and count the writes of the workspace's file."""
    with (
        loading(ours.address, HELP, MEANWHILE_S, 1) as helped,
        writes_of(data.directory / f"{HOME.key}.db") as written,
    ):
        time.sleep(0.6)  # so that help is warm and asked for when they come
        fetched = load(ours.address, asks, 0, len(asks), once=True, late_s=PATIENCE_S)
        found.fetched.runs.append(fetched)
        found.helped.runs.append(helped())
    found.writes.append(len(written))


@contextmanager
def writes_of(file: Path) -> Iterator[set[int]]:
    """Collect the times at which a file was written until the block ends."""
    known = file.stat().st_mtime_ns
    seen: set[int] = set()
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.002):
            seen.add(file.stat().st_mtime_ns)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        is_over.set()
        watcher.join()
        seen.discard(known)


def turn_rows(found: Turns) -> list[Row]:
    """The rows of the worst hour."""
    late = max(run.late for run in found.fetched.runs)
    last = [max(run.max_ms for run in side.runs) for side in (found.nothing, found.fetched)]
    helped = [max(run.max_ms for run in side.runs) for side in (found.noop, found.helped)]
    errors = found.fetched.errors + found.helped.errors
    say(f"    {PIPELINES} at once: {found.fetched.summary()}; writes {found.writes}; late {late}")
    say(f"    help meanwhile: {found.helped.summary()}, longest {helped[1]:.0f} ms")
    name = f"{PIPELINES} pipelines' first fetch of an hour at once, 10,000"
    return [
        number_row(f"{name}: later than the helper's 2 s", late, NONE_LATE, errors),
        number_row(f"{name}: writes to disk", max(found.writes), MOST_WRITES, errors),
        measured_row(f"{name}: last answer", *last, LAST, errors),
        measured_row("`help` meanwhile, longest", *helped, HELPED, errors),
    ]
