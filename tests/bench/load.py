"""The load generator: a process of its own that keeps raw sockets busy and times each answer.

    python -m tests.bench.load < job.json > result.json

The job is a JSON object:

    address      [host, port]
    asks         what is sent in turn, each {"expect": text of a right answer} and one of
                 {"body": a form, signed as Slack signs}  {"path": for a GET, "headers": {…}}
    secret       the signing secret
    connections  how many, kept alive; each sends its next request once its last one is answered
    seconds      how long after the warm-up
    warm_up_s    answers of this time are checked, not timed
    once         true = one request a connection and no warm-up

In a body ``_NUMBER_`` becomes a number that no other request has, ``_USER_`` one of twenty.
One connection is driven by a plain loop; several share one thread, so the times at 64 connections hold the
generator's own work too, and are an upper bound.
"""

import hmac
import json
import re
import select
import socket
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any

Job = dict[str, Any]
Request = tuple[bytes, bytes]
"""What is sent, and what a right answer holds."""

USERS = 20
PATIENCE_S = 15.0
LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *([0-9]+)\r\n")


def requests_of(job: Job) -> Iterator[Request]:
    """Make requests without end, each signed when it is asked for."""
    for number, ask in enumerate(cycle(job["asks"]), time.time_ns()):
        expected = ask["expect"].encode()
        yield (signed(ask["body"], number, job) if "body" in ask else got(ask)), expected


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

    def __init__(self, warm_until: float) -> None:
        self.warm_until = warm_until
        self.times_s: list[float] = []
        self.errors = 0
        self.first_error = ""
        self.last_at = warm_until

    def take(self, started: float, ended: float, answer: bytes, expected: bytes) -> None:
        """Count an answer."""
        if not answer.startswith(b"HTTP/1.1 200 ") or expected not in answer:
            self.fail(answer[:300].decode(errors="replace") or "the connection was closed")
        elif started >= self.warm_until:
            self.times_s.append(ended - started)
            self.last_at = ended

    def fail(self, reason: str) -> None:
        """Count something that went wrong."""
        self.errors += 1
        self.first_error = self.first_error or reason

    def result(self) -> Job:
        """What is printed: times in milliseconds."""
        if not self.times_s:
            self.fail("no right answer came in time")
        times = sorted(self.times_s) or [0.0]
        return {
            "count": len(self.times_s),
            "seconds": max(self.last_at - self.warm_until, 1e-9),
            "p50_ms": times[len(times) // 2] * 1000,
            "p99_ms": times[min(len(times) - 1, len(times) * 99 // 100)] * 1000,
            "max_ms": times[-1] * 1000,
            "errors": self.errors,
            "first_error": self.first_error,
        }


class Line:
    """A connection, and the answer that is coming in on it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.expected = b""
        self.started = 0.0
        self.answer = b""
        self.open()

    def open(self) -> None:
        """Connect."""
        self.socket = socket.create_connection(self.address, timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: Request) -> None:
        """Send a request; the time runs from now."""
        data, self.expected = request
        self.answer = b""
        self.started = time.perf_counter()
        self.socket.sendall(data)

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
        tally.take(line.started, ended, line.answer, line.expected)
        if ended >= until:
            return
        if not line.answer:
            line.open()


def drive_many(lines: list[Line], requests: Iterator[Request], until: float, tally: Tally) -> None:
    """Keep many connections busy; at the end every answer is waited for."""
    poll = select.epoll()
    busy = {}
    for line in lines:
        busy[line.socket.fileno()] = line
        poll.register(line.socket, select.EPOLLIN)
        line.send(next(requests))
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
    tally.take(line.started, ended, line.answer, line.expected)
    if ended >= until or not line.answer:
        line.socket.close()
        del busy[number]
    else:
        line.send(next(requests))


def run(job: Job) -> Job:
    """Do a job."""
    lines = [Line(tuple(job["address"])) for _ in range(job["connections"])]
    start = time.perf_counter()
    warm_until = start if job.get("once") else start + job["warm_up_s"]
    until = start if job.get("once") else warm_until + job["seconds"]
    tally = Tally(warm_until)
    if len(lines) == 1:
        drive_one(lines[0], requests_of(job), until, tally)
    else:
        drive_many(lines, requests_of(job), until, tally)
    return tally.result()


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)
