"""``python -m tests``: format check, lint, types, tests, each one's findings shown, pytest's line last.

The tests run on at most four cores, each file in one process; ``-n 0`` runs them in this one. Further
arguments go to pytest. The exit status is 0 only if all four pass.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHECKS = (
    ("format", ("ruff", "format", "--check")),
    ("lint", ("ruff", "check")),
    ("types", ("mypy", "--strict", "bot", "handlers", "storage")),
)

_ON_EVERY_CORE = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")


def main(arguments: list[str]) -> int:
    """Run everything, even after a failure, and give the exit status."""
    failed = [name for name, command in CHECKS if not passes(name, command)]
    say(f"failed so far: {', '.join(failed) or 'nothing'}")
    tests_pass = passes("tests", ("pytest", *_ON_EVERY_CORE, *arguments))
    return 0 if tests_pass and not failed else 1


def passes(name: str, command: tuple[str, ...]) -> bool:
    """Run one module of this Python and say whether it succeeded."""
    say(f"-- {name}")
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False).returncode == 0


def say(line: str) -> None:
    """Write a line between what the checks write."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
