"""Whatever people or registries write stays text: nobody is pinged, and nothing becomes a link."""

from dataclasses import replace

import pytest

from bot.core.ports.registry import Step, Tags
from bot.core.texts import visible
from tests.fakes.people import ADMIN
from tests.fakes.scripted_registry import PROVED

HOSTILE = [
    "<!channel>",
    f"<@{ADMIN}>",
    "<https://x.example|Settings>",
    "&lt;!here&gt;",
    "`*_~",
    "\u202etxet",
    "\u200bx",
    ":tada:",
]
FORBIDDEN = ("<!channel", "<!here", f"<@{ADMIN}>", "<https://x.example")


def pings(shown):
    """The marks in a surface that would do something."""
    return [mark for mark in FORBIDDEN if mark in shown.markup]


@pytest.fixture(params=HOSTILE)
def hostile(request):
    """A text that would do harm if it were markup."""
    return request.param


def test_user_names_stay_text(team, hostile):
    """A user name is shown as it was typed, wherever it is shown."""
    username = hostile.replace(":", "")
    team.add("my_registry", username=username)
    shown = [team.command(typed) for typed in ("show my_registry", "list", "history", "edit my_registry")]

    assert [pings(one) for one in shown[:3]] == [[], [], []]
    assert shown[3].value("Username") == visible(username)


def test_email_addresses_stay_text(team, hostile):
    """So is an email address."""
    team.add(
        "my_registry", email=f"{hostile.replace(' ', '')}@x".replace("@U", "U").replace("@x", "@x.example")
    )

    assert pings(team.command("show my_registry")) == []


def test_what_a_registry_says_stays_text(free, registry, hostile):
    """Neither a step nor a reason nor a hint of a registry's answer becomes markup, now or later."""
    registry.result = replace(
        PROVED, reason=hostile, hint=hostile, steps=(Step(PROVED.stage, True, hostile),)
    )
    shown = [free.command(typed) for typed in ("test my_registry", "show my_registry", "list", "history")]

    assert [pings(one) for one in shown] == [[], [], [], []]


def test_tags_stay_text(free, registry, hostile):
    """A tag is shown as it is."""
    registry.found = Tags("team/app", (hostile, f"{hostile}2"))

    assert pings(free.command("tags my_registry team/app")) == []


@pytest.mark.parametrize(
    "typed",
    ["show {}", "delete {}", "history {}", "list {}", "which {}", "settings project {}", "add {}", "{}"],
)
def test_what_was_typed_stays_text(free, typed, hostile):
    """What is repeated of a command is repeated as text."""
    assert pings(free.command(typed.format(hostile))) == []


def test_form_shows_what_was_typed_as_it_was(team, hostile):
    """A form that is drawn again holds what was typed, and no more than text."""
    team.command("add private")
    team.fill({"Username": hostile, "Integration Name": hostile})
    shown = team.pick("Harbor")

    assert shown.value("Integration Name") == hostile
    assert pings(shown) == []
