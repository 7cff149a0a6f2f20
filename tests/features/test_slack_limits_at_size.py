"""What is sent stays within Slack's limits, however many integrations there are, with the longest names."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.core.model import Check, Outcome, Stage, new_id
from bot.core.ports.registry import Repositories, TagFacts, Tags
from bot.core.queries import Filter, Window
from tests.fakes.people import ADMIN, MEMBER
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
    "test all",
    "list @" + MEMBER,
    "list ending mine",
    "history deleted",
    "history nothing",
    "help list",
    "which " + "a" * 60 + "." + "b" * 60 + ".example.com:65535/team/app",
    "tags {} team/app",
    "catalog {}",
    "catalog",
    "add private",
    "help",
)
ADMINS = ("notify", "revoke everything {}", "show {}")
MANY = tuple(f"{'r' * 100}/{number:04}{'x' * 140}" for number in range(3000))
"""As long as names of repositories go."""
TAGS = tuple(f"{number:04}{'t' * 124}" for number in range(3000))


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


def prepare(registry):
    """Let the registry have many long names and return everything about each tag."""
    platforms = tuple(f"linux/{'p' * 30}/{number:02}" for number in range(20))
    facts = TagFacts(f"sha512:{'a' * 128}", datetime(2026, 1, 1, tzinfo=UTC), platforms, "t" * 300)
    registry.found = Tags("team/app", TAGS)
    registry.catalog = Repositories(MANY, is_cut=True, cut_reason="r" * 300)
    registry.facts = dict.fromkeys(TAGS, facts)


def press_on(team):
    """Go on from tags and repositories, in the channel."""
    name = "a" * 64
    team.press("Next", on=team.command(f"tags {name} team/app"))
    team.press("Show dates")
    team.choose("Show a tag …", team.seen().control("Show a tag …").options[0]["text"]["text"])
    team.press("Next", on=team.command(f"catalog {name}"))
    team.press("Next", on=team.command(f"catalog {name} 00"))
    team.command(f"tags {name}")
    team.press("All repositories")
    team.press("Next")
    team.close()


@pytest.mark.parametrize("count", [1, 15, 16, 500, 10_000])
def test_every_answer_is_within_limits(team, registry, count):
    """Each command's answer, and each that is shared or pressed on, is one that Slack takes."""
    grow(team, count)
    prepare(registry)
    for words in COMMANDS:
        team.command(words.format("a" * 64))
        team.close()
    for words in ADMINS:
        team.command(words.format("a" * 64), ADMIN)
        team.close(ADMIN)
    press_on(team)
    team.press("Share", on=team.command("list"))
    team.press("Share", on=team.command(f"show {'a' * 64}"))
    team.open_home()

    assert [one for each in team.slack.shown for one in both_opinions(each.place, each.content)] == []


def test_empty_workspace_is_within_limits(team):
    """Where there is nothing, each answer is one that Slack takes."""
    for words in COMMANDS:
        team.command(words.format("nothing"))
        team.close()
    for words in ADMINS:
        team.command(words.format("nothing"), ADMIN)
        team.close(ADMIN)
    team.open_home()

    assert [one for each in team.slack.shown for one in both_opinions(each.place, each.content)] == []


def test_home_with_everything_to_say_is_within_limits(team):
    """With much that needs attention, requests and tokens that end, an admin's Home is one Slack takes."""
    grow(team, 40)
    now = team.services.ports.now()
    with team.store.change(ACME) as change:
        for row in change.integrations.page(Filter(), Window(size=40)).rows:
            one = replace(row.integration, owner=ADMIN, orphaned_at=now, ends_on=now.date())
            change.put(replace(one, version=one.version + 1))
    for number in range(8):
        team.command(f"token create project {number:02}{'p' * 190} 1")
    for _ in range(2):
        team.open_home(ADMIN)
        team.press("Next", ADMIN, on=team.home(ADMIN))

    assert "Workflow tokens waiting for an admin" in team.home(ADMIN).text
    assert "Workflow tokens that expire soon" in team.home(ADMIN).text
    assert [one for each in team.slack.shown for one in both_opinions(each.place, each.content)] == []
    assert len(team.home(ADMIN).blocks) <= 100
