"""Servers as child processes: started with the environment of a real one, watched, and always ended."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.features.payloads import SIGNING_SECRET

ROOT = Path(__file__).parents[2]
PRODUCT = ("bot", "serve")
ADDRESS = re.compile(r"http://\S+")


@dataclass(frozen=True, slots=True)
class Child:
    """A server that runs."""

    pid: int
    address: tuple[str, int]
    ready_s: float
    """From its start to the line that says it listens."""

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://{self.address[0]}:{self.address[1]}"

    @property
    def rss_mb(self) -> float:
        """Its resident memory now, in MiB."""
        return status_mb(self.pid, "VmRSS")

    @property
    def cpu_us(self) -> float:
        """The processor time of its threads until now, in microseconds."""
        return cpu_us(self.pid)


def status_mb(pid: int, name: str) -> float:
    """A size of a process, in MiB, as Linux tells it."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def cpu_us(pid: int) -> float:
    """The processor time of a process's threads, in microseconds, as Linux's scheduler counts it."""
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1000


@contextmanager
def serving(*module: str, log: Path, env: Mapping[str, str] | None = None) -> Iterator[Child]:
    """
    Run a server of ours until the block ends.

    Args:
        module: What follows ``python -m``.
        log: Its standard error is appended here, and shown when it does not start.
        env: Settings, beside those of this process that are none of Quaymaster's.
    """
    started = time.perf_counter()
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env={**inherited(), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        address = told_address(process, log)
        yield Child(process.pid, address, time.perf_counter() - started)
    finally:
        stop(process)


def told_address(process: "subprocess.Popen[str]", log: Path) -> tuple[str, int]:
    """Read where a server listens from the first line it prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = ADDRESS.search(line)
    if found is None:
        raise RuntimeError(f"a server did not start: {line}{log.read_text(errors='replace')[-2000:]}")
    parts = urlsplit(found[0])
    return str(parts.hostname), int(parts.port or 80)


def stop(process: "subprocess.Popen[str]") -> None:
    """End a process of ours, at last without asking."""
    process.terminate()
    try:
        process.wait(timeout=12)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def inherited() -> dict[str, str]:
    """This process's environment without Quaymaster's settings."""
    ours = ("QUAYMASTER_", "SLACK_", "HOST", "PORT", "DATABASE_URL", "LOG_LEVEL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def keep_compiled(folder: Path) -> None:
    """Let every process started from here on find its modules compiled, as an installed program does."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")


def product_env(data: Path, keys: Path, slack_url: str) -> dict[str, str]:
    """The settings of ``quaymaster serve`` for a benchmark: all on loopback, registries too."""
    return {
        "SLACK_BOT_TOKEN": "xoxb-bench",
        "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "SLACK_API_URL": f"{slack_url}/api/",
        "PORT": "0",
        "QUAYMASTER_DATA_DIR": str(data),
        "QUAYMASTER_KEYS_FILE": str(keys),
        "QUAYMASTER_ALLOWED_NETWORKS": "127.0.0.0/8",
        "QUAYMASTER_RATE_LIMIT": "9999999",
    }
