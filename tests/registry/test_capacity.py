"""The places in which registries are asked: how many there are, and for whom."""

from contextlib import ExitStack, contextmanager
from threading import Event, Thread

import pytest

from bot.core.errors import Busy, Unreachable
from bot.core.model import Server
from bot.core.ports.registry import DockerLogin, Login
from bot.core.secrets import Secret
from bot.registry.capacity import MOST_AT_ONCE, MOST_FOR_A_TOKEN, MOST_FOR_WORKFLOWS, CappedRegistry
from tests.fakes.scripted_registry import ScriptedRegistry

PERSON = ""


def login(token_id=PERSON):
    """A login that a token, or a person, is about to use."""
    server = Server("https", "r.example.com")
    return Login("private", server, "ci", {"password": Secret("x")}, token_id=token_id)


@pytest.fixture
def inner():
    """The registry behind the cap."""
    return ScriptedRegistry()


@pytest.fixture
def capped(inner):
    """The registry with its cap."""
    return CappedRegistry(inner)


@contextmanager
def hanging(capped, inner, *token_ids):
    """Let a registry hang for each of these tokens until the block ends."""
    go_on, arrived = Event(), []
    inner.meanwhile = lambda: arrived.append(1) or go_on.wait(10)
    threads = [
        Thread(target=capped.tags, args=(login(one), "a/b"), kwargs={"deadline_s": 9}) for one in token_ids
    ]
    with ExitStack() as stack:
        stack.callback(lambda: [thread.join() for thread in threads])
        stack.callback(go_on.set)
        [thread.start() for thread in threads]
        while len(arrived) < len(token_ids):
            Event().wait(0.005)
        inner.meanwhile = bool
        yield


def is_refused(capped, token_id):
    """True when there is no place for a token, or for a person."""
    try:
        capped.tags(login(token_id), "a/b", deadline_s=1)
    except Busy:
        return True
    return False


def test_people_find_all_places(capped, inner):
    """So many questions of people run at once; the next is told so, and once one has ended there is room."""
    with hanging(capped, inner, *[PERSON] * MOST_AT_ONCE):
        full = is_refused(capped, PERSON)

    assert (full, is_refused(capped, PERSON)) == (True, False)


def test_one_token_leaves_places_to_others(capped, inner):
    """A token that asks a registry that hangs is told so at its fifth question; others notice nothing."""
    with hanging(capped, inner, *["busy"] * MOST_FOR_A_TOKEN):
        refused = [is_refused(capped, token_id) for token_id in ("busy", "calm", PERSON)]

    assert refused == [True, False, False]
    assert not is_refused(capped, "busy")


def test_workflows_leave_places_to_people(capped, inner):
    """However many tokens wait, people still find half of the places."""
    busy = [f"token{number // MOST_FOR_A_TOKEN}" for number in range(MOST_FOR_WORKFLOWS)]
    with hanging(capped, inner, *busy):
        refused = [is_refused(capped, token_id) for token_id in ("another", PERSON)]

    assert refused == [True, False]


def test_failure_gives_its_place_back(capped, inner):
    """A question that ends in an error leaves its place."""
    inner.error = Unreachable("It does not answer.", "Try again later.")
    for _ in range(MOST_FOR_A_TOKEN + 1):
        with pytest.raises(Unreachable):
            capped.docker_login(login("token"), deadline_s=1)


def test_login_that_is_kept_takes_no_place(capped, inner):
    """What need not be asked for is given however busy everything is."""
    kept = DockerLogin("ci", Secret("x"))
    inner.kept_login = lambda _: kept
    with hanging(capped, inner, *["token"] * MOST_FOR_A_TOKEN):
        given = capped.docker_login(login("token"), deadline_s=1)

    assert given is kept
    assert len(inner.checked) == MOST_FOR_A_TOKEN
