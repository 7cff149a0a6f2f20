"""Credentials that Quaymaster makes, on PostgreSQL: killed at any moment, and by two replicas at once."""

import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest

from tests.fakes.folder_registry import FolderDrivers
from tests.fakes.real_postgres import RealPostgres
from tests.storage.making import Making
from tests.storage.postgres.conftest import Opener
from tests.storage.samples import T1, Clock

pytestmark = pytest.mark.needs("postgres")

KILLS = 10


def killed_run(url: str, folder: Path, chance: random.Random) -> list[str]:
    """Run the program, kill it at a random moment with SIGKILL, and give the lines that it printed."""
    command = [sys.executable, "-m", "tests.storage.making", url, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = list(islice(process.stdout, chance.choice([1, 2, 3, 5, 8])))
        time.sleep(chance.uniform(0, 0.03))
        process.kill()
        process.wait()
        assert process.stderr
        return [*lines, *process.stdout, process.stderr.read()]


def judged(making: Making) -> dict[str, object]:
    """Hold what is kept against what is at the registry."""
    found, secrets, opened = making.found, making.drivers.registry.secrets, making.opened
    asked = found.prepared.made_as if found.prepared else ""
    former_is_there = [one for one in ("former",) if one in opened and opened[one] not in secrets.values()]
    known = {*opened.values()}
    # What a person made there and had not entered yet is the person's.
    strays = [
        name
        for name, secret in secrets.items()
        if secret not in known and name != asked and not name.startswith("typed-")
    ]
    return {
        "in use and not there": opened["current"]
        not in [secret for name, secret in secrets.items() if not name.endswith(".off")],
        "former gone before it was suspended": bool(former_is_there)
        and not (found.former and found.former.is_suspended),
        "made and not there": "prepared" in opened and opened["prepared"] not in secrets.values(),
        "there and unknown": strays,
    }


GOOD = {
    "in use and not there": False,
    "former gone before it was suspended": False,
    "made and not there": False,
    "there and unknown": [],
}


def recover(making: Making) -> None:
    """Do what a person does after a restart: end what is left over, and what is former."""
    if making.found.prepared:
        making.clean()
    if making.found.former:
        making.retire()


def test_killed_at_any_moment(opener: Opener, postgres: RealPostgres, database: str, tmp_path: Path) -> None:
    """After each kill every secret that is not retired opens, the one in use works, and no key is unknown."""
    chance = random.Random(5)  # noqa: S311 - repeatable moments
    making = Making(opener(), FolderDrivers(tmp_path / "registry"))
    making.begin()
    found = []
    for _ in range(KILLS):
        lines = killed_run(postgres.url(database), tmp_path / "registry", chance)
        found.append((judged(making), lines[-1]))
        recover(making)

    assert found == [(GOOD, "")] * KILLS
    assert len([one for one in making.drivers.registry.secrets if one.startswith("made-")]) <= 1


@pytest.mark.parametrize("step", ["mint", "after mint", "suspend", "after suspend", "delete", "after delete"])
def test_killed_at_each_step(
    opener: Opener, postgres: RealPostgres, database: str, tmp_path: Path, step: str
) -> None:
    """Killed before and after each request, a restart knows what is at the registry."""
    making = Making(opener(), FolderDrivers(tmp_path / "registry"))
    making.begin()
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from storage.postgres.postgres_store import PostgresStore\n"
        "from tests.fakes.folder_registry import FolderDrivers\n"
        "from tests.storage.making import KEYRING, Making\n"
        "def meanwhile(step):\n"
        "    step == sys.argv[3] and os.kill(os.getpid(), signal.SIGKILL)\n"
        "making = Making(PostgresStore(sys.argv[1], KEYRING), FolderDrivers(Path(sys.argv[2]), meanwhile))\n"
        "making.make()\n"
        "making.retire()\n"
    )
    command = [sys.executable, "-c", program, postgres.url(database), str(tmp_path / "registry"), step]
    ended = subprocess.run(command, check=False, timeout=60)
    state = judged(making)
    recover(making)

    assert ended.returncode == -9
    assert state == GOOD
    assert len(making.drivers.registry.secrets) == 1
    assert making.opened["current"] in making.drivers.registry.secrets.values()


def test_of_two_replicas_one_makes_it(opener: Opener, tmp_path: Path) -> None:
    """Two clocks that both find it due make one credential, and tell it once."""
    clock, met = Clock(), threading.Barrier(2, timeout=20)

    def meet(step: str) -> None:
        if step == "describe":
            met.wait()

    drivers = FolderDrivers(tmp_path / "registry")
    first = Making(opener(), drivers, clock)
    first.begin()
    drivers.meanwhile = meet
    clock.move(days=91)
    replicas = [Making(opener(), drivers, clock) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        [one.result() for one in [pool.submit(replica.tick) for replica in replicas]]
    reading = first.ports.store.read(T1)

    assert len(drivers.minted) == 1
    assert first.found.former is not None
    assert first.found.prepared is None
    assert [one.event.result.value for one in reading.news] == ["done"]
