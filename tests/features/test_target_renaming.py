"""A target gets another name, or two become one: which workflow tokens move, and what they reach then."""

import pytest

from bot.core.errors import TargetRemoved
from bot.core.secrets import TOKEN_SHAPE
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import identify_caller
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.features.team import ACME

MERGE = "targets rename project webshop2000 web-shop"


def token(team, target, user):
    """Make a token for a project; gives its text."""
    return TOKEN_SHAPE.search(team.command(f"token create project {target}", user).text)[0]


def close(team, name):
    """Leave an integration to linked targets."""
    form = team.command(f"edit {name}")
    team.leave(form, form.menu("Linked targets only"), "Linked targets only")
    team.submit(on=form)
    team.close()


def fetch(team, text, name):
    """Fetch with a token."""
    ports = team.services.ports
    return fetch_named(ports, identify_caller(ports.store, text, name, ports.now()), name).integration.name


def target_of(team, text):
    """The name of the target that a token speaks for."""
    return team.store.read(ACME).tokens.get(text[3:11]).target.name


@pytest.fixture
def two(team):
    """Two projects, each linked to a closed integration of its own, and a colleague's token of each."""
    for name in ("first", "second"):
        team.add(name, url=f"https://{name}.example.com")
        close(team, name)
    texts = [token(team, target, COLLEAGUE) for target in ("web-shop", "webshop2000")]
    team.command("link first project web-shop")
    team.command("link second project webshop2000")
    return team, texts


def test_merging_names_the_tokens_and_what_they_reach(two):
    """Before anything moves, each token of both is named with what it would fetch besides."""
    team, (stays, moves) = two
    shown = team.command(MERGE, ADMIN)
    before = target_of(team, moves)
    done = team.press("Merge", ADMIN, on=shown)

    assert f"`{moves[3:11]}`, by <@{COLLEAGUE}>: moves, and would fetch *first* too" in shown.text
    assert f"`{stays[3:11]}`, by <@{COLLEAGUE}>: would fetch *second* too" in shown.text
    assert before == "webshop2000"
    assert f"`{moves[3:11]}`, by <@{COLLEAGUE}>: moved, and fetches *first* too" in done.text
    assert [fetch(team, stays, "second"), fetch(team, moves, "first")] == ["second", "first"]


def test_what_a_token_loses_is_named(two):
    """Neither target can fetch what one of them was removed from; a token that loses access is named."""
    team, _ = two
    admins = token(team, "webshop2000", ADMIN)
    team.add("open", url="https://open.example.com")
    team.command("link open project web-shop")
    team.command("unlink open project web-shop")
    shown = team.command(MERGE, ADMIN)
    team.press("Merge", ADMIN, on=shown)

    assert (
        f"`{admins[3:11]}`, by <@{ADMIN}>: moves, and would fetch *first* too; would no longer fetch *open*"
        in shown.text
    )
    with pytest.raises(TargetRemoved):
        fetch(team, admins, "open")


def test_merging_can_be_cancelled(two):
    """Cancel leaves both as they are."""
    team, (_, moves) = two
    team.command(MERGE, ADMIN)

    assert "both targets stay" in team.press("Cancel", ADMIN).text
    assert target_of(team, moves) == "webshop2000"
    assert "target.rename" not in [one for _, one, _ in team.events()]


def test_what_changed_meanwhile_is_shown_first(two):
    """A token that is made after the preview is shown before anything moves."""
    team, _ = two
    shown = team.command(MERGE, ADMIN)
    late = token(team, "webshop2000", MEMBER)
    again = team.press("Merge", ADMIN, on=shown)
    kept = target_of(team, late)
    done = team.press("Merge", ADMIN, on=again)

    assert late[3:11] in again.text
    assert kept == "webshop2000"
    assert "is now called" in done.text


def test_new_name_alone_is_done_at_once(two):
    """A name that nothing has needs no question; the answer names the tokens that move."""
    team, (_, moves) = two
    done = team.command("targets rename project webshop2000 checkout", ADMIN)

    assert "`project webshop2000` is now called `project checkout`" in done.text
    assert f"`{moves[3:11]}`, by <@{COLLEAGUE}>: moved, and fetches the same as before" in done.text
    assert fetch(team, moves, "second") == "second"


def test_stranger_merges_nothing(two):
    """A member who gets hold of the button can't merge anything."""
    team, (_, moves) = two
    shown = team.command(MERGE, ADMIN)
    team.press("Merge", COLLEAGUE, on=shown)

    assert target_of(team, moves) == "webshop2000"


def test_name_in_two_alphabets_is_refused(two):
    """Nobody gives a target a name that looks like another's, admins included."""
    team, (_, moves) = two
    shown = team.command("targets rename project webshop2000 w\u0435b-shop", ADMIN)

    assert "looks like another letter" in shown.text
    assert target_of(team, moves) == "webshop2000"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("targets rename project web-shop web-shop", "It already has this name."),
        ("targets rename project nothing else", "There is no project nothing."),
    ],
)
def test_renaming_that_changes_nothing_is_refused(team, typed, said):
    """The same name and an unknown target are answered with what is wrong."""
    assert said in team.command(typed, ADMIN).text
