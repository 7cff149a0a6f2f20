"""``help`` while 1,000 integrations are watched, beside the same without: the watch is in nobody's way."""

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bot.core.integrations.credentials import seal_context
from bot.core.model import Integration, Server
from bot.core.secrets import Secret
from storage.sealing import Keyring, read_keys_file
from storage.tinydb.tinydb_store import TinyDBStore
from tests.bench.bench import Bench
from tests.bench.commands import HELP, RATE
from tests.bench.dataset import HOME, Dataset, Shape, dataset
from tests.bench.generator import Rounds, compared, load, p99
from tests.bench.report import Limit, Row, number_row, say

WATCHED = 1_000
LOAD_S = 10.0
PASSWORD = "bench"
LOGIN = f"Basic {base64.b64encode(f'ci:{PASSWORD}'.encode()).decode()}"


class Registry:
    """Takes one login, and counts how often it was asked with it."""

    def __init__(self) -> None:
        self.asked = 0
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                is_known = self.headers.get("Authorization") == LOGIN
                registry.asked += is_known
                self.send_response(200 if is_known else 401)
                self.send_header("WWW-Authenticate", 'Basic realm="bench"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base names it
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.place = Server("http", "127.0.0.1", self.server.server_address[1])


@contextmanager
def serving_registry() -> Iterator[Registry]:
    """Run one."""
    registry = Registry()
    thread = threading.Thread(target=registry.server.serve_forever)
    thread.start()
    try:
        yield registry
    finally:
        registry.server.shutdown()
        thread.join()
        registry.server.server_close()


def watching(bench: Bench) -> list[Row]:
    """Ask for help at a steady rate, where the watch runs and where it is off."""
    without, beside = Rounds(), Rounds()
    seconds = LOAD_S if not bench.is_quick else bench.seconds
    with serving_registry() as registry, bench.slack() as slack:
        quiet, watched = (at_registry(bench, name, registry.place) for name in ("quiet", "watched"))
        with (
            bench.serving_data(quiet, slack, QUAYMASTER_WATCH="off") as off,
            bench.serving_data(watched, slack) as on,
        ):
            [load(one.address, HELP, 0.5) for one in (off, on)]
            before, began = registry.asked, time.monotonic()
            for _ in range(bench.rounds):
                without.runs.append(load(off.address, HELP, seconds, rate=RATE))
                beside.runs.append(load(on.address, HELP, seconds, rate=RATE))
            # So many gaps between them, each a second at least.
            questions = max(0, registry.asked - before - 1) / (time.monotonic() - began)
    say(f"    the watch off: {without.summary()}")
    say(f"    the watch on: {beside.summary()}, {questions:.2f} questions a second")
    return [
        compared(f"`help` while {WATCHED:,} are watched, p99", without, beside, p99, Limit(1.1)),
        number_row("questions of the watch a second", questions, Limit(1.0, unit="/s"), digits=2),
    ]


def at_registry(bench: Bench, name: str, place: Server) -> Dataset:
    """A team whose integrations are all at one registry, with a login that works there."""
    data = dataset(bench.folder / name, Shape(WATCHED))
    keyring = Keyring(read_keys_file(data.keys))
    store = TinyDBStore(data.directory, keyring)
    try:
        with store.change(HOME) as change:
            for one in data.integrations:
                change.put(moved(one, place, keyring))
    finally:
        store.close()
    return data


def moved(one: Integration, place: Server, keyring: Keyring) -> Integration:
    """An integration of the plainest kind at that registry."""
    there = replace(one, kind="private", server=place)
    return replace(there, secret=keyring.seal(seal_context(HOME, there), {"password": Secret(PASSWORD)}))
