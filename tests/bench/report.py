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

    def verdict(self, value: float, errors: int = 0) -> str:
        """Say whether a target is met; a run with a wrong answer has failed, however fast it was."""
        if errors:
            return f"failed: {errors} wrong answers"
        is_met = value >= self.value if self.is_least else value <= self.value
        return "yes" if is_met else "no"

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


def measured_row(
    measure: str, base: float, product: float, limit: Limit, errors: int = 0, digits: int = 0
) -> Row:
    """A row whose target is a number and not a ratio; the base and the ratio to it are shown all the same."""
    unit = limit.unit
    ratio = f" ({product / base:.1f} ×)" if base else ""
    texts = [f"{value:.{digits}f}{unit}" for value in (base, product)]
    return Row(measure, *texts, f"{texts[1]}{ratio}", str(limit), limit.verdict(product, errors))


def number_row(measure: str, product: float, limit: Limit, errors: int = 0, digits: int = 0) -> Row:
    """A row of a number that nothing is compared with."""
    text = f"{product:.{digits}f}{limit.unit}"
    return Row(measure, "–", text, text, str(limit), limit.verdict(product, errors))


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
