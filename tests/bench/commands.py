"""Slash commands: ``help``, and a filtered page of the list, against a Bolt that does nothing."""

from tests.bench.bench import Bench
from tests.bench.dataset import GROUPS, Dataset
from tests.bench.generator import Ask, answer_of, asked, compared, p50, p99
from tests.bench.report import Limit, Row

NOOP = [asked("help", "ok")]
HELP = [asked("help", "What /integrations can do")]
SIZES = (1_000, 10_000)
BUSY = 64


def listed(data: Dataset, words: str) -> Ask:
    """A filtered list, and the total that its page must name."""
    return asked(f"filter docker {words}", f" of {data.matches('Docker', words)}")


def same_filter(data: Dataset) -> list[Ask]:
    """One filter again and again, as somebody pages or several people look for the same."""
    return [listed(data, "my_")]


def new_filters(data: Dataset) -> list[Ask]:
    """More filters in turn than the store remembers the results of: each is looked for anew."""
    return [listed(data, f"my_{group}") for group in GROUPS]


def help_command(bench: Bench) -> list[Row]:
    """Time ``help`` at one connection."""
    with bench.products(1_000) as (noop, ours):
        sides = [("no-op Bolt", noop, NOOP), ("help", ours, HELP)]
        base, product = bench.interleaved(sides, 1)
    return [compared("`help`, p50 at c1", base, product, p50, Limit(1.1))]


def list_pages(bench: Bench) -> list[Row]:
    """Time a page of the list at one connection; and for comparison the same page made beforehand."""
    small, large = (bench.dataset(size) for size in SIZES)
    file = bench.folder / "page.json"
    with bench.products(*SIZES) as (noop, of_1k, of_10k):
        file.write_bytes(answer_of(of_1k.address, same_filter(small)[0]))
        with bench.other("page", str(file)) as page:
            sides = [
                ("no-op Bolt", noop, NOOP),
                ("Bolt with that page ready-made", page, [asked("list", "Integrations")]),
                ("1,000, a filter seen before", of_1k, same_filter(small)),
                ("1,000, a new filter each time", of_1k, new_filters(small)),
                ("10,000, a filter seen before", of_10k, same_filter(large)),
                ("10,000, a new filter each time", of_10k, new_filters(large)),
            ]
            base, ready, *others = bench.interleaved(sides, 1)
    names = [f"list page of {name}, p50 at c1" for name, _, _ in sides[2:]]
    rows = [compared(name, base, one, p50, Limit(1.3)) for name, one in zip(names, others, strict=True)]
    return [compared("floor: Bolt with such a page ready-made, p50 at c1", base, ready, p50, None), *rows]


def list_tails(bench: Bench) -> list[Row]:
    """Time a page of the list at 64 connections."""
    small, large = (bench.dataset(size) for size in SIZES)
    with bench.products(*SIZES) as (noop, of_1k, of_10k):
        sides = [
            ("no-op Bolt", noop, NOOP),
            ("1,000, a filter seen before", of_1k, same_filter(small)),
            ("10,000, a filter seen before", of_10k, same_filter(large)),
            ("10,000, a new filter each time", of_10k, new_filters(large)),
        ]
        base, *others = bench.interleaved(sides, BUSY)
    names = [f"list page of {name}, p99 at c64" for name, _, _ in sides[1:]]
    return [compared(name, base, one, p99, Limit(1.5)) for name, one in zip(names, others, strict=True)]
