"""A history of 200,000 entries against one of 500: what is read through it, and what reads past it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from bot.core.ports.store import Reading
from bot.core.queries import HistoryQuery
from storage.maintenance import verify
from storage.sealing import Keyring, read_keys_file
from storage.tinydb.tinydb_store import TinyDBStore
from tests.bench.bench import Bench
from tests.bench.dataset import GONE, HOME, Dataset
from tests.bench.generator import asked, costed
from tests.bench.report import Limit, Row, measured_row, number_row, say

SAME, NO_PAGE = Limit(1.2), Limit(0)
REPEATED, AN_ENTRY, FIRST = Limit(10, unit=" ms"), Limit(25, unit=" µs"), Limit(500, unit=" ms")


def long_history(bench: Bench) -> list[Row]:
    """Ask the server what people ask, then the store what only old buttons and operators ask."""
    long, short = bench.long_history(), bench.short_history()
    names = [one.name for one in long.integrations[:20]]
    shown, told = ([asked(f"{verb} {name}", name) for name in names] for verb in ("show", "history"))
    with (
        bench.slack() as slack,
        bench.serving_data(long, slack) as of_long,
        bench.serving_data(short, slack) as of_short,
    ):
        show_short, show_long, history_short, history_long = bench.costs(
            [
                ("show, 500 entries", of_short, shown),
                ("show, 200,000 entries", of_long, shown),
                ("history NAME, 500 entries", of_short, told),
                ("history NAME, 200,000 entries", of_long, told),
            ]
        )
    return [
        costed("`show` at 200,000 entries, beside 500", show_short, show_long, SAME),
        costed("`history NAME` at 200,000 entries, beside 500", history_short, history_long, SAME),
        *asked_rarely(read_past(bench, short), read_past(bench, long)),
    ]


@dataclass(frozen=True, slots=True)
class Past:
    """What reading past a history came to."""

    entries: int
    first_ms: float
    """Until the first page of something that is long gone."""
    empty_pages: int
    """Shown before its oldest entry."""
    button_ms: float
    """Why there is nothing behind an old button, asked again."""
    entry_us: float
    """Verifying one entry."""


def read_past(bench: Bench, data: Dataset) -> Past:
    """Open the store and read."""
    store = TinyDBStore(data.directory, Keyring(read_keys_file(data.keys)))
    try:
        reading = store.read(HOME)
        first_ms = took_ms(lambda: reading.history.page(HistoryQuery(GONE)))
        reading.history.deletion("no-such-integration")
        button_ms = median(
            took_ms(lambda: store.read(HOME).history.deletion("no-such-integration"))
            for _ in range(bench.rounds)
        )
        before = time.thread_time_ns()
        [verified] = verify(store, Keyring(read_keys_file(data.keys)))
        entry_us = (time.thread_time_ns() - before) / 1000 / verified.entries
        return Past(verified.entries, first_ms, empty_pages(reading), button_ms, entry_us)
    finally:
        store.close()


def took_ms(task: Callable[[], object]) -> float:
    """The milliseconds a task takes."""
    started = time.perf_counter()
    task()
    return (time.perf_counter() - started) * 1000


def empty_pages(reading: Reading) -> int:
    """How many pages without an entry somebody turns before the oldest one."""
    count, page = 0, reading.history.page(HistoryQuery(GONE))
    while page.older is not None:
        count += not page.entries
        page = reading.history.page(HistoryQuery(GONE, before=page.older))
    return count


def asked_rarely(short: Past, long: Past) -> list[Row]:
    """The rows of what the store was asked."""
    say(f"    500 entries: {short}\n    200,000 entries: {long}")
    name = "at 200,000 entries"
    return [
        measured_row(
            f"`history` of what is long gone {name}, first page", short.first_ms, long.first_ms, FIRST
        ),
        number_row(f"empty pages before it {name}", long.empty_pages, NO_PAGE),
        measured_row(
            f"an old button, pressed again, {name}", short.button_ms, long.button_ms, REPEATED, digits=2
        ),
        measured_row(f"verifying an entry {name}", short.entry_us, long.entry_us, AN_ENTRY, digits=1),
    ]
