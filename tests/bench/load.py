"""The load generator: a process of its own that keeps raw sockets busy and times each answer.

    python -m tests.bench.load < job.json > result.json

The job is a JSON object:

    address      [host, port]
    asks         what is sent in turn, each {"expect": text of a right answer} and one of
                 {"body": a form, signed as Slack signs}  {"path": for a GET, "headers": {…}};
                 {"part": name} counts its times under that name too
    secret       the signing secret
    connections  how many, kept alive; each sends its next request once its last one is answered
    seconds      how long after the warm-up
    warm_up_s    answers of this time are checked, not timed
    once         true = one request a connection and no warm-up
    most         at most so many requests; none = no limit
    rate         so many requests a second, sent when they are due whether or not earlier ones are answered,
                 at random times that are the same in every run; a time runs from when its request was due
    late_s       answers that took longer are counted

In a body ``_NUMBER_`` becomes a number that no other request has, ``_USER_`` one of twenty.
One connection is driven by a plain loop; several share one thread, so the times at 64 connections hold the
generator's own work too, and are an upper bound.
"""

import hmac
import json
import random
import re
import select
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Any, NamedTuple

Job = dict[str, Any]


class Request(NamedTuple):
    """What is sent, what a right answer holds, and under which name its time is counted."""

    data: bytes
    expected: bytes
    part: str


USERS = 20
PATIENCE_S = 15.0
LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *([0-9]+)\r\n")


def requests_of(job: Job) -> Iterator[Request]:
    """Make requests without end, each signed when it is asked for."""
    for number, ask in enumerate(cycle(job["asks"]), time.time_ns()):
        data = signed(ask["body"], number, job) if "body" in ask else got(ask)
        yield Request(data, ask["expect"].encode(), ask.get("part", ""))


def signed(form: str, number: int, job: Job) -> bytes:
    """A form as Slack sends it."""
    body = form.replace("_NUMBER_", str(number)).replace("_USER_", f"U0BENCH{number % USERS:02d}").encode()
    stamp = str(int(time.time())).encode()
    seal = hmac.digest(job["secret"].encode(), b"v0:%b:%b" % (stamp, body), "sha256").hex().encode()
    return (
        b"POST /slack/events HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"X-Slack-Request-Timestamp: %b\r\nX-Slack-Signature: v0=%b\r\nContent-Length: %d\r\n\r\n%b"
    ) % (stamp, seal, len(body), body)


def got(ask: Job) -> bytes:
    """A GET."""
    headers = {"Host": "bench", **ask.get("headers", {})}
    lines = [f"GET {ask['path']} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


class Tally:
    """The times of right answers, and how many were wrong."""

    def __init__(self, warm_until: float, late_s: float) -> None:
        self.warm_until = warm_until
        self.late_s = late_s
        self.times_s: list[float] = []
        self.parts: dict[str, list[float]] = {}
        self.answers = 0
        self.errors = 0
        self.first_error = ""
        self.last_at = warm_until

    def take(self, line: "Line", ended: float) -> None:
        """Count an answer."""
        self.answers += 1
        if not line.answer.startswith(b"HTTP/1.1 200 ") or line.request.expected not in line.answer:
            self.fail(line.answer[:300].decode(errors="replace") or "the connection was closed")
        elif line.started >= self.warm_until:
            self.times_s.append(ended - line.started)
            self.parts.setdefault(line.request.part, []).append(ended - line.started)
            self.last_at = ended

    def fail(self, reason: str) -> None:
        """Count something that went wrong."""
        self.errors += 1
        self.first_error = self.first_error or reason

    def result(self) -> Job:
        """What is printed: times in milliseconds."""
        if not self.times_s:
            self.fail("no right answer came in time")
        return {
            **times_ms(self.times_s),
            "seconds": max(self.last_at - self.warm_until, 1e-9),
            "answers": self.answers,
            "late": sum(took > self.late_s for took in self.times_s),
            "errors": self.errors,
            "first_error": self.first_error,
            "parts": {name: times_ms(times) for name, times in self.parts.items()},
        }


def times_ms(times_s: Sequence[float]) -> dict[str, float]:
    """How many times there are, and what they come to."""
    times = sorted(times_s) or [0.0]
    return {
        "count": len(times_s),
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[min(len(times) - 1, len(times) * 99 // 100)] * 1000,
        "max_ms": times[-1] * 1000,
    }


class Line:
    """A connection, and the answer that is coming in on it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.request = Request(b"", b"", "")
        self.started = 0.0
        self.answer = b""
        self.open()

    def open(self) -> None:
        """Connect."""
        self.socket = socket.create_connection(self.address, timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: Request, due: float | None = None) -> None:
        """Send a request; the time runs from when it was due, or from now."""
        self.request = request
        self.answer = b""
        self.started = due or time.perf_counter()
        self.socket.sendall(request.data)

    def receive(self) -> bool:
        """Receive once; true when the answer is whole, or will never be."""
        try:
            piece = self.socket.recv(262144)
        except OSError:
            piece = b""
        self.answer += piece
        return not piece or is_whole(self.answer)


def is_whole(answer: bytes) -> bool:
    """Say whether a head and all of its body have come."""
    end = answer.find(b"\r\n\r\n")
    found = LENGTH.search(answer, 0, end + 2) if end >= 0 else None
    return found is not None and len(answer) >= end + 4 + int(found[1])


def drive_one(line: Line, requests: Iterator[Request], until: float, tally: Tally) -> None:
    """Keep one connection busy: making a request and checking its answer are outside the time."""
    for request in requests:
        line.send(request)
        while not line.receive():
            pass
        ended = time.perf_counter()
        tally.take(line, ended)
        if ended >= until:
            return
        if not line.answer:
            line.open()


def drive_many(lines: list[Line], requests: Iterator[Request], until: float, tally: Tally) -> None:
    """Keep many connections busy; at the end every answer is waited for."""
    poll = select.epoll()
    busy = {}
    for line, request in zip(lines, requests, strict=False):
        busy[line.socket.fileno()] = line
        poll.register(line.socket, select.EPOLLIN)
        line.send(request)
    while busy:
        ready = poll.poll(PATIENCE_S)
        if not ready:
            return tally.fail(f"{len(busy)} answers did not come")
        for number, _ in ready:
            if busy[number].receive():
                answered(busy, number, requests, until, tally)
    return None


def answered(
    busy: dict[int, Line], number: int, requests: Iterator[Request], until: float, tally: Tally
) -> None:
    """Count an answer and send the next request; a connection that was closed is given up."""
    line, ended = busy[number], time.perf_counter()
    tally.take(line, ended)
    request = next(requests, None) if ended < until and line.answer else None
    if request is None:
        line.socket.close()
        del busy[number]
    else:
        line.send(request)


def drive_rate(job: Job, lines: list[Line], requests: Iterator[Request], until: float, tally: Tally) -> None:
    """Send each request when it is due, on an idle connection or a new one."""
    poll = select.epoll()
    idle, busy = lines, {}
    for due in due_times(job["rate"], until):
        while (wait := due - time.perf_counter()) > 0:
            collect(poll, wait, idle, busy, tally)
        line = idle.pop() if idle else Line(tuple(job["address"]))
        busy[line.socket.fileno()] = line
        poll.register(line.socket, select.EPOLLIN)
        line.send(next(requests), due)
    while busy:
        if not collect(poll, PATIENCE_S, idle, busy, tally):
            return tally.fail(f"{len(busy)} answers did not come")
    return None


def due_times(rate: float, until: float) -> Iterator[float]:
    """When requests are due: as people's are, at random; each run has the same times."""
    chance = random.Random(1)  # noqa: S311 - no secret hangs on it
    due = time.perf_counter()
    while (due := due + chance.expovariate(rate)) < until:
        yield due


def collect(poll: select.epoll, wait_s: float, idle: list[Line], busy: dict[int, Line], tally: Tally) -> bool:
    """Take the answers that have come, or wait for one; False when none came."""
    ready = poll.poll(wait_s)
    for number, _ in ready:
        if busy[number].receive():
            line = busy.pop(number)
            tally.take(line, time.perf_counter())
            poll.unregister(number)
            idle += [line] if line.answer else []
    return bool(ready)


def run(job: Job) -> Job:
    """Do a job."""
    lines = [Line(tuple(job["address"])) for _ in range(job["connections"])]
    requests = islice(requests_of(job), job.get("most"))
    start = time.perf_counter()
    warm_until = start if job.get("once") else start + job["warm_up_s"]
    until = start if job.get("once") else warm_until + job["seconds"]
    tally = Tally(warm_until, job.get("late_s", PATIENCE_S))
    if "rate" in job:
        drive_rate(job, lines, requests, until, tally)
    elif len(lines) == 1:
        drive_one(lines[0], requests, until, tally)
    else:
        drive_many(lines, requests, until, tally)
    return tally.result()


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)
