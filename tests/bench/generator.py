"""Starts the load generator, and puts interleaved runs beside each other."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.bench.load import Line, requests_of
from tests.bench.report import Limit, Row
from tests.features.payloads import SIGNING_SECRET, command

WARM_UP_S = 0.3
LONGEST_S = 60.0
"""A generator that has not ended so long after its time is stopped."""

Ask = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the generator found: right answers after the warm-up, and how long they took."""

    count: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    answers: int
    """All of them, the warm-up's and wrong ones too."""
    late: int
    errors: int
    first_error: str
    parts: dict[str, dict[str, float]]
    """The times of the asks that have a name: count, p50_ms, p99_ms, max_ms."""

    @property
    def per_s(self) -> float:
        """Right answers a second."""
        return self.count / self.seconds


def asked(text: str, expect: str, user: str = "_USER_", **more: str) -> Ask:
    """A slash command, and what its answer holds."""
    url = "https://hooks.slack.com/commands/T0ACME/_NUMBER_/bench"
    body = command(text, user, "_NUMBER_.bench", url).decode()
    return {"body": body, "expect": expect, **more}


def answer_of(address: tuple[str, int], ask: Ask) -> bytes:
    """Ask once and give the body of the answer."""
    line = Line(address)
    line.send(next(requests_of({"asks": [ask], "secret": SIGNING_SECRET})))
    while not line.receive():
        pass
    line.socket.close()
    return line.answer.partition(b"\r\n\r\n")[2]


@contextmanager
def loading(
    address: tuple[str, int], asks: Sequence[Ask], seconds: float, connections: int = 1, **more: Any
) -> Iterator[Callable[[], Run]]:
    """Start a generator; call what is given to wait for its result."""
    job = {"address": address, "asks": asks, "seconds": seconds, "connections": connections}
    job |= {"secret": SIGNING_SECRET, "warm_up_s": WARM_UP_S, **more}
    line = [sys.executable, "-m", "tests.bench.load"]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(job))
        process.stdin.close()
        process.stdin = None
        yield lambda: Run(**json.loads(process.communicate(timeout=seconds + LONGEST_S)[0]))
    finally:
        process.kill()
        process.wait()


def load(
    address: tuple[str, int], asks: Sequence[Ask], seconds: float, connections: int = 1, **more: Any
) -> Run:
    """Run a generator to its end."""
    with loading(address, asks, seconds, connections, **more) as result:
        return result()


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of the rounds' ratios, and their range."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


def ratio_of(base: Sequence[float], product: Sequence[float]) -> Ratio:
    """Divide round by round."""
    ratios = [ours / theirs if theirs else float("inf") for theirs, ours in zip(base, product, strict=True)]
    return Ratio(median(ratios), min(ratios), max(ratios))


@dataclass(frozen=True, slots=True)
class Rounds:
    """The runs of one side, a round each."""

    runs: list[Run] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """Wrong answers in all of them."""
        return sum(run.errors for run in self.runs)

    def each(self, of: Callable[[Run], float]) -> list[float]:
        """One number of each round."""
        return [of(run) for run in self.runs]

    def summary(self) -> str:
        """All that was asked for, in one line."""
        first_error = next((run.first_error for run in self.runs if run.errors), "")
        numbers = f"p50 {self.median(p50):.3f} ms, p99 {self.median(p99):.2f} ms, {self.median(per_s):.0f}/s"
        return f"{numbers}, {self.errors} errors{f': {first_error!r}' if first_error else ''}"

    @property
    def longest(self) -> float:
        """The longest wait of all rounds, in milliseconds."""
        return max(run.max_ms for run in self.runs)

    def median(self, of: Callable[[Run], float]) -> float:
        """The median of the rounds."""
        return median(self.each(of))


@dataclass(slots=True)
class Costs:
    """The processor time of one side's answers, round by round."""

    us: list[float] = field(default_factory=list)
    errors: int = 0

    @property
    def median(self) -> float:
        """The median of the rounds, in microseconds."""
        return median(self.us)

    def take(self, us: float, run: Run) -> None:
        """Keep one round."""
        self.us.append(us)
        self.errors += run.errors


def costed(measure: str, base: Costs, product: Costs, limit: Limit) -> Row:
    """A row that puts the processor time of the product's answers beside the base's."""
    ratio = ratio_of(base.us, product.us)
    texts = [f"{side.median:.0f} µs" for side in (base, product)]
    met = limit.verdict(ratio.value, base.errors + product.errors)
    return Row(f"CPU of {measure}", *texts, str(ratio), str(limit), met)


def p50(run: Run) -> float:
    """The median time in milliseconds."""
    return run.p50_ms


def p99(run: Run) -> float:
    """The time that one answer in a hundred exceeds, in milliseconds."""
    return run.p99_ms


def per_s(run: Run) -> float:
    """Answers a second."""
    return run.per_s


def compared(measure: str, base: Rounds, product: Rounds, of: Callable[[Run], float], limit: Limit) -> Row:
    """A row that puts one number of the product beside the base's."""
    ratio = ratio_of(base.each(of), product.each(of))
    unit, digits = ("/s", 0) if of is per_s else (" ms", 3 if of is p50 else 2)
    texts = [f"{side.median(of):.{digits}f}{unit}" for side in (base, product)]
    met = limit.verdict(ratio.value, base.errors + product.errors)
    return Row(measure, *texts, str(ratio), str(limit), met)
