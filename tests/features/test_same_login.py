"""Several integrations of one server and user: each is named where another is shown, saved or edited."""

import pytest

from tests.fakes.people import COLLEAGUE

SAME = "Same server and user: `staging`"
OTHER_USER = "ci-of-others"


@pytest.fixture
def twins(team):
    """Two integrations of one login, and one of another user."""
    team.add("production")
    team.add("staging")
    team.add("other", username=OTHER_USER)
    return team


def test_show_names_the_others(twins):
    """Show names who shares server and user, and nobody else."""
    shown = twins.command("show production").text

    assert f"{SAME}." in shown
    assert "Same server" not in twins.command("show other").text


def test_edit_names_and_offers_the_others(twins):
    """The form names the others, and opens each."""
    form = twins.command("edit production")
    other = twins.press("Edit staging too", on=form)

    assert SAME in form.text
    assert "staging" in other.raw


def test_saved_new_login_leads_to_the_others(twins):
    """After a new secret, those that keep the old one are a press away."""
    twins.command("edit production")
    saved = twins.submit({"Password": "new one"})
    twins.press("Edit staging too", on=saved)
    twins.submit({"Password": "new one"})

    assert twins.find("staging").version == 2


def test_foreign_ones_are_not_offered(twins):
    """What this person may not edit is named, and has no button."""
    twins.add("theirs", owner=COLLEAGUE)
    form = twins.command("edit theirs", COLLEAGUE)

    assert "`production`, `staging`" in form.text
    assert not any("too" in name for name in form.buttons)


def test_saved_form_names_the_others(twins):
    """A new integration of the same login is said to be one, and can be made the default there and then."""
    twins.command("add private")
    saved = twins.submit(
        {
            "URL": "https://registry.example.com",
            "Integration Name": "third",
            "Username": "ci",
            "Password": "correct horse",
        }
    )
    twins.press("Make this the default", on=saved)

    assert "`production`, `staging`" in saved.text
    assert twins.find("third").is_default
