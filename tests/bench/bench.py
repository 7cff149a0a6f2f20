"""What every measurement is given: how often, how long, where, and the servers it may start."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.dataset import Dataset, dataset
from tests.bench.generator import Ask, Rounds, load
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
    _datasets: dict[str, Dataset] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where servers write their standard error."""
        return self.folder / "servers.log"

    @property
    def is_quick(self) -> bool:
        """True when what takes long and changes little is left out."""
        return self.seconds < 1

    def dataset(self, count: int, *, with_tokens: bool = False) -> Dataset:
        """The data directory with so many integrations, made once. Several uses see each other's changes."""
        name = f"team-{count}{'-tokens' * with_tokens}"
        if name not in self._datasets:
            self._datasets[name] = dataset(self.folder / name, count, with_tokens=with_tokens)
        return self._datasets[name]

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
        data = self.dataset(count, with_tokens=with_tokens)
        env = product_env(data.directory, data.keys, slack.url)
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

    def interleaved(self, sides: list[Side], connections: int) -> list[Rounds]:
        """Load one side after the other, round by round; the first is the base of all others."""
        found = [Rounds() for _ in sides]
        for _ in range(self.rounds):
            for (_, child, asks), rounds in zip(sides, found, strict=True):
                rounds.runs.append(load(child.address, asks, self.seconds, connections))
        for (name, _, _), rounds in zip(sides, found, strict=True):
            say(f"    {name}, c{connections}: {rounds.summary()}")
        return found
