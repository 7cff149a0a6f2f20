"""A program that notes uses of a store and kills itself before they are written.

    python -m tests.storage.touching DIRECTORY

It keeps an integration, its dependency and a token, has a first use written, and notes a later one.
"""

import os
import signal
import sys
from pathlib import Path

from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.samples import KEYRING, NOON
from tests.storage.tokens import LATER, touch, used_integration


def main() -> None:
    """Use it twice, then die."""
    store = TinyDBStore(Path(sys.argv[1]), KEYRING)
    one = used_integration(store)
    touch(store, one, NOON)
    store.flush()
    touch(store, one, LATER)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
