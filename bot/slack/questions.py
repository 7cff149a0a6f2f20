"""Questions to Slack whose answers several requests need: asked once at a time, remembered for a while.

Whoever needs an answer waits on their own thread, within Slack's three seconds; the question itself runs on a
lane of its own. An answer that comes too late for the one who asked is still remembered.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import BoundedSemaphore, Lock
from typing import Generic, TypeVar

from bot.core.errors import Busy, QuaymasterError, SettingsError
from bot.core.ports.slack import Executor
from bot.slack.slack_errors import explained_refusal

_SHARED_S = 1.0
"""Whoever asks for an answer of this moment shares a question that is at most so old."""
_ABANDONED_S = 3.0
"""A question that could not begin for so long has nobody waiting for it any more."""

_Answer = TypeVar("_Answer")

log = logging.getLogger(__name__)


class Patience:
    """How many requests may wait for Slack at once: the others need threads too."""

    def __init__(self, most_waiting: int = 40) -> None:
        self._places = BoundedSemaphore(most_waiting)

    def wait(self, question: "Future[_Answer]", deadline: float) -> _Answer:
        """Wait until ``deadline`` (monotonic seconds). Raises ``Busy``."""
        if not self._places.acquire(blocking=False):
            raise _late()
        try:
            return question.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError as error:
            raise _late() from error
        finally:
            self._places.release()


class Questions(Generic[_Answer]):
    """Answers by key. Failures are not remembered. Safe to share between threads."""

    def __init__(
        self,
        lane: Executor,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
        *,
        most_remembered: int = 10_000,
    ) -> None:
        """``clock`` gives the seconds by which answers grow old."""
        self._lane = lane
        self._patience = patience
        self._clock = clock
        self._most_remembered = most_remembered
        self._lock = Lock()
        self._answers: dict[str, tuple[float, _Answer]] = {}
        """By key: when it was asked for, and the answer; the oldest first."""
        self._in_flight: dict[str, tuple[float, Future[_Answer]]] = {}
        """By key: when the newest question was asked (monotonic seconds), and its answer to come."""

    def get(self, key: str, ask: Callable[[], _Answer], *, max_age_s: float, deadline: float) -> _Answer:
        """
        Return an answer that was asked for at most ``max_age_s`` seconds ago, or ask.

        Args:
            key: What is asked about.
            ask: Asks Slack; runs on the lane.
            max_age_s: 0 = an answer of this moment.
            deadline: In monotonic seconds.

        Raises:
            Busy: Slack is late, failed, or too many wait for it.
            SettingsError: Slack does not let this app ask.
        """
        now = time.monotonic()
        with self._lock:
            kept = self._answers.get(key)
            if kept and self._clock() - kept[0] < max_age_s:
                return kept[1]
            asked_at, question = self._in_flight.get(key, (0.0, None))
            is_new = question is None or now - asked_at > max(max_age_s, _SHARED_S)
            if question is None or is_new:
                question = Future()
                self._in_flight[key] = now, question
        if is_new:
            self._ask(key, ask, question, now)
        return self._patience.wait(question, deadline)

    def _ask(
        self, key: str, ask: Callable[[], _Answer], question: "Future[_Answer]", asked_at: float
    ) -> None:
        aged_from = self._clock()

        def answer() -> None:
            try:
                if time.monotonic() - asked_at > _ABANDONED_S:
                    raise _late()
                found = ask()
            except Exception as error:
                log.warning("Slack did not answer a question", exc_info=error)
                self._forget(key, question)
                question.set_exception(_failure(error))
            else:
                self._remember(key, found, aged_from)
                self._forget(key, question)
                question.set_result(found)

        def turn_away() -> None:
            self._forget(key, question)
            question.set_exception(Busy())

        self._lane.submit(answer, on_full=turn_away)

    def _remember(self, key: str, answer: _Answer, asked_at: float) -> None:
        with self._lock:
            known_since = self._answers.get(key, (asked_at, answer))[0]
            if asked_at < known_since:
                return  # a later question was answered sooner
            self._answers.pop(key, None)
            self._answers[key] = asked_at, answer
            if len(self._answers) > self._most_remembered:
                del self._answers[next(iter(self._answers))]

    def _forget(self, key: str, question: "Future[_Answer]") -> None:
        with self._lock:
            if self._in_flight.get(key, (0.0, None))[1] is question:
                del self._in_flight[key]


def _late() -> Busy:
    return Busy("Slack did not say who you are in time; nothing was changed.", "Try again.")


def _failure(error: Exception) -> QuaymasterError:
    """Name what an operator must fix; anything else may be over at the next try."""
    known = explained_refusal(error)
    if known is not None and (known is error or isinstance(known, SettingsError)):
        return known
    return Busy("Slack did not say who you are; nothing was changed.", "Try again.")
