"""``docker-credential-quaymaster`` as whole processes: what a pipeline waits for at each login."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.bench import Bench
from tests.bench.dataset import Dataset, password
from tests.bench.generator import ratio_of
from tests.bench.processes import ROOT, Child
from tests.bench.report import Limit, Row, not_measured, say

EACH_ROUND = 10
PATIENCE_S = 20
INSTALL_S = 120
PYTHON = "docker-credential-quaymaster as pip installs it"
SH = "docker-credential-quaymaster, sh, beside curl"
BESIDE_CURL, BESIDE_PYTHON, BESIDE_PASS = Limit(1.15), Limit(2.0), Limit(0.7)
PASS = "docker-credential-pass"
KEY = "bench@example.com"
NEEDED = (PASS, "pass", "gpg", "gpgconf")


@dataclass(frozen=True, slots=True)
class Command:
    """A program as a caller starts it."""

    line: Sequence[str]
    given: str = ""
    env: Mapping[str, str] | None = None
    expect: str = ""

    def run(self) -> tuple[float, bool]:
        """Start it, wait for its end: the milliseconds, and whether it gave the right password."""
        started = time.perf_counter()
        done = subprocess.run(
            self.line,
            input=self.given.encode(),
            env={**os.environ, **(self.env or {})},
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return (time.perf_counter() - started) * 1000, self.expect.encode() in done.stdout


def helpers(bench: Bench) -> list[Row]:
    """Compare both editions, each with its bases."""
    data = bench.dataset(1_000, with_tokens=True)
    with bench.slack() as slack, bench.product(1_000, slack, with_tokens=True) as ours:
        python = python_edition(bench, ours, data)
        if shutil.which("curl") is None:
            return [*python, not_measured(SH, "curl is not installed", BESIDE_CURL)]
        return [*python, sh_edition(bench, ours, data)]


def python_edition(bench: Bench, ours: Child, data: Dataset) -> list[Row]:
    """The Python edition against a Python that does nothing, and against docker's own for ``pass``."""
    python = installed(bench.folder / "installed")
    product = asking([str(python.with_name("docker-credential-quaymaster")), "get"], ours, data)
    nothing = Command([str(python), "-c", "pass"])
    row = compared(f"{PYTHON}, beside `python -c pass`", nothing, product, bench.rounds, BESIDE_PYTHON)
    missing = [name for name in NEEDED if shutil.which(name) is None]
    name = f"{PYTHON}, beside {PASS}"
    if missing:
        return [row, not_measured(name, f"{', '.join(missing)} not installed", BESIDE_PASS)]
    with password_store(bench.folder / "pass", product) as base:
        return [row, compared(name, base, product, bench.rounds, BESIDE_PASS)]


def installed(folder: Path) -> Path:
    """Install the package into an environment of its own, as a pipeline does; return its Python."""
    source, environment = folder / "source", folder / "environment"
    for name in ("bot", "handlers", "storage"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    python = environment / "bin" / "python"
    # The helper needs the standard library alone.
    for line in (
        [sys.executable, "-m", "venv", str(environment)],
        [str(python), "-m", "pip", "install", "--quiet", "--no-deps", str(source)],
    ):
        subprocess.run(line, capture_output=True, check=True, timeout=INSTALL_S)
    return python


def sh_edition(bench: Bench, ours: Child, data: Dataset) -> Row:
    """The edition that the server gives away, against curl asking the same."""
    script = bench.folder / "helper.sh"
    with urllib.request.urlopen(f"{ours.url}/v1/helper.sh") as answer:  # noqa: S310 - our own server
        script.write_bytes(answer.read())
    product = asking(["sh", str(script), "get"], ours, data)
    bearer = f"Authorization: Bearer {data.tokens[0].reveal()}"
    address = f"{ours.url}/v1/credentials?server={product.given}"
    base = Command(["curl", "-sS", "-H", bearer, address], expect=product.expect)
    return compared(SH, base, product, bench.rounds, BESIDE_CURL)


def asking(line: Sequence[str], ours: Child, data: Dataset) -> Command:
    """A helper that asks for the first integration's login."""
    env = {"QUAYMASTER_URL": ours.url, "QUAYMASTER_TOKEN": data.tokens[0].reveal()}
    return Command(line, data.integrations[0].server.address, env, password(0))


@contextmanager
def password_store(folder: Path, product: Command) -> Iterator[Command]:
    """Put the same login into a fresh ``pass``, whose key asks for no passphrase."""
    folder.mkdir(mode=0o700)
    env = {"GNUPGHOME": str(folder), "PASSWORD_STORE_DIR": str(folder / "store"), "HOME": str(folder)}
    server = f"https://{product.given}"
    login = {"ServerURL": server, "Username": "ci", "Secret": product.expect}
    try:
        run_with(env, "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", KEY)
        run_with(env, "pass", "init", KEY)
        run_with(env, PASS, "store", given=json.dumps(login))
        yield Command([PASS, "get"], server, env, product.expect)
    finally:
        run_with(env, "gpgconf", "--kill", "all")


def run_with(env: Mapping[str, str], *line: str, given: str = "") -> None:
    """Run a program that must succeed."""
    everything = {**os.environ, **env}
    subprocess.run(
        line, input=given.encode(), env=everything, capture_output=True, check=True, timeout=PATIENCE_S
    )


def timed(commands: Sequence[Command], times: int) -> list[list[float]]:
    """Run commands in turn; a wrong answer takes for ever."""
    found: list[list[float]] = [[] for _ in commands]
    for _ in range(times):
        for command, each in zip(commands, found, strict=True):
            took, is_right = command.run()
            each.append(took if is_right else float("inf"))
    return found


def compared(measure: str, base: Command, product: Command, rounds: int, limit: Limit) -> Row:
    """A row of the medians of each round."""
    timed([base, product], 1)
    by_round = [timed([base, product], EACH_ROUND) for _ in range(rounds)]
    sides = [[median(found[side]) for found in by_round] for side in (0, 1)]
    errors = sum(each.count(float("inf")) for found in by_round for each in found)
    ratio = ratio_of(*sides)
    texts = [f"{median(side):.1f} ms" for side in sides]
    say(f"    {measure}: {texts[0]} ({base.line[0]}), {texts[1]}, {errors} errors")
    return Row(measure, *texts, str(ratio), str(limit), limit.verdict(ratio.value, errors))
