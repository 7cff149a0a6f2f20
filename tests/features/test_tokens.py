"""Workflow tokens: created once and shown once, listed, revoked."""

import re
from datetime import UTC, datetime

import pytest

from bot.core.model import Target, TargetKind
from bot.core.tokens import SHAPE, WorkflowToken, new_token
from handlers.tokens import created
from tests.fakes.people import ADMIN, COLLEAGUE, GUEST, MEMBER


def token_in(shown):
    """The token that a message shows."""
    return re.search(r"qm_\w+", shown.text)[0]


@pytest.fixture
def made(team):
    """A token's message, for a project."""
    return team.command("token create project web-shop 30")


def test_created_token_is_shown_once(team, made):
    """The message that creates it shows it; nothing that is shown later does."""
    token = token_in(made)
    later = [team.command(typed) for typed in ("token list", "history", "help token")]

    assert SHAPE.fullmatch(token)
    assert "is not stored and cannot be shown again" in made.text
    assert all(token not in one.raw for one in later)


@pytest.mark.parametrize(("address", "is_named"), [("https://q.example.com", True), (None, False)])
def test_created_token_comes_with_the_address(address, is_named):
    """Where the operator said how pipelines reach Quaymaster, the message says it beside the token."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    known = WorkflowToken("abcdefgh", "0" * 64, Target(TargetKind.PROJECT, "web-shop"), MEMBER, at, at)
    shown = str(created(new_token(), known, address))

    assert ("`QUAYMASTER_URL` is `https://q.example.com`" in shown) is is_named


def test_token_is_nowhere_in_the_files(made, tmp_path):
    """Only its hash is kept."""
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert token_in(made).encode() not in kept


def test_list_tells_whom_it_speaks_for(team, made):
    """Its id, its target, until when, whether it was used, by whom it was made."""
    shown = team.command("token list")

    assert made.place == "message"
    assert "Workflow tokens: 1 valid" in shown.title
    assert "project web-shop" in shown.text
    assert f"never used  ·  by <@{MEMBER}>" in shown.text
    assert shown.buttons == ["Revoke"]


def test_revoke_answers_in_place(team, made):
    """Revoke ends it, and the same list shows it as ended."""
    asked = team.command("token list")
    shown = team.press("Revoke")

    assert token_in(made) not in shown.raw
    assert shown.id == asked.id
    assert "*ended*" in shown.text
    assert shown.buttons == []
    assert team.events()[0] == (MEMBER, "token.revoke", "done")


def test_revoke_pressed_twice_is_no_error(team, made):
    """The second press shows the same."""
    asked = team.command("token list")
    once, twice = team.press("Revoke", on=asked), team.press("Revoke", on=asked)

    assert made.place == "message"
    assert once.text == twice.text
    assert team.events().count((MEMBER, "token.revoke", "done")) == 1


def test_expired_token_is_listed_as_ended(team, made):
    """After its days it is no longer valid."""
    team.slack.clock.advance(31 * 24 * 3600)

    assert made.place == "message"
    assert "Workflow tokens: 0 valid" in team.command("token list").title


def test_only_creator_and_admins_revoke(team, made):
    """A colleague is told whom to ask; an admin revokes it."""
    refused = team.press("Revoke", COLLEAGUE, team.command("token list", COLLEAGUE))
    done = team.press("Revoke", ADMIN, team.command("token list", ADMIN))

    assert made.place == "message"
    assert f"Who can help: <@{MEMBER}>" in refused.text
    assert "*ended*" in done.text


@pytest.mark.parametrize("typed", ["token create project x", "token list", "token revoke abcdefgh"])
def test_outsiders_get_nothing(team, typed):
    """A guest neither makes, sees nor ends a token."""
    assert "cannot use integrations" in team.command(typed, GUEST).text
    assert "qm_" not in team.seen(GUEST).raw


def test_viewer_makes_none(make_team):
    """Whom QUAYMASTER_EDITORS leaves out makes no token."""
    team = make_team(editors=(ADMIN,))

    assert "You may look, but not create workflow tokens." in team.command("token create project x").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("token make", "create, list or revoke"),
        ("token create", "The kind of target is missing."),
        ("token create project", "The target's name is missing."),
        ("token create server x", "project, environment or image"),
        ("token create project x 0", "A token lasts 1 to 365 days."),
        ("token create project x 366", "A token lasts 1 to 365 days."),
        ("token create project x -1", "A token lasts 1 to 365 days."),
        ("token create project x " + "9" * 5000, "A token lasts 1 to 365 days."),
        ("token revoke", "The token's id is missing."),
        ("token revoke nothing", "There is no token with this id."),
    ],
)
def test_what_is_wrong_is_explained(team, typed, said):
    """What is missing or wrong is said, and no token is made."""
    assert said in team.command(typed).text
    assert "No workflow token yet." in team.command("token").line


def test_more_tokens_than_fit(team):
    """Forty are shown, and how many more there are."""
    [team.command(f"token create project target-{number}") for number in range(42)]
    shown = team.command("token list")

    assert shown.buttons.count("Revoke") == 40
    assert "… and 2 more." in shown.text
