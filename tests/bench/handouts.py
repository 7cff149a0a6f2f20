"""Credentials for workflows, over HTTP: as many as the server can take, and slash commands beside them."""

from dataclasses import replace

from tests.bench.bench import Bench
from tests.bench.commands import BUSY, HELP
from tests.bench.dataset import Dataset, password
from tests.bench.generator import Ask, Rounds, compared, load, loading, p99, per_s
from tests.bench.processes import Child
from tests.bench.report import Limit, Row, say, verdict

SIZE = 10_000
CALLERS = 100
"""So many of the tokens fetch: each may ask 600 times a minute."""
STEP = 30
"""Every 30th integration has a password and a project that depends on it."""


def fetches(data: Dataset) -> list[Ask]:
    """What the callers ask: each for the server of its own integration."""
    return [fetch(data, number * STEP) for number in range(CALLERS)]


def fetch(data: Dataset, number: int) -> Ask:
    """One caller's question, and the password that its answer holds."""
    server = data.integrations[number].server.address
    headers = {"Authorization": f"Bearer {data.tokens[number].reveal()}"}
    return {"path": f"/v1/credentials?server={server}", "headers": headers, "expect": password(number)}


def warm(ours: Child, data: Dataset) -> Row:
    """Let each caller fetch once: an hour's first fetch is written to disk, the others only counted."""
    first = load(ours.address, fetches(data), 0, CALLERS, once=True)
    found = f"{first.max_ms:.0f} ms"
    say(f"    the hour's first fetch of {CALLERS} tokens at once: longest {found}, {first.errors} errors")
    measure = f"the hour's first fetch of {CALLERS} tokens at once, at 10,000, longest"
    return Row(measure, product=found, result=found, met=verdict(0, None, first.errors))


def credentials(bench: Bench) -> list[Row]:
    """Compare fetches with a server that says ``ok``."""
    data = bench.dataset(SIZE, with_tokens=True)
    with (
        bench.slack() as slack,
        bench.other("empty") as empty,
        bench.product(SIZE, slack, with_tokens=True) as ours,
    ):
        first = warm(ours, data)
        nothing = [{**ask, "expect": "ok"} for ask in fetches(data)]
        sides = [("empty handler", empty, nothing), ("GET /v1/credentials", ours, fetches(data))]
        base, product = bench.interleaved(sides, 16)
    name = "`GET /v1/credentials` of 10,000 integrations and 10,000 tokens, c16"
    return [
        compared(f"{name}, answers a second", base, product, per_s, Limit(0.6, is_least=True)),
        compared(f"{name}, p99", base, product, p99, Limit(2.0)),
        first,
    ]


def beside(bench: Bench) -> list[Row]:
    """Time ``help`` with 64 fetches running all the while, and without."""
    data = bench.dataset(SIZE, with_tokens=True)
    found = {connections: (Rounds(), Rounds()) for connections in (BUSY, 1)}
    seconds = max(1.0, bench.seconds)  # a shorter run may end before its first answer
    with bench.slack() as slack, bench.product(SIZE, slack, with_tokens=True) as ours:
        warm(ours, data)
        for _ in range(bench.rounds):
            for connections, (without, beside_them) in found.items():
                without.runs.append(load(ours.address, HELP, seconds, connections))
                with loading(ours.address, fetches(data), seconds + 1, BUSY) as fetched:
                    run = load(ours.address, HELP, seconds, connections)
                    beside_them.runs.append(replace(run, errors=run.errors + fetched().errors))
    for connections, (without, beside_them) in found.items():
        say(f"    help alone, c{connections}: {without.summary()}")
        say(f"    help beside {BUSY} fetches, c{connections}: {beside_them.summary()}")
    return [
        compared(f"`help` at c64 beside {BUSY} fetches without pause, p99", *found[BUSY], p99, Limit(2.0)),
        alone(found[1][1]),
    ]


def alone(rounds: Rounds) -> Row:
    """A single command that waits behind all the fetches: no ratio, since nothing queues without them."""
    found = f"{rounds.median(p99):.1f} ms"
    return Row(
        f"`help` at c1 beside {BUSY} fetches without pause, p99",
        product=found,
        result=found,
        met=verdict(0, None, rounds.errors),
    )
