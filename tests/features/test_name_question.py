"""A target's name that looks like a password is asked about; one that is a known token is refused."""

import pytest

from bot.core.errors import InvalidInput, SecretInText
from bot.core.integrations.target_names import read_target, seal_name, unseal_name
from bot.core.secrets import TOKEN_SHAPE
from tests.fakes.lookups import tokens_in
from tests.fakes.people import COLLEAGUE, MEMBER
from tests.features.team import ACME

NAMES = ["Shop-Frontend2%prod", "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "xK4fQ9tLm2ZpR7vW8yB3nD6h"]
TOKENS = [
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "password=hunter2horse",
    "dckr_pat_0123456789abcdefghij",
]


def targets(team):
    """The names of the targets that are known."""
    return [one.name for one in team.store.read(ACME).dependencies.targets().rows]


@pytest.mark.parametrize("name", NAMES)
def test_name_in_doubt_is_asked_about_and_not_repeated(free, name):
    """Before it is linked, a person says that it is a name; until then it is nowhere."""
    asked = free.command(f"link my_registry project {name}")
    before = targets(free)
    linked = free.press("Yes, it is a name", on=asked)

    assert "looks like a password" in asked.text
    assert name not in asked.raw
    assert before == []
    assert f"`project {name}` now depends on *my_registry*" in linked.text
    assert targets(free) == [name]


@pytest.mark.parametrize("name", NAMES)
def test_token_for_a_name_in_doubt_is_asked_about(team, name):
    """No token is created before the reply; then it is created for the number of days that was typed."""
    asked = team.command(f"token create project {name} 30")
    before = tokens_in(team.store, ACME)
    made = team.press("Yes, it is a name", on=asked)
    (token,) = tokens_in(team.store, ACME)

    assert name not in asked.raw
    assert before == ()
    assert TOKEN_SHAPE.search(made.text)
    assert (token.target.name, (token.expires_at - token.created_at).days) == (name, 30)


def test_no_says_what_to_do(free):
    """A secret that was typed as a name is not kept; the advice is to revoke it, and the history says so."""
    asked = free.command(f"link my_registry project {NAMES[0]}")
    shown = free.press("No, it is a secret", on=asked)

    assert SecretInText().message in shown.text
    assert free.events()[0] == (MEMBER, "command.secret", "refused")
    assert targets(free) == []
    assert NAMES[0] not in free.command("history").raw


def test_known_name_is_asked_about_no_more(free):
    """Once it is a target's name, every command takes it."""
    free.press("Yes, it is a name", on=free.command(f"link my_registry project {NAMES[0]}"))
    shown = [
        free.command(typed.format(NAMES[0])).text
        for typed in ("settings project {}", "token create project {}")
    ]
    gone = free.command(f"unlink my_registry project {NAMES[0]}")

    assert all("looks like" not in text for text in shown)
    assert "no longer depends" in gone.text


@pytest.mark.parametrize("verb", ["link my_registry project", "token create project"])
@pytest.mark.parametrize("name", TOKENS)
def test_known_tokens_are_refused(free, verb, name):
    """What is a token or a password beyond doubt is not asked about."""
    shown = free.command(f"{verb} {name}")

    assert SecretInText().message in shown.text
    assert name not in shown.raw


@pytest.mark.parametrize(
    "typed", ["link my_registry project web {}", "link {} project web", "show {}", "token list {}"]
)
def test_in_other_places_it_is_refused(free, typed):
    """Only the name of a target is asked about."""
    assert SecretInText().message in free.command(typed.format(NAMES[0])).text


def test_sealed_name_is_for_who_was_asked(team):
    """What the button carries opens for the person who was asked, and for nobody else."""
    ports, target = team.services.ports, read_target("project", NAMES[0])
    sealed = seal_name(ports, team.actor(MEMBER), target)

    assert unseal_name(ports, team.actor(MEMBER), sealed) == NAMES[0]
    with pytest.raises(InvalidInput):
        unseal_name(ports, team.actor(COLLEAGUE), sealed)
    with pytest.raises(InvalidInput):
        unseal_name(ports, team.actor(MEMBER), "web-shop")


def choose_integration(team):
    """Open the form that links, and choose the integration."""
    team.command("link")
    seen = team.seen()
    team.search("Integration", "my_registry")
    team.leave(seen, seen.box("Integration"), "my_registry")


def test_form_asks_too(free):
    """A name in doubt that is typed in a form is asked about in the form's place."""
    choose_integration(free)
    asked = free.submit({"New target": NAMES[0]})
    before = targets(free)
    linked = free.press("Yes, it is a name", on=asked)

    assert NAMES[0] not in asked.raw
    assert before == []
    assert "now depends on *my_registry*" in linked.text


def test_form_refuses_a_token(free):
    """A known token that is typed in a form is refused beside its box, and not kept."""
    choose_integration(free)
    free.submit({"New target": TOKENS[0]})

    assert SecretInText().message in free.seen().error("New target")
    assert targets(free) == []


def test_two_short_names_are_not_taken_for_each_other(free):
    """Names of two letters differ in one letter too easily to be asked about."""
    free.link("my_registry", "project", "ab")
    free.command("link my_registry project ac")

    assert sorted(targets(free)) == ["ab", "ac"]
