"""Who gets what: outsiders nothing, viewers only reading; and each refusal says who can help."""

from threading import Event

import pytest

from bot.core.errors import SecretInText
from handlers import all_routes
from tests.fakes.people import ADMIN, COLLEAGUE, GUEST, MEMBER, OUTSIDERS

VERBS = tuple(all_routes().verbs)
READING = ("list", "show my_registry", "history", "settings project web-shop", "help", "test my_registry")
CHANGING = ("add", "edit my_registry", "delete my_registry", "link my_registry project late")
GROUP = "S0EDITORS"


@pytest.mark.parametrize("user", OUTSIDERS)
@pytest.mark.parametrize("verb", VERBS)
def test_outsiders_get_nothing(linked, verb, user):
    """Somebody who is not a full member gets one sentence, whatever they type, and learns nothing."""
    shown = linked.command(f"{verb} my_registry project web-shop", user)

    assert "Guests, bots and people from other workspaces cannot use integrations." in shown.text
    assert "Ask a workspace admin." in shown.text
    assert "my_registry" not in shown.raw
    assert shown.buttons == []


@pytest.mark.parametrize("user", OUTSIDERS)
def test_outsiders_presses_do_nothing(linked, user):
    """A button that an outsider got hold of does nothing."""
    asked = linked.command("delete my_registry")
    shown = linked.press("Remove project web-shop", user, asked)

    assert "cannot use integrations" in shown.text
    assert "3 targets depend on it" in linked.command("delete my_registry").text


def test_outsiders_attempts_are_recorded(linked):
    """What an outsider tried is in the history as refused."""
    linked.command("list", GUEST)

    assert linked.events()[0] == (GUEST, "integration.see", "refused")


@pytest.fixture
def narrowed(make_team):
    """A team in which only members of a group may change anything."""
    team = make_team(editors=(GROUP,), admins=(ADMIN,))
    team.slack.groups[GROUP] = [COLLEAGUE]
    team.add("my_registry", owner=MEMBER)
    team.link("my_registry", "project", "web-shop")
    return team


@pytest.mark.parametrize("typed", READING)
def test_viewer_reads(narrowed, typed):
    """Somebody left out of QUAYMASTER_EDITORS can look at everything."""
    assert ":warning: *" not in narrowed.command(typed, MEMBER).text


@pytest.mark.parametrize("typed", CHANGING)
def test_viewer_changes_nothing(narrowed, typed):
    """A viewer changes nothing, not even what they own, and is told who can help."""
    before = narrowed.find("my_registry")
    shown = narrowed.command(typed, MEMBER)

    assert "You can view integrations, but you can't" in shown.text
    assert f"Who can help: <@{ADMIN}>" in shown.text
    assert narrowed.find("my_registry") == before
    assert narrowed.events()[0][2] == "refused"


def test_editor_of_the_group_changes(narrowed):
    """A member of the group may add."""
    assert narrowed.command("add", COLLEAGUE).title == "Add Integration"


def test_group_is_asked_for_again_after_ten_seconds(narrowed):
    """Somebody who left the group can't change anything after at most 10 seconds."""
    narrowed.command("add", COLLEAGUE)
    narrowed.slack.groups[GROUP] = []
    narrowed.slack.clock.advance(10)
    narrowed.close(COLLEAGUE)

    assert "You can view integrations, but you can't" in narrowed.command("add", COLLEAGUE).text


def test_named_admin_is_admin(make_team):
    """Somebody named in QUAYMASTER_ADMINS can delete what others own."""
    team = make_team(admins=(COLLEAGUE,))
    team.add("my_registry")

    assert team.command("delete my_registry", COLLEAGUE).buttons == ["Yes", "Cancel"]


def test_named_guest_stays_a_guest(make_team):
    """A guest is nobody, even if a setting names them."""
    team = make_team(admins=(GUEST,), editors=(GUEST,))

    assert "cannot use integrations" in team.command("list", GUEST).text


def test_slow_slack_is_told(team):
    """When Slack does not say in time who somebody is, nothing is done; the next try has its answer."""
    answers = Event()
    team.slack.before_answer = answers.wait
    late = team.command("list")
    answers.set()

    assert "Slack did not tell Quaymaster in time who you are; nothing was changed." in late.text
    assert "Try again." in late.text
    assert "There are no integrations yet." in team.command("list").text


@pytest.mark.parametrize("code", ["ratelimited", "internal_error"])
def test_failing_slack_is_told(team, code):
    """When Slack does not say who somebody is, they get no access, but a sentence."""
    team.slack.failing["users.info"] = code

    assert "Slack did not tell Quaymaster who you are; nothing was changed." in team.command("list").text


@pytest.mark.parametrize(
    ("code", "said"), [("missing_scope", "lacks the scope users:read"), ("token_revoked", "SLACK_BOT_TOKEN")]
)
def test_misconfigured_slack_names_what_to_do(team, code, said):
    """A missing scope and a lost token are named, with what the operator does."""
    team.slack.failing["users.info"] = code

    assert said in team.command("list").text


SECRETS = [
    "add my_registry password=hunter2horse",
    "add private token: abcdefgh",
    "edit my_registry ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "list dckr_pat_0123456789abcdefghij",
    "show glpat-0123456789abcdefghij",
    "add AKIAIOSFODNN7EXAMPLE",
    "link my_registry project web-shop https://ann:hunter2horse@ci.example.com/",
    "test my_registry xoxb-1234567890-abcdefghijkl",
    "payload password=hunter2horse",
    "“PASSWORD” password = hunter2horse",
]


@pytest.mark.parametrize("typed", SECRETS)
def test_secret_in_the_text_is_refused_without_echo(free, typed):
    """A command that holds a secret is not used and not repeated; the advice is to revoke it."""
    shown = free.command(typed)
    secret = typed.split()[-1].removeprefix("password=")

    assert SecretInText().message in shown.text
    assert "Revoke that secret at its registry now" in shown.text
    assert secret not in shown.raw


@pytest.mark.parametrize("typed", SECRETS)
def test_secret_in_the_text_is_recorded_without_it(free, typed):
    """The history records that it happened, but not the secret."""
    free.command(typed)
    shown = free.command("history")

    assert free.events()[0] == (MEMBER, "command.secret", "refused")
    assert "typed a secret in a command" in shown.text
    assert typed.split()[-1].removeprefix("password=") not in shown.raw
