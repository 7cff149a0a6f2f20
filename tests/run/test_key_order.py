"""A key is rotated on two processes: each step that is out of order is refused, and nothing is changed."""

import base64
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.core.audit import Event
from bot.core.model import Source
from storage.postgres.postgres_store import PostgresStore
from storage.sealing import Keyring, new_key, parse_keys
from tests.fakes.real_postgres import ADMIN, RealPostgres, database, free_port, migrated, postgres
from tests.fakes.served_replicas import ROOT, Replica, wait_for
from tests.fakes.slack import SIGNING_SECRET
from tests.storage.samples import NOON, T1, integration
from tests.storage.samples import ROOT as ROOT_KEY

__all__ = ["database", "migrated", "postgres"]

pytestmark = pytest.mark.needs("postgres")

OLD, NEW = base64.b64encode(ROOT_KEY).decode(), new_key()
OLD_ID, NEW_ID = (Keyring(parse_keys(key)).primary for key in (OLD, NEW))


@dataclass
class Machines:
    """Where processes run, each with the keys that its machine has."""

    server: RealPostgres
    database: str
    folder: Path
    started: list[Replica] = field(default_factory=list)

    def env(self, *keys: str, port: int = 0) -> dict[str, str]:
        """The settings of a process."""
        ours = ("QUAYMASTER_", "SLACK_", "DATABASE_URL")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return kept | {
            "DATABASE_URL": self.server.url(self.database),
            "QUAYMASTER_KEYS": ",".join(keys),
            "QUAYMASTER_WATCH": "off",
            "SLACK_BOT_TOKEN": "xoxb-keys",
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "SLACK_API_URL": "http://127.0.0.1:1/api/",
            "PORT": str(port),
        }

    def start(self, *keys: str) -> Replica:
        """Start a process that serves, and wait until it is well."""
        port = free_port()
        made = Replica(self.env(*keys, port=port), port, self.folder / f"{port}.log")
        self.started.append(made)
        made.start()
        return made

    def run(self, *arguments: str, keys: tuple[str, ...]) -> tuple[int, str]:
        """Run the program until it ends; give its status and what it says."""
        command = [sys.executable, "-m", "bot", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.env(*keys), check=False, capture_output=True, text=True, timeout=40
        )
        return done.returncode, done.stdout + done.stderr

    def sql(self, text: str) -> str:
        """Look into the database, or change it, as nobody else can."""
        return self.server.sql(text, self.database, ADMIN)

    def keep(self, *keys: str) -> None:
        """Keep an integration and an entry, sealed with the first of the keys."""
        keyring = Keyring(parse_keys(",".join(keys)))
        with closing(PostgresStore(self.server.url(self.database), keyring)) as store:
            one = integration("one")
            with store.change(T1) as change:
                change.put(one)
                change.record(Event("integration.add", "U1", Source.COMMAND_LINE, NOON, one.id, one.name))


@pytest.fixture
def machines(postgres: RealPostgres, database: str, tmp_path: Path) -> Iterator[Machines]:
    """Two machines and a database."""
    made = Machines(postgres, database, tmp_path)
    yield made
    [one.end(signal.SIGKILL) for one in made.started if one.process]


def health(replica: Replica) -> str:
    """What a process says of itself; nothing while it is well."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{replica.port}/healthz", timeout=2):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return str(json.loads(error.read())["error"])


WRONG = {
    "first where another does not know it": ("serve", (OLD,), (NEW, OLD), f"Key {NEW_ID} is first here"),
    "sealed again before another knows it": (
        "keys reseal",
        (OLD,),
        (NEW, OLD),
        f"Key {NEW_ID} is first here",
    ),
    "removed where another has it first": (
        "serve",
        (OLD, NEW),
        (NEW,),
        f"seals with key {OLD_ID}, which is not",
    ),
    "not known where another has it first": (
        "serve",
        (NEW, OLD),
        (OLD,),
        f"seals with key {NEW_ID}, which is not",
    ),
}


@pytest.mark.parametrize(("command", "running", "starting", "said"), WRONG.values(), ids=list(WRONG))
def test_step_out_of_order_is_refused(
    command: str, running: tuple[str, ...], starting: tuple[str, ...], said: str, machines: Machines
) -> None:
    """The process that would seal what another cannot open, or cannot open what it seals, does not start."""
    replica = machines.start(*running)
    known = machines.sql("select count(*) from quaymaster.keys")
    status, text = machines.run(*command.split(), keys=starting)

    assert status != 0
    assert said in text
    assert "Nothing was changed." in text
    assert health(replica) == ""
    assert machines.sql("select count(*) from quaymaster.keys") == known
    assert machines.sql("select count(*) from quaymaster.replicas") == "1"


def test_key_that_a_record_needs_is_not_removed(machines: Machines) -> None:
    """Without sealing again, a process that lacks the former key does not start, and names it."""
    machines.keep(OLD)
    machines.start(NEW, OLD)
    status, text = machines.run("serve", keys=(NEW,))

    assert status != 0
    assert f"sealed with key {OLD_ID}" in text


def test_key_that_only_the_history_needs_is_not_removed(machines: Machines) -> None:
    """A history that is sealed with a key needs it too; once it is sealed again the key may go."""
    machines.keep(OLD)
    machines.sql("delete from quaymaster.integrations")
    before = machines.run("audit", "verify", keys=(NEW,))
    status = machines.run("keys", "status", keys=(NEW, OLD))
    machines.run("keys", "reseal", keys=(NEW, OLD))
    after = machines.run("audit", "verify", keys=(NEW,))

    assert f"sealed with key {OLD_ID}" in before[1]
    assert f"{OLD_ID}  seals 0; still needed by rows or the history" in status[1]
    assert after == (0, "T1: entries verified: 1.\n")
    assert machines.sql("select kid from quaymaster.keys") == NEW_ID


def test_killed_process_stops_nobody_for_long(machines: Machines) -> None:
    """A process that was killed counts as running until it has said nothing for 20 s; then others start."""
    killed = machines.start(OLD)
    killed.end(signal.SIGKILL)
    machines.sql("update quaymaster.replicas set at = at - interval '18 seconds'")
    replica = machines.start(NEW, OLD)

    assert health(replica) == ""


def test_process_that_stood_still_is_taken_out(machines: Machines) -> None:
    """One that stood still while the keys were changed says so as soon as it goes on; the others serve."""
    still = machines.start(OLD)
    assert still.process
    os.kill(still.process.pid, signal.SIGSTOP)
    machines.sql("update quaymaster.replicas set at = at - interval '1 minute'")
    other = machines.start(NEW, OLD)
    os.kill(still.process.pid, signal.SIGCONT)
    wait_for(lambda: health(still))

    assert health(still) == f"A replica seals with key {NEW_ID}, which is not loaded here."
    assert health(other) == ""
