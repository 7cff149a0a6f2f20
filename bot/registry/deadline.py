"""Deadlines that hold even for calls that cannot be interrupted."""

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, Never, TypeVar

Clock = Callable[[], float]
_T = TypeVar("_T")


class Deadline:
    """A moment on a monotonic clock, fixed when it is made."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left_s(self) -> float:
        """Seconds until the deadline; 0.0 once it has passed."""
        return max(0.0, self._end - self._clock())


class Lane(Generic[_T]):
    """Runs uninterruptible calls on daemon threads, a limited number at once.

    ``getaddrinfo`` and botocore know no deadline of ours. A call that is late is left alone on its
    thread; its place comes free when it ends, so calls that never end cannot fill the process.
    """

    def __init__(self, places: int, name: str) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._name = name

    def run(self, call: Callable[[], _T], timeout_s: float) -> _T:
        """
        Call, and wait for the answer at most ``timeout_s`` seconds.

        Raises:
            TimeoutError: The call was late, or every place stayed taken.
            Exception: What the call itself raised.
        """
        end = time.monotonic() + timeout_s
        if not self._places.acquire(timeout=timeout_s):
            raise TimeoutError
        answers: SimpleQueue[Callable[[], _T]] = SimpleQueue()
        threading.Thread(target=self._work, args=(call, answers), name=self._name, daemon=True).start()
        try:
            answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            raise TimeoutError from None
        return answer()

    def _work(self, call: Callable[[], _T], answers: "SimpleQueue[Callable[[], _T]]") -> None:
        try:
            answers.put(_outcome_of(call))
        finally:
            self._places.release()


def _outcome_of(call: Callable[[], _T]) -> Callable[[], _T]:
    """Make the call now; give a function that returns, or raises, what came of it."""
    try:
        value = call()
    except Exception as error:  # noqa: BLE001 - nothing is swallowed: the waiting thread raises it again
        return _raising(error)
    return lambda: value


def _raising(error: Exception) -> Callable[[], Never]:
    """Return a function that raises ``error``."""

    def again() -> Never:
        raise error

    return again
