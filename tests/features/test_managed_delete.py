"""Deleting an integration whose key Quaymaster made: what stays at AWS is said, and ended where chosen."""

import pytest

from bot.core.integrations.made_credentials import forget_management
from tests.fakes.people import MEMBER
from tests.features.managing import Dies, LosesAnswers, manage


@pytest.fixture
def made(office):
    """An integration whose current key Quaymaster made; the former is retired."""
    manage(office)
    office.press("Make a new one")
    office.press("Retire", on=office.command("rotate my_registry"))
    return office


def only_key(iam):
    """The id of the one key that is there."""
    (key,) = iam.keys()
    return key


def test_confirmation_says_that_the_made_key_stays(made, iam):
    """The key is named by the end of its id, with the registry, and both ways to delete are offered."""
    shown = made.command("delete my_registry")
    key = only_key(iam)

    assert f"Quaymaster created access key `…{key[-4:]}` at `123456789012.dkr.ecr" in shown.text
    assert "*Yes* leaves it there, and it keeps working." in shown.text
    assert key not in shown.text
    assert shown.buttons == ["Yes", "Yes, and end it there", "Cancel"]


def test_yes_leaves_the_made_key_and_says_so(made, iam):
    """Plain Yes touches nothing at AWS, and names what stays."""
    key = only_key(iam)
    shown = made.press("Yes", on=made.command("delete my_registry"))

    assert made.find("my_registry") is None
    assert f"Quaymaster created access key `…{key[-4:]}`, which may still work" in shown.text
    assert iam.keys() == {key: "Active"}


def test_made_key_is_ended_with_its_integration(made, iam):
    """The deleter chose it: the key is gone at AWS, the answer and the history say so."""
    key = only_key(iam)
    shown = made.press("Yes, and end it there", on=made.command("delete my_registry"))

    assert made.find("my_registry") is None
    assert iam.keys() == {}
    assert (
        f"Revoked at `123456789012.dkr.ecr.us-east-1.amazonaws.com`: access key `…{key[-4:]}`." in shown.text
    )
    assert "may still work" not in shown.text
    assert made.events()[:2] == [
        (MEMBER, "credential.manage", "done"),
        (MEMBER, "integration.delete", "done"),
    ]


def test_key_that_was_entered_is_not_ended(office, iam):
    """While a rotation runs, the made key is ended and the former, which a person entered, is left."""
    manage(office)
    office.press("Make a new one")
    by_hand = iam.first["AccessKeyId"]
    shown = office.command("delete my_registry")
    office.press("Yes, and end it there", on=shown)

    assert f"…{by_hand[-4:]}" not in shown.text
    assert iam.keys() == {by_hand: "Active"}


def test_nothing_is_said_of_a_key_that_was_entered(office):
    """What Quaymaster did not make is not its business there."""
    manage(office)
    shown = office.command("delete my_registry")

    assert shown.buttons == ["Yes", "Cancel"]
    assert "Quaymaster created" not in shown.text


def test_without_a_management_credential_it_stays(made, iam):
    """When nothing can end it there, the confirmation says to do it by hand, and offers no button."""
    forget_management(made.services.ports, made.actor(), made.find("my_registry").id)
    shown = made.command("delete my_registry")
    made.press("Yes", on=shown)

    assert "keeps working until you revoke it at the registry" in shown.text
    assert shown.buttons == ["Yes", "Cancel"]
    assert list(iam.keys().values()) == ["Active"]


def test_silent_aws_is_said_after_the_deletion(make_office, iam):
    """When AWS does not answer, the integration is deleted, and what stays is named with the reason."""
    team = make_office(Dies)
    manage(team)
    team.press("Make a new one")
    made = team.find("my_registry").options["access_key_id"]
    team.services.ports.drivers.is_gone = True
    shown = team.press("Yes, and end it there", on=team.command("delete my_registry"))

    assert team.find("my_registry") is None
    assert "could not be reached" in shown.text
    assert f"Quaymaster created access key `…{made[-4:]}`, which may still work" in shown.text
    assert iam.keys()[made] == "Active"


def test_key_stays_where_something_came_to_depend_on_it(made, iam):
    """A dependency in between stops the deletion, and then nothing is ended at AWS either."""
    shown = made.command("delete my_registry")
    made.link("my_registry", "project", "web-shop")
    said = made.press("Yes, and end it there", on=shown)

    assert "Remove project web-shop" in [one.names[-1] for one in said.controls]
    assert made.find("my_registry") is not None
    assert list(iam.keys().values()) == ["Active"]


def test_key_that_may_have_been_made_is_named(make_office, iam):
    """What was asked for without an answer may be there: it is said, and no key is guessed at."""
    team = make_office(LosesAnswers)
    manage(team)
    team.press("Make a new one")
    shown = team.press("Yes, and end it there", on=team.command("delete my_registry"))

    assert "a new access key of IAM user puller" in shown.text
    assert "may still work" in shown.text
    assert len(iam.keys()) == 2
