"""The limits of the API for workflows, and how long it says to wait."""

import threading

import pytest

from bot.core.errors import TooOften
from bot.web.api.routing import Rates
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.workplace import SERVER, workplace

ASK = f"/v1/credentials?server={SERVER}"


class Seconds:
    """A clock that moves when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    """The time."""
    return Seconds()


@pytest.fixture
def rates(clock):
    """The limits as they are in service."""
    return Rates(clock=clock)


def wait_of(call, *arguments):
    """How long a call says to wait; 0 when it lets pass."""
    try:
        call(*arguments)
    except TooOften as error:
        return error.wait_s
    return 0


def test_token_may_ask_600_times_at_once(rates):
    """A token may spend its minute at once; then it is told when the next request passes."""
    waits = [wait_of(rates.take, "t") for _ in range(602)]

    assert waits == [0] * 600 + [1, 1]


def test_token_gets_its_minute_back_evenly(rates, clock):
    """After a tenth of a second one more request passes, after a minute all 600."""
    [rates.take("t") for _ in range(600)]
    clock.now += 0.11
    one_more = [wait_of(rates.take, "t") for _ in range(2)]
    clock.now += 60
    all_again = [wait_of(rates.take, "t") for _ in range(601)]

    assert one_more == [0, 1]
    assert all_again == [0] * 600 + [1]


def test_tokens_do_not_share(rates):
    """One token's haste costs another nothing."""
    [wait_of(rates.take, "busy") for _ in range(700)]

    assert wait_of(rates.take, "calm") == 0


def test_failures_get_a_growing_delay(rates):
    """Ten invalid tokens a minute are answered honestly; each further one doubles the delay, up to 300 s."""
    waits = [wait_of(rates.fail, "a") for _ in range(20)]

    assert waits == [0] * 10 + [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_delay_is_over_when_it_is_over(rates, clock):
    """Who waits as long as told gets an honest answer again; who does not waits longer."""
    [wait_of(rates.fail, "a") for _ in range(11)]
    clock.now += 1
    too_early = wait_of(rates.fail, "a")
    clock.now += 10
    honest = wait_of(rates.fail, "a")
    clock.now += 600
    forgiven = [wait_of(rates.fail, "a") for _ in range(11)]

    assert (too_early, honest) == (4, 0)
    assert forgiven == [0] * 10 + [2]


def test_addresses_do_not_share(rates):
    """One address's guesses cost another nothing."""
    [wait_of(rates.fail, "a") for _ in range(50)]

    assert wait_of(rates.fail, "b") == 0


def test_memory_is_bounded(clock):
    """However many addresses come, only so many are remembered, and those that are idle go first."""
    rates = Rates(most=100, clock=clock)
    [wait_of(rates.fail, "guesser") for _ in range(20)]
    clock.now += 61
    [rates.fail(f"a{number}") for number in range(1000)]

    assert len(rates._failures) <= 100


def test_idle_buckets_are_forgotten_before_busy_ones(clock):
    """An address that must still wait is remembered while there are others to forget."""
    rates = Rates(most=10, clock=clock)
    [rates.fail(f"idle{number}") for number in range(9)]
    [wait_of(rates.fail, "guesser") for _ in range(19)]
    clock.now += 61
    rates.fail("new")

    assert wait_of(rates.fail, "guesser") > 0


def test_threads_share_one_count():
    """Of requests on many threads exactly as many pass as may."""
    rates = Rates(clock=lambda: 0.0)
    passed = []

    def hurry():
        passed.extend(wait_of(rates.take, "t") == 0 for _ in range(100))

    threads = [threading.Thread(target=hurry) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert sum(passed) == 600


@pytest.fixture
def place(tmp_path, clock):
    """A Quaymaster that allows three requests and two invalid tokens a minute."""
    limits = Rates(asks_a_minute=3, failures_a_minute=2, clock=clock)
    with workplace(tmp_path / "data", ScriptedRegistry(), limits) as opened:
        yield opened


def test_busy_token_is_answered_429(place):
    """A token that asks too often is answered 429 with ``Retry-After``, and nothing is handed out."""
    place.add()
    token = place.token()
    answers = [place.ask(ASK, token) for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[3].error == (429, "too_many_requests")
    assert answers[3].headers["Retry-After"] == "20"


def test_guessing_address_is_answered_429_and_a_valid_token_from_it_is_served(place):
    """Invalid tokens from one address end in 429 without a challenge; a valid one from there still works."""
    token = place.token()
    answers = [place.ask("/v1/integrations", "qm_guess") for _ in range(4)]
    valid = place.ask("/v1/integrations", token)

    assert [answer.status for answer in answers] == [401, 401, 429, 429]
    assert [answer.headers.get("Retry-After") for answer in answers] == [None, None, "2", "4"]
    assert valid.status == 200


@pytest.mark.parametrize(
    ("addresses", "refused"),
    [
        (["2001:db8::1"] * 11, 1),
        ([f"2001:db8::{number}" for number in range(1, 12)], 1),
        ([f"2001:db8:0:{number}::1" for number in range(1, 12)], 0),
        ([f"192.0.2.{number}" for number in range(1, 12)], 0),
    ],
)
def test_host_is_known_by_its_network(rates, addresses, refused):
    """Invalid tokens are counted by IPv4 address, and by the first half of an IPv6 address."""
    waits = [wait_of(rates.fail, address) for address in addresses]

    assert sum(map(bool, waits)) == refused
