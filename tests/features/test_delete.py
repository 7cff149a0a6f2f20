"""Deleting an integration: what the confirmation shows, and what its buttons do."""

import pytest

from tests.fakes.people import ADMIN, COLLEAGUE, GUEST, MEMBER
from tests.features.team import SETTINGS, TYPED


def test_confirmation_groups_dependencies(linked):
    """Every dependency is named under its heading: projects, environments, subscription images."""
    shown = linked.command("delete my_registry")
    order = ["Projects", "web-shop", "Environments", "production", "Subscription images", "team/web-shop"]
    places = [shown.text.index(word) for word in order]

    assert places == sorted(places)
    assert "3 targets depend on it" in shown.text


def test_confirmation_tells_what_is_known_of_a_dependency(linked):
    """Who linked it, when, when it was last used, and a link to its settings."""
    shown = linked.command("delete my_registry")

    assert f"linked by <@{MEMBER}> <!date^" in shown.text
    assert "never used" in shown.text
    assert f"<{SETTINGS}|Settings>" in shown.text


def test_confirmation_tells_what_a_workflow_fetched(free):
    """What no person linked is said to be a workflow's, with who made its token."""
    free.fetch("my_registry", "project", "web-shop", creator=COLLEAGUE)
    shown = free.command("delete my_registry")

    assert "`web-shop`\nfetched by a workflow since <!date^" in shown.text
    assert f"token by <@{COLLEAGUE}>  ·  last used <!date^" in shown.text
    assert "linked by" not in shown.text


def test_notes_are_counted_apart(free):
    """A target that is only noted does not count among those that would stop working."""
    free.command("link my_registry project noted-shop", COLLEAGUE)
    alone = free.command("delete my_registry")
    free.link("my_registry", "project", "web-shop")
    both = free.command("delete my_registry")

    assert "No target has fetched it:* 1 is only noted and can't fetch it yet." in alone.text
    assert "*1 target depends on it* and would stop working. 1 is only noted" in both.text


def test_no_yes_while_anything_depends_on_it(linked):
    """While a dependency is left there is no Yes, but a Remove for each."""
    assert linked.command("delete my_registry").buttons == [
        "Remove",
        "Remove",
        "Remove",
        "Remove all",
        "Cancel",
    ]


def test_remove_takes_one_away_in_the_same_message(linked):
    """Remove answers in place, says what it did, and leaves the others."""
    asked = linked.command("delete my_registry")
    shown = linked.press("Remove project web-shop", on=asked)

    assert shown.id == asked.id
    assert "Removed project web-shop." in shown.text
    assert shown.buttons == ["Remove", "Remove", "Remove all", "Cancel", "Undo"]


def test_last_remove_shows_yes_and_cancel(linked):
    """Once none is left, the same message says so and asks."""
    linked.command("delete my_registry")
    linked.press("Remove project web-shop")
    linked.press("Remove environment production")
    shown = linked.press("Remove image registry.example.com/team/web-shop")

    assert "No dependency" in shown.text
    assert shown.buttons == ["Yes", "Cancel", "Undo", "Undo", "Undo"]


def test_yes_deletes(free):
    """Yes deletes, and the message says who did it."""
    free.command("delete my_registry")
    shown = free.press("Yes")

    assert f"*my_registry* was deleted by <@{MEMBER}>" in shown.text
    assert free.find("my_registry") is None
    assert free.events()[0] == (MEMBER, "integration.delete", "done")


def test_cancel_deletes_nothing(free):
    """Cancel says what was not deleted."""
    free.command("delete my_registry")
    shown = free.press("Cancel")

    assert "`my_registry` was not deleted" in shown.text
    assert free.find("my_registry") is not None


def test_member_may_not_delete_what_others_own(free):
    """Another member gets the owner's name instead of a confirmation."""
    shown = free.command("delete my_registry", COLLEAGUE)

    assert f"Who can help: <@{MEMBER}>" in shown.text
    assert shown.buttons == []
    assert free.events()[0] == (COLLEAGUE, "integration.delete", "refused")


def test_guest_may_not_ask(free):
    """A guest learns nothing about the integration."""
    shown = free.command("delete my_registry", GUEST)

    assert "Ask a workspace admin." in shown.text
    assert "my_registry" not in shown.text


def test_many_dependencies_are_paged_with_their_total(team):
    """If there are more than fit in a message, it shows the total, and Next shows the rest."""
    team.add("my_registry")
    team.link_many("my_registry", 30)
    first = team.command("delete my_registry")
    second = team.press("Next")
    third = team.press("Next")
    ranges = [page_of(shown) for shown in (first, second, third)]

    assert "30 targets depend on it" in first.text
    assert ranges == ["1–12 of 30", "13–24 of 30", "25–30 of 30"]
    assert "target-29" in third.text
    assert "Next" not in third.buttons


def test_remove_on_page_two_stays_there(team):
    """Remove on the second page shows the second page again."""
    team.add("my_registry")
    team.link_many("my_registry", 30)
    team.command("delete my_registry")
    team.press("Next")
    shown = team.press("Remove project target-13")

    assert page_of(shown) == "13–24 of 29"
    assert "Removed project target-13." in shown.text


def test_last_remove_of_a_page_shows_the_page_before(team):
    """When the last page is empty, the one before it is shown."""
    team.add("my_registry")
    team.link_many("my_registry", 13)
    team.command("delete my_registry")
    team.press("Next")
    shown = team.press("Remove project target-12")

    assert "12 depend on it" in shown.text
    assert shown.buttons.count("Remove") == 12


@pytest.mark.parametrize("verb", ["delete", "remove", "rm", "DELETE", "Delete"])
def test_other_words_for_delete(free, verb):
    """People's other words for it, in any case, do the same."""
    assert free.command(f"{verb} my_registry").buttons == ["Yes", "Cancel"]


@pytest.mark.parametrize(
    "typed", ["MY_REGISTRY", '"my_registry"', "“my_registry”", "  my_registry  ", "‘my_registry’"]
)
def test_name_as_people_type_it(free, typed):
    """Case, quotes, a phone's curly quotes and spaces make no difference."""
    assert free.command(f"delete {typed}").title == "Delete my_registry?"


def test_admin_deletes_what_others_own(free):
    """Admins may delete everything."""
    free.command("delete my_registry", ADMIN)
    free.press("Yes", ADMIN)

    assert free.find("my_registry") is None


def test_unknown_name_is_answered_with_the_nearest(free):
    """A name that does not exist is answered with those that look like it."""
    assert "Did you mean “my_registry”?" in free.command("delete my_registri").text


def test_history_of_the_deleted_stays(free):
    """What happened to a deleted integration can be read by its name."""
    free.command("delete my_registry")
    free.press("Yes")
    shown = free.command("history my_registry")

    assert "deleted `my_registry`" in shown.text
    assert "added `my_registry`" in shown.text


def test_typed_password_is_not_in_the_confirmation(free):
    """The confirmation holds ids and names, and no credential."""
    assert TYPED["password"] not in free.command("delete my_registry").raw


def page_of(shown):
    """The line that says which part of the whole is shown."""
    return next(line for line in shown.text.splitlines() if "–" in line and " of " in line)
