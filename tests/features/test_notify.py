"""What a channel and an owner are told about: logins that stop working, and work again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.audit import Event, News
from bot.core.errors import Busy
from bot.core.model import Outcome, Refused, Source, Stage, Workspace
from bot.core.ports.registry import CheckResult
from bot.run.clockwork import Watcher
from bot.run.outbox import Outbox
from bot.simulator.cast import BOT_USER
from handlers.notify import draw_closed, draw_news
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.fakes.slack import OPS
from tests.features.team import ACME

HOURS_S = 3600
WORKS = CheckResult(Outcome.PROVED, Stage.LOGIN, "This login works.")
REFUSED = CheckResult(
    Outcome.REJECTED, Stage.LOGIN, "The registry refused this login.", refused=Refused.LOGIN
)
SILENT = CheckResult(Outcome.UNREACHABLE, Stage.CONNECTION, "Nothing answers at this address.")


@pytest.fixture(autouse=True)
def invited(slack):
    """The app is a member of the channel."""
    channels = slack.world.cast.channels
    channels[OPS] = replace(channels[OPS], members=channels[OPS].members | {BOT_USER.id})


@pytest.fixture
def clockwork(team):
    """The watch and the outbox, without a clock of their own."""
    ports = team.services.ports
    return Watcher(ports), Outbox(team.services, draw_news, draw_closed)


def pass_time(team, clockwork, hours=0.0, rounds=4):
    """Let time pass, a quarter of it in each round, and do what is due in each."""
    watcher, outbox = clockwork
    for _ in range(rounds):
        team.slack.clock.advance(max(hours * HOURS_S / rounds, 61))
        for _ in range(60):
            watcher.step()
        team.slack.clock.advance(61)
        outbox.step()


def heard(team, user):
    """The messages that somebody got from the scheduler."""
    return [shown.text for shown in team.slack.shown if shown.user == user and shown.place == "message"]


def said(team, *, with_changes=False):
    """What everybody can read in the channel, with what people changed or without."""
    texts = [one.text for one in team.in_channel()]
    told = (" added `", " fetched `")
    return [text for text in texts if with_changes or not any(word in text for word in told)]


def test_admin_chooses_the_channel(team):
    """After `notify #ops` the channel reads who allowed the news, and the reply says where it goes."""
    answer = team.command("notify #ops", ADMIN)

    assert f"News about integrations now goes to <#{OPS}>" in answer.text
    assert f"<@{ADMIN}> has allowed Quaymaster to post news" in said(team)[-1]
    assert team.store.read(ACME).settings.get("notify") == OPS


def test_only_admins_choose_the_channel(team):
    """A member is refused, and nothing is posted."""
    answer = team.command("notify #ops")

    assert "Only a workspace admin may choose where news goes." in answer.text
    assert said(team) == []


def test_news_can_be_switched_off(team):
    """After `notify off` no channel is chosen."""
    team.command("notify #ops", ADMIN)

    assert "News is off" in team.command("notify off", ADMIN).text
    assert not team.store.read(ACME).settings.get("notify")


def test_form_chooses_the_channel(team):
    """Without a channel a form asks for it, filled with the present one; emptied, it switches news off."""
    form = team.command("notify", ADMIN)
    team.leave(form, form.box("Channel for news"), OPS, ADMIN)
    chosen = team.submit(user=ADMIN, on=form)
    team.close(ADMIN)
    again = team.command("notify", ADMIN)
    kept = team.store.read(ACME).settings.get("notify")
    team.leave(again, again.box("Channel for news"), None, ADMIN)
    off = team.submit(user=ADMIN, on=again)

    assert f"News about integrations now goes to <#{OPS}>" in chosen.text
    assert kept == OPS
    assert again.box("Channel for news").element["initial_conversation"] == OPS
    assert "News is off" in off.text
    assert not team.store.read(ACME).settings.get("notify")


def test_form_says_where_i_am_not(team, slack):
    """A channel that I am not in is named beside the field, with what to do."""
    slack.world.cast.set_member(BOT_USER.id, OPS, is_member=False)
    form = team.command("notify", ADMIN)
    team.leave(form, form.box("Channel for news"), OPS, ADMIN)
    refused = team.submit(user=ADMIN, on=form)

    assert "Invite it to the channel" in refused.error("Channel for news")
    assert not team.store.read(ACME).settings.get("notify")


def test_members_get_no_form(team):
    """The form is for admins, and so is the button on Home."""
    team.add("my_registry")

    assert "Only a workspace admin may choose where news goes." in team.command("notify").text
    assert "Choose a channel" not in team.open_home().buttons
    assert team.press("Choose a channel", ADMIN, on=team.open_home(ADMIN)).title == "News"


def test_unknown_channel_is_named(team):
    """A channel that I am not in is not kept; the answer says how to invite me."""
    team.slack.failing["chat.postMessage"] = "not_in_channel"
    answer = team.command("notify #secret", ADMIN)

    assert "Quaymaster can't post in #secret" in answer.text
    assert "/invite @Quaymaster" in answer.text


def test_refused_login_is_told_with_whom_it_hits(team, registry, clockwork):
    """A revoked login is told within one interval: which, why, and everything that depends on it."""
    team.command("notify #ops", ADMIN)
    team.add("harbor")
    team.fetch("harbor", "project", "web-shop")
    registry.result = WORKS
    pass_time(team, clockwork)
    registry.result = REFUSED
    pass_time(team, clockwork, hours=7, rounds=8)

    (told,) = said(team)[1:]
    assert "refuses the login for *harbor*" in told
    assert "project `web-shop`, last used <!date" in told
    assert "An expired robot account, a revoked token and a wrong password look the same" in told
    assert heard(team, MEMBER)[-1] == told


def test_works_again_is_told(team, registry, clockwork):
    """A login that works again is also reported once."""
    team.command("notify #ops", ADMIN)
    team.add("harbor")
    registry.result = REFUSED
    pass_time(team, clockwork, hours=1)
    registry.result = WORKS
    pass_time(team, clockwork, hours=7)

    assert [text.splitlines()[0] for text in said(team)[1:]] == [
        ":x: `registry.example.com` refuses the login for *harbor*.",
        ":white_check_mark: *harbor* works again.",
    ]


def test_dead_host_is_one_message(team, registry, clockwork):
    """Fifty integrations of one host that does not answer make one message."""
    team.command("notify #ops", ADMIN)
    team.add_many(50)
    registry.result = SILENT
    pass_time(team, clockwork, hours=1)

    (told,) = said(team)[1:]
    assert "is unreachable, so nobody can pull with 50 integrations" in told
    assert len(registry.checked) < 5


def test_too_many_requests_say_nothing(team, registry, clockwork):
    """A registry that asks to wait has not refused a login: nothing is reported."""
    team.command("notify #ops", ADMIN)
    team.add("harbor")
    registry.result = CheckResult(
        Outcome.UNREACHABLE, Stage.LOGIN, "Too many requests.", refused=Refused.RATE
    )
    pass_time(team, clockwork, hours=24)

    assert said(team)[1:] == []


def test_muted_integration_is_not_told_for_a_day(team, registry, clockwork):
    """*Mute 24 h* keeps an integration's news back for a day."""
    team.command("notify #ops", ADMIN)
    team.add("harbor")
    registry.result = REFUSED
    pass_time(team, clockwork, hours=1)
    answer = team.press("Mute harbor for 24 hours", MEMBER, on=team.in_channel()[-1])
    registry.result = WORKS
    pass_time(team, clockwork, hours=7)

    assert "*harbor* is muted until" in answer.text
    assert len(said(team)) == 2


def test_others_may_not_mute(team, registry, clockwork):
    """Only the owner and admins mute an integration."""
    team.command("notify #ops", ADMIN)
    team.add("harbor")
    registry.result = REFUSED
    pass_time(team, clockwork, hours=1)

    assert (
        "Only its owner" in team.press("Mute harbor for 24 hours", COLLEAGUE, on=team.in_channel()[-1]).text
    )


def test_closed_channel_is_said_to_admins_once(make_team, registry):
    """The admins are told, once, about a channel that can no longer be posted to."""
    team = make_team(admins=(ADMIN,))
    work = Watcher(team.services.ports), Outbox(team.services, draw_news, draw_closed)
    team.command("notify #ops", ADMIN)
    team.add("harbor", COLLEAGUE)
    team.slack.world.cast.channels.pop(OPS)
    registry.result = REFUSED
    pass_time(team, work, hours=1)

    assert len([text for text in heard(team, ADMIN) if "can no longer post news" in text]) == 1


def test_owner_who_left_is_replaced_by_the_admins(make_team, registry):
    """News of an integration whose owner has left goes to the admins."""
    team = make_team(admins=(ADMIN,))
    work = Watcher(team.services.ports), Outbox(team.services, draw_news, draw_closed)
    team.add("harbor", COLLEAGUE)
    team.slack.people[COLLEAGUE]["deleted"] = True
    team.slack.clock.advance(timedelta(minutes=6).total_seconds())
    registry.result = REFUSED
    pass_time(team, work, hours=1)

    assert "refuses the login for *harbor*" in heard(team, ADMIN)[-1]


def step(team, clockwork):
    """Let the clock send what is ready."""
    team.slack.clock.advance(61)
    clockwork[1].step()


def test_channel_hears_of_changes(free, clockwork):
    """Each add, edit and delete is one line in the channel, in order, without any value."""
    free.command("notify #ops", ADMIN)
    free.add("second", url="https://second.example.com")
    free.command("edit my_registry")
    free.submit({"Integration Name": "renamed", "Note": "a note of ours"})
    free.close()
    free.press("Yes", on=free.command("delete second"))
    step(free, clockwork)
    told = said(free, with_changes=True)[-1]
    lines = told.splitlines()

    assert "added `second`" in lines[-3]
    assert "edited `renamed`" in lines[-2]
    assert "deleted `second`" in lines[-1]
    assert "a note of ours" not in told


def test_channel_hears_of_each_change_once(free, clockwork):
    """What was reported is not reported again."""
    free.command("notify #ops", ADMIN)
    free.add("second", url="https://second.example.com")
    [step(free, clockwork) for _ in range(3)]

    assert sum("added `second`" in text for text in said(free, with_changes=True)) == 1


def test_channel_hears_of_what_comes_after_it_was_chosen(free, clockwork):
    """What happened before, or while news was off, is not told later."""
    free.add("before", url="https://second.example.com")
    free.command("notify #ops", ADMIN)
    free.command("notify off", ADMIN)
    free.add("silent", url="https://third.example.com")
    step(free, clockwork)
    free.command("notify #ops", ADMIN)
    step(free, clockwork)

    assert not any("added" in text for text in said(free, with_changes=True))


def test_refused_attempts_are_not_told(free, clockwork):
    """What somebody was refused is in the history, and not in the channel."""
    free.command("notify #ops", ADMIN)
    free.command("delete my_registry", COLLEAGUE)
    step(free, clockwork)

    assert len(said(free, with_changes=True)) == 1


def test_channel_hears_of_requests_and_first_fetches(free, clockwork):
    """A token that waits for an admin, and a new target's first fetch, are told too."""
    free.command("notify #ops", ADMIN)
    free.command("token create project fresh", COLLEAGUE)
    free.fetch("my_registry", "project", "web-shop")
    step(free, clockwork)
    told = "\n".join(said(free, with_changes=True))

    assert "created a token" in told
    assert "It is waiting for an admin: `/integrations token list`" in told
    assert "project `fresh`" in told
    assert "fetched `my_registry`" in told


class _Unreachable:
    """People of whom Slack says nothing."""

    def person(self, workspace, user_id, *, fresh):
        """Fail."""
        raise Busy


def test_trouble_in_one_workspace_keeps_no_other_waiting(free, store):
    """When one workspace's news cannot be sent, another's is."""
    free.command("notify #ops", ADMIN)
    free.add("second", url="https://second.example.com")
    with store.change(Workspace("T0AAA")) as change:
        told = Event(action="dependency.note", actor="U0X", source=Source.SLACK, at=change_time(free))
        change.put(News("n1", "U0GONE", change_time(free), told))
    free.slack.clock.advance(61)
    Outbox(replace(free.services, people=_Unreachable()), draw_news, draw_closed).step()

    assert any("added `second`" in text for text in said(free, with_changes=True))


def change_time(team):
    """The time of the team's clock."""
    return team.services.ports.now()


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ("is_archived", "cannot answer in this"),
        ("made_up_later", "Slack did not accept this (made_up_later)."),
    ],
)
def test_other_refusals_of_a_channel_are_told(team, refusal, said):
    """Anything else Slack says about a channel is passed on as it is, and no channel is chosen."""
    team.slack.failing["chat.postMessage"] = refusal
    answer = team.command("notify #ops", ADMIN)

    assert said in answer.text
    assert not team.store.read(ACME).settings.get("notify")


@pytest.mark.parametrize("typed", ["notify @ops", "notify #" + "x" * 81])
def test_what_is_no_channel_is_refused(team, typed):
    """A word that names no channel is answered with an example, and nothing is posted."""
    answer = team.command(typed, ADMIN)

    assert "That is not a channel." in answer.text
    assert "notify #registries" in answer.text
    assert said(team) == []


def test_several_that_work_again_are_one_message(team, registry, clockwork):
    """Logins of one server that work again together are one message, which names each with its owner."""
    team.command("notify #ops", ADMIN)
    team.add("harbor")
    team.add("harbor_too", username="deploy")
    registry.result = SILENT
    pass_time(team, clockwork, hours=1)
    registry.result = WORKS
    pass_time(team, clockwork, hours=7, rounds=1)
    told = said(team)[-1]

    assert ":white_check_mark: 2 integrations work again." in told
    assert f"• *harbor*, <@{MEMBER}>: 0 depend on it" in told
    assert f"• *harbor_too*, <@{MEMBER}>: 0 depend on it" in told
    assert "list broken" not in told


def test_news_that_slack_does_not_take_waits(team, registry, clockwork):
    """While Slack has an internal problem news waits, and it is posted once Slack is well."""
    team.command("notify #ops", ADMIN)
    team.add("harbor")
    team.slack.failing["chat.postMessage"] = "internal_error"
    registry.result = REFUSED
    pass_time(team, clockwork, hours=1)
    before = len(said(team))
    team.slack.failing.clear()
    pass_time(team, clockwork, hours=1)

    assert before == 1
    assert [one for one in said(team) if "refuses the login for *harbor*" in one]
