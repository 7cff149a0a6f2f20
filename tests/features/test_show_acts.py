"""What can be done from an integration's Show: who may do it, twice, and beside a colleague."""

import pytest

from bot.core.integrations.owners import give_integration
from bot.core.model import Target, TargetKind
from bot.core.ports.slack import Person
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER, TEAM
from tests.features.team import ACME

EVERYBODYS = ["Test", "Tags", "Link", "Make a token", "History", "Share"]
WEB_SHOP = Target(TargetKind.PROJECT, "web-shop")


def bar_of(team, name="my_registry"):
    """The bar of the project web-shop, if its right was taken away."""
    return team.store.read(ACME).dependencies.bar(team.find(name).id, WEB_SHOP)


@pytest.mark.parametrize("user", [MEMBER, ADMIN])
def test_owner_and_admins_can_do_everything(free, user):
    """Its owner and admins have every button and the menu Give to."""
    shown = free.command("show my_registry", user)

    leaked = ["Leaked"] * (user == ADMIN)
    assert shown.buttons == ["Edit", "Rotate", *EVERYBODYS, "Mute 24 h", *leaked, "Delete"]
    assert shown.control("Give to …")


def test_others_see_only_what_they_may(linked):
    """A colleague has what everybody may do, and takes no dependency away."""
    shown = linked.command("show my_registry", COLLEAGUE)

    assert shown.buttons == EVERYBODYS
    assert "Give to …" not in shown.raw


def test_own_note_has_its_button(free):
    """Somebody who noted a link may remove it, and the question says that no permission goes with it."""
    free.link("my_registry", "project", "web-shop")
    free.command("link my_registry project mobile", COLLEAGUE)
    shown = free.command("show my_registry", COLLEAGUE)
    after = free.press("Unlink project mobile", COLLEAGUE)

    assert shown.buttons == [*EVERYBODYS, "Unlink"]
    assert "no longer counts as depending on my_registry" in shown.raw
    assert "*Dependencies:*  1" in after.text


def test_unlink_takes_the_right_away_in_place(linked):
    """Unlink asks in Slack's own dialog, then shows the integration without that dependency."""
    shown = linked.command("show my_registry")
    question = shown.button("Unlink project web-shop").element["confirm"]["text"]["text"]
    after = linked.press("Unlink project web-shop")

    assert question == "project web-shop can't fetch my_registry until somebody links it again."
    assert after.id == shown.id
    assert "project web-shop no longer depends on it." in after.text
    assert "*Dependencies:*  2" in after.text
    assert bar_of(linked).by == MEMBER


def test_unlink_pressed_twice(linked):
    """The second press finds nothing to take back, and says so."""
    shown = linked.command("show my_registry")
    linked.press("Unlink project web-shop")
    again = linked.press("Unlink project web-shop", on=shown)

    assert "project web-shop does not depend on “my_registry”." in again.text
    assert linked.events().count((MEMBER, "dependency.unlink", "done")) == 1


def test_unlink_of_what_a_colleague_deleted(linked):
    """When it was deleted in the meantime, the press says by whom."""
    shown = linked.command("show my_registry")
    linked.unlink_all("my_registry")
    linked.command("delete my_registry", ADMIN)
    linked.press("Yes", ADMIN)

    assert f"<@{ADMIN}> deleted it" in linked.press("Unlink project web-shop", on=shown).text


def test_give_from_show(free):
    """Choosing a person gives it to them, after Slack's own question."""
    shown = free.command("show my_registry")
    given = free.choose("Give to …", COLLEAGUE)

    assert "confirm" in shown.control("Give to …").element
    assert f"*my_registry* now belongs to <@{COLLEAGUE}>." in given.text
    assert free.find("my_registry").owner == COLLEAGUE


def test_given_twice(free):
    """Giving it twice to one person gives it once; the second time, an admin is told that it is done."""
    shown = free.command("show my_registry", ADMIN)
    free.choose("Give to …", COLLEAGUE, ADMIN)
    again = free.choose("Give to …", COLLEAGUE, ADMIN, on=shown)

    assert "already belongs to this person" in again.text
    assert free.events().count((ADMIN, "integration.give", "done")) == 1


def test_given_by_a_colleague_at_the_same_moment(free):
    """What got another owner after it was shown is not given on."""
    shown = free.command("show my_registry", ADMIN)
    give_integration(free.services.ports, free.actor(), "my_registry", Person(COLLEAGUE, TEAM))
    late = free.choose("Give to …", ADMIN, ADMIN, on=shown)

    assert "“my_registry” was changed after this was shown, so nothing was done." in late.text
    assert free.find("my_registry").owner == COLLEAGUE


def test_given_away_is_no_longer_yours(free):
    """Somebody who gave it away can't mute it with an old button, and the attempt is recorded."""
    shown = free.command("show my_registry")
    free.choose("Give to …", COLLEAGUE)
    refused = free.press("Mute 24 h", on=shown)

    assert "Only its owner or a workspace admin may mute “my_registry”." in refused.text
    assert (MEMBER, "integration.mute", "refused") in free.events()


def test_mute_and_unmute(free):
    """A muted integration says until when, and has Unmute in the place of Mute; pressing it twice is once."""
    free.press("Mute 24 h", on=free.command("show my_registry"))
    muted = free.command("show my_registry")
    done = free.press("Unmute")
    free.press("Unmute", on=muted)

    assert "*Muted:*  until <!date^" in muted.text
    assert "Mute 24 h" not in muted.buttons
    assert "is no longer muted" in done.text
    assert "*Muted:*" not in free.command("show my_registry").text
    assert [one for _, one, _ in free.events()][:2] == ["integration.unmute", "integration.mute"]
    assert "unmuted `my_registry`" in free.command("history my_registry").text


@pytest.mark.parametrize("button", ["Mute 24 h", "Unmute"])
def test_mute_of_the_deleted_brings_nothing_back(free, button):
    """Muting what a colleague deleted says so, and does not put it back."""
    if button == "Unmute":
        free.press("Mute 24 h", on=free.command("show my_registry"))
    shown = free.command("show my_registry")
    free.command("delete my_registry", ADMIN)
    free.press("Yes", ADMIN)

    assert f"<@{ADMIN}> deleted it" in free.press(button, on=shown).text
    assert free.find("my_registry") is None


def test_make_a_token_opens_its_form(free):
    """Make a token asks for what."""
    free.command("show my_registry")

    assert free.press("Make a token").title == "Workflow token"


def test_viewers_have_nothing_that_changes(make_team):
    """A person who may only look has no button that makes anything."""
    team = make_team(editors=frozenset({MEMBER}))
    team.add("my_registry")
    shown = team.command("show my_registry", COLLEAGUE)
    row = team.command("list", COLLEAGUE).menu("Test", near="my_registry")

    assert shown.buttons == ["Test", "Tags", "History", "Share"]
    assert [one["text"]["text"] for one in row.options] == ["Test", "Tags", "History"]


def test_row_menu_leads_on(free):
    """A row's menu rotates, links and tells the history."""
    listed = free.command("list")
    history = free.pick("History", near="my_registry", on=listed)
    rotate = free.pick("Rotate", near="my_registry", on=listed)
    free.close()
    link = free.pick("Link", near="my_registry", on=listed)

    assert history.title == "History of my_registry"
    assert [rotate.title, link.title] == ["Rotate", "Link"]
