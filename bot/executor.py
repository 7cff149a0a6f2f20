"""Our own bounded executor: whatever calls Slack or a registry runs here, after the acknowledgment.

Why not the standard pool: its queue has no limit, and it delays the exit of the process for as long as
a task takes. Here a separate lane tells people at once that a queue is full, and ``close`` has a deadline.
"""

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

_Task = Callable[[], None]

log = logging.getLogger(__name__)


class BoundedExecutor:
    """Runs tasks on a few threads, queues some more, and turns the rest away."""

    def __init__(
        self, threads: int = 16, queue: int = 200, name: str = "work", registry_threads: int = 32
    ) -> None:
        self._work = _Lane(name, threads, queue)
        # Tasks that wait for a registry run here, so that opening a form never waits behind one.
        self._registries = _Lane(f"{name}-registries", registry_threads, queue)
        self._overflow = _Lane(f"{name}-overflow", 1, queue)

    def submit(self, task: _Task, *, on_full: _Task, asks_registry: bool = False) -> None:
        """
        Queue a task. Never waits and never raises.

        Args:
            task: Runs on one of the threads. What it raises is logged.
            on_full: Runs instead, on the overflow lane, when the queue is full or the executor is closed.
            asks_registry: True = it may wait for a registry, and runs on the lane for such tasks.
        """
        lane = self._registries if asks_registry else self._work
        if lane.offer(task, on_full):
            return
        if not self._overflow.offer(on_full, _nothing):
            log.error("a task was turned away and nobody could be told")

    def close(self, timeout_s: float) -> None:
        """
        Finish what was queued, for at most ``timeout_s`` seconds.

        A task that has not begun by then is turned away through its ``on_full``.
        """
        deadline = time.monotonic() + timeout_s
        # One fifth of the time is reserved for telling people that their task did not begin.
        # The work lane first: its tasks may still queue something on the other lane.
        for lane in (self._work, self._registries):
            for turn_away in lane.close(deadline - timeout_s / 5):
                self._overflow.offer(turn_away, _nothing)
        self._overflow.close(deadline)
        if still_running := sum(lane.running for lane in (self._work, self._registries, self._overflow)):
            log.error("tasks still running at the end: %d", still_running)


class _Lane:
    """Threads that share one bounded queue. They are started when needed."""

    def __init__(self, name: str, threads: int, limit: int) -> None:
        self._name = name
        self._threads = threads
        self._limit = limit
        self._started = 0
        self._idle = 0
        self._waiting: deque[tuple[_Task, _Task]] = deque()
        self._changed = Condition()
        self._is_closed = False
        self.running = 0
        """How many tasks are running now."""

    def offer(self, task: _Task, on_full: _Task) -> bool:
        """Queue a task, and what to run if it never begins. False = the queue is full."""
        with self._changed:
            free = self._threads - self.running
            if self._is_closed or len(self._waiting) >= self._limit + free:
                return False
            self._waiting.append((task, on_full))
            if len(self._waiting) > self._idle and self._started < self._threads:
                self._start_thread()
            self._changed.notify()
            return True

    def close(self, deadline: float) -> list[_Task]:
        """Accept no more tasks, wait for all until the deadline, and return the ``on_full`` of the rest."""
        with self._changed:
            self._is_closed = True
            self._changed.wait_for(self._is_idle, max(0.0, deadline - time.monotonic()))
            rest = [on_full for _, on_full in self._waiting]
            self._waiting.clear()
            self._changed.notify_all()
            return rest

    def _is_idle(self) -> bool:
        return not self._waiting and not self.running

    def _start_thread(self) -> None:
        # A daemon, so that a task that never ends cannot block the exit; `close` gives tasks their time.
        Thread(target=self._serve, name=f"{self._name}-{self._started}", daemon=True).start()
        self._started += 1

    def _serve(self) -> None:
        while (task := self._next()) is not None:
            run_logged(task)
            with self._changed:
                self.running -= 1
                self._changed.notify_all()

    def _next(self) -> _Task | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._idle -= 1
            if not self._waiting:
                return None
            self.running += 1
            return self._waiting.popleft()[0]


def run_logged(task: _Task) -> None:
    """Run a task; whatever it raises is logged under an id, and the thread continues."""
    try:
        task()
    except Exception as error:
        log.error("task failed", exc_info=error, extra={"error_id": secrets.token_hex(4)})


def _nothing() -> None:
    """Do nothing."""
