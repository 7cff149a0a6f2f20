"""Integrations change hands: one by name, all of a person at once, and what somebody leaves behind."""

import pytest

from bot.core.errors import NotApproved, TokenHeld, TokenRefused
from bot.core.model import Target, TargetKind
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from bot.run.outbox import Outbox
from bot.run.schedule import review
from handlers.notify import draw_closed, draw_news
from tests.fakes.people import ADMIN, BOT, COLLEAGUE, GUEST, LEFT, MEMBER, STRANGER, UNKNOWN
from tests.features.team import ACME

WEB_SHOP = Target(TargetKind.PROJECT, "web-shop")
DAY_S = 24 * 3600


def at(user):
    """A mention as Slack's escaping sends it."""
    return f"<@{user}|somebody>"


def deliver(team):
    """Let the clock send what is to be told."""
    team.slack.clock.advance(61)
    Outbox(team.services, draw_news, draw_closed).step()


def token(team, user=MEMBER):
    """Make a token for the project."""
    return create_token(team.services.ports, team.actor(user), WEB_SHOP, 90)[0].reveal()


def fetch(team, text, name="my_registry"):
    """Fetch an integration with a token."""
    ports = team.services.ports
    return fetch_named(ports, identify_caller(ports.store, text, name, ports.now()), name)


def owner(team, name="my_registry"):
    """Who owns an integration."""
    return team.find(name).owner


@pytest.fixture
def office(make_team):
    """A team with a named admin; a member owns two integrations, and a token."""
    team = make_team(admins=(ADMIN,))
    team.add("my_registry")
    team.add("second", url="https://second.example.com")
    return team


def test_owner_gives_it_away(office):
    """An owner gives an integration to a colleague, who is told and may edit it."""
    shown = office.command(f"give my_registry {at(COLLEAGUE)}")
    deliver(office)

    assert "belongs to" in shown.text
    assert owner(office) == COLLEAGUE
    assert "gave my_registry to you" in office.seen(COLLEAGUE).text.replace("*", "")
    assert (MEMBER, "integration.give", "done") in office.events()


def test_admin_gives_what_others_own(office):
    """When an admin gives it, both the old and the new owner are told."""
    office.command(f"give my_registry to {at(COLLEAGUE)}", ADMIN)
    deliver(office)

    assert owner(office) == COLLEAGUE
    assert all("gave *my_registry*" in office.seen(user).text for user in (MEMBER, COLLEAGUE))


def test_nobody_gives_what_is_not_theirs(office):
    """A colleague cannot take an integration."""
    shown = office.command(f"give my_registry {at(COLLEAGUE)}", COLLEAGUE)

    assert "Only its owner or a workspace admin may give away" in shown.text
    assert owner(office) == MEMBER


@pytest.mark.parametrize("user", [GUEST, BOT, LEFT, STRANGER, UNKNOWN])
def test_only_full_members_become_owners(office, user):
    """Guests, bots, deactivated people and strangers get nothing."""
    shown = office.command(f"give my_registry {at(user)}")

    assert "cannot own integrations" in shown.text
    assert owner(office) == MEMBER


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("give", "Type what to give, and to whom."),
        ("give my_registry", "Type what to give, and to whom."),
        ("give my_registry marco", "Type @ and choose them"),
        (f"give nothing {at(COLLEAGUE)}", "There is no integration named"),
        (f"give my_registry {at(MEMBER)}", "already belongs to this person"),
        (f"give all of {at(MEMBER)}", "Type what to give, and to whom."),
    ],
)
def test_what_is_missing_is_said(office, typed, said):
    """A command that cannot be followed says what is missing."""
    assert said in office.command(typed).text
    assert owner(office) == MEMBER


def test_all_of_a_person_is_given_at_once(office):
    """Everything of a person, tokens too, goes to another in one change after a preview."""
    text = token(office)
    shown = office.command(f"give all of {at(MEMBER)} to {at(COLLEAGUE)}", ADMIN)
    before = owner(office)
    done = office.press("Give all", ADMIN)
    deliver(office)

    assert "2 integrations and 1 workflow token" in shown.text
    assert before == MEMBER
    assert "belong to" in done.text
    assert [owner(office, name) for name in ("my_registry", "second")] == [COLLEAGUE] * 2
    assert office.store.read(ACME).tokens.get(text[3:11]).created_by == COLLEAGUE
    assert "gave you 2 integrations and 1 workflow token" in office.seen(COLLEAGUE).text
    assert "gave your" in office.seen(MEMBER).text


def test_only_admins_give_all(office):
    """A member can't give away everything somebody owns."""
    shown = office.command(f"give all of {at(MEMBER)} to {at(COLLEAGUE)}")

    assert "Only a workspace admin may" in shown.text


def test_what_changed_meanwhile_is_shown_first(office):
    """What the preview did not show is not given: the preview comes again."""
    office.command(f"give all of {at(MEMBER)} to {at(COLLEAGUE)}", ADMIN)
    office.add("third", url="https://third.example.com")
    again = office.press("Give all", ADMIN)
    kept = owner(office)
    office.press("Give all", ADMIN, on=again)

    assert "This changed while you were looking at it" in again.text
    assert kept == MEMBER
    assert owner(office, "third") == COLLEAGUE


def test_preview_can_be_cancelled(office):
    """Cancel gives nothing away."""
    office.command(f"give all of {at(MEMBER)} to {at(COLLEAGUE)}", ADMIN)

    assert "nothing changed hands" in office.press("Cancel", ADMIN).text
    assert owner(office) == MEMBER


def test_leaver_makes_orphans(office):
    """Deactivating somebody leaves orphans: the admins get one message, and ``list orphaned`` finds them."""
    token(office)
    office.add("theirs", owner=COLLEAGUE, url="https://theirs.example.com")
    office.change_person(MEMBER, deleted=True)
    deliver(office)
    told = office.seen(ADMIN)
    listed = office.command("list orphaned", ADMIN)

    assert "is no longer a full member and leaves behind 2 integrations and 1 workflow token" in told.text
    assert len(office.slack.called("chat.postMessage")) == 1
    assert "1–2 of 2" in listed.text
    assert "(has left)" in listed.text
    assert "theirs" not in listed.text


@pytest.mark.parametrize("is_back_before", [False, True])
def test_who_becomes_a_guest_leaves_orphans_too(office, is_back_before):
    """A guest's tokens fetch nothing, also when the account comes back as a guest's."""
    text = token(office)
    if is_back_before:
        office.change_person(MEMBER, deleted=True)
    office.change_person(MEMBER, deleted=False, is_restricted=True)
    review(office.services)
    deliver(office)

    assert "is no longer a full member" in office.seen(ADMIN).text
    with pytest.raises(TokenHeld):
        identify_caller(office.store, text, None, office.services.ports.now())


def test_orphans_are_given_from_the_message(office):
    """``Give to …`` in the message previews and gives; then nothing is orphaned."""
    token(office)
    office.change_person(MEMBER, deleted=True)
    deliver(office)
    preview = office.choose("Give to …", COLLEAGUE, ADMIN)
    office.press("Give all", ADMIN, on=preview)

    assert owner(office) == COLLEAGUE
    assert "0" in office.command("list orphaned", ADMIN).text
    assert office.find("my_registry").orphaned_at is None


def test_leaving_is_told_once(office):
    """However often Slack says it, the admins are told once."""
    office.change_person(MEMBER, deleted=True)
    office.change_person(MEMBER, deleted=True)
    deliver(office)

    assert [one for _, one, _ in office.events()].count("integration.orphan") == 3
    assert len(office.slack.called("chat.postMessage")) == 1


def test_who_is_back_keeps_everything(office):
    """What belongs to somebody who is reactivated is no longer orphaned, and their tokens go on."""
    text = token(office)
    office.change_person(MEMBER, deleted=True)
    office.change_person(MEMBER, deleted=False)
    office.slack.clock.advance(8 * DAY_S)
    review(office.services)

    assert office.find("my_registry").orphaned_at is None
    assert fetch(office, text)


def test_other_changes_of_a_profile_ask_nothing(office):
    """A new status or name asks Slack nothing and changes nothing."""
    office.change_person(MEMBER, real_name="Somebody Else")

    assert office.slack.called("users.info") == []
    assert office.find("my_registry").orphaned_at is None


def test_tokens_of_a_leaver_fetch_nothing(office):
    """The next fetch with a deactivated person's token is refused, and says how it can go on."""
    text = token(office)
    worked = fetch(office, text)
    office.change_person(MEMBER, deleted=True)

    assert worked
    with pytest.raises(TokenHeld, match="has left, so it fetches nothing") as refused:
        fetch(office, text)
    assert MEMBER not in refused.value.message + refused.value.hint


def test_tokens_of_a_leaver_end_after_the_grace(office):
    """Tokens of a deactivated person that nobody took over end after 7 days."""
    text = token(office)
    office.change_person(MEMBER, deleted=True)
    office.slack.clock.advance(7 * DAY_S)
    review(office.services)

    with pytest.raises(TokenRefused):
        fetch(office, text)


def approve(team, text):
    """Let an admin approve the token."""
    team.press(f"Approve token {text[3:11]}", ADMIN, on=team.command("token list", ADMIN))


def give_all(team, user=COLLEAGUE):
    """An admin gives all of the member to a colleague."""
    preview = team.command(f"give all of {at(MEMBER)} to {at(user)}", ADMIN)
    team.press("Give all", ADMIN, on=preview)
    return preview


def test_tokens_that_were_given_go_on(office):
    """A token that somebody took over outlives its maker's account, with what an admin approved."""
    text = token(office)
    approve(office, text)
    office.change_person(MEMBER, deleted=True)
    give_all(office)
    office.slack.clock.advance(8 * DAY_S)
    review(office.services)

    assert fetch(office, text)


def test_token_that_was_given_reaches_nothing_more(office):
    """The text that a leaver copied opens nothing of the new owner's, and every list says whose it was."""
    text = token(office)
    office.add("theirs", owner=COLLEAGUE, url="https://theirs.example.com")
    give_all(office)

    with pytest.raises(NotApproved):
        fetch(office, text)
    with pytest.raises(NotApproved):
        fetch(office, text, "theirs")
    assert (
        f"created by <@{MEMBER}>, taken over by <@{COLLEAGUE}>  ·  :hourglass: not approved yet"
        in office.command("token list", COLLEAGUE).text
    )
    assert f"created by <@{MEMBER}>, taken over by <@{COLLEAGUE}>" in office.open_home(ADMIN).text


def test_preview_says_what_tokens_lose(office):
    """The preview names what a token can no longer fetch, how to let it, and who may know its text."""
    text = token(office)
    fetch(office, text)
    shown = give_all(office)

    assert (
        f"workflow token `{text[3:11]}` for `project web-shop`: it won't be able to fetch *my_registry* "
        "until somebody links its target to it: `/integrations link my_registry project web-shop`"
        in shown.text
    )
    assert f"<@{MEMBER}> may have copied the text of these tokens." in shown.text


def test_preview_says_nothing_of_what_goes_on(office):
    """A token that loses nothing is listed without further details."""
    text = token(office)
    office.link("my_registry", "project", "web-shop")
    shown = give_all(office)

    assert "won't be able to fetch" not in shown.text
    assert fetch(office, text).integration.owner == COLLEAGUE


def test_all_of_a_person_is_not_given_to_themselves(office):
    """The old and the new owner are two people."""
    shown = office.command(f"give all of {at(MEMBER)} to {at(MEMBER)}", ADMIN)

    assert "The old and the new owner are the same person." in shown.text


def test_person_who_owns_nothing_has_nothing_to_give(office):
    """The preview says that there is nothing, and has no button."""
    shown = office.command(f"give all of {at(COLLEAGUE)} to {at(MEMBER)}", ADMIN)

    assert f"<@{COLLEAGUE}> owns no integration and no working workflow token." in shown.text
    assert shown.buttons == []


def test_news_of_a_leaver_whose_things_were_given_meanwhile_says_so(office):
    """When everything has an owner again before the message leaves, the message says that."""
    office.change_person(MEMBER, deleted=True)
    office.command(f"give all of {at(MEMBER)} to {at(COLLEAGUE)}", ADMIN)
    office.press("Give all", ADMIN)
    deliver(office)

    assert any("All of it has an owner again." in one.text for one in office.slack.shown)
