"""Showing an integration: every field but the secret, its dependencies, its last history."""

from dataclasses import replace

import pytest

from tests.fakes.people import COLLEAGUE, MEMBER
from tests.fakes.scripted_registry import REJECTED
from tests.features.team import SETTINGS, TYPED

LONG_LINK = f"https://ci.example.com/{'y' * 900}"


def test_every_field_but_the_secret(free):
    """Type, server, user name, owner and check are shown; of the secret only that there is one."""
    shown = free.command("show my_registry")

    assert "*Type:*  Private Docker Registry" in shown.text
    assert "*Server:*  `https://registry.example.com`" in shown.text
    assert "*Username:*  `ci`" in shown.text
    assert "*Secret:*  set, sealed" in shown.text
    assert f"*Owner:*  <@{MEMBER}>" in shown.text
    assert "*Last check:*  never" in shown.text
    assert TYPED["password"] not in shown.raw
    assert free.find("my_registry").secret not in shown.raw


def test_options_stand_under_their_labels(team):
    """A kind's own fields have the labels of its form."""
    team.add("my_registry", email="ci@example.com")

    assert "*Email:*  `ci@example.com`" in team.command("show my_registry").text


def test_plain_http_is_marked(team):
    """A registry without TLS is marked."""
    team.add("my_registry", url="http://registry.example.com")

    assert ":unlock: not encrypted" in team.command("show my_registry").text


def test_dependencies_with_their_settings(linked):
    """Each dependency is named with who linked it and the link to its settings."""
    shown = linked.command("show my_registry")

    assert "*Dependencies:*  3" in shown.text
    assert f"project `web-shop`\nlinked by <@{MEMBER}> <!date^" in shown.text
    assert f"  <{SETTINGS}|Settings>" in shown.text


def test_dependency_of_a_workflow(free):
    """What a workflow fetched is said to be a workflow's."""
    free.fetch("my_registry", "project", "web-shop", creator=COLLEAGUE)
    shown = free.command("show my_registry")

    assert "project `web-shop`\nfetched by a workflow since <!date^" in shown.text
    assert f"token by <@{COLLEAGUE}>" in shown.text


def test_more_dependencies_than_fit(team):
    """Ten are shown, and where the others are."""
    team.add("my_registry")
    team.link_many("my_registry", 12)

    assert (
        "… and 2 more: `/integrations delete my_registry` lists them."
        in team.command("show my_registry").text
    )


def test_long_settings_links_stay_whole(team):
    """Ten dependencies with long names and links are all there, no link cut short."""
    team.add("my_registry")
    [team.link("my_registry", "image", f"{number}" + "x" * 199, LONG_LINK) for number in range(10)]
    shown = team.command("show my_registry")

    assert shown.text.count("|Settings>") == 10
    assert shown.text.count("linked `my_registry`") == 5


def test_last_history(free):
    """The last lines of its history are shown, the newest first."""
    free.command("test my_registry")
    shown = free.command("show my_registry")

    assert shown.text.index("tested `my_registry`") < shown.text.index("added `my_registry`")


def test_last_check_in_words(free):
    """The last check: what it found, when, by whom."""
    free.command("test my_registry", COLLEAGUE)

    assert "proved (login), <!date^" in free.command("show my_registry").text
    assert f"by <@{COLLEAGUE}>: The login opens" in free.command("show my_registry").text


def test_buttons_lead_on(free):
    """What can be done with it is below the fields, and Delete asks."""
    shown = free.command("show my_registry")

    assert "Delete" in shown.buttons
    assert free.press("Delete").title == "Delete my_registry?"


@pytest.mark.parametrize("button", ["Edit", "Test", "Delete"])
def test_buttons_of_the_deleted_say_so(free, button):
    """A button of an integration that is gone says who deleted it."""
    shown = free.command("show my_registry")
    free.command("delete my_registry")
    free.press("Yes")

    assert f"is already gone: <@{MEMBER}> deleted it" in free.press(button, on=shown).text


def test_row_button_shows_the_same(free):
    """A row's Show button shows what the verb shows."""
    free.command("list")

    assert (
        free.press("Show my_registry").blocks[0]["text"] == free.command("show my_registry").blocks[0]["text"]
    )


def test_unknown_name_is_answered_with_the_nearest(free):
    """A misspelt name is answered with what it looks like."""
    assert "Did you mean “my_registry”?" in free.command("show my_registr").text


def test_long_unknown_name_is_cut(team):
    """A very long name is not repeated whole."""
    assert "x" * 65 not in team.command("show " + "x" * 3000).text


def test_half_a_character_stops_no_answer(team, registry):
    """A registry's words that are not whole UTF-16 are shown as they came."""
    team.add("my_registry")
    registry.result = replace(REJECTED, reason="half a \ud83d")
    team.command("test my_registry")
    shown = team.command("show my_registry")

    assert "half a \ud83d" in shown.text
