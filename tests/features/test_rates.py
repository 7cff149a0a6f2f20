"""Somebody sends more than a person can: they are told to wait, and nothing is done."""

import pytest

from bot.core.errors import TooOften
from bot.slack.members import PEOPLE_AT_ONCE, SlackRates
from tests.fakes.people import ADMIN, MEMBER
from tests.features.team import ACME

TOO_MANY = "That is more than 3 commands and button presses a minute; nothing was done."


@pytest.fixture
def hurried(make_team):
    """A team where a person may send three commands a minute, with an integration."""
    team = make_team(rate_limit=3)
    team.add("my_registry", owner=MEMBER)
    return team


def test_fourth_command_is_told_to_wait(hurried):
    """The fourth command of a minute is answered with how long to wait; another person's goes on."""
    shown = [hurried.command("help") for _ in range(4)]
    other = hurried.command("help", ADMIN)

    assert [TOO_MANY in one.text for one in shown] == [False, False, False, True]
    assert "Wait 20 seconds, then try again." in shown[3].text
    assert TOO_MANY not in other.text


def test_press_too_many_changes_nothing(hurried):
    """A press that is one too many does nothing, and is answered."""
    hurried.command("help")
    hurried.command("help")
    asked = hurried.command("delete my_registry")
    pressed = hurried.press("Yes", on=asked)

    assert TOO_MANY in pressed.text
    assert hurried.find("my_registry")


def test_form_too_many_keeps_what_was_typed(hurried):
    """A submitted form that is one too many stores nothing and stays open behind the sentence."""
    hurried.command("help")
    hurried.command("help")
    hurried.command("edit my_registry")
    shown = hurried.submit({"Integration Name": "renamed"})

    assert TOO_MANY in shown.text
    assert hurried.find("my_registry")


def test_workspace_has_a_limit_of_its_own():
    """Many people together may send ten times as many as one; another workspace's people notice nothing."""
    rates = SlackRates(3, clock=lambda: 0.0)
    for number in range(3 * PEOPLE_AT_ONCE):
        rates.take(ACME, f"U{number}")

    with pytest.raises(TooOften, match="sends more than 30 commands and button presses a minute"):
        rates.take(ACME, "U99")


def test_waiting_is_enough():
    """Somebody who waits as long as told can continue."""
    now = 0.0
    rates = SlackRates(30, clock=lambda: now)
    for _ in range(30):
        rates.take(ACME, "U1")
    with pytest.raises(TooOften) as refused:
        rates.take(ACME, "U1")
    now += refused.value.wait_s
    rates.take(ACME, "U1")

    assert refused.value.wait_s == 2
