"""What every measurement is given: how often, how long, where, and the servers it may start."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.dataset import Dataset, Shape, dataset
from tests.bench.generator import Ask, Costs, load
from tests.bench.processes import PRODUCT, Child, product_env, serving
from tests.bench.report import say

Side = tuple[str, Child, list[Ask]]
"""A name, a server, and what it is asked in turn."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the benchmark."""

    rounds: int
    seconds: float
    """Of each run of the load generator."""
    folder: Path
    """For data directories; it should lie on a real disk."""
    busy_s: float
    """How long a whole team keeps at it."""
    _datasets: dict[Shape, Dataset] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where servers write their standard error."""
        return self.folder / "servers.log"

    @property
    def is_quick(self) -> bool:
        """True when what takes long and changes little is left out."""
        return self.seconds < 1

    def dataset(self, count: int, *, with_tokens: bool = False) -> Dataset:
        """The data directory with so many integrations. Several uses see each other's changes."""
        return self._made(Shape(count, with_tokens=with_tokens))

    def long_history(self) -> Dataset:
        """A team of 300 with 3,000 dependencies and 200,000 entries of history."""
        return self._made(Shape(300, targets=10, history=10_000 if self.is_quick else 200_000))

    def short_history(self) -> Dataset:
        """The same team with 500 entries."""
        return self._made(Shape(300, targets=10))

    def _made(self, shape: Shape) -> Dataset:
        if shape not in self._datasets:
            self._datasets[shape] = dataset(self.folder / f"team-{len(self._datasets)}", shape)
        return self._datasets[shape]

    def warm_up(self) -> None:
        """Start everything once, so that all modules are compiled and in the system's caches."""
        with self.other("empty"), self.products(1_000):
            pass

    @contextmanager
    def slack(self) -> Iterator[Child]:
        """Run the fake Slack."""
        with serving("tests.bench.servers", "slack", log=self.log) as child:
            yield child

    @contextmanager
    def other(self, *kind: str) -> Iterator[Child]:
        """Run one of the servers that Quaymaster is compared with."""
        with serving("tests.bench.servers", *kind, log=self.log) as child:
            yield child

    @contextmanager
    def product(self, count: int, slack: Child, *, with_tokens: bool = False) -> Iterator[Child]:
        """Run ``quaymaster serve`` with so many integrations."""
        with self.serving_data(self.dataset(count, with_tokens=with_tokens), slack) as child:
            yield child

    @contextmanager
    def serving_data(self, data: Dataset, slack: Child, **settings: str) -> Iterator[Child]:
        """Run ``quaymaster serve`` on a data directory."""
        env = {**product_env(data.directory, data.keys, slack.url), **settings}
        with serving(*PRODUCT, log=self.log, env=env) as child:
            yield child

    @contextmanager
    def products(self, *counts: int) -> Iterator[tuple[Child, ...]]:
        """Run the fake Slack, the no-op Bolt, and Quaymaster once for each of these numbers."""
        with ExitStack() as stack:
            slack = stack.enter_context(self.slack())
            noop = stack.enter_context(self.other("noop"))
            ours = [stack.enter_context(self.product(count, slack)) for count in counts]
            yield noop, *ours

    def costs(self, sides: list[Side]) -> list[Costs]:
        """Ask one side after the other, round by round, and give the processor time of each answer."""
        found = [Costs() for _ in sides]
        for _ in range(self.rounds):
            for (_, child, asks), costs in zip(sides, found, strict=True):
                before = child.cpu_us
                run = load(child.address, asks, min(self.seconds, 1.0))
                costs.take((child.cpu_us - before) / max(1, run.answers), run)
        for (name, _, _), costs in zip(sides, found, strict=True):
            say(f"    {name}: {costs.median:.0f} µs of processor time an answer, {costs.errors} errors")
        return found
