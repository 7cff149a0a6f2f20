"""Several integrations of one server and user: each is named where another is shown, saved or edited."""

import pytest

from tests.fakes.people import COLLEAGUE
from tests.features.team import TYPED

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


def test_the_form_names_them_before_save(twins):
    """Enter in the user name says which integrations have this server and user; what was typed stays."""
    twins.command("add private")
    twins.fill({"Integration Name": "third", "URL": TYPED["url"], "Password": "correct horse"})
    form = twins.enter("Username", TYPED["username"])
    elsewhere = twins.enter("URL", "https://elsewhere.example.com")
    twins.enter("URL", TYPED["url"])
    twins.submit()

    assert "Same server and user: `production`, `staging`." in form.text
    assert form.value("Integration Name") == "third"
    assert "correct horse" not in form.raw
    assert "Same server" not in elsewhere.text
    assert twins.find("third").username == TYPED["username"]


def test_the_form_of_another_kind_names_them_too(team):
    """Choosing a type whose server is known looks with the user name that was typed."""
    team.add("my_hub", kind="docker-hub")
    team.command("add private")
    team.fill({"Username": TYPED["username"]})

    assert "Same server and user: `my_hub`." in team.choose("Integration type", "Docker Hub").text


@pytest.mark.parametrize("url", ["", "registry.example.com:x", "ftp://x"])
def test_what_is_no_address_yet_names_nobody(twins, url):
    """While the address is not one, nothing is said."""
    twins.command("add private")
    twins.fill({"URL": url})
    form = twins.enter("Username", TYPED["username"])

    assert form.title == "Add Integration"
    assert "Same server" not in form.text


def test_show_says_which_one_is_used(twins):
    """Where several could answer, Show says that none does, makes one the default, and then names it."""
    undecided = twins.command("show production")
    twins.press("Make this the default")
    default, other = twins.command("show production"), twins.command("show staging")

    assert "several integrations and no default" in undecided.text
    assert "*Default:*  for its server" in default.text
    assert (
        "Targets that aren't linked to an integration for this server get the default, *production*."
        in other.text
    )
    assert "Make this the default" not in [*default.buttons, *other.buttons]


def test_show_of_anothers_has_no_default_button(twins):
    """Somebody who may not edit it reads that there is no default, but gets no button."""
    shown = twins.command("show production", COLLEAGUE)

    assert "and no default" in shown.text
    assert "Make this the default" not in shown.buttons
