"""Listing a registry's repositories: pages, the box, the tags of one, and who may."""

import pytest

from bot.core.errors import RepositoryRefused
from bot.core.ports.registry import Repositories
from tests.fakes.people import ADMIN, COLLEAGUE, GUEST, MEMBER
from tests.features.test_tags import close

MANY = tuple(f"team/app-{number:03}" for number in range(45))


@pytest.fixture
def shelved(free, registry):
    """An integration whose registry has 45 repositories."""
    registry.catalog = Repositories(MANY)
    return free


def test_repositories_of_a_registry(free):
    """The repositories are listed with a count."""
    shown = free.command("catalog my_registry")

    assert shown.title == "Repositories of my_registry"
    assert "2 repositories" in shown.text
    assert "`team/app`\n`team/web-shop`" in shown.text


def test_pages_of_repositories(shelved):
    """Twenty a page, to the last, in the same message; the box narrows them."""
    first = shelved.command("catalog my_registry")
    shelved.press("Next")
    third = shelved.press("Next")
    found = shelved.enter("Repository", "APP-04")

    assert "1–20 of 45" in first.text
    assert third.id == first.id
    assert "`team/app-044`" in third.text
    assert "Next" not in third.buttons
    assert "5 repositories" in found.text


def test_words_narrow_them(shelved):
    """Words after the name narrow them at once."""
    assert "1 repository" in shelved.command("catalog my_registry app-007").text


def test_one_leads_to_its_tags(free, registry):
    """Choosing one shows its tags."""
    free.command("catalog my_registry")
    shown = free.choose("Show tags of …", "team/web-shop")

    assert registry.asked_repositories[-1] == "team/web-shop"
    assert "`1.0`  `latest`" in shown.text


def test_form_of_tags_leads_to_all_repositories(shelved):
    """The form that asks for the repository has a button that lists all, in its place."""
    shelved.command("tags my_registry")
    shown = shelved.press("All repositories")
    second = shelved.press("Next")

    assert "1–20 of 45" in shown.text
    assert "21–40 of 45" in second.text
    assert second.place == "modal"


def test_without_a_name_a_picker_asks(free):
    """The verb alone asks for the integration."""
    picker = free.command("catalog")
    free.search("Part of a name, type or server", "my_reg", on=picker)

    assert "2 repositories" in free.choose("Part of a name, type or server", "my_registry").text


def test_a_registry_that_does_not_list_them_says_so(free, registry):
    """If the list is withheld, the reply says so and says what works instead."""
    registry.error = RepositoryRefused("It does not list its repositories.", "Type a name.")
    shown = free.command("catalog my_registry")

    assert "It does not list its repositories." in shown.text
    assert "Type a name." in shown.text


def test_list_that_was_read_in_part_says_so(free, registry):
    """When there are more than were read, that is said."""
    registry.catalog = Repositories(MANY, is_cut=True)

    assert "The registry has more: reading stopped at 45." in free.command("catalog my_registry").text


@pytest.mark.parametrize(
    ("user", "sees"), [(MEMBER, True), (ADMIN, True), (COLLEAGUE, False), (GUEST, False)]
)
def test_closed_integrations_are_for_owner_and_admins(free, registry, user, sees):
    """Only the owner and admins see the repositories of a closed integration, just like its tags."""
    close(free)
    shown = free.command("catalog my_registry", user)

    assert ("`team/app`" in shown.text) is sees
    assert bool(registry.checked) is sees


def test_button_of_the_deleted_says_so(shelved):
    """A page button of an integration that is gone says who deleted it."""
    shown = shelved.command("catalog my_registry")
    shelved.command("delete my_registry", ADMIN)
    shelved.press("Yes", ADMIN)

    assert f"<@{ADMIN}> deleted it" in shelved.press("Next", on=shown).text
