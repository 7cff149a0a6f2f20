"""Measure Quaymaster against what its machine could do at best, in the same run.

    python -m tests.bench [--rounds 5] [--seconds 1.5] [--busy-seconds 20] [--only NAME …]

Base and product take turns, round by round. A ratio is the median of the rounds' ratios; processor time is
what Linux's scheduler counts for the server's threads. A run with a wrong answer counts as failed. It exits 0
whatever it finds; the table at its end is Markdown.
A run takes 8 minutes, `--rounds 1 --seconds 0.3` takes one and leaves out the floors and the longest waits.
A new measurement is a function from a ``Bench`` to its rows, and a line in ``MEASURES``.
"""

import argparse
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.burst import bursts
from tests.bench.busy import busy_team
from tests.bench.commands import command_costs, steady_commands
from tests.bench.docker_helper import helpers
from tests.bench.durable import adds
from tests.bench.fetches import fetch_costs, turn_of_hour
from tests.bench.floors import describe_machine, floors
from tests.bench.life import memory, starts
from tests.bench.long_history import long_history
from tests.bench.postgres_scale import postgres_scale
from tests.bench.processes import keep_compiled
from tests.bench.report import Row, not_measured, say, table
from tests.bench.tag_lists import tags
from tests.bench.unreachable import unreachable
from tests.bench.watching import watching

MEASURES: dict[str, Callable[[Bench], list[Row]]] = {
    "steady": steady_commands,
    "hour": turn_of_hour,
    "burst": bursts,
    "commands": command_costs,
    "fetches": fetch_costs,
    "add": adds,
    "memory": memory,
    "start": starts,
    "helper": helpers,
    "history": long_history,
    "busy": busy_team,
    "tags": tags,
    "unreachable": unreachable,
    "watch": watching,
    "postgres": postgres_scale,
}


def main(arguments: list[str]) -> int:
    """Measure what was asked for, and print the table."""
    options = read(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended on the way out
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="quaymaster-bench-") as folder:
        bench = Bench(options.rounds, options.seconds, Path(folder), options.busy_seconds)
        describe_machine(bench)
        keep_compiled(bench.folder)
        bench.warm_up()
        if not options.only and not bench.is_quick:
            floors(bench)
        rows = [row for name in options.only or MEASURES for row in measured(name, bench)]
    say(f"\n{time.monotonic() - started:.0f} s\n")
    say(table(rows))
    return 0


def read(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds of base and product (5)")
    parser.add_argument("--seconds", type=float, default=1.5, help="seconds of each run under load (1.5)")
    parser.add_argument("--busy-seconds", type=float, default=20, help="seconds of the busy team (20)")
    parser.add_argument("--only", action="append", choices=MEASURES, help="one measurement; may come again")
    return parser.parse_args(arguments)


def measured(name: str, bench: Bench) -> list[Row]:
    """Make one measurement; one that breaks is a row too."""
    say(f"\n{name}")
    started = time.monotonic()
    try:
        rows = MEASURES[name](bench)
        say(f"    ({time.monotonic() - started:.0f} s)")
        return rows
    except Exception as error:  # noqa: BLE001 - the others are still worth having
        traceback.print_exc()
        return [not_measured(name, f"broke: {type(error).__name__}")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
