"""Share: an answer where everybody in the channel sees it, without secrets and user names."""

import pytest

from bot.simulator.cast import direct_channel
from tests.fakes.people import MEMBER
from tests.fakes.slack import OPS
from tests.features.team import TYPED


@pytest.fixture
def known(team):
    """An integration whose user name is a word of its own."""
    team.add("my_registry", username="robot-of-the-team")
    team.link("my_registry", "project", "web-shop")
    return team


def public(team):
    """The newest message that everybody in the channel sees."""
    return next(
        one for one in reversed(team.slack.world.messages) if one.channel == OPS and one.only_for is None
    )


def everybody_sees(team):
    """The text of what everybody sees, with every block of it."""
    return str(public(team).surface.blocks)


@pytest.mark.parametrize("words", ["list", "show my_registry", "test my_registry"])
def test_shared_with_the_channel(known, words):
    """Everybody sees the answer and who shared it; no button, no user name, no secret."""
    known.command(words)
    known.press("Share")
    seen = everybody_sees(known)

    assert "my_registry" in seen
    assert "registry.example.com" in seen
    assert f"Shared by <@{MEMBER}>" in seen
    assert "action_id" not in seen
    assert "robot-of-the-team" not in seen
    assert TYPED["password"] not in seen


def test_what_depends_is_shared(known):
    """Everybody sees what depends on it."""
    known.command("show my_registry")
    known.press("Share")

    assert "project `web-shop`" in everybody_sees(known)


def test_shared_list_calls_nobody(known):
    """A shared list mentions nobody but who shared it."""
    known.command("list my_")
    known.press("Share")

    assert everybody_sees(known).count("<@") == 1


def test_modal_has_no_share(known):
    """Where there is no channel there is no button."""
    known.open_home()
    known.press("Show my_registry", on=known.home())

    assert '"Share"' not in known.seen(MEMBER).raw


def test_conversation_with_the_app_has_no_channel(known):
    """Where nobody else reads along, nothing is shared, and the answer says where it can be."""
    before = len(known.slack.shown)
    known.slack.command(MEMBER, direct_channel(MEMBER), "/integrations", "show my_registry")
    known.press("Share", on=known.settled(MEMBER, before))

    assert "There is no channel here" in known.seen(MEMBER).text
    assert all(one.only_for for one in known.slack.world.messages)


def test_list_that_is_empty_meanwhile_is_shared_as_empty(known):
    """What was listed was deleted meanwhile, and everybody is told that nothing is left."""
    listed = known.command("list my_")
    known.unlink_all("my_registry")
    known.command("delete my_registry")
    known.press("Yes")
    known.press("Share", on=listed)

    assert "my_registry" not in everybody_sees(known)
    assert "no integration" in everybody_sees(known).lower()


def test_shared_test_of_another_login_says_that_it_is_not_checked(known):
    """What was tested was replaced unchecked meanwhile, and everybody is told that instead."""
    tested = known.command("test my_registry")
    known.command("edit my_registry")
    known.fill({"Password": "another"})
    known.tick("Save without checking")
    known.submit()
    known.close()
    known.press("Share", on=tested)

    assert "It has not been checked." in everybody_sees(known)
