"""Messages about a rotation, in the channel and to its owner: replaced as soon as it is over."""

from dataclasses import replace

import pytest

from bot.core.integrations.rotation import tell_rotations
from bot.simulator.cast import BOT_USER
from tests.fakes.people import ADMIN, MEMBER
from tests.fakes.slack import OPS
from tests.features.team import ACME
from tests.features.test_rotate import DAY_S, begin, deliver


@pytest.fixture
def channel(make_team):
    """The channel that gets news, with a member's integration whose rotation has begun."""
    office = make_team(admins=(ADMIN,))
    office.add("my_registry")
    office.link("my_registry", "image", "never-fetched")
    members = office.slack.world.cast.channels
    members[OPS] = replace(members[OPS], members=members[OPS].members | {BOT_USER.id})
    office.command("notify #ops", ADMIN)
    begin(office)
    office.close()
    deliver(office)
    return office


def posted(team, word):
    """What the channel shows now with a word in it."""
    return [one for one in team.in_channel() if word in one.text]


@pytest.mark.parametrize(
    ("press", "said"), [("Roll back", "rolled back the credential of"), ("Retire", "retired the old")]
)
def test_message_in_the_channel_is_replaced_when_it_is_over(channel, press, said):
    """Roll back or Retire elsewhere takes the buttons off the channel's message, which says who did it."""
    before = posted(channel, "entered a new credential")
    channel.press(press, on=channel.command("rotate my_registry"))
    deliver(channel)
    (message,) = [one for one in channel.in_channel() if one.id == before[0].id]

    assert [one.buttons for one in before] == [["Retire", "Wait", "Refresh", "Roll back"]]
    assert f"<@{MEMBER}> {said}" in message.text
    assert message.buttons == []


def test_message_that_was_pressed_keeps_its_answer(channel):
    """The answer to the press says more than the news, so it stays."""
    (before,) = posted(channel, "entered a new credential")
    channel.press("Roll back", on=before)
    deliver(channel)
    (message,) = [one for one in channel.in_channel() if one.id == before.id]

    assert "uses its old credential again" in message.text


def test_reminder_of_the_clock_is_replaced_too(channel):
    """Each message about the rotation is replaced, the owner's own too."""
    channel.slack.clock.advance(7 * DAY_S)
    tell_rotations(channel.services.ports)
    deliver(channel)
    channel.press("Roll back", on=channel.command("rotate my_registry"))
    deliver(channel)
    updated = channel.slack.called("chat.update")

    assert len(updated) == 3
    assert posted(channel, "both credentials are still stored") == []


def test_deleted_message_holds_nothing_up(channel):
    """When somebody has deleted the message in the meantime, other news leaves as ever."""
    (before,) = posted(channel, "entered a new credential")
    channel.slack.failing["chat.update"] = "message_not_found"
    channel.press("Roll back", on=channel.command("rotate my_registry"))
    deliver(channel)

    assert before.id
    assert len(posted(channel, "rolled back the credential of")) == 1
    assert list(channel.store.read(ACME).news) == []


def test_message_of_a_deleted_integration_is_replaced(channel):
    """Deleting ends a rotation as well."""
    (before,) = posted(channel, "entered a new credential")
    channel.unlink_all("my_registry")
    channel.press("Yes", on=channel.command("delete my_registry"))
    deliver(channel)
    (message,) = [one for one in channel.in_channel() if one.id == before.id]

    assert "deleted" in message.text
    assert message.buttons == []
