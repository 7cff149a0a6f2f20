"""What the benchmark prints: rows beside their targets, and at the end one Markdown table of them."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

HEADER = ("Measure", "Base", "Quaymaster", "Result (range of rounds)", "Target", "Met")


@dataclass(frozen=True, slots=True)
class Limit:
    """A target: at most this much, or at least."""

    value: float
    is_least: bool = False
    unit: str = ""
    """``""`` for a ratio, else `` ms``, `` MB``, `` s``."""

    def is_met_by(self, value: float) -> bool:
        """Say whether a measured value keeps to it."""
        return value >= self.value if self.is_least else value <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.value:g}{self.unit}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    measure: str
    base: str = "–"
    product: str = "–"
    result: str = "–"
    target: str = "–"
    met: str = "–"
    """``yes``, ``no``, ``failed`` (wrong answers), ``not measured``, or ``–`` where nothing was promised."""

    @property
    def cells(self) -> tuple[str, ...]:
        """The row in the order of the header."""
        return (self.measure, self.base, self.product, self.result, self.target, self.met)


def verdict(value: float, limit: Limit | None, errors: int = 0) -> str:
    """Say whether a target is met; a run with a wrong answer has failed, however fast it was."""
    if errors:
        return f"failed: {errors} wrong answers"
    if limit is None:
        return "–"
    return "yes" if limit.is_met_by(value) else "no"


def not_measured(measure: str, reason: str, limit: Limit | None = None) -> Row:
    """A row for what could not be measured here, with the reason."""
    return Row(measure, result=reason, target=str(limit) if limit else "–", met="not measured")


def table(rows: Iterable[Row]) -> str:
    """All rows as Markdown."""
    lines = [HEADER, ("---",) * len(HEADER), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def say(line: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
