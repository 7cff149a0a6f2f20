"""People who send commands to an address one after the other, and what they were answered."""

import itertools
import threading
import time

from tests.fakes.served_replicas import Front

Sent = tuple[str, int, str]
"""The target that was linked, the status and the answer."""


class Load:
    """People who link new targets, one after the other, and remember what was said to be done."""

    def __init__(self, front: Front, people: int = 6, pause_s: float = 0.01) -> None:
        self.front = front
        self._pause_s = pause_s
        self.acknowledged: list[Sent] = []
        self.failed: list[Sent] = []
        self.longest_s = 0.0
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(f"U0P{n}",)) for n in range(people)]

    def __enter__(self) -> "Load":
        [thread.start() for thread in self._threads]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        [thread.join() for thread in self._threads]

    def _work(self, user: str) -> None:
        while not self._stop.is_set():
            number = next(self._numbers)
            target = f"load-{number:05}"
            status, answer, seconds = self.front.send(f"link shared project {target}", user, number)
            self.longest_s = max(self.longest_s, seconds)
            is_done = status == 200 and target in answer and "try again" not in answer.lower()
            (self.acknowledged if is_done else self.failed).append((target, status, answer))
            time.sleep(self._pause_s)
