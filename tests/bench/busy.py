"""50 people at once who look and change all the time, at 10,000 integrations."""

from collections.abc import Iterator
from itertools import cycle, islice

from tests.bench.bench import Bench
from tests.bench.commands import NOOP, mixed
from tests.bench.dataset import LARGE, Dataset
from tests.bench.forms import add_ask
from tests.bench.generator import Ask, Run, asked, load, loading
from tests.bench.report import Limit, Row, measured_row, say

CONNECTIONS = 50
TURNS = 200
"""Each is seven reads and three changes; so many links are made before the first is taken back."""
READS = 7
PER_S, READ_P99, CHANGE_P99 = Limit(500, True, "/s"), Limit(100, unit=" ms"), Limit(500, unit=" ms")
GROWTH = Limit(1.1)


def busy_team(bench: Bench) -> list[Row]:
    """Keep 50 connections busy, once a no-op Bolt's and once ours, and watch our memory."""
    data = bench.dataset(LARGE)
    warming, asks = (list(mixed_with_changes(data, project)) for project in ("warm", "busy"))
    with bench.products(LARGE) as (noop, ours):
        base = load(noop.address, NOOP, min(3.0, bench.busy_s), CONNECTIONS)
        warm = load(ours.address, warming, bench.busy_s / 4, CONNECTIONS)
        early = ours.rss_mb
        with loading(ours.address, asks, bench.busy_s, CONNECTIONS) as result:
            run = result()
        late = ours.rss_mb
    errors = warm.errors + run.errors
    first_error = warm.first_error or run.first_error
    say(f"    no-op Bolt: {base.per_s:.0f}/s; mixed: {told(run)}, {errors} errors {first_error!r}")
    name = f"{CONNECTIONS} connections for {bench.busy_s:.0f} s at 10,000, 30 % changes"
    return [
        measured_row(f"{name}: requests a second", base.per_s, run.per_s, PER_S, errors),
        measured_row(f"{name}: reads, p99", base.p99_ms, run.parts["read"]["p99_ms"], READ_P99, errors),
        measured_row(f"{name}: changes, p99", base.p99_ms, run.parts["change"]["p99_ms"], CHANGE_P99, errors),
        Row(
            f"{name}: memory at the end, beside a quarter in",
            f"{early:.0f} MiB",
            f"{late:.0f} MiB",
            f"{late / early:.2f}",
            str(GROWTH),
            GROWTH.verdict(late / early, errors),
        ),
    ]


def told(run: Run) -> str:
    """All numbers in a line."""
    parts = "; ".join(f"{name} {times}" for name, times in run.parts.items())
    return f"{run.per_s:.0f}/s, {parts}"


def mixed_with_changes(data: Dataset, project: str) -> Iterator[Ask]:
    """Seven reads, then three changes, again and again."""
    reads = cycle({**ask, "part": "read"} for ask in mixed(data))
    linked = changes(data, "link", project, "now depends")
    made = [*linked, *changes(data, "unlink", project, "no longer depends")]
    for number in range(0, len(made), 3):
        yield from islice(reads, READS)
        yield from made[number : number + 3]


def changes(data: Dataset, verb: str, project: str, expect: str) -> Iterator[Ask]:
    """Two of three are links made or taken back by the owner, the third adds an integration."""
    for number in range(TURNS):
        one = data.integrations[number * 50]
        for kind in ("project", "environment"):
            typed = f"{verb} {one.name} {kind} {project}-{number}"
            yield asked(typed, expect, one.owner, part="change")
        yield add_ask(
            "busy__NUMBER_", "https://registry.example.com", "busy_", is_checked=False, part="change"
        )
