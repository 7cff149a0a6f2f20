"""Slash commands against a Bolt that does nothing: what a person waits for, and what a core can do."""

from collections.abc import Iterator

from tests.bench.bench import Bench
from tests.bench.dataset import GROUPS, LARGE, Dataset
from tests.bench.generator import Ask, Rounds, asked, compared, costed, load, p50, p99
from tests.bench.report import Limit, Row, number_row, say

NOOP = [asked("help", "ok")]
HELP = [asked("help", "What /integrations can do")]
RATE = 100
"""Commands a second, of people who do not wait for each other."""
RATE_S = 3.0
LONGEST_P99 = Limit(50, unit=" ms")


def listed(data: Dataset, words: str) -> Ask:
    """A filtered list, and the total that its page must name."""
    return asked(f"filter docker {words}", f" of {data.matches('Docker', words)}")


def same_filter(data: Dataset) -> list[Ask]:
    """One filter again and again, as somebody pages or several people look for the same."""
    return [listed(data, "my_")]


def new_filters(data: Dataset) -> list[Ask]:
    """More filters in turn than the store remembers the results of: each is looked for anew."""
    return [listed(data, f"my_{group}") for group in GROUPS]


def mixed(data: Dataset) -> Iterator[Ask]:
    """What people type to look at something, each time at something else."""
    filters = new_filters(data)
    for number in range(0, len(data.integrations), 30):
        name = data.integrations[number].name
        yield filters[number // 30 % len(filters)]
        yield asked(f"show {name}", name)
        yield asked("list", "Integrations")
        yield asked(f"settings project {name}", name)
        yield asked(f"history {name}", name)
        yield from HELP


def steady_commands(bench: Bench) -> list[Row]:
    """Time commands that come at a steady rate, whether or not earlier ones are answered."""
    asks = list(mixed(bench.dataset(LARGE)))
    base, product = Rounds(), Rounds()
    seconds = max(RATE_S, bench.seconds) if not bench.is_quick else bench.seconds
    with bench.products(LARGE) as (noop, ours):
        load(ours.address, HELP, 0.1)  # Slack tells once in 5 minutes who somebody is
        for _ in range(bench.rounds):
            base.runs.append(load(noop.address, NOOP, seconds, rate=RATE))
            product.runs.append(load(ours.address, asks, seconds, rate=RATE))
    say(f"    no-op Bolt, {RATE} a second: {base.summary()}")
    say(f"    mixed commands, {RATE} a second: {product.summary()}")
    name = f"{RATE} mixed commands a second at 10,000"
    slowest = product.median(p99)
    return [
        compared(f"{name}, p50", base, product, p50, Limit(1.6)),
        compared(f"{name}, p99", base, product, p99, Limit(1.5)),
        number_row(f"{name}, p99 itself", slowest, LONGEST_P99, product.errors, digits=1),
    ]


def command_costs(bench: Bench) -> list[Row]:
    """Compare the processor time of a command's answer."""
    data = bench.dataset(LARGE)
    with bench.products(LARGE) as (noop, ours):
        base, helped, seen, new = bench.costs(
            [
                ("no-op Bolt", noop, NOOP),
                ("help", ours, HELP),
                ("list, a filter seen before", ours, same_filter(data)),
                ("list, a new filter each time", ours, new_filters(data)),
            ]
        )
    return [
        costed("`help`", base, helped, Limit(1.4)),
        costed("a list page of 10,000, a filter seen before", base, seen, Limit(1.7)),
        costed("a list page of 10,000, a new filter each time", base, new, Limit(2.5)),
    ]
