"""Verbs without a name: a menu that searches as one types, and what was chosen takes its place."""

import json
from dataclasses import replace

import pytest

from bot.core.model import new_id
from storage import records
from storage.sealing import Keyring
from tests.fakes.counting import counted
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER, OUTSIDERS
from tests.fakes.slack import both_opinions
from tests.features import payloads
from tests.features.team import ACME

MENU = "Part of a name, type or server"
NAMES = ("one", "two", "three", "four")
CHOSEN = {
    "show": "my_registry",
    "edit": "my_registry",
    "delete": "Delete my_registry?",
    "test": "Test of my_registry",
}


@pytest.mark.parametrize("verb", [*CHOSEN, "tags"])
def test_verb_without_a_name_opens_a_menu(free, verb):
    """A verb that needs an integration opens a menu to choose it from."""
    shown = free.command(verb)

    assert shown.place == "modal"
    assert shown.title == verb.title()
    assert free.search(MENU, "") == ["my_registry"]


@pytest.mark.parametrize(("verb", "said"), CHOSEN.items())
def test_choice_takes_the_place_of_the_menu(free, verb, said):
    """What was chosen is shown where the menu was, so that closing it closes everything."""
    free.command(verb)
    free.search(MENU, "my_")
    shown = free.choose(MENU, "my_registry")

    assert said in shown.raw
    assert len(free.slack.stack(MEMBER)) == 1


def test_chosen_integration_is_deleted(free):
    """The menu leads to the deletion."""
    free.command("rm")
    free.search(MENU, "")
    free.choose(MENU, "my_registry")
    shown = free.press("Yes")

    assert "was deleted by" in shown.text
    assert free.find("my_registry") is None


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("hub", ["hub_prod", "hub_staging"]),
        ("HUB prod", ["hub_prod"]),
        ("staging hub", ["hub_staging"]),
        ("registry.example.com", ["hub_prod", "hub_staging", "my_registry"]),
        ("  ", ["hub_prod", "hub_staging", "my_registry"]),
        ("nothing like it", []),
    ],
)
def test_menu_offers_what_fits_each_word(free, typed, found):
    """Each word matches the name, the type or the server, whatever its case."""
    free.add("hub_prod")
    free.add("hub_staging")
    free.command("show")

    assert free.search(MENU, typed) == found


def test_integration_of_that_very_name_comes_first(team):
    """The integration whose full name was typed comes first, however many others contain it."""
    team.add_many(150)
    team.add("registry")
    team.command("show")
    offered = team.search(MENU, "registry")

    assert offered[0] == "registry"
    assert len(offered) == 100


def grow(team, count):
    """Keep integrations with the longest names and servers there are."""
    first = team.add("a" * 64, url=f"https://{'a' * 60}.{'b' * 60}.example.com:65535")
    with team.store.change(ACME) as change:
        for number in range(1, count):
            change.put(replace(first, id=new_id(), name=f"{number:05}{'a' * 59}"))


@pytest.mark.parametrize("count", [1, 15, 500, 10_000])
def test_menu_stays_within_slacks_limits(team, count):
    """However many there are and however long their names, Slack takes what is offered."""
    grow(team, count)
    team.command("show")
    offered = team.search(MENU, "")

    assert len(offered) == min(count, 100)
    assert both_opinions("options", json.loads(team.answers[-1].body)) == []


def test_menu_of_an_empty_workspace(team):
    """Where there is nothing, the menu offers nothing."""
    team.command("show")

    assert team.search(MENU, "") == []


def test_menu_does_little_at_10_000(team, watched):
    """Typing in the menu is one reading that decodes nothing, however many integrations there are."""
    grow(team, 10_000)
    team.command("show")
    watched.calls.clear()
    with counted(records.value_in, Keyring.open) as calls:
        offered = team.search(MENU, "0999 aa")

    assert len(offered) == 11
    assert watched.calls == ["read"]
    assert calls["value_in"] <= 100
    assert calls["Keyring.open"] == 0


def asked_by(user, block_id="picker.integration"):
    """What Slack sends when somebody types into the menu, wherever they have it from."""
    return payloads.interaction(
        "block_suggestion", user, "1.2.x", block_id=block_id, action_id="show.open", value=""
    )


@pytest.mark.parametrize("user", OUTSIDERS)
def test_outsiders_are_offered_nothing(free, user):
    """Somebody who may see nothing learns nothing from a menu that they get hold of."""
    answer = free.send(asked_by(user))

    assert (answer.status, answer.body) == (200, "")
    assert "my_registry" in free.send(asked_by(MEMBER)).body


def test_menu_of_another_version(free):
    """A menu that this version does not have offers nothing, and nothing breaks."""
    answer = free.send(asked_by(MEMBER, "picker.gone"))

    assert (answer.status, answer.body) == (200, "")


def test_choice_is_refused_to_whom_it_does_not_belong(free):
    """The menu shows everything; what may not be done is refused with who can help."""
    free.command("edit", COLLEAGUE)
    free.search(MENU, "", COLLEAGUE)
    shown = free.choose(MENU, "my_registry", COLLEAGUE)

    assert "Only its owner or a workspace admin may edit" in shown.text
    assert f"<@{MEMBER}>" in shown.text


def test_integration_deleted_meanwhile(free):
    """A choice that a colleague has deleted in the meantime says who did."""
    free.command("show")
    free.search(MENU, "")
    free.press("Yes", ADMIN, free.command("delete my_registry", ADMIN))
    shown = free.choose(MENU, "my_registry")

    assert "is already gone" in shown.text


def test_history_of_what_is_shown(free):
    """From Show to its history."""
    free.command("show my_registry")
    shown = free.press("History")

    assert shown.title == "History of my_registry"
    assert "added `my_registry`" in shown.text


def test_stack_of_three_is_never_passed(team):
    """What would be the fourth modal takes the third one's place."""
    team.command("add")
    [team.press("Add another", on=team.submit(filled(name))) for name in NAMES]

    assert len(team.slack.stack(MEMBER)) == 3
    assert team.find(NAMES[-1]) is not None


def filled(name):
    """What is typed into the form that opens first."""
    return {"Integration Name": name, "Username": "ci", "Password": "correct horse"}
