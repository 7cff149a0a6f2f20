"""Pipelines that pull with skopeo in a loop while the login of their registry is replaced."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess

from tests.clients.helpers import Helper
from tests.clients.registries import Client
from tests.fakes.real_registry import RealRegistry

SECOND = {"username": "robot-2", "password": "second one"}
SECOND_LINE = "robot-2:$2b$04$abcdefghijklmnopqrstuu32ZNfd61l5vn0H1Hc2PKCpNHBkiMX2C\n"
"""That user and password, as bcrypt writes them."""


def users(registry: RealRegistry, lines: str) -> None:
    """Say who may log in at a registry from now on."""
    (registry.store.parent / "htpasswd").write_text(lines)


@dataclass
class Puller:
    """Lists the tags of a private image with skopeo, again and again, until it is stopped."""

    client: Client
    results: "list[CompletedProcess[str]]" = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    pulled: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def run(self) -> None:
        """Pull until stopped."""
        while not self.stopped.is_set():
            self.results.append(self.client.list_tags())
            self.pulled.release()

    def wait(self, pulls: int) -> None:
        """Wait for so many pulls that end after now, one of which may have begun before."""
        while self.pulled.acquire(blocking=False):
            pass
        assert all(self.pulled.acquire(timeout=60) for _ in range(pulls + 1))


def puller(folder: Path, url: str, token: str, registry: RealRegistry) -> Puller:
    """Set up a pipeline whose only login is the helper's."""
    folder.mkdir()
    settings = {"QUAYMASTER_URL": url, "QUAYMASTER_TOKEN": token}
    client = Client(folder / "home", Helper(folder / "bin", "python", settings), registry)
    client.prepare()
    return Puller(client)


@contextmanager
def pulling(pullers: Sequence[Puller]) -> Iterator[None]:
    """Let them pull until the block ends."""
    threads = [threading.Thread(target=one.run) for one in pullers]
    [one.start() for one in threads]
    try:
        yield
    finally:
        [one.stopped.set() for one in pullers]
        [one.join(60) for one in threads]
