"""What happens by the clock: counts and last uses are written, people are reminded of tokens that end."""

from dataclasses import replace
from http.client import IncompleteRead

import pytest

from bot.core.errors import StoreFull
from bot.core.integrations.target_names import read_target
from bot.core.queries import HistoryQuery
from bot.core.workflows.tokens import create_token, revoke_token
from bot.run.schedule import Housekeeping, remind
from storage.maintenance import ends_in_log
from tests.fakes.lookups import tokens_in
from tests.fakes.people import COLLEAGUE, MEMBER
from tests.features.team import ACME

DAY_S = 86_400
WEB_SHOP = read_target("project", "web-shop")


def token(team, user=MEMBER, target=WEB_SHOP, days=90):
    """Make a token; gives what is kept of it."""
    return create_token(team.services.ports, team.actor(user), target, days)[1]


def days_later(team, days):
    """Let days pass, then do what is due."""
    team.slack.clock.advance(days * DAY_S)
    remind(team.services)


def reminders(team, user=MEMBER):
    """The reminders that somebody got."""
    return [shown.text for shown in team.slack.shown if shown.user == user and "expires soon" in shown.line]


def test_creator_is_reminded_seven_days_and_one_day_before(team):
    """Each reminder comes once, however often the clock strikes."""
    token(team)
    counts = [(days_later(team, days), len(reminders(team)))[1] for days in (82, 1.1, 1, 0, 5, 0, 0.5, 1)]

    assert counts == [0, 1, 1, 1, 2, 2, 2, 2]


def test_reminder_says_which_token_and_what_to_do(team):
    """It names the token, its target, its end, and the command that makes the next one; never the token."""
    made = token(team)
    days_later(team, 84)
    (text,) = reminders(team)

    assert f"Your workflow token `{made.id}` for `project web-shop` expires <!date^" in text
    assert "`/integrations token create project web-shop`" in text


@pytest.mark.parametrize("name", ["web shop", "it's", 'say "hi"', "<!channel> & `x`"])
def test_command_of_a_reminder_can_be_typed(team, name):
    """A target with spaces or quotes is quoted, so that the command reads it as one name."""
    token(team, target=read_target("project", name))
    days_later(team, 84)
    before = len(tokens_in(team.store, ACME))
    typed = reminders(team)[0].split("/integrations ")[1].split("` and put")[0]
    team.command(typed)

    assert len(tokens_in(team.store, ACME)) == before + 1
    assert "<!channel>" not in reminders(team)[0]


def test_each_creator_gets_their_own(team):
    """Only who made a token is told of its end."""
    token(team)
    token(team, COLLEAGUE, days=60)
    days_later(team, 55)

    assert (len(reminders(team)), len(reminders(team, COLLEAGUE))) == (0, 1)


def test_revoked_and_ended_tokens_are_not_reminded_of(team):
    """What is over needs nobody's attention."""
    revoke_token(team.services.ports, team.actor(), token(team).id)
    token(team, days=30)
    days_later(team, 84)

    assert reminders(team) == []


@pytest.mark.parametrize(
    "error", ["account_inactive", "channel_not_found", "is_inactive", "user_disabled", "user_not_found"]
)
def test_creator_who_is_gone_is_asked_for_once(team, error):
    """Who cannot be reached any more is not tried again, and others still get theirs."""
    token(team, "U0VANISHED")
    token(team)
    team.slack.failing["chat.postMessage"] = error
    days_later(team, 84)
    before = len(team.slack.called("chat.postMessage"))
    days_later(team, 0)

    assert (before, len(team.slack.called("chat.postMessage"))) == (2, 2)


@pytest.mark.parametrize("error", ["internal_error", "ratelimited", "invalid_auth", "missing_scope"])
def test_reminder_that_slack_did_not_take_is_tried_again(team, error):
    """When Slack fails, the next hour tries again, and succeeds once."""
    token(team)
    team.slack.failing["chat.postMessage"] = error
    days_later(team, 84)
    del team.slack.failing["chat.postMessage"]
    days_later(team, 0.05)
    days_later(team, 0.05)

    assert len(reminders(team)) == 1


def test_slack_that_is_down_stops_nothing(team, caplog):
    """No answer at all is logged without a word of the message, and tried again."""
    token(team)
    team.slack.clock.advance(84 * DAY_S)
    offline = replace(team.services, slack=lambda _: raising(ConnectionRefusedError("no")))
    in_rounds(Housekeeping(offline, bool, every_s=0.01), lambda: team.executor.tasks)
    team.executor.run()
    remind(team.services)

    assert "could not send token reminders: ConnectionRefusedError" in caplog.text
    assert len(reminders(team)) == 1


def in_rounds(keeping, is_done):
    """Let the clock run until something is done."""
    keeping.start()
    while not is_done():
        keeping._thread.join(0.01)
    keeping._stopped.set()
    keeping._thread.join(5)


def test_odd_failure_does_not_end_the_clock(team, caplog):
    """Whatever a round meets, the next one comes, and the log names no more than its kind."""
    rounds = []

    def flush():
        rounds.append(1)
        raise IncompleteRead(b"marker")

    in_rounds(Housekeeping(team.services, flush, every_s=0.01), lambda: len(rounds) >= 3)

    assert "could not write what was noted: IncompleteRead" in caplog.text
    assert "marker" not in caplog.text


def raising(error):
    """Raise from within an expression."""
    raise error


def test_last_use_is_written(linked, disk):
    """What the store kept in memory is on disk after a round."""
    linked.fetch("my_registry", "project", "web-shop")
    linked.slack.clock.advance(60)
    linked.fetch("my_registry", "project", "web-shop")
    disk.calls.clear()
    Housekeeping(linked.services, linked.store.flush).stop(1)

    assert "sync file" in disk.calls


def test_stop_survives_a_full_disk(team, caplog):
    """What cannot be written at the end is logged, and the process ends all the same."""
    Housekeeping(team.services, lambda: raising(StoreFull())).stop(1)

    assert "could not write what was noted: StoreFull" in caplog.text


def test_running_thread_reminds(team):
    """The thread itself does a round as often as it is told."""
    token(team)
    team.slack.clock.advance(84 * DAY_S)
    in_rounds(Housekeeping(team.services, bool, every_s=0.01), lambda: team.executor.tasks)
    team.executor.run()

    assert len(reminders(team)) == 1


def test_log_says_where_each_history_ends(team, caplog):
    """Once an hour and at the end, of a history that grew, as ``audit verify --log`` reads it."""
    caplog.set_level("INFO")
    token(team)
    keeping = Housekeeping(team.services, bool, every_s=0.01)
    in_rounds(keeping, lambda: ends_in_log(caplog.messages))
    (newest,) = team.store.read(ACME).history.page(HistoryQuery(size=1)).entries
    before = len([one for one in caplog.messages if "ends with entry" in one])
    keeping.stop(1)

    assert ends_in_log(caplog.messages) == {ACME.key: {newest.sequence: newest.hash}}
    assert before == len([one for one in caplog.messages if "ends with entry" in one]) == 1


def test_process_that_does_not_lead_reminds_nobody(team):
    """Of several processes one does what is done once for all."""
    token(team)
    team.slack.clock.advance(84 * DAY_S)
    rounds = []
    idle = Housekeeping(team.services, lambda: rounds.append(1), every_s=0.01, is_leader=lambda: False)
    in_rounds(idle, lambda: len(rounds) >= 2)
    team.executor.run()

    assert reminders(team) == []
