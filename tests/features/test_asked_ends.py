"""Ends that registries' own APIs say: asked only where the owner chose it, once a day."""

import pytest

from bot.core.integrations.ends import tell_ends
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.formats import shell_exports
from bot.core.workflows.tokens import identify_caller
from bot.run.clockwork import EndAsker
from tests.fakes.described_api import Given
from tests.fakes.gitlab import MANAGER_SECRET
from tests.fakes.harbor import MANAGER, ROBOT
from tests.fakes.harbor import MANAGER_SECRET as HARBOR_SECRET
from tests.fakes.people import MEMBER
from tests.features.team import ACME
from tests.features.test_rotate import DAY_S, deliver, token


@pytest.fixture
def team(local_team):
    """A team whose drivers may ask this machine."""
    return local_team


@pytest.fixture
def asker(team):
    """What asks on a schedule."""
    return EndAsker(team.services.ports)


def choose(team, name, answer):
    """Choose in the form whether the registry is asked."""
    team.command(f"edit {name}")
    team.submit({"Ask the registry when it ends": answer})
    team.close()


def steps(team, asker, minutes):
    """Let time pass, with a step each ten minutes."""
    for _ in range(minutes // 10):
        team.slack.clock.advance(600)
        asker.step()


@pytest.fixture
def gitlabs(team, gitlab):
    """An integration with a personal access token, at the registry of that GitLab."""
    team.add("my_gitlab", kind="gitlab", url=gitlab.url, username="ci", password=MANAGER_SECRET)
    return team


def test_nobody_is_asked_unless_it_is_chosen(gitlabs, gitlab, asker):
    """The form says No until somebody says Yes, and then no registry is asked."""
    form = gitlabs.command("edit my_gitlab")
    gitlabs.submit({"Note": "of the team"})
    gitlabs.close()
    steps(gitlabs, asker, 30)

    assert form.value("Ask the registry when it ends") in ("", "No")
    assert gitlabs.find("my_gitlab").options == {}
    assert gitlab.asked == []


def test_end_is_asked_once_a_day(gitlabs, gitlab, asker):
    """Once a day the registry is asked; Show has the end, and its owner is told in time."""
    choose(gitlabs, "my_gitlab", "Yes")
    today = gitlabs.services.ports.now()
    gitlab.self_ends = f"{today.date().replace(year=today.year + 1)}"
    steps(gitlabs, asker, 23 * 60)
    once = len(gitlab.asked)
    steps(gitlabs, asker, 120)
    shown = gitlabs.command("show my_gitlab")
    gitlabs.slack.clock.advance(340 * DAY_S)
    tell_ends(gitlabs.services.ports)
    deliver(gitlabs)

    assert (once, len(gitlab.asked)) == (1, 2)
    assert f"{gitlab.self_ends} (the registry's API)" in shown.text
    assert f"*my_gitlab* expires on {gitlab.self_ends} (the registry's API)." in gitlabs.seen(MEMBER).text


def test_no_answer_forgets_nothing(gitlabs, gitlab, asker):
    """When the registry does not say, the end that was known stays, and it is asked again the next day."""
    choose(gitlabs, "my_gitlab", "Yes")
    steps(gitlabs, asker, 20)
    known = gitlabs.find("my_gitlab").registry_ends
    gitlab.fails["GET"] = Given(401, {"message": "401 Unauthorized"})
    steps(gitlabs, asker, 25 * 60)

    assert known is not None
    assert gitlabs.find("my_gitlab").registry_ends == known
    assert len(gitlab.asked) == 2


def test_another_credential_is_asked_about_again(gitlabs, asker):
    """An end belongs to one credential: after a rotation it is not known until the registry is asked."""
    choose(gitlabs, "my_gitlab", "Yes")
    steps(gitlabs, asker, 20)
    gitlabs.command("rotate my_gitlab")
    gitlabs.submit({"Deploy token or access token": "another"})
    gitlabs.close()

    assert gitlabs.find("my_gitlab").registry_ends is None
    assert gitlabs.find("my_gitlab").former.registry_ends is not None


def test_harbor_is_asked_with_the_management_credential(team, harbor, asker):
    """A robot cannot see itself: Harbor says its end to the management credential, and to nobody without."""
    team.add("my_harbor", kind="harbor", url=harbor.url, username=ROBOT, password="the secret")
    choose(team, "my_harbor", "Yes")
    steps(team, asker, 20)
    before = len(harbor.asked)
    team.command("rotate my_harbor")
    team.press("Let Quaymaster make it")
    team.submit({"User, or robot account with robot permissions": MANAGER, "Its secret": HARBOR_SECRET})
    steps(team, asker, 25 * 60)

    assert before == 0
    assert team.find("my_harbor").registry_ends is not None
    assert team.store.read(ACME).integrations.named("my_harbor").made_as == ""


def test_pipelines_do_not_get_the_choice(gitlabs):
    """What was chosen is not handed out with the login."""
    choose(gitlabs, "my_gitlab", "Yes")
    ports = gitlabs.services.ports
    caller = identify_caller(ports.store, token(gitlabs), "my_gitlab", ports.now())
    exports = shell_exports(fetch_named(ports, caller, "my_gitlab"))

    assert MANAGER_SECRET in exports
    assert "ASK" not in exports


def test_deleted_integration_is_not_asked_about(gitlabs, gitlab, asker):
    """What was deleted after it was found due is passed over."""
    choose(gitlabs, "my_gitlab", "Yes")
    gitlabs.add("second", kind="gitlab", url=gitlab.url, username="cd", password=MANAGER_SECRET)
    choose(gitlabs, "second", "Yes")
    steps(gitlabs, asker, 10)
    with gitlabs.store.change(ACME) as change:
        change.remove(gitlabs.find("my_gitlab"))
        change.remove(gitlabs.find("second"))
    steps(gitlabs, asker, 30)

    assert len(gitlab.asked) == 1
