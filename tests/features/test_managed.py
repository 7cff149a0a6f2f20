"""Quaymaster makes the new credential itself, with a management credential that nothing else reaches."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.errors import Unreachable
from bot.core.integrations.credentials import open_credential
from bot.core.integrations.made_by_clock import rotate_due
from bot.core.integrations.made_credentials import make_credential
from bot.core.integrations.made_endings import retire_there
from bot.core.model import Role
from bot.core.workflows.tokens import create_token
from bot.registry.drivers.driver_table import RegistryDrivers
from tests.fakes.iam import USER, iam_server
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.fakes.scripted_registry import PROVED, REJECTED
from tests.features.team import ACME
from tests.features.test_rotate import DAY_S, WEB_SHOP, deliver, fetch

CANARY = "CanaryCanaryCanaryCanaryCanaryCanaryCana"
MANAGER = {
    "IAM user of the key in use": USER,
    "Access key ID": "AKIAIOSFODNN7MANAGER",
    "Secret access key": CANARY,
}


class Dated(RegistryDrivers):
    """The registry's clock goes as the team's does."""

    iam = clock = None

    def mint(self, order, *, deadline_s):
        """Make it now."""
        minted = super().mint(order, deadline_s=deadline_s)
        self.iam.made_at(minted.made_as, self.clock.now())
        return minted


class LosesAnswers(Dated):
    """The registry makes the credential, and the answer never arrives."""

    is_losing = True

    def mint(self, order, *, deadline_s):
        """Make it, and say nothing."""
        minted = super().mint(order, deadline_s=deadline_s)
        if self.is_losing:
            raise Unreachable("AWS took longer than 20 seconds.", "Try again later.")
        return minted


class NeverAsked(LosesAnswers):
    """The request never arrives."""

    def mint(self, order, *, deadline_s):
        """Make none, and say nothing."""
        if self.is_losing:
            raise Unreachable("AWS took longer than 20 seconds.", "Try again later.")
        return super().mint(order, deadline_s=deadline_s)


class Killed(BaseException):
    """The process ends at this point."""


class Dies(Dated):
    """Ends the process, once, at a step."""

    dies_at = ""
    is_gone = False

    def mint(self, order, *, deadline_s):
        """End after it was made."""
        minted = super().mint(order, deadline_s=deadline_s)
        self.die("mint")
        return minted

    def retire(self, order, ending, *, deadline_s):
        """End after the registry was asked."""
        if self.is_gone:
            raise Unreachable("AWS's IAM could not be reached.", "Try again later.")
        super().retire(order, ending, deadline_s=deadline_s)
        self.die(ending)

    def die(self, step):
        """End, if this is the step."""
        if step == self.dies_at:
            self.dies_at = ""
            raise Killed


@pytest.fixture
def iam():
    """IAM with one user."""
    with iam_server() as served:
        yield served


@pytest.fixture
def make_office(make_team, iam, clock):
    """A member's ECR integration, whose registry may be asked for keys."""

    def make(drivers=Dated):
        asked = drivers((), aws_endpoint=iam.url)
        asked.iam, asked.clock = iam, clock
        iam.made_at(iam.first["AccessKeyId"], clock.now() - timedelta(days=400))
        team = make_team(admins=(ADMIN,), drivers=asked)
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


def end_there(team):
    """Press *End it there*; give what is shown, and what is said when that is deleted."""
    shown = team.press("End it there", on=team.command("rotate my_registry"))
    return shown, team.press("Delete there", on=shown)


def pass_minutes(team, minutes):
    """Let time pass, with a round of the clock each minute."""
    for _ in range(minutes):
        team.slack.clock.advance(60)
        rotate_due(team.services.ports)


def told_of(team):
    """What the history has of tries that failed."""
    return [one for one in team.events() if one[1:] == ("credential.rotate", "refused")]


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
    _, ended = end_there(office)

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
    asked, ended = end_there(team)

    assert "access key …" in asked.text
    assert "Nobody knows whether the registry made" in shown.text
    assert len(there) == 2
    assert "Ended at the registry" in ended.text
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}
    assert team.find("my_registry").prepared is None


def test_key_made_by_hand_is_not_ended(make_office, iam):
    """A key that somebody made an hour later did not come of the request: none is offered or deleted."""
    team = make_office(NeverAsked)
    manage(team)
    team.press("Make a new one")
    by_hand = iam.make()
    iam.made_at(by_hand, team.slack.clock.now() + timedelta(hours=1))
    shown = team.press("End it there", on=team.command("rotate my_registry"))
    said = team.press("Forget it here", on=shown)

    assert "nothing that may have come of it" in shown.text
    assert "none was made" in said.text
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

    assert "Something else is at the registry now" in said.text
    assert by_hand in set(iam.keys())
    assert team.find("my_registry").prepared is not None


def test_it_can_be_forgotten_here(make_office, iam):
    """Who keeps what is there says so: nothing is ended, and the next can be made."""
    team = make_office(LosesAnswers)
    manage(team)
    team.press("Make a new one")
    said = team.press("Forget it here", on=team.command("rotate my_registry"))

    assert "Nothing was ended at the registry" in said.text
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

    assert "nobody knows whether the registry made it" in shown.text
    assert len(there) == 2
    assert "Ended at the registry" in ended.text
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}
    assert team.find("my_registry").options["access_key_id"] == iam.first["AccessKeyId"]


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
    _, ended = end_there(office)

    assert "still at the registry" in said.text.replace("*", "")
    assert "End it there" in said.buttons
    assert made in there
    assert made in ended.text
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}
    assert office.find("my_registry").prepared is None


@pytest.mark.parametrize("step", ["suspend", "delete"])
def test_killed_while_the_former_is_retired(make_office, iam, step):
    """Roll back puts a suspended key into force again; one that was deleted there is not rolled back to."""
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
    assert ("uses its former credential again" in said.text) is (step == "suspend")
    assert ("does not have that access key any more" in said.text) is (step == "delete")


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


def test_clock_asks_again_in_a_minute(office, iam, registry):
    """A new key that AWS refuses for some seconds is asked about again, and nobody is alarmed."""
    manage(office)
    office.close()
    office.command("rotate my_registry every 90 days")
    office.slack.clock.advance(90 * DAY_S)
    registry.result = REJECTED
    rotate_due(office.services.ports)
    prepared = office.find("my_registry").prepared
    registry.result = PROVED
    pass_minutes(office, 1)
    found = office.find("my_registry")

    assert prepared.sealed is not None
    assert (found.former is not None, found.prepared) == (True, None)
    assert told_of(office) == []
    assert len(iam.keys()) == 2


def test_clock_gives_up_after_five_minutes(office, registry):
    """A key that stays refused is asked about five times in a row, then once a day; that is told once."""
    manage(office)
    office.close()
    office.command("rotate my_registry every 90 days")
    office.slack.clock.advance(90 * DAY_S)
    registry.result = REJECTED
    registry.checked.clear()
    rotate_due(office.services.ports)
    pass_minutes(office, 30)
    deliver(office)

    assert len(registry.checked) == 5
    assert len(told_of(office)) == 1
    assert "Show" in office.seen(MEMBER).buttons


def test_unopened_management_credential_stops_nobody_else(make_office):
    """Where the management credential cannot be opened, its owner hears so, and the others go on."""
    team = make_office()
    team.add("a_first", kind="private")
    manage(team)
    team.close()
    team.command("rotate my_registry every 90 days")
    found = team.find("my_registry")
    with team.store.change(ACME) as change:
        first = team.find("a_first")
        change.put(replace(first, kind="ecr", management=found.management, rotate_every_days=90))
    team.slack.clock.advance(90 * DAY_S)
    rotate_due(team.services.ports)

    assert team.find("my_registry").former is not None
    assert [one[0] for one in told_of(team)] == ["quaymaster"]


def test_clock_says_what_no_answer_came_of(make_office, iam):
    """Ten minutes after an answer was lost, its owner hears which key may be it, once; a button ends it."""
    team = make_office(LosesAnswers)
    manage(team)
    team.close()
    team.command("rotate my_registry every 90 days")
    team.slack.clock.advance(90 * DAY_S)
    rotate_due(team.services.ports)
    early = told_of(team)
    pass_minutes(team, 30)
    deliver(team)
    told = team.seen(MEMBER)
    made = iam.second
    shown = team.press("Show", on=told)

    assert early == []
    assert len(told_of(team)) == 1
    assert f"access key …{made[-4:]}" in told.text
    assert "End it there" in shown.buttons
    assert set(iam.keys().values()) == {"Active"}


def test_clock_goes_on_when_nothing_was_made(make_office):
    """When AWS has no key of it, that is settled without anybody, and the next one is made."""
    team = make_office(NeverAsked)
    manage(team)
    team.close()
    team.command("rotate my_registry every 90 days")
    team.slack.clock.advance(90 * DAY_S)
    rotate_due(team.services.ports)
    asked = team.find("my_registry").prepared
    team.services.ports.drivers.is_losing = False
    pass_minutes(team, 12)

    assert asked.sealed is None
    assert team.find("my_registry").former is not None
    assert told_of(team) == []


def test_roll_back_stops_the_clock(office, iam):
    """Who rolls back gets no other new credential by the clock, and is told how to go on."""
    manage(office)
    office.close()
    office.command("rotate my_registry every 90 days")
    office.slack.clock.advance(90 * DAY_S)
    rotate_due(office.services.ports)
    said = office.press("Roll back", on=office.command("rotate my_registry"))
    pass_minutes(office, 3)

    assert "not rotated by the clock any more" in said.text
    assert office.find("my_registry").former is None
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}


def test_every_needs_a_management_credential(office):
    """Without one, nothing can be made by the clock, and the answer says what to do."""
    shown = office.command("rotate my_registry every 90 days")

    assert "cannot make credentials for" in shown.text
    assert office.find("my_registry").rotate_every_days == 0
