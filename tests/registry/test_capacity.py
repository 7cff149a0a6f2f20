"""The places in which registries are asked: how many there are, and for whom."""

from contextlib import ExitStack, contextmanager
from threading import Event, Thread

import pytest

from bot.core.errors import Busy, Unreachable
from bot.core.model import Server
from bot.core.ports.drivers import Described, Ending, Order
from bot.core.ports.registry import Asker, DockerLogin, Login
from bot.core.secrets import Secret
from bot.registry.capacity import (
    KEPT_FOR_NEWCOMERS,
    MOST_FOR_A_CREATOR,
    MOST_FOR_A_PERSON,
    MOST_FOR_A_TARGET,
    MOST_FOR_PEOPLE,
    MOST_FOR_WORKFLOWS,
    MOST_WAITING,
    MOST_WAITING_FOR_A_CREATOR,
    CappedDrivers,
    CappedRegistry,
)
from tests.fakes.scripted_registry import ScriptedRegistry

WAITS_LONG = 20.0
HASTY = 0.02
"""A deadline so short that the queue is left at once."""


def workflow(target, creator="creator"):
    """A workflow that asks."""
    return Asker(creator, "i1", target)


def login(asker):
    """A login that somebody is about to use."""
    server = Server("https", "r.example.com")
    return Login("private", server, "ci", {"password": Secret("x")}, asker=asker)


@pytest.fixture
def inner():
    """The registry behind the cap."""
    return ScriptedRegistry()


@pytest.fixture
def capped(inner):
    """The registry with its cap."""
    return CappedRegistry(inner)


@contextmanager
def hanging(capped, inner, *askers):
    """Let a registry hang for each of these until the block ends, or until ``go_on`` is set."""
    go_on, arrived = Event(), []
    inner.meanwhile = lambda: arrived.append(1) or go_on.wait(WAITS_LONG)
    threads = [
        Thread(target=capped.tags, args=(login(one), "a/b"), kwargs={"deadline_s": WAITS_LONG})
        for one in askers
    ]
    with ExitStack() as stack:
        stack.callback(lambda: [thread.join() for thread in threads])
        stack.callback(go_on.set)
        [thread.start() for thread in threads]
        while len(arrived) < len(askers):
            Event().wait(0.005)
        inner.meanwhile = bool
        yield go_on


def is_refused(capped, asker, deadline_s=HASTY):
    """True when there is no place for somebody."""
    try:
        capped.tags(login(asker), "a/b", deadline_s=deadline_s)
    except Busy:
        return True
    return False


def test_a_person_asks_two_registries_at_a_time(capped, inner):
    """The third question is refused with the reason; others notice nothing; an answer makes room."""
    asked = [Asker("U1", f"i{number}") for number in range(MOST_FOR_A_PERSON)]
    with hanging(capped, inner, *asked):
        with pytest.raises(Busy, match="You are already checking 2 registries"):
            capped.tags(login(Asker("U1", "i9")), "a/b", deadline_s=1)
        others = [is_refused(capped, Asker("U2", "i8")), is_refused(capped, workflow("T1"))]

    assert others == [False, False]
    assert not is_refused(capped, Asker("U1", "i9"))


def test_people_ask_an_integrations_registry_one_at_a_time(capped, inner):
    """Whoever asks second is told that it is being asked; a workflow is another matter."""
    with hanging(capped, inner, Asker("U1", "i1")):
        with pytest.raises(Busy, match="registry of this integration is being contacted"):
            capped.check(login(Asker("U2", "i1")), deadline_s=1)
        refused = [is_refused(capped, Asker("U2", "i2")), is_refused(capped, workflow("T1"))]

    assert refused == [False, False]


def test_people_together_leave_places_to_workflows(capped, inner):
    """However many people wait, workflows find theirs."""
    crowd = [Asker(f"U{number}", f"i{number}") for number in range(MOST_FOR_PEOPLE)]
    with hanging(capped, inner, *crowd):
        refused = [is_refused(capped, Asker("U99", "i99")), is_refused(capped, workflow("T1"))]

    assert refused == [True, False]


def test_a_target_has_a_share(capped, inner):
    """A pipeline whose registry hangs keeps no other from its login."""
    busy = [workflow("T1", f"C{number}") for number in range(MOST_FOR_A_TARGET)]
    with hanging(capped, inner, *busy):
        refused = [is_refused(capped, workflow("T1", "C9")), is_refused(capped, workflow("T2", "C9"))]

    assert refused == [True, False]


def test_a_creator_has_a_share(capped, inner):
    """However many tokens somebody makes, they share."""
    busy = [workflow(f"T{number}", "C1") for number in range(MOST_FOR_A_CREATOR)]
    with hanging(capped, inner, *busy):
        refused = [is_refused(capped, workflow("T99", "C1")), is_refused(capped, workflow("T99", "C2"))]

    assert refused == [True, False]


def test_the_last_places_are_for_those_who_have_none(capped, inner):
    """Many creators together cannot fill every place: a newcomer finds one."""
    many = [
        workflow(f"T{number // 2}", f"C{number // 2}")
        for number in range(MOST_FOR_WORKFLOWS - KEPT_FOR_NEWCOMERS)
    ]
    with hanging(capped, inner, *many):
        refused = [is_refused(capped, workflow("T0", "C0")), is_refused(capped, workflow("T99", "C99"))]

    assert refused == [True, False]


def test_workflows_leave_places_to_people(capped, inner):
    """However many tokens wait, people find theirs."""
    many = [workflow(f"T{number}", f"C{number}") for number in range(MOST_FOR_WORKFLOWS)]
    with hanging(capped, inner, *many):
        refused = [is_refused(capped, workflow("T99", "C99")), is_refused(capped, Asker("U1", "i1"))]

    assert refused == [True, False]


def test_a_workflow_waits_a_moment_for_its_share(capped, inner):
    """A place that comes free in time is taken, within the same deadline."""
    answered = []
    with hanging(capped, inner, *[workflow("T1")] * MOST_FOR_A_TARGET) as go_on:
        waiting = Thread(target=lambda: answered.append(is_refused(capped, workflow("T1"), WAITS_LONG)))
        waiting.start()
        go_on.set()
        waiting.join()

    assert answered == [False]
    assert inner.deadlines[-1] < WAITS_LONG


def test_the_queue_is_short(capped, inner):
    """Those who would wait behind too many are told at once; one creator's do not fill it."""
    waiting = MOST_WAITING_FOR_A_CREATOR
    assert waiting < MOST_WAITING
    with hanging(capped, inner, *[workflow("T1", "C1")] * MOST_FOR_A_TARGET) as go_on:
        late = []
        threads = [
            Thread(target=lambda: late.append(is_refused(capped, workflow("T1", "C1"), WAITS_LONG)))
            for _ in range(waiting)
        ]
        [thread.start() for thread in threads]
        while capped._places._waiting["C1"] < waiting:
            Event().wait(0.005)
        with pytest.raises(Busy):
            capped.tags(login(workflow("T1", "C1")), "a/b", deadline_s=WAITS_LONG)
        told_while_waiting = list(late)
        go_on.set()
        [thread.join() for thread in threads]

    assert told_while_waiting == []
    assert late == [False] * waiting


def test_a_clock_asks_beside_people(capped, inner):
    """What nobody asked for counts against no person and no integration."""
    with hanging(capped, inner, Asker(), Asker(), Asker()):
        assert not is_refused(capped, Asker())


@pytest.fixture
def drivers(capped):
    """Drivers in the same places."""
    return CappedDrivers(SilentDrivers(), capped._places)


class SilentDrivers:
    """A registry's own API that hangs until ``go_on`` is set."""

    def __init__(self):
        self.arrived, self.go_on = Event(), Event()

    def describe(self, _order, *, deadline_s):
        """Hang."""
        self.arrived.set()
        self.go_on.wait(deadline_s)
        return Described("", "")

    def retire(self, _order, _ending, *, deadline_s):
        """End at once."""
        return True


def order(asker):
    """What a driver is asked for somebody."""
    return Order(login(asker), login(asker))


def test_drivers_ask_in_the_places_of_people(capped, inner, drivers):
    """Somebody who asks two registries already is refused a third question, to an API of its own too."""
    with hanging(capped, inner, Asker("U1", "i1"), Asker("U1", "i2")):
        with pytest.raises(Busy, match="You are already checking 2 registries"):
            drivers.describe(order(Asker("U1", "i3")), deadline_s=1)
        with pytest.raises(Busy):
            drivers.mint(order(Asker("U1", "i3")), deadline_s=1)
        with pytest.raises(Busy):
            drivers.retire(order(Asker("U1", "i3")), Ending.SUSPEND, deadline_s=1)

    assert drivers.retire(order(Asker("U1", "i3")), Ending.SUSPEND, deadline_s=1)


def test_hanging_driver_takes_one_place(capped, drivers):
    """While an API hangs its integration is not asked again; everything else goes on."""
    silent = drivers._drivers
    thread = Thread(
        target=drivers.describe, args=(order(Asker("U1", "i1")),), kwargs={"deadline_s": WAITS_LONG}
    )
    thread.start()
    assert silent.arrived.wait(WAITS_LONG)
    refused = [is_refused(capped, Asker("U2", "i1")), is_refused(capped, Asker("U1", "i2"))]
    silent.go_on.set()
    thread.join()

    assert refused == [True, False]
    assert not capped._places._taken


def test_restoring_is_never_refused(capped, inner, drivers):
    """A credential that was suspended is put into force again, however busy everything is."""
    with hanging(capped, inner, Asker("U1", "i1"), Asker("U1", "i2")):
        assert drivers.retire(order(Asker("U1", "i1")), Ending.RESTORE, deadline_s=1)


def test_failure_gives_its_place_back(capped, inner):
    """A question that ends in an error leaves its place."""
    inner.error = Unreachable("It does not answer.", "Try again later.")
    with pytest.raises(Unreachable):
        capped.docker_login(login(workflow("T1")), deadline_s=1)

    assert not capped._places._taken


def test_login_that_is_kept_takes_no_place(capped, inner):
    """What need not be asked for is given however busy everything is."""
    kept = DockerLogin("ci", Secret("x"))
    inner.kept = kept
    with hanging(capped, inner, *[workflow("T1")] * MOST_FOR_A_TARGET):
        given = capped.docker_login(login(workflow("T1")), deadline_s=1)

    assert given is kept
    assert len(inner.checked) == MOST_FOR_A_TARGET


def test_a_login_past_half_its_life_is_given_where_there_is_no_place(capped, inner):
    """A valid password is better than a refusal."""
    inner.lasting = DockerLogin("AWS", Secret("x"))
    with hanging(capped, inner, *[workflow("T1")] * MOST_FOR_A_TARGET):
        given = capped.docker_login(login(workflow("T1")), deadline_s=HASTY)
    renewed = capped.docker_login(login(workflow("T1")), deadline_s=1)

    assert given is inner.lasting
    assert renewed is not inner.lasting
