"""Tags of a large repository, from a real registry with token authentication, against bare requests."""

import json
import shutil
import subprocess
import sys
from statistics import median
from typing import Any

from tests.bench.bench import Bench
from tests.bench.generator import ratio_of
from tests.bench.processes import ROOT, inherited, product_env
from tests.bench.report import Limit, Row, not_measured, say
from tests.fakes.real_registry import PASSWORD, USERNAME, RealRegistry, running
from tests.fakes.token_server import SERVICE

REPOSITORY = "team/many"
TAGS = 10_000
TIME, MEMORY = Limit(1.2), Limit(10, unit=" MB")
NAMES = ("tags of a repository with 10,000", "memory for that, above idle")


def tags(bench: Bench) -> list[Row]:
    """Let a process that holds the whole bot read the tags, beside a bare session."""
    if shutil.which("docker-registry") is None:
        reason = "docker-registry is not installed"
        return [not_measured(NAMES[0], reason, TIME), not_measured(NAMES[1], reason, MEMORY)]
    folder = bench.folder / "registry"
    folder.mkdir()
    with running(folder, auth="token") as registry:
        registry.put_names(REPOSITORY, (f"v{number // 100}.{number % 100}" for number in range(TAGS)))
        found = read_in_bot(bench, registry)
    return rows(found)


def read_in_bot(bench: Bench, registry: RealRegistry) -> dict[str, Any]:
    """Run ``tag_reader.py`` with the settings of a server."""
    data = bench.dataset(1_000)
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.tag_reader"],
        input=json.dumps({**job_for(registry), "rounds": bench.rounds}),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**inherited(), **product_env(data.directory, data.keys, "http://127.0.0.1:9")},
        text=True,
        check=True,
        timeout=60 + 10 * bench.rounds,
    )
    return dict(json.loads(done.stdout))


def job_for(registry: RealRegistry) -> dict[str, Any]:
    """Where the tags are, and how to log in there."""
    assert registry.tokens is not None
    return {
        "host": registry.server.host,
        "port": registry.server.port,
        "realm": registry.tokens.realm,
        "realm_origin": registry.tokens.origin,
        "service": SERVICE,
        "username": USERNAME,
        "password": PASSWORD,
        "repository": REPOSITORY,
    }


def rows(found: dict[str, Any]) -> list[Row]:
    """The rows of time and memory."""
    base, ours, more = found["base_s"], found["ours_s"], found["memory_mb"]
    ratio = ratio_of(base, ours)
    texts = [f"{median(side) * 1000:.0f} ms" for side in (base, ours)]
    errors = sum(count != TAGS for count in found["counts"])
    say(f"    tags: bare session {texts[0]}, client {texts[1]}, memory +{more:.1f} MB, {errors} errors")
    return [
        Row(NAMES[0], *texts, str(ratio), str(TIME), TIME.verdict(ratio.value, errors)),
        Row(
            NAMES[1],
            f"{found['idle_mb']:.1f} MB idle",
            f"{found['idle_mb'] + more:.1f} MB at most",
            f"+{more:.1f} MB",
            str(MEMORY),
            MEMORY.verdict(more, errors),
        ),
    ]
