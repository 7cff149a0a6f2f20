"""The executor: bounded, never silent, and done in time."""

import threading
import time

import pytest

from bot.executor import BoundedExecutor


@pytest.fixture
def executor():
    """An executor of one thread with room for one waiting task."""
    small = BoundedExecutor(threads=1, queue=1)
    yield small
    small.close(2)


@pytest.fixture
def gate():
    """An event that a task waits for; it opens at the end whatever happens."""
    event = threading.Event()
    yield event
    event.set()


def occupy(executor, gate):
    """Make the only thread busy until the gate opens."""
    began = threading.Event()
    executor.submit(lambda: (began.set(), gate.wait(5)), on_full=pytest.fail)
    assert began.wait(5)


def test_task_runs_on_another_thread(executor):
    """A task runs, and not on the thread that queued it."""
    names = []
    executor.submit(lambda: names.append(threading.current_thread().name), on_full=pytest.fail)
    executor.close(2)

    assert names == ["work-0"]


def test_tasks_run_side_by_side():
    """As many tasks run at once as there are threads."""
    executor = BoundedExecutor(threads=3, queue=3)
    together = threading.Barrier(4)
    [executor.submit(lambda: together.wait(5), on_full=pytest.fail) for _ in range(3)]

    assert together.wait(5) in range(4)
    executor.close(2)


def test_what_waits_for_a_registry_is_in_nobodys_way(gate):
    """Registries that do not answer hold up only what waits for registries."""
    executor = BoundedExecutor(threads=1, queue=2, registry_threads=1)
    done = threading.Event()
    told = threading.Event()
    [executor.submit(gate.wait, on_full=pytest.fail, asks_registry=True) for _ in range(3)]
    executor.submit(gate.wait, on_full=told.set, asks_registry=True)
    executor.submit(done.set, on_full=pytest.fail)

    assert done.wait(2)
    assert told.wait(2)
    assert not gate.is_set()
    gate.set()
    executor.close(5)


def test_a_task_hands_on_to_the_registries_lane_while_closing(executor):
    """What was begun before the close is finished, on whichever lane."""
    done = []

    def hand_on():
        executor.submit(lambda: done.append(1), on_full=pytest.fail, asks_registry=True)

    executor.submit(hand_on, on_full=pytest.fail)
    executor.close(2)

    assert done == [1]


def test_full_queue_is_told_at_once(executor, gate):
    """When every thread is busy and the queue is full, the overflow is told while the others still work."""
    told = threading.Event()
    occupy(executor, gate)
    executor.submit(gate.wait, on_full=pytest.fail)
    executor.submit(pytest.fail, on_full=told.set)

    assert told.wait(2)
    assert not gate.is_set()


def test_overflow_beyond_its_own_bound_is_logged(executor, gate, caplog):
    """An overflow that finds no room either is logged and raises nothing."""
    occupy(executor, gate)
    executor.submit(gate.wait, on_full=pytest.fail)
    began = threading.Event()
    executor.submit(pytest.fail, on_full=lambda: (began.set(), gate.wait(5)))
    assert began.wait(2)
    executor.submit(pytest.fail, on_full=gate.wait)
    executor.submit(pytest.fail, on_full=pytest.fail)

    assert caplog.messages == ["a task was turned away and nobody could be told"]


def test_exception_is_logged_and_the_thread_lives_on(executor, caplog):
    """A task that raises is logged under an id, and the next task runs."""
    ran = []
    occupied = threading.Event()
    executor.submit(lambda: (occupied.wait(2), 1 / 0), on_full=pytest.fail)
    executor.submit(lambda: ran.append(1), on_full=pytest.fail)
    occupied.set()
    executor.close(2)

    (record,) = caplog.records
    assert record.exc_info[0] is ZeroDivisionError
    assert len(record.error_id) == 8
    assert ran == [1]


def test_close_finishes_what_is_queued(executor, gate):
    """Closing waits for the running and the waiting task."""
    done = []
    occupy(executor, gate)
    executor.submit(lambda: done.append("waiting"), on_full=pytest.fail)
    threading.Timer(0.1, gate.set).start()
    executor.close(5)

    assert done == ["waiting"]


def test_close_keeps_to_its_time(executor, gate, caplog):
    """Closing gives up at its deadline, tells whoever waits, and says how many tasks were still running."""
    told = []
    occupy(executor, gate)
    executor.submit(pytest.fail, on_full=lambda: told.append(1))
    before = time.monotonic()
    executor.close(0.5)

    assert time.monotonic() - before < 2
    assert told == [1]
    assert caplog.messages == ["tasks still running at the end: 1"]


def test_after_closing_everything_is_turned_away(executor):
    """A task that comes after the close neither runs nor raises."""
    executor.close(1)

    executor.submit(pytest.fail, on_full=pytest.fail)
