"""The other direction: every integration one target uses, each with a Remove button."""

import pytest

from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.features.team import SETTINGS


@pytest.fixture
def used(team):
    """A project that uses two integrations."""
    team.add("first")
    team.add("second", owner=ADMIN)
    team.link("first", "project", "web-shop", SETTINGS)
    team.link("second", "project", "web-shop")
    return team


def test_every_integration_of_a_target(used):
    """Each integration is shown with what is known of the link."""
    shown = used.command("settings project web-shop")

    assert shown.title == "Settings of project web-shop"
    assert "*first*   Private Docker Registry" in shown.text
    assert f"linked by <@{MEMBER}> <!date^" in shown.text
    assert f"  ·  never used  ·  <{SETTINGS}|Settings>" in shown.text
    assert shown.buttons == ["Remove", "Remove"]


def test_what_a_workflow_fetched(free):
    """An integration that the target only fetched is said to be a workflow's, with who made its token."""
    free.fetch("my_registry", "project", "web-shop", creator=COLLEAGUE)
    shown = free.command("settings project web-shop")

    assert "fetched by a workflow since <!date^" in shown.text
    assert f"token by <@{COLLEAGUE}>  ·  last used <!date^" in shown.text
    assert "linked by" not in shown.text


def test_remove_answers_in_place(used):
    """Remove takes one away, and the same message shows what is left."""
    asked = used.command("settings project web-shop")
    shown = used.press("Remove first", on=asked)

    assert shown.id == asked.id
    assert shown.buttons == ["Remove"]
    assert used.events()[0] == (MEMBER, "dependency.unlink", "done")


def test_last_remove_says_that_nothing_is_used(used):
    """When none is left, that is said."""
    used.command("settings project web-shop")
    used.press("Remove first")

    assert "project web-shop does not use any integrations." in used.press("Remove second").text


def test_remove_that_a_colleague_pressed_first(used):
    """Two people remove the same: the second is told, and sees what is left in the same message."""
    asked = used.command("settings project web-shop")
    used.press("Remove first", ADMIN, used.command("settings project web-shop", ADMIN))
    shown = used.press("Remove first", on=asked)

    assert "project web-shop does not depend on “first”." in shown.text
    assert shown.id == asked.id
    assert shown.buttons == ["Remove"]


def test_remove_of_a_deleted_integration_says_who_deleted_it(used):
    """A button of an integration that is gone says who deleted it."""
    asked = used.command("settings project web-shop")
    used.unlink_all("first")
    used.command("delete first")
    used.press("Yes")

    assert f"is already gone: <@{MEMBER}> deleted it" in used.press("Remove first", on=asked).text


def test_remove_by_who_may_not(used):
    """A colleague who neither owns nor linked it is told whom to ask."""
    used.command("settings project web-shop", COLLEAGUE)
    shown = used.press("Remove second", COLLEAGUE)

    assert f"Who can help: <@{ADMIN}>" in shown.text
    assert used.command("settings project web-shop").buttons == ["Remove", "Remove"]


def test_unknown_target_names_the_nearest(used):
    """A target that uses nothing is answered with one that looks like it."""
    assert "Did you mean “web-shop”?" in used.command("settings project web-shp").text


def test_more_than_fit_into_a_message(team):
    """Forty are shown, and how many more there are."""
    team.add_many(45)
    [team.link(f"registry-{number:03}", "project", "web-shop") for number in range(45)]
    shown = team.command("settings project web-shop")

    assert shown.buttons.count("Remove") == 40
    assert "… and 5 more" in shown.text


@pytest.mark.parametrize(
    "typed", ["settings", "settings project", "settings server web-1", "settings project ''"]
)
def test_missing_words_are_explained(used, typed):
    """Without a kind and a name the usage is told."""
    assert ":warning:" in used.command(typed).text


@pytest.mark.parametrize("typed", ["web-shop", "“web-shop”", "<http://web-shop|web-shop>"])
def test_target_as_people_type_it(used, typed):
    """Quotes and links around a target's name make no difference."""
    assert used.command(f"settings project {typed}").buttons == ["Remove", "Remove"]


def test_name_of_several_words(team):
    """A target of several words needs no quotes here."""
    team.add("first")
    team.link("first", "project", "web shop two")

    assert team.command("settings project web shop two").buttons == ["Remove"]
