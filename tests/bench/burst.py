"""64 forms at once whose registry accepts the connection and says nothing: who else has to wait?"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bot.registry.kind_table import KINDS
from handlers.add import SAVE, add_form
from handlers.form import VALUE
from tests.bench.bench import Bench
from tests.bench.commands import HELP
from tests.bench.generator import Ask, Rounds, Run, load, loading
from tests.bench.processes import Child
from tests.bench.report import Limit, Row, say, verdict
from tests.features.payloads import interaction

FORMS = 64
LASTS_S = 3.6
"""A form is answered within 2.2 s, and its refusal is written after that."""

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


def form(registry: Server) -> Ask:
    """A submitted form for that registry, and what stands in its answer once the deadline has passed."""
    typed = {"name": "hanging__NUMBER_", "url": f"http://127.0.0.1:{registry[1]}"}
    typed |= {"username": "ci", "password": "a-password"}
    values = {key: {VALUE: {"type": "plain_text_input", "value": text}} for key, text in typed.items()}
    values["kind"] = {"form.kind": {"type": "static_select", "selected_option": {"value": "private"}}}
    drawn = add_form(KINDS, KINDS["private"])
    view = {
        **drawn,
        "id": "V_NUMBER_",
        "hash": "_NUMBER_.h",
        "callback_id": SAVE,
        "state": {"values": values},
    }
    body = interaction("view_submission", "_USER_", "_NUMBER_.form", view=view).decode()
    return {"body": body, "expect": "Save without checking"}


def one_burst(ours: Child, registry: Server, connections: int) -> tuple[Run, Run]:
    """Ask for help all the while: what became of that, and of the forms."""
    with loading(ours.address, HELP, LASTS_S, connections) as helped:
        forms = load(ours.address, [form(registry)], 0, FORMS, once=True)
        return helped(), forms


def bursts(bench: Bench) -> list[Row]:
    """Measure other acknowledgements during bursts, at one connection and at four, and without."""
    forms = Rounds()
    helped = {connections: (Rounds(), Rounds()) for connections in ((4,) if bench.is_quick else (1, 4))}
    with bench.products(1_000) as (_, ours), silent_registry() as registry:
        for _ in range(bench.rounds):
            for connections, (quiet, busy) in helped.items():
                quiet.runs.append(load(ours.address, HELP, bench.seconds, connections))
                acknowledged, answered = one_burst(ours, registry, connections)
                busy.runs.append(acknowledged)
                forms.runs.append(answered)
    return reported(helped, forms)


def reported(helped: dict[int, tuple[Rounds, Rounds]], forms: Rounds) -> list[Row]:
    """Print everything, and give the rows of the longest waits."""
    for connections, (quiet, busy) in helped.items():
        say(f"    help without, c{connections}: {quiet.summary()}, longest {longest(quiet):.1f} ms")
        say(f"    help during bursts, c{connections}: {busy.summary()}, longest {longest(busy):.1f} ms")
    say(f"    the forms: {forms.summary()}, longest {longest(forms):.0f} ms")
    name = f"while {FORMS} forms hang, longest"
    acknowledged, answered = Limit(100, unit=" ms"), Limit(3000, unit=" ms")
    rows = [row(f"`help` at c{one} {name}", *sides, acknowledged) for one, sides in helped.items()]
    return [*rows, row(f"a form among {FORMS} whose registry hangs, longest", None, forms, answered)]


def longest(rounds: Rounds) -> float:
    """The longest wait of all rounds, in milliseconds."""
    return max(rounds.each(lambda run: run.max_ms))


def row(measure: str, base: Rounds | None, rounds: Rounds, limit: Limit) -> Row:
    """A row of longest waits; not a ratio."""
    found = longest(rounds)
    errors = rounds.errors + (base.errors if base else 0)
    beside = f"{longest(base):.1f} ms without" if base else "–"
    met = verdict(found, limit, errors)
    return Row(measure, beside, f"{found:.1f} ms", f"{found:.1f} ms", str(limit), met)
