"""A token for a target that a closed integration is linked to: it is made, and kept out of that one."""

from dataclasses import replace

import pytest

from bot.core.errors import LinkedOnly
from bot.core.integrations.credentials import rebind_credential
from bot.core.secrets import TOKEN_SHAPE
from bot.core.workflows.fetch import fetch_linked, fetch_named
from bot.core.workflows.tokens import identify_caller
from bot.run.outbox import Outbox
from handlers.notify import draw_closed, draw_news
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.features.team import ACME


@pytest.fixture
def closed(free):
    """A colleague's integration for linked targets only, which they linked to the project."""
    free.add("closed", owner=COLLEAGUE, url="https://closed.example.com")
    with free.store.change(ACME) as change:
        known = free.find("closed")
        keyring = free.services.ports.keyring
        change.put(rebind_credential(keyring, ACME, known, replace(known, linked_only=True)))
    link(free)
    return free


def link(team, user=COLLEAGUE):
    """Link the project to the colleague's integration."""
    return team.command("link closed project web-shop", user)


def fetch(team, made, name="closed"):
    """Fetch with the token that a message shows."""
    ports = team.services.ports
    text = TOKEN_SHAPE.search(made.text)[0]
    return fetch_named(ports, identify_caller(ports.store, text, name, ports.now()), name).integration.name


def allow(team):
    """A minute later, the colleague presses Allow in the message about the token."""
    team.slack.clock.advance(61)
    Outbox(team.services, draw_news, draw_closed).step()
    shown = team.seen(COLLEAGUE)
    return shown, team.press("Allow", COLLEAGUE, on=shown)


def test_token_for_a_closed_integrations_target_is_kept_out(closed):
    """A member cannot open what is for linked targets only by making a token of one of them."""
    made = closed.command("token create project web-shop")
    with pytest.raises(LinkedOnly, match="was linked before token"):
        fetch(closed, made)

    assert fetch(closed, made, "my_registry") == "my_registry"
    assert (
        f"It can't fetch *closed* (ask <@{COLLEAGUE}>) yet. Access is restricted there and you are not the "
        "owner, so the owner must allow your token, even though `project web-shop` is linked." in made.text
    )
    assert [fetch(closed, closed.command("token create project web-shop", who)) for who in (COLLEAGUE, ADMIN)]


def test_member_stops_nobodys_tokens_by_a_link_of_their_own(closed):
    """A member who links a closed integration of theirs to others' targets stops nobody's tokens."""
    others = closed.command("token create project web-shop 30", MEMBER)
    again = closed.command("token create project web-shop 30", ADMIN)

    assert all(TOKEN_SHAPE.search(one.text) for one in (others, again))
    assert "It can't fetch" not in again.text


def test_owner_lets_a_token_in_that_was_kept_out(closed):
    """The owner gets a message about the token; Allow lets it in, and names it."""
    made = closed.command("token create project web-shop")
    token_id = TOKEN_SHAPE.search(made.text)[0][3:11]
    told, allowed = allow(closed)

    assert f"<@{MEMBER}> created the workflow token `{token_id}` for `project web-shop`" in told.text
    assert "The token can fetch this login once you allow that." in told.text
    assert f"These workflow tokens can now fetch it: `{token_id}`" in allowed.text
    assert fetch(closed, made) == "closed"
    assert closed.events()[1][:2] == (COLLEAGUE, "dependency.allow")


def test_link_again_lets_a_token_in_that_was_kept_out(closed):
    """Linking what is linked already lets it in too, names it, and is in the history."""
    made = closed.command("token create project web-shop")
    shown = link(closed)

    assert f"`{TOKEN_SHAPE.search(made.text)[0][3:11]}` by <@{MEMBER}>" in shown.text
    assert closed.events()[0] == (COLLEAGUE, "dependency.link", "done")
    assert fetch(closed, made) == "closed"


def test_others_let_no_token_in(closed):
    """A token that was kept out is let in neither by its creator nor by a note of theirs."""
    made = closed.command("token create project web-shop")
    link(closed, MEMBER)
    with pytest.raises(LinkedOnly):
        fetch(closed, made)
    allow(closed)

    assert fetch(closed, made) == "closed"


def test_token_made_while_a_link_was_away_is_kept_out(closed):
    """Undo puts back what was granted, to those who had it: not to a token that was made in between."""
    shown = closed.command("delete closed", COLLEAGUE)
    closed.press("Remove project web-shop", COLLEAGUE, on=shown)
    mine, admins = [closed.command("token create project web-shop", who) for who in (MEMBER, ADMIN)]
    closed.press("Put back project web-shop", COLLEAGUE, on=closed.seen(COLLEAGUE))
    with pytest.raises(LinkedOnly):
        fetch(closed, mine)

    assert fetch(closed, admins) == "closed"


def test_closing_names_no_token_that_is_kept_out(closed):
    """Among those who may fetch a closed integration, a token that does not is not named."""
    closed.command("token create project web-shop")
    form = closed.command("edit closed", COLLEAGUE)
    closed.leave(form, form.menu("All workflows"), "All workflows", COLLEAGUE)
    closed.submit(user=COLLEAGUE, on=form)
    closed.close(COLLEAGUE)
    form = closed.command("edit closed", COLLEAGUE)
    closed.leave(form, form.menu("Linked targets only"), "Linked targets only", COLLEAGUE)
    closed.submit(user=COLLEAGUE, on=form)
    shown = closed.press("Who may still fetch it", COLLEAGUE)

    assert "project `web-shop`" in shown.text
    assert "tokens: none" in shown.text


def test_file_of_all_logins_leaves_out_what_is_kept_out(closed):
    """What somebody linked or noted besides does not keep a pipeline from its other logins."""
    made = closed.command("token create project web-shop")
    closed.link("my_registry", "project", "web-shop")
    ports = closed.services.ports
    caller = identify_caller(ports.store, TOKEN_SHAPE.search(made.text)[0], None, ports.now())

    assert [one.integration.name for one in fetch_linked(ports, caller)] == ["my_registry"]
    assert "tried to fetch `closed`" in closed.command("history").text


def test_file_of_nothing_but_what_is_kept_out_is_refused(closed):
    """Without any login that it may fetch, a pipeline is told why."""
    made = closed.command("token create project web-shop")
    ports = closed.services.ports
    caller = identify_caller(ports.store, TOKEN_SHAPE.search(made.text)[0], None, ports.now())

    with pytest.raises(LinkedOnly):
        fetch_linked(ports, caller)
