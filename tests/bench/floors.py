"""The machine, and what it could do at best: printed beside the results, so that they can be judged."""

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median

from tests.bench.bench import Bench
from tests.bench.commands import NOOP
from tests.bench.generator import load
from tests.bench.report import say

PACKAGES = ("slack-bolt", "slack-sdk", "waitress", "tinydb", "cryptography", "requests", "urllib3")
FILES = {"4 KiB": 4 * 1024, "512 KiB": 512 * 1024, "6 MiB": 6 * 1024 * 1024}
TIMES = 15
EMPTY = [{"path": "/", "expect": "ok"}]


def describe_machine(bench: Bench) -> None:
    """Say what this runs on."""
    model = next((line.split(":")[1].strip() for line in cpu_lines() if line.startswith("model name")), "?")
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    say(f"Python {platform.python_version()} on {system}")
    say(f"{os.cpu_count()} cores ({model}), load average {' '.join(f'{one:.2f}' for one in os.getloadavg())}")
    say(f"files on {file_system(bench.folder)}")
    say(", ".join(f"{name} {version(name)}" for name in PACKAGES))
    say(f"{bench.rounds} rounds of {bench.seconds:g} s; the load generator shares the cores with the servers")


def cpu_lines() -> list[str]:
    """What Linux says of the processors."""
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def file_system(folder: Path) -> str:
    """The type of the file system a folder is on; on tmpfs a flush costs nothing and proves nothing."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    within = [mount for mount in mounts if folder.resolve().is_relative_to(mount[0])]
    return max(within, key=lambda mount: len(mount[0]))[1]


def floors(bench: Bench) -> None:
    """Print the floors."""
    for kind, asks in (("empty", EMPTY), ("noop", NOOP)):
        with bench.other(kind) as child:
            for connections in (1, 16, 64):
                run = load(child.address, asks, min(bench.seconds, 0.5), connections)
                numbers = f"p50 {run.p50_ms:.3f} ms, p99 {run.p99_ms:.2f} ms, {run.per_s:.0f}/s"
                say(f"    floor: {kind}, c{connections}: {numbers}, {run.errors} errors")
    for name, size in FILES.items():
        content, target = os.urandom(size), bench.folder / "floor"
        whole = median_ms(lambda: write_by_hand(content, target))  # noqa: B023 - called before the next
        say(f"    floor: write, flush, rename, flush the directory, {name}: {whole:.2f} ms")
    with (bench.folder / "log").open("ab", buffering=0) as log:
        say(f"    floor: append 200 bytes and flush: {median_ms(lambda: append(log.fileno())):.2f} ms")


def write_by_hand(content: bytes, target: Path) -> None:
    """Write a file as briefly as it can be done durably: temporary file, flush, rename, directory flush."""
    rest, temporary = memoryview(content), target.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)
    os.close(descriptor)
    os.replace(temporary, target)
    directory = os.open(target.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def append(descriptor: int) -> None:
    """Append a line and bring it to the disk."""
    os.write(descriptor, bytes(200))
    os.fdatasync(descriptor)


def median_ms(task: Callable[[], None]) -> float:
    """The median milliseconds of a task."""
    times = []
    for _ in range(TIMES):
        started = time.perf_counter()
        task()
        times.append((time.perf_counter() - started) * 1000)
    return median(times)
