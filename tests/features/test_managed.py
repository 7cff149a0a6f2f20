"""Quaymaster makes the new credential itself, with a management credential that nothing else reaches."""

import json
from datetime import timedelta

import pytest

from bot.core.integrations.credentials import open_credential
from bot.core.integrations.made_credentials import make_credential
from bot.core.integrations.made_endings import retire_there
from bot.core.model import Role
from bot.core.workflows.tokens import create_token
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.fakes.scripted_registry import REJECTED
from tests.features.managing import (
    CANARY,
    Crowded,
    Dies,
    Killed,
    LosesAnswers,
    Meanwhile,
    NeverAsked,
    end_there,
    manage,
)
from tests.features.team import ACME
from tests.features.test_rotate import WEB_SHOP, fetch


def test_new_key_is_made_checked_and_used(office, iam):
    """One press makes a key at AWS, and pipelines get it; the former stays active until it is retired."""
    manage(office)
    shown = office.press("Make a new one")
    found = office.find("my_registry")
    made = found.options["access_key_id"]
    token = create_token(office.services.ports, office.actor(ADMIN, Role.ADMIN), WEB_SHOP, 90)[0].reveal()

    assert "The new credential is in place." in shown.text
    assert made != iam.first["AccessKeyId"]
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active", made: "Active"}
    secret = open_credential(office.services.ports.keyring, ACME, found)["secret_access_key"].reveal()
    assert fetch(office, token) == secret


def test_retire_ends_the_former_at_aws(office, iam):
    """Retire deletes the former key there as well, and says so."""
    manage(office)
    office.press("Make a new one")
    shown = office.press("Retire", on=office.command("rotate my_registry"))
    found = office.find("my_registry")

    assert "deleted here and at the registry" in shown.text
    assert iam.keys() == {found.options["access_key_id"]: "Active"}
    assert found.former is None


def test_retire_says_that_aws_has_no_such_key(office, iam):
    """If an old key no longer belongs to that user, the reply says that Retire did not revoke it."""
    manage(office)
    office.press("Make a new one")
    iam.delete(iam.first["AccessKeyId"])
    shown = office.press("Retire", on=office.command("rotate my_registry"))

    assert "does not show it to the management credential" in shown.text
    assert "deleted here and at the registry" not in shown.text
    assert office.find("my_registry").former is None


def test_former_works_on_while_the_new_one_does_not(office, iam):
    """When the one in use is refused, the former is put back into force and kept."""
    manage(office)
    office.press("Make a new one")
    iam.suspend(iam.second)
    shown = office.press("Retire", on=office.command("rotate my_registry"))

    assert "the old one was not revoked" in shown.text
    assert iam.keys()[iam.first["AccessKeyId"]] == "Active"
    assert office.find("my_registry").former is not None


def test_new_key_that_is_refused_is_not_used(make_office, iam):
    """It waits; what is in use stays, and *End it there* takes the new one away."""
    office = make_office(Meanwhile)
    manage(office)
    office.services.ports.drivers.meanwhile = lambda: iam.suspend(iam.second)
    shown = office.press("Make a new one")
    there = iam.keys()
    again = office.press("Check again")
    _, ended = end_there(office)

    assert "does not work yet" in shown.text
    assert "does not work yet" in again.text
    assert len(there) == 2
    assert "Revoked at the registry" in ended.text
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}
    assert office.find("my_registry").options["access_key_id"] == iam.first["AccessKeyId"]


def test_lost_answer_destroys_nothing(make_office, iam):
    """The reply says what may be at the registry, and revoking it finds the key nobody was told about."""
    team = make_office(LosesAnswers)
    manage(team)
    shown = team.press("Make a new one")
    there = iam.keys()
    asked, ended = end_there(team)

    assert "access key …" in asked.text
    assert "It is unknown whether the registry created" in shown.text
    assert len(there) == 2
    assert "Revoked at the registry" in ended.text
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}
    assert team.find("my_registry").prepared is None


def test_new_key_is_used_once_aws_takes_it(make_office, iam):
    """A key that is inactive at first waits; once it is active there, *Check again* begins the rotation."""
    team = make_office(Meanwhile)
    manage(team)
    team.services.ports.drivers.meanwhile = lambda: iam.suspend(iam.second)
    team.press("Make a new one")
    iam.restore(iam.second)
    shown = team.press("Check again")

    assert "The new credential is in place." in shown.text
    assert team.find("my_registry").options["access_key_id"] == iam.second


def test_new_key_that_was_deleted_is_not_used(make_office, iam):
    """A key that somebody deleted as soon as it was made is refused, and the one in use stays."""
    team = make_office(Meanwhile)
    manage(team)
    team.services.ports.drivers.meanwhile = lambda: iam.delete(iam.second)
    shown = team.press("Make a new one")

    assert "does not work yet" in shown.text
    assert team.find("my_registry").options["access_key_id"] == iam.first["AccessKeyId"]


def test_no_place_makes_nothing(make_office, iam):
    """When too many registries are being asked no key is made, nothing is noted, and a retry works."""
    team = make_office(Crowded)
    manage(team)
    said = team.press("Make a new one")
    there, kept = iam.keys(), team.find("my_registry").prepared
    team.services.ports.drivers.is_full = False
    shown = team.press("Make a new one", on=team.command("rotate my_registry"))

    assert "Too many registries are being contacted" in said.text
    assert (len(there), kept) == (1, None)
    assert "The new credential is in place." in shown.text


def test_key_made_by_hand_is_not_ended(make_office, iam):
    """A key that somebody made an hour later did not come of the request: none is offered or deleted."""
    team = make_office(NeverAsked)
    manage(team)
    team.press("Make a new one")
    by_hand = iam.make()
    iam.made_at(by_hand, team.slack.clock.now() + timedelta(hours=1))
    shown = team.press("End it there", on=team.command("rotate my_registry"))
    said = team.press("Forget it here", on=shown)

    assert "no leftover credential" in shown.text
    assert "The registry has no such credential: none was created" in said.text
    assert by_hand in set(iam.keys())
    assert team.find("my_registry").prepared is None


def test_nothing_is_ended_that_was_not_shown(make_office, iam):
    """When other keys are there than were shown, none is deleted, and it stays noted."""
    team = make_office(LosesAnswers)
    manage(team)
    team.press("Make a new one")
    shown = team.press("End it there", on=team.command("rotate my_registry"))
    made = iam.second
    iam.delete(made)
    by_hand = iam.make()
    iam.made_at(by_hand, team.slack.clock.now())
    said = team.press("Delete there", on=shown)

    assert "What is at the registry has changed since you looked" in said.text
    assert by_hand in set(iam.keys())
    assert team.find("my_registry").prepared is not None


def test_it_can_be_forgotten_here(make_office, iam):
    """Somebody can keep what is there: nothing is revoked, and the next one can be created."""
    team = make_office(LosesAnswers)
    manage(team)
    team.press("Make a new one")
    said = team.press("Forget it here", on=team.command("rotate my_registry"))

    assert "Nothing was revoked at the registry" in said.text
    assert len(iam.keys()) == 2
    assert team.find("my_registry").prepared is None


def test_killed_between_making_and_keeping(make_office, iam):
    """What was made when the process ended is found again, and the key in use was never touched."""
    team = make_office(Dies)
    manage(team)
    team.services.ports.drivers.dies_at = "mint"
    with pytest.raises(Killed):
        make_credential(team.services.ports, team.actor(MEMBER), team.find("my_registry").id)
    shown = team.command("rotate my_registry")
    there = iam.keys()
    _, ended = end_there(team)

    assert "it is unknown whether the registry created it" in shown.text
    assert len(there) == 2
    assert "Revoked at the registry" in ended.text
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}
    assert team.find("my_registry").options["access_key_id"] == iam.first["AccessKeyId"]


def test_key_of_a_deleted_integration_is_ended(make_office, iam):
    """When the integration is deleted while a key is made, that key does not stay at AWS unknown."""
    team = make_office(Meanwhile)
    manage(team)
    shown = team.command("rotate my_registry")
    found = team.find("my_registry")

    def delete():
        with team.store.change(ACME) as change:
            change.remove(change.integrations.get(found.id))

    team.services.ports.drivers.meanwhile = delete
    team.press("Make a new one", on=shown)

    assert team.find("my_registry") is None
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}


def test_roll_back_ends_the_new_key_at_aws(office, iam):
    """Roll back deletes the key that Quaymaster made, and says so."""
    manage(office)
    office.press("Make a new one")
    said = office.press("Roll back", on=office.command("rotate my_registry"))
    found = office.find("my_registry")

    assert "deleted here and at the registry" in said.text
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}
    assert found.options["access_key_id"] == iam.first["AccessKeyId"]
    assert (found.former, found.prepared) == (None, None)


def test_roll_back_says_what_is_still_there(office, iam, registry):
    """While the former is not known to work the new one is not ended; a button ends it later."""
    manage(office)
    office.press("Make a new one")
    made = office.find("my_registry").options["access_key_id"]
    shown = office.command("rotate my_registry")
    registry.result = REJECTED
    said = office.press("Roll back", on=shown)
    there = iam.keys()
    every = office.command("rotate my_registry every 90 days")
    _, ended = end_there(office)

    assert "still at the registry" in said.text.replace("*", "")
    assert "End it there" in said.buttons
    assert "was rolled back from is still at the registry" in every.text
    assert made in there
    assert made in ended.text
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}
    assert office.find("my_registry").prepared is None


@pytest.mark.parametrize("step", ["suspend", "delete"])
def test_killed_while_the_former_is_retired(make_office, iam, step):
    """Roll back reactivates a suspended key; it refuses if the key was deleted there."""
    team = make_office(Dies)
    manage(team)
    team.press("Make a new one")
    shown = team.command("rotate my_registry")
    found = team.find("my_registry")
    team.services.ports.drivers.dies_at = step
    with pytest.raises(Killed):
        retire_there(team.services.ports, team.actor(MEMBER), found.id, found.credential_number)
    killed = iam.keys().get(iam.first["AccessKeyId"])
    said = team.press("Roll back", on=shown)
    now = team.find("my_registry")

    assert (killed, iam.keys(), now.former is None) == {
        "suspend": ("Inactive", {iam.first["AccessKeyId"]: "Active"}, True),
        "delete": (None, {found.options["access_key_id"]: "Active"}, False),
    }[step]
    assert ("uses its old credential again" in said.text) is (step == "suspend")
    assert ("no longer has that access key" in said.text) is (step == "delete")


def test_suspended_former_is_not_rolled_back_to_unasked(make_office):
    """When AWS does not answer, nobody is told that a suspended key is in use again."""
    team = make_office(Dies)
    manage(team)
    team.press("Make a new one")
    shown = team.command("rotate my_registry")
    found = team.find("my_registry")
    drivers = team.services.ports.drivers
    drivers.dies_at = "suspend"
    with pytest.raises(Killed):
        retire_there(team.services.ports, team.actor(MEMBER), found.id, found.credential_number)
    drivers.is_gone = True
    said = team.press("Roll back", on=shown)

    assert "could not be reached" in said.text
    assert team.find("my_registry").former.is_suspended


def test_full_slots_are_said(office, iam):
    """With two keys there, nothing is made, and both are named."""
    second = iam.make()
    manage(office)
    shown = office.press("Make a new one")

    assert f"…{second[-4:]}" in shown.text
    assert "Nothing was created." in shown.text
    assert office.find("my_registry").prepared is None


def test_management_credential_shows_nowhere(office, tmp_path, caplog):
    """No answer, log or file has the management credential, whatever is asked of the integration."""
    caplog.set_level("DEBUG")
    saved = manage(office)
    seen = [saved.raw, office.press("Make a new one").raw]
    office.add("another")
    commands = ("show my_registry", "rotate my_registry", "edit my_registry", "history", "test my_registry")
    commands += ("list", "show another", "test another", "which another.example.com/a project web", "unused")
    seen += [office.command(one).raw for one in commands]
    seen += [str(call) for call in office.slack.calls]
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert [text for text in map(str, seen) if CANARY in text] == []
    assert CANARY.encode() not in files
    assert CANARY not in caplog.text
    assert CANARY not in repr(office.find("my_registry"))


def test_moved_server_drops_it(office, iam):
    """A management credential is for the registry that it was entered for."""
    manage(office)
    before = office.find("my_registry").management
    office.command("edit my_registry")
    office.submit({"Account ID": "210987654321", "Secret access key": iam.first["SecretAccessKey"]})

    assert before is not None
    assert office.find("my_registry").management is None


def test_it_can_be_forgotten(office):
    """Forgetting drops it here, and the clock rotates no more."""
    manage(office)
    office.command("rotate my_registry every 90 days")
    days = office.find("my_registry").rotate_every_days
    shown = office.press("Forget the management credential", on=office.command("rotate my_registry"))
    found = office.find("my_registry")

    assert "deleted here" in shown.text
    assert (days, found.management, found.rotate_every_days) == (90, None, 0)


def test_only_the_owner_may(office):
    """A colleague can neither enter one nor have a credential made."""
    shown = office.command("rotate my_registry", COLLEAGUE)

    assert "Only its owner or a workspace admin" in shown.text


def test_history_says_what_was_done(office):
    """Each step is in the history, without a secret."""
    manage(office)
    office.press("Make a new one")
    actions = [action for _, action, _ in office.events()]

    assert actions.count("credential.manage") == 1
    assert actions.count("credential.prepare") == 2
    assert actions.count("credential.rotate") == 1
    assert CANARY not in json.dumps(office.events())


def test_schedule_without_a_driver_says_what_to_do(office):
    """For a type without a driver the hint names the types that have one, and the way by hand."""
    office.add("plain")
    said = office.command("rotate plain every 90 days").text

    assert "cannot create logins of the type Private Docker Registry" in said
    assert "Amazon ECR" in said
    assert "Harbor" in said
    assert "enter it: /integrations rotate plain" in said
