"""The credential helper in each of its editions, found on PATH by its name, as docker finds it."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = "docker-credential-quaymaster"
SCRIPT = (ROOT / "bot/pipeline/docker_credential.sh").read_text("utf-8")

EDITIONS = {
    "python": f'#!/bin/sh\nexec {sys.executable} {ROOT}/bot/pipeline/docker_credential.py "$@"\n',
    "dash": SCRIPT.replace("#!/bin/sh", "#!/usr/bin/env dash"),
    "busybox": SCRIPT.replace("#!/bin/sh", "#!/usr/bin/env -S busybox sh"),
}
"""What stands in the helper's file."""


@dataclass(frozen=True)
class Said:
    """What a run of the helper said."""

    status: int
    output: str
    people_read: str
    seconds: float


@dataclass
class Helper:
    """An installed edition with its settings."""

    folder: Path
    edition: str
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.path.write_text(EDITIONS[self.edition])
        self.path.chmod(0o755)

    @property
    def path(self) -> Path:
        """Where it is installed."""
        return self.folder / NAME

    @property
    def env(self) -> dict[str, str]:
        """An environment with the helper on PATH, its settings, and nothing else of ours."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("QUAYMASTER_")}
        return {**kept, "PATH": f"{self.folder}:{os.environ['PATH']}", **self.settings}

    def __call__(self, *arguments: str, said: str = "", **settings: str) -> Said:
        """Run it, saying something on its standard input."""
        before = time.monotonic()
        done = subprocess.run(
            [str(self.path), *arguments],
            input=said.encode(),
            capture_output=True,
            env={**self.env, **settings},
            check=False,
            timeout=20,
        )
        seconds = time.monotonic() - before
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode(), seconds)


def told(sentence: str, hint: str = "") -> tuple[str, str]:
    """What caller and people read of a failure."""
    return f"{sentence}\n", f"{NAME}: {sentence}{' ' * bool(hint)}{hint}\n"


def heard(said: Said) -> tuple[int, str, str]:
    """What a run said, without how long it took."""
    return said.status, said.output, said.people_read
