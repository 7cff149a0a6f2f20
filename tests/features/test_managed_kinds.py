"""Harbor and GitLab: Quaymaster creates new credentials, by hand and on a schedule, and revokes old ones."""

import pytest

from bot.core.integrations.credentials import open_credential
from bot.core.integrations.made_by_clock import rotate_due
from tests.fakes.gitlab import MANAGER_SECRET as GITLAB_SECRET
from tests.fakes.gitlab import USERNAME
from tests.fakes.harbor import MANAGER, MANAGER_SECRET, ROBOT
from tests.fakes.people import MEMBER
from tests.features.managing import pass_minutes, told_of
from tests.features.team import ACME
from tests.features.test_rotate import DAY_S, deliver


@pytest.fixture
def team(local_team):
    """A team whose drivers may ask this machine."""
    return local_team


@pytest.fixture
def harbors(team, harbor):
    """An integration of Harbor's robot, managed."""
    team.add("my_harbor", kind="harbor", url=harbor.url, username=ROBOT, password="the first secret")
    team.command("rotate my_harbor")
    team.press("Let Quaymaster make it")
    team.submit({"User, or robot account with robot permissions": MANAGER, "Its secret": MANAGER_SECRET})
    return team


@pytest.fixture
def gitlabs(team, gitlab):
    """An integration of GitLab's deploy token, managed."""
    team.add("my_gitlab", kind="gitlab", url="registry.example.com", username=USERNAME, password="first")
    manage_gitlab(team, gitlab)
    return team


def manage_gitlab(team, gitlab, days=""):
    """Enter the management credential of GitLab."""
    team.command("rotate my_gitlab")
    team.press("Let Quaymaster make it")
    return team.submit(
        {
            "GitLab's own URL": gitlab.url,
            "Path of that project or group": "team/app",
            "Access token with the scope api": GITLAB_SECRET,
            "Days that a new token lasts": days,
        }
    )


def password(team, name):
    """The current password."""
    found = team.find(name)
    return open_credential(team.services.ports.keyring, ACME, found)["password"].reveal()


def test_harbor_rotates_by_the_clock(harbors, harbor):
    """After 90 days a twin is made, checked and used; *Retire* deletes the former robot."""
    harbors.close()
    harbors.command("rotate my_harbor every 90 days")
    harbors.slack.clock.advance(90 * DAY_S)
    rotate_due(harbors.services.ports)
    deliver(harbors)
    news = harbors.seen(MEMBER).text
    both, made = harbor.states, harbors.find("my_harbor")
    said = harbors.press("Retire", on=harbors.command("rotate my_harbor"))

    assert "Quaymaster created a new credential" in news
    assert both == {ROBOT: True, made.username: True}
    assert password(harbors, "my_harbor") == harbor.secrets[made.username]
    assert made.registry_ends is not None
    assert "deleted here and at the registry" in said.text
    assert harbor.states == {made.username: True}


def test_gitlab_rotates_by_the_clock(gitlabs, gitlab):
    """After 90 days another deploy token is made, checked and used; *Retire* deletes the former."""
    gitlabs.close()
    gitlabs.command("rotate my_gitlab every 90 days")
    gitlabs.slack.clock.advance(90 * DAY_S)
    rotate_due(gitlabs.services.ports)
    both = gitlab.usernames
    gitlabs.press("Retire", on=gitlabs.command("rotate my_gitlab"))

    assert both == [USERNAME, "gitlab+deploy-token-2"]
    assert gitlab.usernames == [gitlabs.find("my_gitlab").username]
    assert password(gitlabs, "my_gitlab") == "token-number-2"


def test_harbors_lost_answer(harbors, harbor):
    """The clock finds the robot that no answer came for, and says so; the one in use is untouched."""
    harbors.close()
    harbors.command("rotate my_harbor every 90 days")
    harbors.slack.clock.advance(90 * DAY_S)
    harbor.loses = "POST"
    rotate_due(harbors.services.ports)
    pass_minutes(harbors, 20)
    deliver(harbors)
    told = harbors.seen(MEMBER)
    shown = harbors.press("End it there", on=harbors.press("Show", on=told))
    there = harbor.made
    said = harbors.press("Delete there", on=shown)

    assert len(told_of(harbors)) == 1
    assert len(there) == 1
    assert there[0] in told.text
    assert f"Revoked at the registry: {there[0]}" in said.text
    assert harbor.states == {ROBOT: True}


def test_days_are_asked_for_beside_their_field(gitlabs, gitlab):
    """A token with an end needs days for the next: it is said beside that field, and nothing is kept."""
    gitlab.tokens[1]["expires_at"] = "2026-09-30T00:00:00.000Z"
    gitlabs.press("Forget the management credential", on=gitlabs.command("rotate my_gitlab"))
    form = manage_gitlab(gitlabs, gitlab)
    before = gitlabs.find("my_gitlab").management
    gitlabs.close()
    manage_gitlab(gitlabs, gitlab, days="30")

    assert "Enter how many days it lasts." in form.error("Days that a new token lasts")
    assert before is None
    assert gitlabs.find("my_gitlab").management is not None


def test_gitlabs_lost_answer(gitlabs, gitlab):
    """The token whose request was never answered is shown, and only that one is deleted."""
    gitlab.loses = "POST"
    gitlabs.press("Make a new one")
    gitlab.add("somebody else's", ["read_registry"], None)
    shown = gitlabs.press("End it there", on=gitlabs.command("rotate my_gitlab"))
    gitlabs.press("Delete there", on=shown)

    assert "Deploy from CI (Quaymaster " in shown.text
    assert "somebody else" not in shown.text
    assert gitlab.usernames == [USERNAME, "gitlab+deploy-token-3"]


def test_roll_back_deletes_the_twin(harbors, harbor):
    """Roll back uses the first robot again and deletes the other."""
    harbors.press("Make a new one")
    said = harbors.press("Roll back", on=harbors.command("rotate my_harbor"))

    assert "deleted here and at the registry" in said.text
    assert harbor.states == {ROBOT: True}
    assert (harbors.find("my_harbor").username, password(harbors, "my_harbor")) == (ROBOT, "the first secret")


def test_wrong_management_credential_is_shown_beside_its_field(team, harbor):
    """The form stays open with the registry's answer, and nothing is kept."""
    team.add("my_harbor", kind="harbor", url=harbor.url, username=ROBOT, password="the first secret")
    team.command("rotate my_harbor")
    team.press("Let Quaymaster make it")
    form = team.submit({"User, or robot account with robot permissions": MANAGER, "Its secret": "wrong"})

    assert "does not accept the management credential" in form.error("Its secret")
    assert team.find("my_harbor").management is None


def test_management_credential_shows_nowhere(harbors, tmp_path, caplog):
    """No answer, log or file has it."""
    caplog.set_level("DEBUG")
    harbors.press("Make a new one")
    commands = ("show my_harbor", "rotate my_harbor", "edit my_harbor", "history", "test my_harbor")
    seen = [harbors.command(one).raw for one in commands] + [str(one) for one in harbors.slack.calls]
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert [text for text in map(str, seen) if MANAGER_SECRET in text] == []
    assert MANAGER_SECRET.encode() not in files
    assert MANAGER_SECRET not in caplog.text
