"""Importing beside what is there: other people's logins, a server's helper, a server's other integrations."""

from dataclasses import replace
from functools import partial

import pytest

from bot.core.integrations.credentials import rebind_credential
from tests.fakes.people import ADMIN, COLLEAGUE
from tests.features.pasting import PASSWORD, auth, file, pasted, row
from tests.features.team import ACME


@pytest.fixture
def paste(team):
    """Open the form and paste entries, or a whole text; gives what is shown then."""
    return partial(pasted, team)


def test_byte_order_mark_is_no_part_of_the_file(paste):
    """A file saved with a byte order mark is read like any other."""
    shown = paste("\ufeff" + file({"registry.example.com": auth()}))

    assert "becomes “registry_example_com”" in row(shown, "registry.example.com")


HELPED = [
    ("registry.example.com", "registry.example.com"),
    ("https://registry.example.com/v1/", "registry.example.com"),
    ("REGISTRY.example.com:443", "https://registry.example.com"),
    ("docker.io", "https://index.docker.io/v1/"),
]


@pytest.mark.parametrize(("key", "helped"), HELPED)
def test_server_with_a_helper_is_not_imported(paste, key, helped):
    """Docker asks a server's helper whatever else the file holds: a login beside it may be out of date."""
    shown = paste({key: auth()}, credHelpers={helped: "pass"})

    assert "ask the credential helper “pass”" in row(shown, key)
    assert "ask the credential helper “pass”" in row(shown, helped)
    assert shown.content["submit"]["text"] == "Preview"


def test_helper_without_a_name_is_none(paste):
    """An empty helper sends docker back to the file."""
    shown = paste({"registry.example.com": auth()}, credHelpers={"registry.example.com": ""})

    assert "becomes “registry_example_com”" in row(shown, "registry.example.com")


@pytest.fixture
def closed(team):
    """An integration of a colleague's for linked targets only."""
    kept = team.add("closed", owner=COLLEAGUE, password=PASSWORD)
    with team.store.change(ACME) as change:
        closed = replace(kept, linked_only=True)
        change.put(rebind_credential(team.services.ports.keyring, ACME, kept, closed))
    return team


@pytest.mark.usefixtures("closed")
def test_guessed_password_is_neither_confirmed_nor_denied(paste):
    """For a login that this person can't fetch, a right and a wrong guess get the same reply."""
    right, wrong = (paste({"registry.example.com": auth(guess)}) for guess in (PASSWORD, "wrong"))

    assert ":warning: conflict" in row(right, "registry.example.com")
    assert "“closed” has a login for this user and is not yours" in row(right, "registry.example.com")
    assert right.text == wrong.text


def test_guessed_password_of_what_is_open_is_not_confirmed(team, paste):
    """An open integration of a colleague's: the person's token might not fetch it, so nothing is compared."""
    team.add("open", owner=COLLEAGUE, password=PASSWORD)
    right, wrong = (paste({"registry.example.com": auth(guess)}) for guess in (PASSWORD, "wrong"))

    assert "“open” has a login for this user and is not yours" in row(right, "registry.example.com")
    assert right.text == wrong.text


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("user", [COLLEAGUE, ADMIN])
def test_who_may_fetch_it_is_told_whether_it_is_the_same(paste, user):
    """Its owner and admins could fetch the login, so they are told."""
    same, other = (paste({"registry.example.com": auth(typed)}, user) for typed in (PASSWORD, "other"))

    assert "“closed” has this login" in row(same, "registry.example.com")
    assert "“closed” has a different login" in row(other, "registry.example.com")


def test_own_login_is_found_behind_a_closed_one(closed, paste):
    """A closed integration of the same user hides none that may be compared."""
    closed.add("open", password="mine")

    assert "“open” has this login" in row(
        paste({"registry.example.com": auth("mine")}), "registry.example.com"
    )


def test_second_login_of_a_server_names_the_first(team, paste):
    """The row of a new login names the server's other integration, whether stored or new."""
    team.add("my_registry", username="deploy")
    twins = {"one.example.com": auth(), "https://one.example.com": auth(username="deploy")}
    shown = paste({"registry.example.com": auth(), **twins})

    assert "becomes “registry_example_com”, in addition to “my_registry” for the same server" in row(
        shown, "registry.example.com"
    )
    assert row(shown, "one.example.com").endswith("becomes “one_example_com”")
    assert "becomes “one_example_com_2”, in addition to “one_example_com” for the same server" in row(
        shown, "https://one.example.com"
    )


UNDECIDED = (
    "several integrations and no default. Until one of them is the default, pipelines that aren't linked to "
    "any of them get an error"
)


def test_import_beside_another_warns(team, paste):
    """Once a server has two integrations and no default, it is said what that does to pipelines."""
    team.add("my_registry", username="deploy")
    paste({"registry.example.com": auth(), "other.example.com": auth()})
    shown = team.submit()

    assert f"`registry.example.com`: {UNDECIDED}" in shown.text
    assert "`/integrations edit NAME` has a checkbox" in shown.text


@pytest.mark.parametrize("ticks", [{"is_default": True}, {"linked_only": True}])
def test_import_beside_what_leaves_no_doubt_does_not_warn(team, paste, ticks):
    """Beside a default, or beside one that is for linked targets only, it is clear what answers."""
    kept = team.add("my_registry", username="deploy")
    with team.store.change(ACME) as change:
        change.put(replace(kept, **ticks))
    paste({"registry.example.com": auth()})

    assert "and no default" not in team.submit().text
