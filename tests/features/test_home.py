"""The Home tab: the same list with the same buttons, refreshed after every change made there."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model import Check, Outcome, Stage, Target, TargetKind
from bot.core.workflows.tokens import create_token
from tests.fakes.people import ADMIN, COLLEAGUE, GUEST, MEMBER
from tests.fakes.scripted_registry import REJECTED
from tests.features.team import ACME
from tests.features.test_add import FORM
from tests.features.test_list import names


@pytest.fixture
def home(team):
    """A team with integrations of two groups, and the Home tab open."""
    team.add("my_hub", kind="docker-hub")
    team.add("my_private")
    team.add("my_quay", kind="quay")
    team.open_home()
    return team


def test_opened_home_lists(home):
    """Everybody who opens the tab sees the list."""
    assert names(home.home()) == ["my_hub", "my_private", "my_quay"]
    assert "Add Integration" in home.home().buttons


def test_other_tabs_publish_nothing(team):
    """Opening the messages tab publishes nothing."""
    team.open_home(tab="messages")

    assert team.slack.called("views.publish") == []


def test_filter_narrows_in_place(home):
    """The menu narrows the tab."""
    assert names(home.pick("Quay.io")) == ["my_quay"]
    assert home.seen().place == "home"


def test_box_narrows_in_place(home):
    """The box narrows the tab."""
    assert names(home.enter("Integration Name", "priv")) == ["my_private"]


def test_pages_turn_in_place(team):
    """Next and Previous turn the tab."""
    team.add_many(31)
    team.open_home()
    second = team.press("Next")

    assert names(second) == ["registry-030"]
    assert len(names(team.press("Previous"))) == 30


def test_delete_asks_in_a_modal(home):
    """Delete opens the confirmation over the tab."""
    shown = home.press("Delete my_quay")

    assert shown.place == "modal"
    assert shown.buttons == ["Yes", "Cancel"]


def test_deleted_row_vanishes_from_the_tab(home):
    """Yes deletes, answers in the modal, and the tab no longer shows the row."""
    home.press("Delete my_quay")
    shown = home.press("Yes")

    assert shown.place == "modal"
    assert "was deleted by" in shown.text
    assert names(home.home()) == ["my_hub", "my_private"]


def test_refreshed_tab_keeps_its_filter(home):
    """After a deletion the tab is narrowed as before."""
    home.pick("Docker")
    home.enter("Integration Name", "my_")
    home.press("Delete my_hub")
    home.press("Yes")

    assert names(home.home()) == ["my_private"]
    assert home.home().value("Integration Name") == "my_"
    assert home.home().menu("Docker").element["initial_option"]["value"] == "Docker"


def test_refreshed_tab_keeps_its_page(team):
    """After a deletion on the second page the tab shows the second page."""
    team.add_many(40)
    team.open_home()
    team.press("Next")
    team.press("Delete registry-032")
    team.press("Yes")

    assert names(team.home())[:3] == ["registry-030", "registry-031", "registry-033"]


def test_removed_dependency_shows_in_the_tab(home):
    """Remove in the modal changes the number of dependencies in the tab."""
    home.link("my_quay", "project", "web-shop")
    home.open_home()
    home.press("Delete my_quay")
    home.press("Remove")

    assert "1 dependency" not in home.home().text


def test_added_integration_appears_in_the_tab(home):
    """Add from the tab: what was saved appears there, narrowed as before."""
    home.pick("Docker")
    home.press("Add Integration")
    home.pick("Private Docker Registry")
    home.submit(FORM)

    assert names(home.home()) == ["my_hub", "my_private", "my_registry"]


def test_edited_integration_appears_in_the_tab(home):
    """Edit from a row: the tab shows what was saved."""
    home.press("Edit my_private")
    home.submit({"Integration Name": "renamed"})

    assert names(home.home()) == ["my_hub", "my_quay", "renamed"]


def test_saved_form_knows_the_tab(home):
    """What is done from the saved form's own buttons appears in the tab, narrowed as before."""
    home.pick("Docker")
    home.press("Add Integration")
    home.pick("Private Docker Registry")
    home.tick("Save without checking")
    home.submit(FORM)
    before = home.home().text.count(":white_check_mark: login works")
    home.press("Test")

    assert home.home().text.count(":white_check_mark: login works") == before + 1
    assert names(home.home()) == ["my_hub", "my_private", "my_registry"]


def test_edit_through_show_appears_in_the_tab(home):
    """Edit from a modal on top of the tab refreshes it too."""
    home.press("Show my_private")
    home.press("Edit")
    home.submit({"Integration Name": "renamed"})

    assert names(home.home()) == ["my_hub", "my_quay", "renamed"]


def test_tested_integration_shows_its_check_in_the_tab(home):
    """Test from a row shows the steps in a modal, and the tab the result, under Mine and in the list."""
    shown = home.pick("Test", near="my_private")

    assert shown.place == "modal"
    assert home.home().text.count(":white_check_mark: login works") == 2


def test_failed_form_does_not_refresh(home):
    """A form that was not saved publishes nothing."""
    home.press("Add Integration")
    before = len(home.slack.called("views.publish"))
    home.submit({"Integration Name": "wrong name"})

    assert len(home.slack.called("views.publish")) == before


def test_changes_elsewhere_do_not_publish(home):
    """A change from a message publishes no Home tab: nobody may be looking."""
    before = len(home.slack.called("views.publish"))
    home.command("delete my_quay")
    home.press("Yes")

    assert len(home.slack.called("views.publish")) == before


def test_guest_sees_whom_to_ask(home):
    """A guest's tab shows a sentence instead of integrations."""
    home.open_home(GUEST)

    assert names(home.home(GUEST)) == []
    assert "Ask a workspace admin." in home.home(GUEST).text
    assert "my_" not in home.home(GUEST).raw


def test_each_person_has_a_tab_of_their_own(home):
    """What one narrows, the other does not see narrowed."""
    home.open_home(ADMIN)
    home.pick("Quay.io", ADMIN)

    assert names(home.home(MEMBER)) == ["my_hub", "my_private", "my_quay"]


def test_full_executor_says_that_it_is_busy(home):
    """When too much is being done, the tab says so."""
    home.executor.is_full = True
    home.open_home()

    assert "Quaymaster is busy, so nothing was changed. Try again." in home.home().text.replace(
        "*", ""
    ).replace("\n", " ")


def test_error_in_the_tab_is_shown_in_a_modal(home):
    """A row that is gone is explained over the tab."""
    home.command("delete my_quay", ADMIN)
    home.press("Yes", ADMIN)

    assert "is already gone" in home.press("Delete my_quay").text


def test_empty_home_says_the_first_three_steps(team):
    """Without any integration the tab says what to do first, with a button."""
    shown = team.open_home()

    assert "*1.* Add the first registry" in shown.text
    assert "`/integrations import`" in shown.text
    assert "`/integrations token create project web-shop`" in shown.text
    assert "Add Integration" in shown.buttons


def test_refused_login_comes_first(home, registry):
    """A refused login is at the top, in one line with its button."""
    registry.result = REJECTED
    home.command("test my_quay")
    shown = home.open_home()
    edit = home.press("Edit my_quay, which needs attention")

    assert shown.text.index("*Needs attention*") < shown.text.index("*Mine*")
    assert "*my_quay*   :x: login refused" in shown.text
    assert edit.title == "Edit Integration"


def test_others_can_test_what_needs_attention(home, registry):
    """Somebody who may not edit a refused integration can test it again."""
    registry.result = REJECTED
    home.command("test my_quay")
    home.open_home(COLLEAGUE)

    assert "Refused" in home.press("Test my_quay, which needs attention", COLLEAGUE).text


def test_bar_says_how_many_are_well(home, registry):
    """Under the title a bar says how many logins work, need attention, or were never checked."""
    home.command("test my_hub")
    registry.result = REJECTED
    home.command("test my_quay")

    assert "1 of 3 logins work, 1 broken, 1 not checked" in home.open_home().text


def test_own_integrations_have_a_place(home):
    """*Mine* lists a person's own integrations, and nobody else's."""
    home.add("not_mine", COLLEAGUE)
    mine = home.open_home().text.split("*Mine*")[1].split("*Integrations*")[0]

    assert "*Mine*   3" in home.home().text
    assert "not_mine" not in mine.split("Filters")[0]


def test_ending_login_is_named_with_its_day(home):
    """A login that expires within 30 days is listed under what needs attention."""
    end = home.services.ports.now().date() + timedelta(days=20)
    with home.store.change(ACME) as change:
        change.put(replace(home.find("my_hub"), ends_on=end))

    assert f"*my_hub*   :hourglass: expires on {end}" in home.open_home().text


def test_integration_of_somebody_who_left_is_named(home):
    """An integration whose owner has left is listed under what needs attention, with the command to type."""
    home.change_person(MEMBER, deleted=True)
    shown = home.open_home(ADMIN)

    assert "`/integrations give my_quay @person`" in shown.text
    assert "Show my_quay, whose owner has left" in [name for one in shown.controls for name in one.names]


def test_tokens_that_end_are_at_the_bottom(home):
    """Workflow tokens that end within a week are listed under the integrations."""
    create_token(home.services.ports, home.actor(), Target(TargetKind.PROJECT, "web-shop"), 5)

    assert "*Workflow tokens that expire soon*" in home.open_home().text


def test_home_of_five_hundred_is_within_limits(team):
    """With many integrations of the longest names, half of them refused, the tab is accepted by Slack."""
    team.add_many(500)
    refused = Check(Outcome.REJECTED, Stage.LOGIN, "No.", team.services.ports.now(), MEMBER)
    end = team.services.ports.now().date()
    with team.store.change(ACME) as change:
        for one in list(change.integrations.all()):
            change.put(replace(one, name=f"{one.name}{'x' * 52}", check=refused, ends_on=end))
    shown = team.open_home()

    assert "500 broken" in shown.text
    assert "… and 497 more: `/integrations list broken`" in shown.text
