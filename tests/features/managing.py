"""An integration whose keys Quaymaster makes, at a played AWS, GitLab or Harbor; drivers that fail when told.

``tests/conftest.py`` names this file, so that every test can ask for these.
"""

from datetime import timedelta
from ipaddress import ip_network
from itertools import count

import pytest

from bot.core.errors import Busy, Unreachable
from bot.core.integrations.made_by_clock import rotate_due
from bot.registry.drivers.driver_table import RegistryDrivers
from tests.fakes.gitlab import FakeGitLab
from tests.fakes.harbor import FakeHarbor
from tests.fakes.people import ADMIN
from tests.fakes.scripted_registry import PROVED, REJECTED

CANARY = "CanaryCanaryCanaryCanaryCanaryCanaryCana"
MANAGER = {
    "IAM user of the key in use": "puller",
    "Access key ID": "AKIAIOSFODNN7MANAGER",
    "Secret access key": CANARY,
}


@pytest.fixture
def gitlab():
    """GitLab with one deploy token; the test fails when either side broke its documents."""
    with FakeGitLab() as served:
        yield served

    assert served.broken == []


@pytest.fixture
def harbor():
    """Harbor with one robot; the test fails when either side broke its published description."""
    with FakeHarbor() as served:
        yield served

    assert served.broken == []


@pytest.fixture
def local_team(make_team):
    """A team whose drivers may ask this machine."""
    drivers = RegistryDrivers((ip_network("127.0.0.0/8"),), clock=unhurried())
    return make_team(admins=(ADMIN,), drivers=drivers)


class JudgedByIam:
    """A registry that takes what is an active key at AWS now; a test may let it refuse more than that."""

    def __init__(self, scripted, iam):
        self._scripted = scripted
        self._iam = iam

    def check(self, login, **how):
        """Ask AWS's side, unless the test has said that the login does not work."""
        result = self._scripted.check(login, **how)
        key_id, secret = login.options["access_key_id"], login.credential["secret_access_key"].reveal()
        return result if result is not PROVED or self._iam.takes(key_id, secret) else REJECTED

    def __getattr__(self, name):
        return getattr(self._scripted, name)


class Dated(RegistryDrivers):
    """The registry's clock goes as the team's does."""

    iam = clock = None

    def mint(self, order, *, deadline_s):
        """Make it now."""
        minted = super().mint(order, deadline_s=deadline_s)
        self.iam.made_at(minted.made_as, self.clock.now())
        return minted


class Meanwhile(Dated):
    """Something else happens while a key is made."""

    meanwhile = bool

    def mint(self, order, *, deadline_s):
        """Make it, and let that happen."""
        minted = super().mint(order, deadline_s=deadline_s)
        self.meanwhile()
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


class Crowded(Dated):
    """Too many registries are being asked, while ``is_full``."""

    is_full = True

    def mint(self, order, *, deadline_s):
        """Find no place."""
        if self.is_full:
            raise Busy(
                "Too many registries are being contacted right now; nothing was changed.", "Try again."
            )
        return super().mint(order, deadline_s=deadline_s)


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
        is_there = super().retire(order, ending, deadline_s=deadline_s)
        self.die(ending)
        return is_there

    def die(self, step):
        """End, if this is the step."""
        if step == self.dies_at:
            self.dies_at = ""
            raise Killed


@pytest.fixture(scope="session")
def aws():
    """The address of one Amazon for the whole run."""
    # Only where it is played: the import takes a second.
    from tests.fakes.iam import amazon

    with amazon() as address:
        yield address


@pytest.fixture
def iam(aws):
    """IAM with one user."""
    from tests.fakes.iam import Iam

    return Iam(aws)


@pytest.fixture
def make_office(make_team, iam, clock, registry):
    """A member's ECR integration, whose registry may be asked for keys."""

    def make(drivers=Dated, **settings):
        asked = drivers((), aws_endpoint=iam.url, clock=unhurried())
        asked.iam, asked.clock = iam, clock
        iam.made_at(iam.first["AccessKeyId"], clock.now() - timedelta(days=400))
        team = make_team(admins=(ADMIN,), drivers=asked, asked=JudgedByIam(registry, iam), **settings)
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


def unhurried():
    """A clock that runs backwards: no deadline passes, however busy the machine of the tests is."""
    return count(0, -60).__next__


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
