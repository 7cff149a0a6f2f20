"""After a leak: what it exposes is previewed, ended in one change, and everybody concerned is told."""

import pytest

from bot.core.errors import TokenRefused
from bot.core.model import Role, Target, TargetKind
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from bot.run.outbox import Outbox
from handlers.notify import draw_closed, draw_news
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER

WEB_SHOP = Target(TargetKind.PROJECT, "web-shop")
STAGING = Target(TargetKind.ENVIRONMENT, "staging")


def deliver(team):
    """Let the clock send what is to be told."""
    team.slack.clock.advance(61)
    Outbox(team.services, draw_news, draw_closed).step()


def token(team, target=WEB_SHOP, user=ADMIN):
    """Make a token that is approved."""
    return create_token(team.services.ports, team.actor(user, Role.ADMIN), target, 90)[0].reveal()


def fetch(team, text, name):
    """Fetch an integration with a token."""
    ports = team.services.ports
    return fetch_named(ports, identify_caller(ports.store, text, name, ports.now()), name)


@pytest.fixture
def office(make_team):
    """Two integrations of a member; a token of an admin's for the project has fetched the first."""
    team = make_team(admins=(ADMIN,))
    team.add("my_registry")
    team.add("second", url="https://second.example.com")
    return team


def test_target_is_revoked(office):
    """All tokens of a target end at once; what they fetched is named, and nothing else."""
    leaked, other = token(office), token(office, STAGING)
    fetch(office, leaked, "my_registry")
    preview = office.command("revoke everything project web-shop", ADMIN)
    before = bool(fetch(office, leaked, "my_registry"))
    done = office.press("Revoke everything", ADMIN)

    assert "my_registry" in preview.text
    assert "*These workflow tokens will be revoked*, for `project web-shop`:" in preview.text
    assert "second" not in preview.text
    assert before
    assert "1 workflow token ended, 1 integration to rotate" in done.text
    assert fetch(office, other, "second")
    with pytest.raises(TokenRefused):
        fetch(office, leaked, "my_registry")


def test_everybody_concerned_is_told(office):
    """The token's creator is told that it was revoked; the login's owner, that it must be replaced."""
    fetch(office, token(office, user=COLLEAGUE), "my_registry")
    office.command("revoke everything project web-shop", ADMIN)
    office.press("Revoke everything", ADMIN)
    deliver(office)

    assert "revoked your workflow token" in office.seen(COLLEAGUE).text
    assert "may be known to others" in office.seen(MEMBER).text


def test_person_is_revoked(office):
    """Everything of a person: their tokens end, and what they own must be rotated too."""
    text = token(office, user=MEMBER)
    preview = office.command(f"revoke everything <@{MEMBER}|somebody>", ADMIN)
    office.press("Revoke everything", ADMIN)

    assert "my_registry" in preview.text
    assert "second" in preview.text
    with pytest.raises(TokenRefused):
        fetch(office, text, "my_registry")


def test_without_a_token_the_owners_are_told(office):
    """Nothing can be revoked, so that is not offered: the button tells the owners of what the person knew."""
    preview = office.command(f"revoke everything <@{MEMBER}|somebody>", ADMIN)
    done = office.press("Tell the owners", ADMIN)
    deliver(office)

    assert "has no working token" in preview.text
    assert "Revoke everything" not in preview.text
    assert "0 workflow tokens ended" in done.text
    told = [shown.text for shown in office.slack.shown if shown.user == MEMBER]
    assert any("may be known to others" in one for one in told)
    assert not any("&lt;@" in one for one in told)


def test_open_integration_without_a_token_says_who_else_may_fetch(office):
    """That nothing depending on it has a token does not mean that nobody can fetch it."""
    token(office, STAGING)
    shown = office.command("revoke everything my_registry", ADMIN)

    assert "No target that depends on *my_registry* has a working token." in shown.text
    assert "other approved tokens can fetch it" in shown.text


def test_integration_is_revoked(office):
    """The tokens of everything that depends on an integration end; it alone must be rotated."""
    reaching, other = token(office), token(office, STAGING)
    fetch(office, reaching, "my_registry")
    fetch(office, reaching, "second")
    office.command("revoke everything my_registry", ADMIN)
    done = office.press("Revoke everything", ADMIN)

    assert "1 workflow token ended, 1 integration to rotate" in done.text
    assert fetch(office, other, "my_registry")
    with pytest.raises(TokenRefused):
        fetch(office, reaching, "my_registry")


def test_notes_are_counted_apart(office):
    """A target that only noted the integration never had its login, and the preview says how many did."""
    fetch(office, token(office), "my_registry")
    token(office, STAGING)
    office.command("link my_registry environment staging", COLLEAGUE)
    preview = office.command("revoke everything my_registry", ADMIN)

    assert "2 targets won't be able to fetch anything with these tokens" in preview.text
    assert "1 of them only noted *my_registry* and never fetched it." in preview.text


def test_history_shows_what_a_leaked_token_fetched(office):
    """The message after it names the command for the token's history, and each login has a Rotate button."""
    text = token(office)
    fetch(office, text, "my_registry")
    office.command("revoke everything project web-shop", ADMIN)
    done = office.press("Revoke everything", ADMIN)
    shown = office.command(f"history token {text[3:11]}", ADMIN)
    form = office.press("Rotate my_registry", ADMIN, on=done)

    assert f"history token {text[3:11]}" in done.text
    assert "fetched `my_registry`" in shown.text
    assert "second" not in shown.text
    assert "A new credential for *my_registry*" in form.text


def test_what_was_removed_since_is_named(office):
    """A login that the token fetched is named even when the dependency on it was removed afterwards."""
    fetch(office, token(office), "my_registry")
    office.command("unlink my_registry project web-shop")
    preview = office.command("revoke everything project web-shop", ADMIN)

    assert "my_registry" in preview.text


def test_changes_after_the_preview_is_shown_first(office):
    """A token that a colleague makes after the preview is not ended unseen: the new state is shown."""
    first = token(office)
    preview = office.command("revoke everything project web-shop", ADMIN)
    second = token(office)
    late = office.press("Revoke everything", ADMIN, on=preview)

    assert "nothing has been revoked yet" in late.text
    assert all(fetch(office, text, "my_registry") for text in (first, second))


def test_members_revoke_only_their_own(office):
    """A member may end what is theirs, and nothing of a colleague, a target or an integration."""
    text = token(office)
    said = [
        office.command(f"revoke everything {what}").text
        for what in (f"<@{COLLEAGUE}|x>", "project web-shop", "my_registry")
    ]
    own = office.command(f"revoke everything <@{MEMBER}|me>")

    assert all("Only a workspace admin may revoke everything" in one for one in said)
    assert "Rotate these" in own.text
    assert fetch(office, text, "my_registry")
    assert office.events().count((MEMBER, "token.revoke_all", "refused")) == 3


def test_forged_press_of_a_member_is_refused(office):
    """The admin's button, pressed by a member, ends nothing."""
    text = token(office)
    preview = office.command("revoke everything project web-shop", ADMIN)
    office.press("Revoke everything", COLLEAGUE, on=preview)

    assert fetch(office, text, "my_registry")


def test_cancel_revokes_nothing(office):
    """Cancel says so, and ends nothing."""
    text = token(office)
    office.command("revoke everything project web-shop", ADMIN)
    done = office.press("Cancel", ADMIN)

    assert "nothing was revoked" in done.text
    assert fetch(office, text, "my_registry")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("revoke", "What to revoke is missing"),
        ("revoke everything", "Type whose tokens to revoke"),
        ("revoke everything nothing", "There is no integration named"),
        ("revoke everything project web-shop too", "one word too many"),
        ("revoke nothing00", "no token with this id"),
        ("revoke everything project unknown", "There is nothing to revoke"),
    ],
)
def test_what_is_missing_is_said(office, typed, said):
    """A command that cannot be followed says why."""
    assert said in office.command(typed, ADMIN).text


def test_one_token_is_revoked_by_its_id(office):
    """``revoke ID`` ends one token."""
    text = token(office)
    office.command(f"revoke {text[3:11]}", ADMIN)

    with pytest.raises(TokenRefused):
        fetch(office, text, "my_registry")


def test_show_leads_to_it(office):
    """For admins Show has *Leaked*, which previews what the leak of this login exposes."""
    office.fetch("my_registry", "project", "web-shop")
    shown = office.command("show my_registry", ADMIN)
    preview = office.press("Leaked", ADMIN, on=shown)

    assert preview.title == "Revoke everything?"
    assert "*my_registry*" in preview.text
    assert "Leaked" not in office.command("show my_registry", MEMBER).buttons


def test_of_may_stand_before_what_leaked(office):
    """``revoke everything of`` a person is the same as without the word."""
    text = token(office, user=MEMBER)
    office.command(f"revoke everything of <@{MEMBER}|somebody>", ADMIN)
    office.press("Revoke everything", ADMIN)

    with pytest.raises(TokenRefused):
        fetch(office, text, "my_registry")
