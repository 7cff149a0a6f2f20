"""Testing a stored integration: the verdict, each step, and what may be allowed."""

from dataclasses import replace

import pytest

from bot.core.errors import InvalidInput
from bot.core.model import Outcome, Refused, Stage
from bot.core.ports.registry import CheckResult
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.fakes.scripted_registry import ACCEPTED, PROVED, REJECTED, UNREACHABLE

REALM = "https://auth.example.net"
FOREIGN_REALM = CheckResult(
    Outcome.UNREACHABLE, Stage.REALM, "Its token server stands on another host.", realm=REALM
)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [(PROVED, "*Proved*"), (ACCEPTED, "*Accepted*"), (REJECTED, "*Refused*"), (UNREACHABLE, "*Unreachable")],
)
def test_verdict_and_reason(free, registry, result, verdict):
    """Each result is shown distinctly, with the reason and what to do."""
    registry.result = result
    shown = free.command("test my_registry")

    assert shown.title == "Test of my_registry"
    assert verdict in shown.text
    assert f"{result.reason} {result.hint}".strip() in shown.text


@pytest.mark.parametrize(
    ("refused", "verdict"),
    [
        (Refused.ADDRESS, "*Quaymaster is blocked*"),
        (Refused.CERTIFICATE, "*A client certificate is required*"),
        (Refused.RIGHTS, "*The login lacks a permission*"),
        (Refused.RATE, "*Not asked*"),
    ],
)
def test_what_never_looked_at_the_login_has_a_verdict_of_its_own(free, registry, refused, verdict):
    """A firewall, a missing client certificate and a limit are no refused login, and not red."""
    registry.result = replace(UNREACHABLE, refused=refused)
    shown = free.command("test my_registry")

    assert verdict in shown.text
    assert ":x:" not in free.command("list").text


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (REJECTED, "login refused"),
        (UNREACHABLE, "unreachable"),
        (replace(UNREACHABLE, refused=Refused.RATE), "not asked: too many requests"),
    ],
)
def test_list_has_a_word_for_each_state(free, registry, result, words):
    """The list tells apart a refused login, a registry that is unreachable, and one that was not asked."""
    registry.result = result
    free.command("test my_registry")

    assert words in free.command("list").text


def test_history_says_refused(free, registry):
    """A refused login is called refused in the history too."""
    registry.result = REJECTED
    free.command("test my_registry")

    assert "refused at" in free.command("history my_registry").text


def test_a_refused_repository_leaves_no_red_mark(free, registry):
    """The login was not refused; the list goes on saying so."""
    registry.result = replace(ACCEPTED, stage=Stage.REPOSITORY, refused=Refused.REPOSITORY)
    free.command("test my_registry acme/missing")

    assert ":ballot_box_with_check: login accepted" in free.command("list").text


def test_a_registrys_sentence_is_shown_as_plain_text(free, registry):
    """No address in it becomes a link, and nothing in it is markup."""
    registry.result = replace(REJECTED, reason="r.example says: see https://evil.example *now*")
    shown = free.command("test my_registry")
    texts = [one["text"] for one in shown.blocks if "evil.example" in str(one.get("text"))]

    assert {
        "type": "plain_text",
        "emoji": False,
        "text": f"{registry.result.reason}. {REJECTED.hint}",
    } in texts


def test_each_step_has_its_line(free, registry):
    """Each step says whether it went well."""
    registry.result = REJECTED
    shown = free.command("test my_registry")

    assert ":white_check_mark: *address*   is public" in shown.text
    assert ":x: *login*   was refused" in shown.text


def test_stored_login_is_used(free, registry):
    """The stored secret goes to the registry, with the repository that was named, and 10 s."""
    free.command("test my_registry team/app")

    assert registry.checked[0].credential["password"].reveal() == "correct horse"
    assert registry.asked_repositories == ["team/app"]
    assert registry.deadlines == [10.0]


def test_accepted_login_can_be_proved_with_a_repository(free, registry):
    """A login that nothing proved is answered with how to prove it."""
    registry.result = ACCEPTED

    assert "`/integrations test my_registry team/app`" in free.command("test my_registry").text


def test_result_is_kept(free, registry):
    """The list shows the last check."""
    registry.result = REJECTED
    free.command("test my_registry")

    assert ":x: login refused" in free.command("list").text
    assert free.events()[0] == (MEMBER, "integration.test", "done")


def test_wrong_repository_name_says_nothing_about_the_login(free, registry):
    """A typo in the repository's name is reported, and the last check stays as it was."""
    free.command("test my_registry")
    registry.error = InvalidInput("This is not the name of a repository.", "Example: team/app")

    assert "Example: team/app" in free.command("test my_registry Team/App").text
    assert ":white_check_mark: login works" in free.command("list").text


def test_result_of_what_was_edited_meanwhile_is_not_kept(free, registry):
    """A result of the old login is not shown with the new one."""
    changed = replace(free.find("my_registry"), username="other", version=2)
    registry.meanwhile = lambda: put(free, changed)
    free.command("test my_registry")

    assert free.find("my_registry").check is None


def put(team, integration):
    """Keep an integration as a colleague might in the meantime."""
    with team.store.change(team.actor().workspace) as change:
        change.put(integration)


def test_viewer_may_test(make_team, registry):
    """Testing changes nothing, so everybody who may look may test."""
    team = make_team(editors=(ADMIN,))
    team.add("my_registry", owner=ADMIN)

    assert team.command("test my_registry").title == "Test of my_registry"
    assert registry.checked != []


def test_foreign_token_server_is_asked_about(free, registry):
    """A token server on another host is named, and nothing was sent there."""
    registry.result = FOREIGN_REALM
    shown = free.command("test my_registry")

    assert f"Nothing was sent to `{REALM}`." in shown.text
    assert shown.buttons == ["Allow it", "Edit", "Test again", "Share"]


def test_owner_allows_the_token_server(free, registry):
    """Once the owner allows it, the next test sends the login there."""
    registry.result = FOREIGN_REALM
    free.command("test my_registry")
    shown = free.press("Allow it")
    free.command("test my_registry")

    assert f"*my_registry* can now send its login to `{REALM}`." in shown.text
    assert registry.checked[-1].trusted_realms == (REALM,)
    assert "allowed a token server for `my_registry`" in free.command("history").text


def test_colleague_may_not_allow_it(free, registry):
    """Somebody who does not own it can't decide where its login goes."""
    registry.result = FOREIGN_REALM
    free.command("test my_registry", COLLEAGUE)
    shown = free.press("Allow it", COLLEAGUE)

    assert f"Who can help: <@{MEMBER}>" in shown.text
    assert free.find("my_registry").trusted_realms == ()


def test_allow_of_an_older_state_changes_nothing(free, registry):
    """When the integration was changed after the test, the button no longer counts."""
    registry.result = FOREIGN_REALM
    shown = free.command("test my_registry")
    put(free, replace(free.find("my_registry"), username="other", version=2))

    assert "was changed after this was shown" in free.press("Allow it", on=shown).text
    assert free.find("my_registry").trusted_realms == ()


def test_moved_integration_forgets_what_was_allowed(free, registry):
    """A token server was allowed for one registry, not for the next."""
    registry.result = FOREIGN_REALM
    free.command("test my_registry")
    free.press("Allow it")
    registry.result = PROVED
    free.command("edit my_registry")
    free.submit({"URL": "https://other.example.com", "Password": "x"})

    assert free.find("my_registry").trusted_realms == ()


def test_busy_executor_is_told(free):
    """When too much is being done at once, the person is told so."""
    free.executor.is_full = True

    assert "Quaymaster is busy, so nothing was changed." in free.command("test my_registry").text


@pytest.mark.parametrize("typed", ["test nothing"])
def test_what_cannot_be_tested_is_explained(free, registry, typed):
    """A missing or unknown name is answered where it was typed."""
    assert ":warning:" in free.command(typed).text
    assert registry.checked == []
