"""What is sent stays within Slack's limits, however many integrations there are, with the longest names."""

from dataclasses import replace

import pytest

from bot.core.model import Check, Outcome, Stage, new_id
from tests.fakes.people import MEMBER
from tests.fakes.slack import both_opinions
from tests.features.team import ACME

COMMANDS = (
    "list",
    "list broken",
    "unused 1",
    "show {}",
    "edit {}",
    "delete {}",
    "history",
    "help",
    "test all",
)


def grow(team, count):
    """Keep integrations of one login, with the longest names, servers and reasons there are."""
    first = team.add("a" * 64, url=f"https://{'a' * 60}.{'b' * 60}.example.com:65535")
    check = Check(Outcome.REJECTED, Stage.LOGIN, "r" * 300, team.services.ports.now(), MEMBER)
    with team.store.change(ACME) as change:
        change.put(replace(first, check=check, note="n" * 200))
        for number in range(1, count):
            change.put(
                replace(first, id=new_id(), name=f"{number:05}{'a' * 59}", check=check, note="n" * 200)
            )


@pytest.mark.parametrize("count", [1, 15, 16, 500, 10_000])
def test_every_answer_is_within_limits(team, count):
    """Each command's answer, and each that is shared, is one that Slack takes."""
    grow(team, count)
    [team.command(words.format("a" * 64)) for words in COMMANDS[:-1]]
    team.press("Share", on=team.command("list"))
    team.press("Share", on=team.command(f"show {'a' * 64}"))
    team.open_home()

    assert [one for each in team.slack.shown for one in both_opinions(each.place, each.content)] == []


def test_empty_workspace_is_within_limits(team):
    """Where there is nothing, each answer is one that Slack takes."""
    [team.command(words.format("nothing")) for words in COMMANDS]
    team.open_home()

    assert [one for each in team.slack.shown for one in both_opinions(each.place, each.content)] == []
