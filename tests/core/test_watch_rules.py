"""What the watch believes, and when it tells people."""

from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest

from bot.core.integrations.watch_rules import INTERVAL, as_told, is_news, observe
from bot.core.model import Health, Watch

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WORKS, REFUSED, UNREACHABLE = Health.WORKS, Health.REFUSED, Health.UNREACHABLE


def after(*seen, watch=None):
    """A watch after answers, each with the minute it came at."""
    return reduce(lambda known, one: observe(known, one[1], START + one[0] * MINUTE), seen, watch or Watch())


def told(watch, seen):
    """Take an answer in and tell people if they must be told; return the watch and the messages so far."""
    known, messages = watch
    known = observe(known, seen[1], START + seen[0] * MINUTE)
    if is_news(known, START + seen[0] * MINUTE):
        return as_told(known), [*messages, known.health]
    return known, messages


def messages_after(*seen):
    """Every message that people get from answers that come at these minutes."""
    return reduce(told, seen, (Watch(), []))[1]


def test_one_refusal_is_only_suspected():
    """A single refusal changes nothing that people see, and is asked again after 10 minutes."""
    watch = after((0, WORKS), (60, REFUSED))

    assert (watch.health, watch.suspected) == (WORKS, REFUSED)
    assert watch.next_at == START + 70 * MINUTE


def test_a_second_refusal_ten_minutes_later_is_believed():
    """Two refusals at least 10 minutes apart are a refused login, since the second."""
    watch = after((0, WORKS), (60, REFUSED), (70, REFUSED))

    assert (watch.health, watch.since) == (REFUSED, START + 70 * MINUTE)


def test_a_second_refusal_too_soon_is_not_believed():
    """Two refusals within 10 minutes count as one: the registry may be having a bad moment."""
    watch = after((0, WORKS), (60, REFUSED), (69, REFUSED))

    assert watch.health is WORKS
    assert watch.next_at == START + 70 * MINUTE


def test_a_good_answer_clears_the_suspicion():
    """A refusal before a good answer and one after it do not add up."""
    watch = after((0, WORKS), (60, REFUSED), (65, WORKS), (75, REFUSED))

    assert (watch.health, watch.suspected_at) == (WORKS, START + 75 * MINUTE)


def test_another_bad_answer_begins_a_suspicion_of_its_own():
    """A refusal and a host that does not answer do not confirm each other."""
    assert after((0, WORKS), (60, REFUSED), (70, UNREACHABLE)).health is WORKS


@pytest.mark.parametrize("health", [WORKS, REFUSED, UNREACHABLE])
def test_too_many_requests_say_nothing(health):
    """An answer that says nothing of the login changes nothing, and the next check comes in its turn."""
    watch = observe(Watch(health=health), None, START)

    assert watch.health is health
    assert START + INTERVAL * 0.9 <= watch.next_at <= START + INTERVAL


def test_a_first_good_answer_is_no_news():
    """People take it that an integration works, so that a first good answer is not told."""
    assert messages_after((0, WORKS)) == []


def test_a_change_is_told_once():
    """A refused login is told when it is believed, and not again while it stays refused."""
    assert messages_after((0, WORKS), (60, REFUSED), (70, REFUSED), (430, REFUSED)) == [REFUSED]


def test_works_again_is_told():
    """A login that works again is told too."""
    assert messages_after((0, REFUSED), (10, REFUSED), (60, WORKS)) == [REFUSED, WORKS]


def test_twenty_flaps_make_two_messages_at_most():
    """A login that is refused and works by turns, 20 times, makes two messages."""
    answers = [(90 * turn + late, seen) for turn in range(20) for late, seen in ((0, REFUSED), (10, REFUSED))]
    goods = [(90 * turn + 40, WORKS) for turn in range(20)]

    assert len(messages_after(*sorted(answers + goods, key=lambda one: one[0]))) == 2


def test_a_state_that_lasts_is_told_even_after_flapping():
    """After two messages within a day, a refusal that lasts an hour is told all the same."""
    flaps = ((0, REFUSED), (10, REFUSED), (40, WORKS), (100, REFUSED), (110, REFUSED))

    assert messages_after(*flaps) == [REFUSED, WORKS]
    assert messages_after(*flaps, (171, REFUSED)) == [REFUSED, WORKS, REFUSED]


def test_a_muted_integration_is_not_told():
    """Nobody is told while an integration is muted; afterwards they are."""
    watch = after((0, REFUSED), (10, REFUSED), watch=Watch(muted_until=START + 60 * MINUTE))

    assert is_news(watch, START + 59 * MINUTE) is False
    assert is_news(watch, START + 60 * MINUTE) is True


def test_a_quiet_day_ends_the_flapping():
    """After a day without a change, the next refusal is told at once again."""
    day = 24 * 60
    flaps = ((0, REFUSED), (10, REFUSED), (40, WORKS))

    assert messages_after(*flaps, (day + 50, REFUSED), (day + 60, REFUSED)) == [REFUSED, WORKS, REFUSED]
