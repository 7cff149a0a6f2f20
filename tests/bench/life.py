"""The process itself: how long to its first answer, after a kill too, and how much memory it holds."""

import os
import signal
import time
from statistics import median

from tests.bench.bench import Bench
from tests.bench.commands import HELP, NOOP
from tests.bench.dataset import LARGE, Dataset
from tests.bench.generator import Ask, asked, load, ratio_of
from tests.bench.processes import Child
from tests.bench.report import Limit, Row, measured_row, number_row, say

SMALL = 1_000
STARTED, KILLED = Limit(1.8), Limit(0.5, unit=" s")
CHANGES, PEOPLE = 200, 16
MEMORY, EACH = Limit(3.3), Limit(3, unit=" kB")


def starts(bench: Bench) -> list[Row]:
    """Time a process from its start to its first answer, and from ``kill -9`` to the next answer."""
    bench.dataset(SMALL)
    found: dict[str, list[float]] = {"no-op": [], "ours": [], "killed": []}
    errors = 0
    with bench.slack() as slack:
        for number in range(bench.rounds + 1):
            base, wrong = first_answer(bench, None)
            ours, wrong_too = first_answer(bench, slack)
            killed, wrong_again = answer_after_kill(bench, slack)
            errors += wrong + wrong_too + wrong_again
            if number:  # the first of each fills the system's caches
                for times, took in zip(found.values(), (base, ours, killed), strict=True):
                    times.append(took)
    ratio = ratio_of(found["no-op"], found["ours"])
    texts = [f"{median(found[side]):.3f} s" for side in ("no-op", "ours")]
    after_kill = median(found["killed"])
    say(f"    start: {texts[0]}, {texts[1]}; after kill -9: {after_kill:.3f} s; {errors} errors")
    name = "start to first answer, 1,000"
    return [
        Row(name, *texts, str(ratio), str(STARTED), STARTED.verdict(ratio.value, errors)),
        measured_row(
            "`kill -9` to the next right answer, 1,000",
            median(found["no-op"]),
            after_kill,
            KILLED,
            errors,
            digits=2,
        ),
    ]


def first_answer(bench: Bench, slack: Child | None) -> tuple[float, int]:
    """Start a server, ours if there is a Slack, and ask once: the seconds, and 1 if the answer was wrong."""
    serving = bench.product(SMALL, slack) if slack else bench.other("noop")
    with serving as child:
        run = load(child.address, HELP if slack else NOOP, 0, once=True)
        # The generator's own start is not the server's: only what it timed is added.
        return child.ready_s + run.max_ms / 1000, run.errors


def answer_after_kill(bench: Bench, slack: Child) -> tuple[float, int]:
    """Kill our server and start it again at once: the seconds until it answers, and 1 if it was wrong."""
    with bench.product(SMALL, slack) as child:
        os.kill(child.pid, signal.SIGKILL)
        killed = time.perf_counter()
    gone_s = time.perf_counter() - killed
    took, errors = first_answer(bench, slack)
    return gone_s + took, errors


def memory(bench: Bench) -> list[Row]:
    """Compare the resident memory of processes after 200 changes by 16 people."""
    small, large = bench.dataset(SMALL), bench.dataset(LARGE)
    base: list[float] = []
    product: list[float] = []
    each: list[float] = []
    errors = 0
    for _ in range(min(bench.rounds, 3)):
        with bench.products(SMALL, LARGE) as (noop, of_1k, of_10k):
            sides = ((noop, NOOP), (of_1k, links(small)), (of_10k, links(large)))
            for child, asks in sides:
                errors += load(child.address, asks, 60, PEOPLE, warm_up_s=0, most=CHANGES).errors
            time.sleep(0.2)
            base.append(noop.rss_mb)
            product.append(of_10k.rss_mb)
            each.append((of_10k.rss_mb - of_1k.rss_mb) * 1024 / (LARGE - SMALL))
    ratio = ratio_of(base, product)
    texts = [f"{median(side):.1f} MiB" for side in (base, product)]
    say(f"    resident memory: {texts[0]}, {texts[1]}, {median(each):.1f} kB each, {errors} errors")
    name = f"memory at 10,000 integrations after {CHANGES} changes by {PEOPLE}"
    return [
        Row(name, *texts, str(ratio), str(MEMORY), MEMORY.verdict(ratio.value, errors)),
        number_row("memory an integration takes of it", median(each), EACH, errors, digits=1),
    ]


def links(data: Dataset) -> list[Ask]:
    """A new link of each of many integrations, by its owner."""
    some = data.integrations[:: len(data.integrations) // CHANGES]
    return [asked(f"link {one.name} project new-_NUMBER_", "now depends", one.owner) for one in some]
