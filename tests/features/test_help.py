"""Help: every verb with one example, and what it is answered with that does not exist."""

import pytest

from handlers import all_routes
from handlers.help import GROUPS
from tests.fakes.people import ADMIN

VERBS = all_routes().verbs
ALIASES = all_routes().aliases
ASKED_FOR = (
    *("add", "list", "show", "edit", "delete", "link", "unlink", "settings", "test", "tags", "token"),
    *("history", "help", "import", "which", "unused"),
)


@pytest.mark.parametrize("verb", ASKED_FOR)
def test_verb_that_people_know_is_registered(verb):
    """Each verb that people know exists."""
    assert verb in VERBS


@pytest.mark.parametrize("verb", VERBS.values(), ids=list(VERBS))
def test_each_verb_has_a_line_with_an_example(team, verb):
    """Help shows each verb but itself once, with an example and what it does."""
    lines = team.command("help").text.splitlines()
    line = f"{f'`/integrations {verb.name} {verb.example}'.rstrip()}`   {verb.summary}"

    assert lines.count(line) == (verb.name != "help")


def test_help_is_one_screen_in_four_groups(team):
    """Help shows four groups, a few blocks in all, and each verb belongs to one of them."""
    shown = team.command("help")

    assert [line for line in shown.text.splitlines() if line.strip("*") in GROUPS] == [
        f"*{one}*" for one in GROUPS
    ]
    assert len(shown.blocks) <= 10
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(VERBS)


def test_help_of_a_verb_with_several_forms(team):
    """Each way to use the command is on its own line, including the one that opens a form."""
    shown = team.command("help token")

    assert "`/integrations token list [words]`" in shown.text
    assert "`/integrations token revoke ID`" in shown.text
    assert "`/integrations token create`   opens a form" in shown.text


@pytest.mark.parametrize("verb", VERBS.values(), ids=list(VERBS))
def test_help_of_one_verb(team, verb):
    """Help with a verb shows how it is typed and its other names."""
    shown = team.command(f"help {verb.name.upper()}")

    assert f"/integrations {verb.name}" in shown.text
    assert all(f"`{alias}`" in shown.text for alias in verb.aliases)


@pytest.mark.parametrize("verb", VERBS.values(), ids=list(VERBS))
def test_each_example_is_understood(free, verb):
    """The examples in the help can be typed as they are."""
    shown = free.command(f"{verb.name} {verb.example}", ADMIN)

    assert "There is no “" not in shown.text
    assert "is missing" not in shown.text


@pytest.mark.parametrize(("alias", "verb"), ALIASES.items())
def test_other_names_of_a_verb(team, alias, verb):
    """Each other name means its verb, and no other name is a verb itself."""
    assert alias not in VERBS
    assert team.command(f"help {alias}").line.startswith(f"{verb}: ")


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [("lsit", "list"), ("delte", "delete"), ("histroy", "history"), ("remov", "delete"), ("DELET", "delete")],
)
def test_misspelt_verb_is_answered_with_the_nearest(team, typed, nearest):
    """A verb that does not exist is answered with the one it looks like."""
    shown = team.command(f"{typed} my_registry")

    assert f"There is no “{typed}”." in shown.text
    assert f"“{nearest}”" in shown.text


@pytest.mark.parametrize("typed", ["xyzzy", "*", '""', "x" * 3000])
def test_unknown_verb_points_to_help(team, typed):
    """What looks like no verb is answered with where the verbs are, and not repeated at length."""
    shown = team.command(typed)

    assert "/integrations help lists what there is." in shown.text
    assert "x" * 65 not in shown.text


@pytest.mark.parametrize("typed", ["<!channel>", "&lt;!here&gt;", "<@U0ADMIN>", "<https://x.example|label>"])
def test_unknown_verb_is_repeated_as_mere_text(team, typed):
    """What was typed pings nobody and links nowhere, not even in the line for notifications."""
    assert "<" not in team.command(typed).text


@pytest.mark.parametrize("typed", ["help", "  HELP  ", "?", "--help", "—help", "-h", "“help”"])
def test_help_as_people_type_it(team, typed):
    """Case, spaces, quotes, and a phone's long dash make no difference."""
    assert team.command(typed).line == "What /integrations can do"


def test_help_of_an_unknown_verb(team):
    """Help with a verb that does not exist names the nearest."""
    assert "“delete”" in team.command("help delet").text


def test_help_opens_the_form(team):
    """The button under the verbs opens the form."""
    team.command("help")

    assert team.press("Add Integration").title == "Add Integration"
