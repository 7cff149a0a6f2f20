"""``python -m tests``: format check, lint, types, tests, each one's findings shown, pytest's line last.

Tests that are marked ``alone`` run first, two at a time, because they wait more than they compute. The others
run in one process more than there are cores, at most four. Each file runs in one process.
Further arguments go to pytest. The exit status is 0 only if everything passes.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHECKS = (
    ("format", ("ruff", "format", "--check")),
    ("lint", ("ruff", "check")),
    ("types", ("mypy", "--strict", "bot", "handlers", "storage")),
)

_MANY = str(min(4, 1 + len(os.sched_getaffinity(0))))
_BY_FILE = ("--dist", "loadfile", "--no-loadscope-reorder")
_TESTS = (
    ("tests that measure how long something takes", ("--alone", "only", "-n", "2", *_BY_FILE)),
    ("tests", ("--alone", "none", "-n", _MANY, *_BY_FILE)),
)
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Without bytecode on disk, each process that a test starts would compile everything again."""
_NONE_CHOSEN = 5
"""Pytest's status when the arguments choose no test."""


def main(arguments: list[str]) -> int:
    """Run everything, even after a failure, and give the exit status."""
    failed = [name for name, command in CHECKS if status_of(name, command)]
    say(f"failed so far: {', '.join(failed) or 'nothing'}")
    ended = {status_of(name, ("pytest", *how, *arguments)) for name, how in _TESTS}
    return 0 if 0 in ended and ended <= {0, _NONE_CHOSEN} and not failed else 1


def status_of(name: str, command: tuple[str, ...]) -> int:
    """Run one module of this Python and give its exit status."""
    say(f"-- {name}")
    started = [sys.executable, "-m", *command]
    return subprocess.run(started, cwd=ROOT, env=_ENVIRONMENT, check=False).returncode


def say(line: str) -> None:
    """Write a line between what the checks write."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
