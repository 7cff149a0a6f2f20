"""Workflow tokens: created once and shown once, listed, revoked."""

import re
from datetime import UTC, datetime

import pytest

from bot.core.model import Target, TargetKind, WorkflowToken
from bot.core.secrets import TOKEN_SHAPE, new_token
from handlers.token import created
from tests.fakes.lookups import BEFORE_ALL as AT
from tests.fakes.people import ADMIN, COLLEAGUE, GUEST, MEMBER
from tests.features.team import ACME


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

    assert TOKEN_SHAPE.fullmatch(token)
    assert "is not stored and can't be shown again" in made.text
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
    assert "*revoked*" in shown.text
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
    """The token is no longer valid after the number of days it was created for."""
    team.slack.clock.advance(31 * 24 * 3600)

    assert made.place == "message"
    assert "Workflow tokens: 0 valid" in team.command("token list").title


def test_only_creator_and_admins_revoke(team, made):
    """A colleague is told whom to ask; an admin revokes it."""
    refused = team.press("Revoke", COLLEAGUE, team.command("token list", COLLEAGUE))
    done = team.press("Revoke", ADMIN, team.command("token list", ADMIN))

    assert made.place == "message"
    assert f"Who can help: <@{MEMBER}>" in refused.text
    assert "*revoked*" in done.text


@pytest.mark.parametrize("typed", ["token create project x", "token list", "token revoke abcdefgh"])
def test_outsiders_get_nothing(team, typed):
    """A guest neither makes, sees nor ends a token."""
    assert "cannot use integrations" in team.command(typed, GUEST).text
    assert "qm_" not in team.seen(GUEST).raw


def test_viewer_makes_none(make_team):
    """Somebody left out of QUAYMASTER_EDITORS can't create a token."""
    team = make_team(editors=(ADMIN,))

    shown = team.command("token create project x")

    assert "You can view integrations, but you can't create workflow tokens." in shown.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("token make", "create, list or revoke"),
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
    assert "No workflow tokens yet." in team.command("token").line


@pytest.fixture
def many(team):
    """Forty-two tokens, the oldest of them for the first target."""
    for number in range(42):
        team.command(f"token create project target-{number:02d}")
        team.slack.clock.advance(1)
    return team


def test_every_token_is_on_a_page(many):
    """Twenty a page, the newest first, to the oldest and back."""
    pages = [many.command("token list"), many.press("Next"), many.press("Next")]
    back = many.press("Previous")

    assert [page.buttons.count("Revoke") for page in pages] == [20, 20, 2]
    assert ["1–20 of 42" in pages[0].text, "41–42 of 42" in pages[2].text] == [True, True]
    assert "`/integrations token list web-shop` shows only one target's tokens." in pages[0].text
    assert "project target-41" in pages[0].text
    assert "project target-00" in pages[2].text
    assert "Next" not in pages[2].buttons
    assert back.text == pages[1].text
    assert {page.id for page in pages} == {pages[0].id}


def test_revoke_stays_on_its_page(many):
    """The page on which a token was revoked is shown again; what was looked for still narrows it."""
    many.command("token list target-0")
    shown = many.press(
        "Revoke token " + many.services.ports.store.read(ACME).tokens.page(AT, (), 0, 50).rows[-1].id
    )

    assert "Workflow tokens with “target-0”: 9 valid, 1 expired or revoked" in shown.title
    assert "*revoked*" in shown.text


@pytest.mark.parametrize("words", ["web-shop", "PROJECT shop", f"<@{COLLEAGUE}>", f"<@{COLLEAGUE}|ann>"])
def test_list_is_narrowed_by_words(team, words):
    """Words of the target, the id or a mention of the creator narrow the list."""
    team.command("token create project web-shop", COLLEAGUE)
    team.command("token create environment production")
    shown = team.command(f"token list {words}")

    assert "project web-shop" in shown.text
    assert "production" not in shown.text


def test_words_that_fit_nothing(team, made):
    """If no token matches, the reply says so and how to see all."""
    shown = team.command("token list `other`")

    assert made.place == "message"
    assert "No workflow tokens match `ˋotherˋ`. `/integrations token list` shows all." in shown.text


def test_person_is_found_by_their_id(team, made):
    """Slack sends a name as it was typed, which says nobody's id: what to type instead is said."""
    assert made.place == "message"
    assert "Copy member ID" in team.command("token list @ann").text
    assert "project web-shop" in team.command(f"token list {MEMBER.lower()}").text


def test_counts_stand_in_the_title_whatever_was_looked_for(team):
    """A long name does not hide the total."""
    team.command("token create project " + "x" * 200)

    assert team.command("token list " + "x" * 200).title.endswith("…”: 1 valid, 0 expired or revoked")


@pytest.mark.parametrize(
    "typed",
    [
        "token create project web shop",
        "token create project web shop 30",
        "token create project web-shop 30 31",
        "token revoke abcdefgh now",
        "which registry.example.com/app project web shop",
        "unused 30 40",
        "link my_registry project web shop https://ci.example.com",
        "unlink my_registry project web shop",
    ],
)
def test_words_too_many_are_refused(team, typed):
    """No word is left out: a name with spaces must be in quotation marks, and the reply says so."""
    shown = team.command(typed)

    assert ":warning:" in shown.text
    assert "name with spaces in quotation marks" in shown.text


def test_list_says_why_a_token_may_not_fetch(make_team):
    """A token of somebody who has left, and one that was declined, are shown as that."""
    team = make_team(admins=(ADMIN,))
    token = token_in(team.command("token create project first", COLLEAGUE))
    team.press(f"Decline token {token[3:11]}", ADMIN, on=team.command("token list", ADMIN))
    team.command("token create project second")
    team.change_person(MEMBER, deleted=True)
    text = team.command("token list", ADMIN).text

    assert f"declined by <@{ADMIN}>" in text
    assert "its creator has left" in text
