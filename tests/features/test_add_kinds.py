"""The type of an integration: how it is chosen, and what happens to what was typed already."""

import pytest

from bot.registry.kind_table import KINDS
from tests.fakes.people import MEMBER
from tests.features.test_add import AVAILABLE, FORM

JSON_KEY = (
    '{"type": "service_account", "project_id": "acme", "client_email": "ci@acme.example", "private_key": "k"}'
)
WHOLE = {
    "docker-hub": {"Username": "ci", "Password": "x"},
    "private": {"URL": "registry.example.com", "Username": "ci", "Password": "x"},
    "trusted": {"URL": "dtr.example.com", "Username": "ci", "Password": "x"},
    "ecr": {
        "Access key ID": "AKIAIOSFODNN7EXAMPLE",
        "Secret access key": "x" * 40,
        "Region": "eu-central-1",
        "Account ID": "123456789012",
    },
    "ecr-public": {"Access key ID": "AKIAIOSFODNN7EXAMPLE", "Secret access key": "x" * 40},
    "gcr": {"JSON key": JSON_KEY, "Registry host": "gcr.io"},
    "quay": {"Robot account": "acme+ci", "Robot token or OAuth token": "x"},
    "ghcr": {"GitHub user name": "octocat", "Personal access token": "x"},
    "acr": {
        "Registry name": "acmeprod",
        "Service principal ID or token name": "ci",
        "Secret or token password": "x",
    },
    "gitlab": {
        "Registry URL": "registry.gitlab.com",
        "User name": "ci",
        "Deploy token or access token": "x",
    },
    "harbor": {"URL": "harbor.example.com", "Robot account": "robot$ci", "Robot secret": "x"},
    "jfrog": {"URL": "acme.jfrog.io", "Username": "ci", "Identity token or API key": "x"},
}


@pytest.mark.parametrize(("kind", "values"), WHOLE.items())
def test_each_kind_is_added_through_its_form(team, kind, values):
    """Every type of the menu has a form that can be saved, and its integration can be seen."""
    team.command(f"add {KINDS[kind].words[0]}")
    saved = team.submit({"Integration Name": "mine", **values})
    team.close()

    assert AVAILABLE in saved.text
    assert team.find("mine").kind == kind
    assert KINDS[kind].label in team.command("show mine").text


@pytest.mark.parametrize("kind", KINDS)
def test_menu_offers_each_kind(team, kind):
    """The menu offers every type, and choosing one draws its fields."""
    team.command("add")
    shown = team.pick(KINDS[kind].label)

    assert shown.value("Integration type") == KINDS[kind].label
    own = [field.label for field in KINDS[kind].fields]
    assert shown.labels[2:] == [*own, "Who may fetch it", "Ends on", "Note"]


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("add", "Docker Hub"),
        ("add hub", "Docker Hub"),
        ("add private", "Private Docker Registry"),
        ("add Private Docker Registry", "Private Docker Registry"),
        ("ADD   ECR", "Amazon ECR"),
        ("new quay.io", "Quay.io"),
        ("create “quay”", "Quay.io"),
    ],
)
def test_typed_kind_opens_its_form(team, typed, label):
    """The words people use for a type open the form with that type."""
    assert team.command(typed).value("Integration type") == label


def test_unknown_kind_is_answered_with_the_nearest(team):
    """A type that does not exist is answered with those that look like it."""
    shown = team.command("add privat")

    assert "There is no integration type called “privat”." in shown.text
    assert "Did you mean “private”" in shown.text


def test_kind_like_none_is_answered_with_all(team):
    """Where no type looks like it, all are named."""
    assert "choose one, or type its name: docker-hub, private, trusted, ecr" in team.command("add nope").text


def test_changed_type_keeps_what_was_typed(team):
    """Choosing another type redraws the fields in the same form, and what was typed is still saved."""
    opened = team.command("add private")
    team.fill({**FORM, "Email": "ci@example.com"})
    redrawn = team.pick("Docker Trusted Registry / Mirantis Secure Registry")
    team.submit()
    stored = team.find("my_registry")

    assert redrawn.id == opened.id
    assert redrawn.value("URL") == FORM["URL"]
    assert (stored.kind, stored.username, stored.options["email"]) == ("trusted", "ci", "ci@example.com")


def test_redrawn_form_never_holds_the_secret(team):
    """What was typed in a password's box is not written into the redrawn form."""
    team.command("add private")
    team.fill(FORM)

    assert FORM["Password"] not in team.pick("Harbor").raw


def test_plain_http_is_warned_of_when_the_form_is_redrawn(team):
    """A redrawn form warns about an address with http://."""
    team.command("add private")
    team.fill({"URL": "http://registry.example.com"})

    assert "the login travels unencrypted" in team.pick("Harbor").text


def test_late_trigger_is_told(team):
    """A form that Slack no longer lets open is explained where the person typed."""
    shown = team.command("add", wait_s=4)

    assert shown.place == "message"
    assert "Slack allows three seconds to open a form, and they had passed." in shown.text
    assert "Try again." in shown.text


def test_button_opens_the_form(team):
    """Add Integration opens the same form as the verb."""
    team.command("list")
    team.press("Add Integration")

    assert team.seen(MEMBER).title == "Add Integration"
