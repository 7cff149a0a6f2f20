"""A program that changes a store and says so, line by line, until it is killed.

    python -m tests.storage.acknowledging DIRECTORY FIRST

Each line is printed once its change is on disk: ``added name-7`` or ``deleted name-6``.
"""

import sys
from itertools import count
from pathlib import Path

from bot.core.errors import QuaymasterError
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.samples import KEYRING, add, delete, integration


def main() -> int:
    """Add and delete for ever."""
    try:
        store = TinyDBStore(Path(sys.argv[1]), KEYRING)
    except QuaymasterError as error:
        print(error, file=sys.stderr)  # noqa: T201 # what this program is for
        return 1
    for number in count(int(sys.argv[2])):
        one = integration(f"name-{number}")
        add(store, one)
        say(f"added {one.name}")
        if number % 3 == 0:
            delete(store, one)
            say(f"deleted {one.name}")
    return 0


def say(line: str) -> None:
    """Acknowledge a change."""
    print(line, flush=True)  # noqa: T201 # what this program is for


if __name__ == "__main__":
    sys.exit(main())
