"""Deadlines, and calls that know none."""

import threading
from collections.abc import Iterator

import pytest

from bot.registry.deadline import Deadline, Lane


def test_a_deadline_counts_down_and_ends_at_nothing() -> None:
    """What is left never goes below zero."""
    times = iter([100.0, 101.0, 103.0, 150.0])
    deadline = Deadline(5, clock=lambda: next(times))

    assert [deadline.left_s(), deadline.left_s(), deadline.left_s()] == [4.0, 2.0, 0.0]


def test_a_lane_gives_the_answer() -> None:
    """A call that is in time is an ordinary call."""
    assert Lane[int](1, "test").run(lambda: 7, 5) == 7


def test_a_lane_raises_what_the_call_raised() -> None:
    """An error reaches the one who waits."""
    lane = Lane[int](1, "test")

    with pytest.raises(ZeroDivisionError):
        lane.run(lambda: 1 // 0, 5)
    assert lane.run(lambda: 7, 5) == 7


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds calls up until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_a_late_call_is_left_alone(gate: threading.Event) -> None:
    """The one who waits goes on; the call's place stays taken until it ends."""
    lane = Lane[bool](1, "test")

    with pytest.raises(TimeoutError):
        lane.run(lambda: gate.wait(10), 0.05)
    with pytest.raises(TimeoutError):
        lane.run(lambda: True, 0.05)
    gate.set()
    assert lane.run(lambda: True, 5)
