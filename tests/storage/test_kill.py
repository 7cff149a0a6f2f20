"""A real process, killed at random instants: every acknowledged change is there, and none is half there."""

import random
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import IO

import pytest

from tests.storage.samples import chain, names, opened, whole_history

KILLS = 25
PAST = {"integration.add": "added", "integration.delete": "deleted"}


def start(directory: Path, first: int = 0) -> subprocess.Popen[str]:
    """Start the acknowledging program."""
    command = [sys.executable, "-m", "tests.storage.acknowledging", str(directory), str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines_of(stream: IO[str] | None) -> IO[str]:
    """A pipe that is there."""
    assert stream is not None
    return stream


def killed_run(directory: Path, first: int, chance: random.Random) -> list[str]:
    """Run the program, kill it at a random instant, and give the lines it printed."""
    with start(directory, first) as process:
        output = lines_of(process.stdout)
        wanted = chance.choice([0, 0, 1, 5, 20])
        lines = list(islice(output, wanted))
        time.sleep(chance.uniform(0, 0.005) if wanted else chance.uniform(0.1, 0.4))
        process.kill()
        return [line.strip() for line in [*lines, *output] if line.endswith("\n")]


def expected_names(acknowledged: list[str]) -> set[str]:
    """The names that the acknowledged changes leave."""
    done = [line.split() for line in acknowledged]
    added = {name for verb, name in done if verb == "added"}
    return added - {name for verb, name in done if verb == "deleted"}


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_process_loses_nothing(tmp_path: Path, seed: int) -> None:
    """Killed, started and killed again, the store starts and holds what was acknowledged, whole."""
    chance = random.Random(seed)  # noqa: S311 # a repeatable instant, not a secret
    directory = tmp_path / "data"
    acknowledged = killed_run(directory, 0, chance)
    store = opened(directory)
    found = set(names(store))
    entries = whole_history(store)[::-1]
    store.close()
    recorded = [
        f"{entry.event.action.removeprefix('integration.')}ed {entry.event.name}" for entry in entries
    ]
    recorded = [line.replace("deleteed", "deleted").replace("addeded", "added") for line in recorded]

    assert recorded[: len(acknowledged)] == acknowledged
    assert len(recorded) - len(acknowledged) in (0, 1)
    assert found == expected_names(recorded)
    assert [entry.hash for entry in entries] == chain(entries)


def test_second_process_is_refused(tmp_path: Path) -> None:
    """A second process on the same directory ends at once, with one sentence."""
    store = opened(tmp_path / "data")
    with start(tmp_path / "data") as second:
        said = lines_of(second.stderr).read()
    store.close()

    assert second.returncode == 1
    assert said == (
        "Another copy of Quaymaster is using this data directory. "
        "Stop it first: only one can run at a time.\n"
    )
