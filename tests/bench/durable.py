"""A person adds an integration, against the least that makes anything durable: a line that is flushed."""

import os
import time
from pathlib import Path
from statistics import median

from tests.bench.bench import Bench
from tests.bench.dataset import LARGE
from tests.bench.forms import add_ask
from tests.bench.generator import Costs, Ratio, Run, load, ratio_of
from tests.bench.processes import Child
from tests.bench.report import Limit, Row, measured_row, say

EACH_ROUND = 20
COST, SMALL, AT_LIMIT = Limit(30), Limit(10, unit=" ms"), Limit(40, unit=" ms")


def adds(bench: Bench) -> list[Row]:
    """Add to a small team with a long history, and to the largest that the embedded store is meant for."""
    small, large = bench.long_history(), bench.dataset(LARGE)
    with (
        bench.slack() as slack,
        bench.serving_data(small, slack) as of_300,
        bench.serving_data(large, slack) as of_10k,
    ):
        lines, adding, adding_large = Lines(bench.folder / "lines"), Adding(of_300), Adding(of_10k)
        for _ in range(bench.rounds):
            for side in (lines, adding, adding_large):
                side.one_round()
    ratio = ratio_of(lines.us, adding.costs.us)
    texts = [f"{median(side):.0f} µs" for side in (lines.us, adding.costs.us)]
    say(f"    CPU of an appended line {texts[0]}, of an add {texts[1]}: {ratio}")
    name = "add at 300 integrations, 3,000 dependencies, 200,000 entries"
    return [
        cost_row(f"CPU of an {name}", texts, ratio, adding.costs.errors),
        measured_row(f"{name}, p50", lines.p50_ms, adding.p50_ms, SMALL, adding.costs.errors, digits=2),
        measured_row(
            "add at 10,000 integrations, p50",
            lines.p50_ms,
            adding_large.p50_ms,
            AT_LIMIT,
            adding_large.costs.errors,
            digits=2,
        ),
    ]


class Lines:
    """Lines of 200 bytes, each appended and flushed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.us: list[float] = []
        self.times_ms: list[float] = []

    @property
    def p50_ms(self) -> float:
        """The median time of a line."""
        return median(self.times_ms)

    def one_round(self) -> None:
        """Append some lines."""
        with self.file.open("ab", buffering=0) as log:
            before = time.thread_time_ns()
            for _ in range(EACH_ROUND):
                started = time.perf_counter()
                os.write(log.fileno(), bytes(200))
                os.fdatasync(log.fileno())
                self.times_ms.append((time.perf_counter() - started) * 1000)
            self.us.append((time.thread_time_ns() - before) / 1000 / EACH_ROUND)


class Adding:
    """Forms that are saved without checking, one after the other."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.costs = Costs()
        self.runs: list[Run] = []
        self.ask = add_ask("added__NUMBER_", "https://registry.example.com", "added_", is_checked=False)
        load(child.address, [self.ask], 0, once=True)

    @property
    def p50_ms(self) -> float:
        """The median time until a form is answered."""
        return median(run.p50_ms for run in self.runs)

    def one_round(self) -> None:
        """Save some forms."""
        before = self.child.cpu_us
        run = load(self.child.address, [self.ask], 60, warm_up_s=0, most=EACH_ROUND)
        self.costs.take((self.child.cpu_us - before) / max(1, run.answers), run)
        self.runs.append(run)


def cost_row(measure: str, texts: list[str], ratio: Ratio, errors: int) -> Row:
    """The row of processor time."""
    return Row(measure, *texts, str(ratio), str(COST), COST.verdict(ratio.value, errors))
