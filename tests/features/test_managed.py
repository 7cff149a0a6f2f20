"""Quaymaster makes the new credential itself, with a management credential that nothing else reaches."""

import json

import pytest

from bot.core.errors import Unreachable
from bot.core.integrations.credentials import open_credential
from bot.core.integrations.made_credentials import rotate_due
from bot.core.model import Role
from bot.core.workflows.tokens import create_token
from bot.registry.drivers.driver_table import RegistryDrivers
from tests.fakes.iam import USER, iam_server
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.fakes.scripted_registry import REJECTED
from tests.features.team import ACME
from tests.features.test_rotate import DAY_S, WEB_SHOP, deliver, fetch

CANARY = "CanaryCanaryCanaryCanaryCanaryCanaryCana"
MANAGER = {
    "IAM user of the key in use": USER,
    "Access key ID": "AKIAIOSFODNN7MANAGER",
    "Secret access key": CANARY,
}


class LosesAnswers(RegistryDrivers):
    """The registry makes the credential, and the answer never arrives."""

    def mint(self, order, *, deadline_s):
        """Make it, and say nothing."""
        super().mint(order, deadline_s=deadline_s)
        raise Unreachable("AWS took longer than 20 seconds.", "Try again later.")


@pytest.fixture
def iam():
    """IAM with one user."""
    with iam_server() as served:
        yield served


@pytest.fixture
def make_office(make_team, iam):
    """A member's ECR integration, whose registry may be asked for keys."""

    def make(drivers=RegistryDrivers):
        team = make_team(admins=(ADMIN,), drivers=drivers((), aws_endpoint=iam.url))
        team.add(
            "my_registry",
            kind="ecr",
            access_key_id=iam.first["AccessKeyId"],
            secret_access_key=iam.first["SecretAccessKey"],
            region="us-east-1",
            account_id="123456789012",
        )
        return team

    return make


@pytest.fixture
def office(make_office):
    """The same."""
    return make_office()


def manage(team):
    """Enter the management credential."""
    team.command("rotate my_registry")
    team.press("Let Quaymaster make it")
    return team.submit(MANAGER)


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


def test_former_works_on_while_the_new_one_does_not(office, iam, registry):
    """When the one in use is refused, the former is put back into force and kept."""
    manage(office)
    office.press("Make a new one")
    registry.result = REJECTED
    shown = office.press("Retire", on=office.command("rotate my_registry"))

    assert "the former was not ended" in shown.text
    assert set(iam.keys().values()) == {"Active"}
    assert office.find("my_registry").former is not None


def test_new_key_that_is_refused_is_not_used(office, iam, registry):
    """It waits; what is in use stays, and *End it there* takes the new one away."""
    manage(office)
    registry.result = REJECTED
    shown = office.press("Make a new one")
    there = iam.keys()
    again = office.press("Check again")
    ended = office.press("End it there", on=office.command("rotate my_registry"))

    assert "does not work yet" in shown.text
    assert "does not work yet" in again.text
    assert len(there) == 2
    assert "Ended at the registry" in ended.text
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}
    assert office.find("my_registry").options["access_key_id"] == iam.first["AccessKeyId"]


def test_lost_answer_destroys_nothing(make_office, iam):
    """What may be at the registry is said, and ending it finds the key that nobody was told of."""
    team = make_office(LosesAnswers)
    manage(team)
    shown = team.press("Make a new one")
    there = iam.keys()
    ended = team.press("End it there", on=team.command("rotate my_registry"))

    assert "Nobody knows whether the registry made" in shown.text
    assert len(there) == 2
    assert "Ended at the registry" in ended.text
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}
    assert team.find("my_registry").prepared is None


def test_full_slots_are_said(office, iam):
    """With two keys there, nothing is made, and both are named."""
    second = iam.client.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    manage(office)
    shown = office.press("Make a new one")

    assert second in shown.text
    assert "Nothing was made." in shown.text
    assert office.find("my_registry").prepared is None


def test_management_credential_shows_nowhere(office, tmp_path, caplog):
    """No answer, log or file has the management credential, whatever is asked of the integration."""
    caplog.set_level("DEBUG")
    saved = manage(office)
    seen = [saved.raw, office.press("Make a new one").raw]
    commands = ("show my_registry", "rotate my_registry", "edit my_registry", "history", "test my_registry")
    seen += [office.command(one).raw for one in commands]
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert [text for text in map(str, seen) if CANARY in text] == []
    assert CANARY.encode() not in files
    assert CANARY not in caplog.text
    assert CANARY not in repr(office.find("my_registry"))


def test_moved_server_drops_it(office):
    """A management credential is for the registry that it was entered for."""
    manage(office)
    before = office.find("my_registry").management
    office.command("edit my_registry")
    office.submit({"Account ID": "210987654321", "Secret access key": CANARY})

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


def test_clock_makes_one_when_it_is_due(office, iam):
    """After 90 days the clock has one made, once, and tells as a person's rotation does."""
    manage(office)
    office.close()
    office.command("rotate my_registry every 90 days")
    office.slack.clock.advance(89 * DAY_S)
    rotate_due(office.services.ports)
    early = len(iam.keys())
    office.slack.clock.advance(DAY_S)
    rotate_due(office.services.ports)
    rotate_due(office.services.ports)
    deliver(office)

    assert early == 1
    assert len(iam.keys()) == 2
    assert office.find("my_registry").former is not None
    assert "Quaymaster made a new credential" in office.seen(MEMBER).text


def test_clock_tells_once_that_it_could_not(office, iam):
    """With no slot free, its owner hears why, once; nothing is touched."""
    iam.client.create_access_key(UserName=USER)
    manage(office)
    office.close()
    office.command("rotate my_registry every 30 days")
    for _ in range(3):
        office.slack.clock.advance(30 * DAY_S)
        rotate_due(office.services.ports)
    deliver(office)
    told = [one for one in office.events() if one[1:] == ("credential.rotate", "refused")]

    assert len(told) == 1
    assert "AWS allows no more" in office.seen(MEMBER).text
    assert len(iam.keys()) == 2
    assert office.find("my_registry").former is None


def test_every_needs_a_management_credential(office):
    """Without one, nothing can be made by the clock, and the answer says what to do."""
    shown = office.command("rotate my_registry every 90 days")

    assert "cannot make credentials for" in shown.text
    assert office.find("my_registry").rotate_every_days == 0
