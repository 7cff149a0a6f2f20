"""Deleting while others are at work: pressed late or twice, changed since, and never a wrong deletion."""

import pytest

from tests.fakes.people import ADMIN, MEMBER


def test_second_press_says_who_deleted_it(free):
    """Pressed twice, the second press finds it gone, and by whom."""
    asked = free.command("delete my_registry")
    free.press("Yes", on=asked)
    shown = free.press("Yes", on=asked)

    assert f"*my_registry* is already gone: <@{MEMBER}> deleted it" in shown.text


def test_two_people_delete_it_once(free):
    """The slower of two people is told who was faster."""
    first = free.command("delete my_registry")
    second = free.command("delete my_registry", ADMIN)
    free.press("Yes", ADMIN, second)
    shown = free.press("Yes", on=first)

    assert f"is already gone: <@{ADMIN}> deleted it" in shown.text
    assert free.events().count((ADMIN, "integration.delete", "done")) == 1


@pytest.mark.parametrize("button", ["Yes", "Cancel"])
def test_old_confirmation_never_deletes_a_namesake(free, button):
    """A new integration of the deleted one's name has nothing to do with the old message."""
    asked = free.command("delete my_registry")
    free.press("Yes", on=free.command("delete my_registry"))
    namesake = free.add("my_registry")
    free.press(button, on=asked)

    assert free.find("my_registry") == namesake


def test_confirmation_works_after_ten_minutes(free):
    """A message that was left open for a while still deletes."""
    asked = free.command("delete my_registry")
    free.slack.clock.advance(600)
    free.press("Yes", on=asked)

    assert free.find("my_registry") is None


def test_rename_after_it_was_shown_stops_yes(free):
    """Renamed in the meantime: nothing is deleted, and the message shows it under its new name."""
    asked = free.command("delete my_registry")
    free.command("edit my_registry")
    free.submit({"Integration Name": "renamed"})
    shown = free.press("Yes", on=asked)

    assert "was changed after this was shown" in shown.text
    assert shown.title == "Delete renamed?"
    assert free.find("renamed") is not None


def test_yes_of_the_new_state_deletes(free):
    """The message that showed the change can be answered."""
    asked = free.command("delete my_registry")
    free.command("edit my_registry")
    free.submit({"Integration Name": "renamed"})
    free.press("Yes", on=free.press("Yes", on=asked))

    assert free.find("renamed") is None


def test_new_dependency_stops_yes(free):
    """A dependency that appeared in the meantime is shown, and nothing is deleted."""
    asked = free.command("delete my_registry")
    free.link("my_registry", "project", "late")
    shown = free.press("Yes", on=asked)

    assert "“my_registry” was not deleted: 1 target depends on it." in shown.text
    assert shown.buttons == ["Remove", "Remove all", "Cancel"]
    assert free.find("my_registry") is not None
    assert free.events()[0] == (MEMBER, "integration.delete", "refused")


@pytest.mark.parametrize("button", ["Yes", "Cancel"])
def test_role_taken_away_stops_every_button(free, button):
    """Somebody who has become a guest since the message was shown can't delete anything."""
    asked = free.command("delete my_registry")
    free.slack.people[MEMBER]["is_restricted"] = True
    shown = free.press(button, on=asked)

    assert "Guests, bots and people from other workspaces cannot use integrations." in shown.text
    assert free.find("my_registry") is not None


def test_former_admin_may_not_delete_what_others_own(free):
    """Somebody who is no longer an admin is told whom to ask."""
    asked = free.command("delete my_registry", ADMIN)
    free.slack.people[ADMIN]["is_admin"] = False
    shown = free.press("Yes", ADMIN, asked)

    assert "Only its owner or a workspace admin may delete “my_registry”." in shown.text
    assert f"Who can help: <@{MEMBER}>" in shown.text
    assert free.find("my_registry") is not None


def test_remove_that_a_colleague_pressed_first_is_no_error(linked):
    """Two people remove the same dependency: the second is told, and sees what is left."""
    mine = linked.command("delete my_registry")
    linked.press("Remove project web-shop", ADMIN, linked.command("delete my_registry", ADMIN))
    shown = linked.press("Remove project web-shop", on=mine)

    assert "project web-shop does not depend on “my_registry”." in shown.text
    assert shown.id == mine.id
    assert shown.buttons == ["Remove", "Remove", "Remove all", "Cancel"]


def test_page_whose_rows_are_gone_shows_what_is_left(team):
    """Next after everything was removed elsewhere shows that nothing is left."""
    team.add("my_registry")
    team.link_many("my_registry", 13)
    asked = team.command("delete my_registry")
    team.unlink_all("my_registry")
    shown = team.press("Next", on=asked)

    assert "No dependency" in shown.text
    assert shown.buttons[:2] == ["Yes", "Cancel"]


def test_remove_after_the_integration_is_gone(linked):
    """Removing a target from an integration that was deleted in the meantime says who deleted it."""
    asked = linked.command("delete my_registry")
    linked.unlink_all("my_registry")
    linked.command("delete my_registry", ADMIN)
    linked.press("Yes", ADMIN)
    shown = linked.press("Remove project web-shop", on=asked)

    assert f"is already gone: <@{ADMIN}> deleted it" in shown.text


def test_admin_role_seen_by_the_core_is_of_the_press(free):
    """The role counts that the person has when the button is pressed, not when it was shown."""
    asked = free.command("delete my_registry", ADMIN)
    free.slack.people[ADMIN] |= {"is_admin": False, "deleted": True}
    free.press("Yes", ADMIN, asked)

    assert free.events()[0] == (ADMIN, "integration.see", "refused")
