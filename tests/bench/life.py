"""The process itself: how long it takes to its first acknowledgement, and how much memory it holds."""

import time
from statistics import median

from tests.bench.bench import Bench, Side
from tests.bench.commands import HELP, NOOP, new_filters
from tests.bench.generator import load, ratio_of
from tests.bench.processes import Child
from tests.bench.report import Limit, Row, say, verdict

SETTLED_S = 0.5
"""How long a process is kept busy at 16 connections before its memory is read."""


def starts(bench: Bench) -> list[Row]:
    """Time from the start of a process to its first acknowledgement."""
    for count in (1_000, 10_000):
        bench.dataset(count)
    found: dict[str, list[float]] = {"no-op": [], "1,000": [], "10,000": []}
    errors = 0
    with bench.slack() as slack:
        for number in range(bench.rounds + 1):
            for name, times in found.items():
                took, wrong = first_acknowledgement(bench, name, slack)
                errors += wrong
                times += [took] if number else []  # the first of each fills the system's caches
    return [
        start_row(
            "start to first acknowledgement, 1,000", found["no-op"], found["1,000"], errors, Limit(1.5)
        ),
        start_row("start to first acknowledgement, 10,000", found["no-op"], found["10,000"], errors, None),
    ]


def first_acknowledgement(bench: Bench, name: str, slack: Child) -> tuple[float, int]:
    """Start a server and ask it once: the seconds it took, and 1 if the answer was wrong."""
    count = int(name.replace(",", "")) if name != "no-op" else 0
    serving = bench.product(count, slack) if count else bench.other("noop")
    with serving as child:
        run = load(child.address, HELP if count else NOOP, 0, once=True)
        # The generator's own start is not the server's: only what it timed is added.
        return child.ready_s + run.max_ms / 1000, run.errors


def start_row(measure: str, base: list[float], product: list[float], errors: int, limit: Limit | None) -> Row:
    """A row of seconds."""
    ratio = ratio_of(base, product)
    texts = [f"{median(side):.3f} s" for side in (base, product)]
    say(f"    {measure}: {texts[0]}, {texts[1]}, {errors} errors")
    met = verdict(ratio.value, limit, errors)
    return Row(measure, *texts, str(ratio), str(limit) if limit else "–", met)


def memory(bench: Bench) -> list[Row]:
    """Compare the resident memory of processes that have worked."""
    large = bench.dataset(10_000)
    base: list[float] = []
    product: list[float] = []
    errors = 0
    for _ in range(bench.rounds):
        with bench.products(10_000) as (noop, ours):
            sides: list[Side] = [("no-op", noop, NOOP), ("10,000", ours, [*HELP, *new_filters(large)])]
            for (_, child, asks), sizes in zip(sides, (base, product), strict=True):
                errors += load(child.address, asks, SETTLED_S, 16).errors
                time.sleep(0.1)
                sizes.append(child.rss_mb)
    ratio = ratio_of(base, product)
    texts = [f"{median(side):.1f} MiB" for side in (base, product)]
    say(f"    resident memory: {texts[0]}, {texts[1]}, {errors} errors")
    limit = Limit(1.5)
    met = verdict(ratio.value, limit, errors)
    return [Row("memory at 10,000 integrations", *texts, str(ratio), str(limit), met)]
