"""The command's own name: an operator may call it something else, and the texts follow."""

from dataclasses import replace

import pytest

from bot.slack.response_url import CommandName
from tests.fakes.people import MEMBER
from tests.fakes.slack import OPS


@pytest.fixture
def registries(team):
    """A team whose operator called the command ``/registries``."""
    (command,) = team.slack.world.app.commands
    team.slack.world.app = replace(team.slack.world.app, commands=(replace(command, name="/registries"),))
    team.add("my_registry")

    def typed(text):
        before = len(team.slack.shown)
        team.slack.command(MEMBER, OPS, "/registries", text)
        return team.settled(MEMBER, before)

    team.typed = typed
    return team


@pytest.mark.parametrize("text", ["", "help", "help delete", "token list", "unused", "show nope", "nope"])
def test_answers_name_the_command_that_was_typed(registries, text):
    """No reply mentions a command that this workspace does not have."""
    shown = registries.typed(text)

    assert "/integrations" not in shown.raw


def test_hints_can_be_typed(registries):
    """The hint of an error names the command as it is here."""
    assert "/registries list" in registries.typed("show nope").text


def test_forms_and_the_home_tab_follow(registries):
    """What is shown later, in a form or on the Home tab, has the name too."""
    registries.typed("list")

    assert "/registries help" in registries.open_home().text
    registries.typed("add private")
    assert "/integrations" not in registries.seen().raw


@pytest.mark.parametrize(
    "text", ["https://x.example/integrations", "a/integrations", "/integrations/x", "/integrations-old"]
)
def test_addresses_keep_their_words(text):
    """An address that holds the same word stays as it is."""
    name = CommandName()
    name.notice("/registries")

    assert name.in_text(text) == text


@pytest.mark.parametrize("name", ["", "registries", "/Reg istries", "/<!channel>", "/" + "x" * 40])
def test_what_is_no_command_is_ignored(name):
    """Only text in the form of a slash command is treated as one."""
    command = CommandName()
    command.notice(name)

    assert command.in_text("Type /integrations help") == "Type /integrations help"
