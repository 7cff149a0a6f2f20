"""64 forms at once whose registry accepts the connection and says nothing: who else has to wait?"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.bench import Bench
from tests.bench.commands import HELP
from tests.bench.forms import add_ask
from tests.bench.generator import Rounds, load, loading
from tests.bench.report import Limit, Row, measured_row, number_row, say

FORMS = 64
LASTS_S = 3.6
"""A form is answered within 2.2 s, and its refusal is written after that."""
HELPED, ANSWERED = Limit(500, unit=" ms"), Limit(3000, unit=" ms")

Server = tuple[str, int]


@contextmanager
def silent_registry() -> Iterator[Server]:
    """Listen on loopback, accept everybody, never say a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=4 * FORMS) as listener:
        kept: list[socket.socket] = []
        threading.Thread(target=keep_accepting, args=(listener, kept), daemon=True).start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
        for one in kept:
            one.close()


def keep_accepting(listener: socket.socket, kept: list[socket.socket]) -> None:
    """Accept until the listener is shut down."""
    while True:
        try:
            kept.append(listener.accept()[0])
        except OSError:
            return


def bursts(bench: Bench) -> list[Row]:
    """Ask for help while forms hang, and without."""
    quiet, busy, forms = Rounds(), Rounds(), Rounds()
    with bench.products(1_000) as (_, ours), silent_registry() as registry:
        url = f"http://127.0.0.1:{registry[1]}"
        # A person each, since one may have two such questions; those beyond all places are told at once.
        form = add_ask("hanging__NUMBER_", url, "response_action", is_checked=True, user="U0_NUMBER_")
        for _ in range(bench.rounds):
            quiet.runs.append(load(ours.address, HELP, min(bench.seconds, 1.0), 4))
            with loading(ours.address, HELP, LASTS_S, 4) as helped:
                forms.runs.append(load(ours.address, [form], 0, FORMS, once=True))
                busy.runs.append(helped())
    for name, rounds in (("help without", quiet), ("help during bursts", busy), ("the forms", forms)):
        say(f"    {name}: {rounds.summary()}, longest {rounds.longest:.1f} ms")
    errors = quiet.errors + busy.errors
    name = f"`help` at 4 connections while {FORMS} registries are silent, longest"
    return [
        measured_row(name, quiet.longest, busy.longest, HELPED, errors),
        number_row(f"a form among {FORMS} whose registry is silent", forms.longest, ANSWERED, forms.errors),
    ]
