"""Checks of addresses that never answer: nobody waits longer than the deadline says."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import ip_network

from bot.core.model import Outcome, Server
from bot.core.ports.registry import Login
from bot.core.secrets import Secret
from bot.registry.client import RegistryClient
from bot.registry.kind_table import KINDS
from tests.bench.bench import Bench
from tests.bench.burst import silent_registry
from tests.bench.report import Limit, Row, say

FORM_DEADLINE_S, TEST_DEADLINE_S = 2.2, 10.0
LATE = Limit(0.2, unit=" s")


@contextmanager
def full_listener() -> Iterator[tuple[str, int]]:
    """Listen without accepting, its queue filled: who connects now gets no answer at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [started_connection(address) for _ in range(4)]
        time.sleep(0.05)
        yield address
        for one in waiting:
            one.close()


def started_connection(address: tuple[str, int]) -> socket.socket:
    """Begin to connect, and leave it at that."""
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(address)
    return one


def unreachable(bench: Bench) -> list[Row]:
    """Check both kinds with the form's deadline, round by round; beside that once with the test's."""
    client = RegistryClient(KINDS, [ip_network("127.0.0.0/8")])
    with full_listener() as full, silent_registry() as silent, ThreadPoolExecutor(3) as pool:
        longest = None if bench.is_quick else pool.submit(over, client, silent, TEST_DEADLINE_S)
        rounds = [
            [pool.submit(over, client, address, FORM_DEADLINE_S) for address in (full, silent)]
            for _ in range(bench.rounds)
        ]
        by_kind = [[one.result() for one in kind] for kind in zip(*rounds, strict=True)]
        names = ("the connection", "the request")
        rows = [
            row(f"{name} unanswered, deadline 2.2 s", one) for name, one in zip(names, by_kind, strict=True)
        ]
        return [*rows, row("the request unanswered, deadline 10 s", [longest.result()])] if longest else rows


def over(client: RegistryClient, address: tuple[str, int], deadline_s: float) -> float:
    """How many seconds a check takes beyond its deadline; infinite if it finds anything but that."""
    server = Server("http", *address)
    login = Login("private", server, "ci", {"password": Secret("a-password")})
    started = time.perf_counter()
    result = client.check(login, deadline_s=deadline_s)
    took = time.perf_counter() - started
    return took - deadline_s if result.outcome is Outcome.UNREACHABLE else float("inf")


def row(what: str, times: list[float]) -> Row:
    """A row of the longest time beyond the deadline."""
    found = max(times)
    say(f"    check, {what}: {', '.join(f'{each:+.3f}' for each in times)} s beyond it")
    measure = f"check of an unreachable address, {what}: beyond it"
    return Row(measure, "–", f"{found:+.3f} s", f"{found:+.3f} s", str(LATE), LATE.verdict(found))
