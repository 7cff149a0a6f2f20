"""Workflow tokens in the hands of those who may not, with odd names, of other workspaces; and long lists."""

import re
from dataclasses import replace

import pytest

from bot.core.integrations.target_names import read_target
from bot.core.model import Workspace
from bot.core.secrets import TOKEN_SHAPE
from bot.core.workflows.tokens import create_token, identify_caller
from tests.fakes.lookups import tokens_in
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER, OUTSIDERS
from tests.features.team import ACME

ELSEWHERE = Workspace("T0OTHER")


def made(team, user=MEMBER, target="web-shop", workspace=ACME):
    """Make a token for a project past Slack; gives its text."""
    actor = replace(team.actor(user), workspace=workspace)
    return create_token(team.services.ports, actor, read_target("project", target), 90)[0].reveal()


def is_valid(team, text):
    """True when a workflow that shows this token is let in; otherwise that raises."""
    return bool(identify_caller(team.store, text, None, team.services.ports.now()))


@pytest.fixture
def narrowed(make_team):
    """A team in which only one colleague may change anything."""
    return make_team(editors=(COLLEAGUE,), admins=(ADMIN,))


def test_token_is_not_in_the_notification(team):
    """What a phone shows on its lock screen says whom it is for, and not the token."""
    assert team.command("token create project web-shop").line == "A workflow token for project web-shop."


def test_creation_is_recorded(team):
    """The history says who made a token for what, by its id."""
    shown = team.command("token create image registry.example.com/team/app")
    text = TOKEN_SHAPE.search(shown.text)[0]

    assert team.events()[0] == (MEMBER, "token.create", "done")
    said = f"(token `{text[3:11]}`; for image `registry.example.com/team/app`)"
    assert said in team.command("history").text


@pytest.mark.parametrize(("typed", "days"), [("", 90), ("1", 1), ("365", 365), ("007", 7)])
def test_days_are_kept(team, typed, days):
    """A token lasts as long as was typed, 90 days when nothing was."""
    team.command(f"token create project web-shop {typed}")
    token = tokens_in(team.store, ACME)[0]

    assert (token.expires_at - token.created_at).days == days


@pytest.mark.parametrize("typed", ["abc", "1.5", "²", "٣", "1e2", "shop"])
def test_words_are_no_days(team, typed):
    """Anything that isn't a plain number is refused, and no token is created."""
    shown = team.command(f"token create project web-shop {typed}")

    assert "A token lasts 1 to 365 days." in shown.text
    assert tokens_in(team.store, ACME) == ()


@pytest.mark.parametrize("typed", ["create project ''", "create project " + "x" * 201, "revoke <!channel>"])
def test_what_names_nothing_changes_nothing(team, typed):
    """A name that is none is refused: nothing is made and nothing recorded."""
    shown = team.command(f"token {typed}")

    assert ":warning:" in shown.text
    assert team.events() == []


ODD = ["a & b", "<!channel>", "*bold*", "web`shop", "<@U0ADMIN>", "ü" * 200, "&" * 200]


@pytest.mark.parametrize("name", ODD)
def test_odd_targets_are_text_and_nothing_else(team, name):
    """A target's name never becomes markup, in any message about its token."""
    shown = team.command(f'token create project "{name}"')
    listed = team.command("tokens")

    assert is_valid(team, TOKEN_SHAPE.search(shown.text)[0])
    assert "<!channel>" not in shown.text + listed.text
    assert "<@U0ADMIN>" not in shown.text + listed.text


def test_no_token_says_how_to_make_one(team):
    """An empty list says what to type."""
    assert "`/integrations token create project web-shop` creates one." in team.command("token").text


def test_last_use_stands_in_the_list(team):
    """Each row says when its token was last used, at once."""
    text = made(team)
    team.store.note_use(
        ACME, "none", read_target("project", "web-shop"), text[3:11], team.services.ports.now()
    )

    assert re.search(r"until <!date.*last used <!date", team.command("token list").text)


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (20, 20), (30, 20)])
def test_long_lists_fit_into_a_message(team, count, rows):
    """A page is shown, however long the names on it."""
    [made(team, target=f"{'&' * 190}{number}") for number in range(count)]
    shown = team.command("token list")

    assert shown.buttons == ["Revoke"] * rows + ["Next"] * (count > rows)


def test_working_tokens_stand_first(team):
    """Revoked tokens are listed below working ones, whatever their age."""
    team.command(f"token revoke {made(team, target='older')[3:11]}")
    made(team, target="still-valid")
    team.command(f"token revoke {made(team, target='newest')[3:11]}")
    text = team.command("token list").text

    assert text.index("still-valid") < text.index("*revoked*")


def test_typed_revoke_ends_it_at_once(team):
    """Its creator ends a token by its id; the message names whom it spoke for."""
    text = made(team)
    shown = team.command(f"token revoke {text[3:11]}")

    assert f"Token `{text[3:11]}` for `project web-shop` is revoked" in shown.text
    assert tokens_in(team.store, ACME)[0].revoked_at == team.services.ports.now()


def test_revoking_again_keeps_the_first_time(team):
    """When a token ended does not change by ending it again."""
    text = made(team)
    team.command(f"token revoke {text[3:11]}")
    before = tokens_in(team.store, ACME)
    team.slack.clock.advance(60)
    shown = team.command(f"token revoke {text[3:11]}", ADMIN)

    assert "is revoked" in shown.text
    assert tokens_in(team.store, ACME) == before


def test_member_may_not_revoke_a_colleagues_token(team):
    """Another member's token stays valid, the message names its creator, the history says which it was."""
    text = made(team, COLLEAGUE)
    shown = team.command(f"token revoke {text[3:11]}")

    assert "You can see other people's tokens, but you can't revoke them" in shown.text
    assert f"Who can help: <@{COLLEAGUE}>" in shown.text
    assert is_valid(team, text)
    assert team.events()[0] == (MEMBER, "token.revoke", "refused")
    said = f"tried to revoke a token (token `{text[3:11]}`; for project `web-shop`; not permitted)"
    assert said in team.command("history").text


def test_token_of_another_workspace_does_not_exist(team):
    """Another workspace's token cannot be revoked, not even by an admin, and is not listed."""
    text = made(team, ADMIN, workspace=ELSEWHERE)
    shown = team.command(f"token revoke {text[3:11]}", ADMIN)

    assert "There is no token with this id." in shown.text
    assert is_valid(team, text)
    assert "There are no workflow tokens yet." in team.command("token list", ADMIN).text


def test_whole_token_in_a_command_is_a_leak(team):
    """Somebody who types the token itself is told how to revoke it by its id; no more of it is repeated."""
    text = made(team)
    shown = team.command(f"token revoke {text}")

    assert "That text contains a workflow token" in shown.text
    assert f"/integrations token revoke {text[3:11]}" in shown.text
    assert text[3:12] not in shown.raw
    assert team.events()[0] == (MEMBER, "command.secret", "refused")
    assert text[3:11] in team.command("history").text


def test_what_only_looks_like_a_token_is_a_secret_like_any_other(team):
    """A mistyped token has no id that could be revoked."""
    shown = team.command("show qm_0123456789ABCDEFGHIJKLMNOPQRST1RVxKX")

    assert "Revoke that secret" in shown.text
    assert "token revoke" not in shown.text


@pytest.mark.parametrize("typed", ["token create project web-shop", "token list", "token revoke 12345678"])
@pytest.mark.parametrize("user", OUTSIDERS)
def test_outsiders_get_no_token(team, user, typed):
    """Guests, bots and strangers neither make, see nor revoke tokens."""
    made(team)
    shown = team.command(typed, user)

    assert "cannot use integrations" in shown.text
    assert len(tokens_in(team.store, ACME)) == 1


@pytest.mark.parametrize("user", OUTSIDERS)
def test_outsiders_presses_revoke_nothing(team, user):
    """A Revoke button in an outsider's hands does nothing."""
    text = made(team)
    shown = team.press("Revoke", user, team.command("token list"))

    assert "cannot use integrations" in shown.text
    assert is_valid(team, text)


def test_viewer_sees_tokens_and_whom_to_ask(narrowed):
    """Somebody left out of QUAYMASTER_EDITORS can see tokens but not create any."""
    text = made(narrowed, COLLEAGUE)
    shown = narrowed.command("token create project web-shop")

    assert f"Who can help: <@{ADMIN}>" in shown.text
    assert f"`{text[3:11]}`" in narrowed.command("token list").text
    assert len(tokens_in(narrowed.store, ACME)) == 1


def test_viewer_revokes_nothing_not_even_their_own(narrowed):
    """Somebody who is no longer an editor is told to ask one."""
    text = made(narrowed, MEMBER)
    shown = narrowed.press("Revoke", on=narrowed.command("token list"))

    assert "You can see" in shown.text
    assert is_valid(narrowed, text)
