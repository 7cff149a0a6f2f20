"""What happens by the clock: counts and last uses are written, people are reminded of tokens that end."""

from dataclasses import replace
from datetime import timedelta
from http.client import IncompleteRead

import pytest

from bot.core.errors import StoreFull
from bot.core.integrations.dependencies import read_target
from bot.core.model import Workspace
from bot.core.queries import HistoryQuery
from bot.core.workflows.fetch_counts import Tally
from bot.core.workflows.tokens import create_token, revoke_token
from bot.run.schedule import GONE, Housekeeping, attempt, remind, write_noted
from tests.fakes.lookups import tokens_in
from tests.fakes.people import COLLEAGUE, MEMBER
from tests.features.team import ACME

ELSEWHERE = Workspace("T0OTHER")
DAY_S = 86_400
HOUR = timedelta(hours=1)
WEB_SHOP = read_target("project", "web-shop")


def token(team, user=MEMBER, target=WEB_SHOP, days=90):
    """Make a token; gives what is kept of it."""
    return create_token(team.store, team.actor(user), target, days)[1]


def days_later(team, days):
    """Let days pass, then do what is due."""
    team.slack.clock.advance(days * DAY_S)
    remind(team.services)


def reminders(team, user=MEMBER):
    """The reminders that somebody got."""
    return [shown.text for shown in team.slack.shown if shown.user == user and "ends soon" in shown.line]


def fetched(team, count, workspace=ACME):
    """Count fetches in this hour."""
    hour = team.services.ports.now().replace(minute=0, second=0, microsecond=0)
    tally = Tally(workspace, "i1", "my_registry", WEB_SHOP, "12345678", hour, "credential.hand_out")
    [team.services.tallies.count(tally) for _ in range(count)]


def details(team, workspace=ACME):
    """What the history says of each entry."""
    return [one.event.detail for one in team.store.read(workspace).history.page(HistoryQuery()).entries]


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

    assert f"Your workflow token `{made.id}` for project web-shop ends <!date^" in text
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
    revoke_token(team.store, team.actor(), token(team).id)
    token(team, days=30)
    days_later(team, 84)

    assert reminders(team) == []


@pytest.mark.parametrize("error", sorted(GONE))
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
    attempt("remind of tokens", lambda: remind(offline))
    remind(team.services)

    assert "could not remind of tokens: ConnectionRefusedError" in caplog.text
    assert len(reminders(team)) == 1


def test_odd_failure_does_not_end_the_clock(team, caplog):
    """Whatever a round meets, the next one comes, and the log names no more than its kind."""
    rounds = []
    store = replace(team.services, store=Failing(rounds))
    keeping = Housekeeping(store, every_s=0.01)
    keeping.start()
    while len(rounds) < 3:
        keeping._thread.join(0.01)
    keeping._stopped.set()
    keeping._thread.join(5)

    assert "could not write what was noted: IncompleteRead" in caplog.text
    assert "marker" not in caplog.text


class Failing:
    """A store whose ``flush`` fails as nobody foresaw."""

    def __init__(self, rounds):
        self.rounds = rounds

    def flush(self):
        """Fail."""
        self.rounds.append(1)
        raise IncompleteRead(b"marker")


def raising(error):
    """Raise from within an expression."""
    raise error


def test_counts_are_written_when_their_hour_is_over(team):
    """The first fetch has its own entry; the others become one line at the hour's end."""
    fetched(team, 4)
    write_noted(team.services, team.services.ports.now())
    before = details(team)
    team.slack.clock.advance(3600)
    write_noted(team.services, team.services.ports.now())
    write_noted(team.services, team.services.ports.now())

    assert before == []
    assert len(details(team)) == 1
    assert details(team)[0].startswith("to project web-shop, 3 more times from ")


def test_single_fetch_needs_no_second_line(team):
    """An hour with one fetch writes nothing more."""
    fetched(team, 1)
    write_noted(team.services, team.services.ports.now() + HOUR)

    assert details(team) == []


def test_counts_that_could_not_be_written_are_kept(team, monkeypatch, caplog):
    """When the disk is full the counts wait for the next round."""
    fetched(team, 4)
    monkeypatch.setattr(type(team.store), "transaction", lambda *_: raising(StoreFull()))
    write_noted(team.services, team.services.ports.now() + HOUR)
    monkeypatch.undo()
    write_noted(team.services, team.services.ports.now() + HOUR)

    assert "could not write counts: StoreFull" in caplog.text
    assert [one.split(" from ")[0] for one in details(team)] == ["to project web-shop, 3 more times"]


def test_one_workspaces_failure_is_no_others(team, monkeypatch):
    """A workspace that cannot be written does not stand in the way of another."""
    fetched(team, 2)
    fetched(team, 3, ELSEWHERE)
    whole = type(team.store).transaction
    monkeypatch.setattr(
        type(team.store),
        "transaction",
        lambda store, workspace: raising(StoreFull()) if workspace == ACME else whole(store, workspace),
    )
    write_noted(team.services, team.services.ports.now() + HOUR)

    assert details(team) == []
    assert "2 more times" in details(team, ELSEWHERE)[0]


def test_last_use_is_written(linked, disk):
    """What was noted in memory is on disk after a round."""
    integration = linked.find("my_registry")
    linked.store.touch(ACME, integration.id, WEB_SHOP, "12345678", linked.services.ports.now())
    disk.calls.clear()
    write_noted(linked.services, linked.services.ports.now())

    assert "sync file" in disk.calls
    assert (
        linked.store.read(ACME).dependencies.get(integration.id, WEB_SHOP).last_used_at
        == linked.services.ports.now()
    )


def test_round_without_news_touches_no_file(linked, disk):
    """Nothing noted, nothing written."""
    disk.calls.clear()
    write_noted(linked.services, linked.services.ports.now())

    assert disk.calls == []


def test_stop_writes_what_is_left(team):
    """A stopped process loses neither counts of the running hour nor the thread."""
    keeping = Housekeeping(team.services, every_s=3600)
    keeping.start()
    fetched(team, 3)
    keeping.stop(5)

    assert "2 more times" in details(team)[0]


def test_stop_before_the_start_writes_too(team):
    """A process that ends while it starts keeps what it has."""
    fetched(team, 2)
    Housekeeping(team.services).stop(1)

    assert "1 more time from" in details(team)[0]


def test_stop_survives_a_full_disk(team, monkeypatch, caplog):
    """What cannot be written at the end is logged, and the process ends all the same."""
    fetched(team, 2)
    monkeypatch.setattr(type(team.store), "flush", lambda _: raising(StoreFull()))
    Housekeeping(team.services).stop(1)

    assert "could not write what was noted: StoreFull" in caplog.text


def test_running_thread_reminds(team):
    """The thread itself does a round as often as it is told."""
    token(team)
    team.slack.clock.advance(84 * DAY_S)
    keeping = Housekeeping(team.services, every_s=0.01)
    keeping.start()
    while not team.executor.tasks:
        keeping._thread.join(0.01)
    keeping._stopped.set()
    keeping._thread.join(5)
    team.executor.run()

    assert len(reminders(team)) == 1
