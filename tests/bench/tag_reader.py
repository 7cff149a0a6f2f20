"""A process with everything ``quaymaster serve`` holds, which reads tags and compares itself.

python -m tests.bench.tag_reader < job.json > result.json
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import requests

from bot.core.model import Server
from bot.core.ports.registry import Login
from bot.core.secrets import Secret
from bot.run.wiring import Wired, build_services
from bot.settings import Settings, keep_from_bolt
from bot.slack.app import build_app
from bot.slack.members import SlackRates
from tests.bench.processes import status_mb
from tests.features.payloads import SIGNING_SECRET

Job = dict[str, Any]
DEADLINE_S = 10.0
EACH_ROUND = 5
RESET_PEAK = "5"
"""Written to ``clear_refs``, it sets the process's peak of resident memory to the present (proc(5))."""


def main() -> None:
    """Read the job, measure, print."""
    job = json.load(sys.stdin)
    settings = Settings.from_env(os.environ)
    keep_from_bolt(os.environ)
    wired = build_services(settings)
    try:
        build_app(wired.services, signing_secret=SIGNING_SECRET, rates=SlackRates(1))
        json.dump(measured(wired, job), sys.stdout)
    finally:
        wired.store.close()


def measured(wired: Wired, job: Job) -> Job:
    """First the memory, while nothing was read yet; then both ways of reading, in turn."""
    idle_mb = status_mb(os.getpid(), "VmRSS")
    Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    counts = [by_client(wired, job)]
    peak_mb = status_mb(os.getpid(), "VmHWM")
    base_s: list[float] = []
    ours_s: list[float] = []
    bare(job)
    for _ in range(job["rounds"]):
        found = [(timed(bare, job), timed(by_client, wired, job)) for _ in range(EACH_ROUND)]
        base_s.append(median(took for (took, _), _ in found))
        ours_s.append(median(took for _, (took, _) in found))
        counts += [count for pair in found for _, count in pair]
    memory = {"idle_mb": idle_mb, "memory_mb": peak_mb - idle_mb}
    return {**memory, "counts": counts, "base_s": base_s, "ours_s": ours_s}


def timed(read: Callable[..., int], *arguments: Any) -> tuple[float, int]:
    """The seconds a reading takes, and how many tags it found."""
    started = time.perf_counter()
    count = read(*arguments)
    return time.perf_counter() - started, count


def by_client(wired: Wired, job: Job) -> int:
    """Read through the bot's own client, a fresh token each time."""
    server = Server("http", job["host"], job["port"])
    credential = {"password": Secret(job["password"])}
    login = Login("private", server, job["username"], credential, trusted_realms=(job["realm_origin"],))
    tags = wired.services.ports.registry.tags(login, job["repository"], deadline_s=DEADLINE_S)
    return len(tags.names)


def bare(job: Job) -> int:
    """Make the same three requests, and nothing else."""
    origin, path = f"http://{job['host']}:{job['port']}", f"/v2/{job['repository']}/tags/list"
    login = (job["username"].encode(), job["password"].encode())
    scope = {"service": job["service"], "scope": f"repository:{job['repository']}:pull"}
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(f"{origin}/v2/", timeout=DEADLINE_S).status_code == 401
        given = session.get(job["realm"], params=scope, auth=login, timeout=DEADLINE_S).json()
        bearer = {"Authorization": f"Bearer {given['token']}"}
        return len(session.get(origin + path, headers=bearer, timeout=DEADLINE_S).json()["tags"])


if __name__ == "__main__":
    main()
