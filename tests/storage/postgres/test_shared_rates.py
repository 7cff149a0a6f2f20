"""How often somebody may ask: counted by all processes together, without a request waiting for it."""

import time
from collections.abc import Callable

import pytest

from bot.core.errors import TooOften
from bot.core.model import Workspace
from bot.slack.members import SlackRates
from bot.web.api.routing import Rates
from bot.web.secret_page import EntryRates
from storage.postgres.postgres_store import PostgresStore
from tests.fakes.real_postgres import ADMIN, RealPostgres
from tests.fakes.wire import Wire
from tests.storage.postgres.conftest import Opener
from tests.storage.samples import T1, T2

pytestmark = pytest.mark.needs("postgres")

LEARNED_S = 1.0
"""By then every process knows: it asks four times a second."""


def passes(take: Callable[[], None]) -> bool:
    """Whether somebody may ask once more."""
    try:
        take()
    except TooOften:
        return False
    return True


def pair(opener: Opener, make: Callable[[], Rates]) -> list[Rates]:
    """The limits of two processes."""
    both = [make(), make()]
    for one in both:
        opener().rates.share(one)
    return both


def test_two_processes_give_little_more_than_one(opener: Opener) -> None:
    """A token that asks two processes in turn gets its minute once, not twice; then it owes the rest."""
    first, second = pair(opener, lambda: Rates(asks_a_minute=60))
    passed = 0
    end = time.monotonic() + 4
    while time.monotonic() < end:
        passed += sum(passes(lambda one=one: one.take("t")) for one in (first, second))
        time.sleep(0.05)

    assert 60 <= passed <= 60 + 4 + 20


def test_process_learns_what_others_gave(opener: Opener) -> None:
    """Who has used up everything at one process is refused by another, as soon as they ask it again."""
    first, second = pair(opener, lambda: Rates(asks_a_minute=10))
    [first.take("t") for _ in range(10)]
    time.sleep(LEARNED_S)
    passes(lambda: second.take("t"))
    time.sleep(LEARNED_S)

    assert not passes(lambda: second.take("t"))
    assert passes(lambda: second.take("another"))


def test_addresses_are_counted_together(opener: Opener) -> None:
    """Invalid tokens from an address count wherever they are shown."""
    first, second = pair(opener, lambda: Rates(failures_a_minute=5))
    [first.fail("192.0.2.1") for _ in range(5)]
    time.sleep(LEARNED_S)
    passes(lambda: second.fail("192.0.2.1"))
    time.sleep(LEARNED_S)

    assert not passes(lambda: second.fail("192.0.2.1"))
    assert passes(lambda: second.fail("192.0.2.2"))


def test_delay_of_an_address_goes_on_elsewhere(opener: Opener) -> None:
    """An address that one process has delayed waits longer still at another, once that has counted it."""
    first, second = pair(opener, lambda: Rates(failures_a_minute=1))
    passes(lambda: first.fail("192.0.2.1"))
    [passes(lambda: first.fail("192.0.2.1")) for _ in range(5)]
    time.sleep(LEARNED_S)
    is_answered = passes(lambda: second.fail("192.0.2.1"))
    time.sleep(LEARNED_S)
    with pytest.raises(TooOften) as refused:
        second.fail("192.0.2.1")

    assert is_answered
    assert refused.value.wait_s == 64.0
    assert passes(lambda: second.fail("192.0.2.2"))


def test_page_for_secrets_counts_together(opener: Opener) -> None:
    """An address that has used up its minute at one process's page is refused by another's."""
    first, second = EntryRates(), EntryRates()
    [opener().rates.share(one) for one in (first, second)]
    [first.take("192.0.2.1") for _ in range(60)]
    time.sleep(LEARNED_S)
    passes(lambda: second.take("192.0.2.1"))
    time.sleep(LEARNED_S)

    assert not passes(lambda: second.take("192.0.2.1"))
    assert passes(lambda: second.take("192.0.2.2"))


def test_people_and_workspaces_are_counted_together(opener: Opener) -> None:
    """A person's minute is one, whichever process they reach; another workspace's people are not they."""
    both = [SlackRates(3), SlackRates(3, limit_of=lambda _: 3)]
    [opener().rates.share(one) for one in both]
    [both[0].take(T1, "U1") for _ in range(3)]
    time.sleep(LEARNED_S)
    passes(lambda: both[1].take(T1, "U1"))
    time.sleep(LEARNED_S)

    assert not passes(lambda: both[1].take(T1, "U1"))
    assert passes(lambda: both[1].take(T2, "U1"))
    assert passes(lambda: both[1].take(Workspace(T1.key), "U2"))


def test_request_waits_for_nothing_and_quiet_asks_nothing(wired: PostgresStore, wire: Wire) -> None:
    """A count is no round trip of its own: many go together in one, and none where nothing was counted."""
    rates = Rates()
    wired.rates.share(rates)
    rates.take("first")  # a connection prepares a statement once
    time.sleep(LEARNED_S)
    before = wire.turns
    [rates.take(f"t{number % 20}") for number in range(200)]
    time.sleep(LEARNED_S)
    busy = wire.turns - before
    time.sleep(LEARNED_S)

    assert busy == 1
    assert wire.turns - before == busy


def test_names_are_not_kept(opener: Opener, postgres: RealPostgres, database: str) -> None:
    """The database knows neither the token, nor the person, nor the address that is counted."""
    rates = Rates()
    opener().rates.share(rates)
    rates.take("canary-token"), rates.fail("192.0.2.77")
    time.sleep(LEARNED_S)
    kept = postgres.sql("select * from quaymaster.rates", database, ADMIN)

    assert len(kept.splitlines()) == 3
    assert "canary" not in kept
    assert "192.0.2.77" not in kept
