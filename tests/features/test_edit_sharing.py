"""The edit form's choices: which integration is a server's default, and which is for linked targets only."""

import pytest

from bot.core.model import Dependency, Source, Target, TargetKind
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.features.team import ACME

DEFAULT, LINKED_ONLY = "default", "linked"
DEFAULT_TICK = "Default for this server: for targets not linked to another integration"
EVIL = Target(TargetKind.PROJECT, "evil")
IMAGE = "registry.example.com/team/app"


def choose(team, name, *ticks, user=MEMBER, **typed):
    """Open the edit form, check exactly these boxes, and save; return what is shown then."""
    form = team.command(f"edit {name}", user)
    put(team, form, *ticks)
    return team.submit(typed, user)


def put(team, form, *ticks):
    """Check exactly these boxes in an open form."""
    team.leave(form, form.menu(DEFAULT_TICK), [DEFAULT_TICK] * (DEFAULT in ticks))
    access = "Linked targets only" if LINKED_ONLY in ticks else "All workflows"
    team.leave(form, form.menu(access), access)


def ticked(form):
    """The boxes that are checked when a form opens."""
    initial = form.menu(DEFAULT_TICK).element.get("initial_options", [])
    access = form.menu("All workflows").element["initial_option"]
    return [one["value"] for one in [*initial, access] if one["value"] != "all"]


def use(team, name):
    """Let an unlinked target depend on an integration, as its fetch does."""
    used = Dependency(team.find(name).id, EVIL, COLLEAGUE, team.slack.clock.now(), Source.WORKFLOW)
    with team.store.change(ACME) as change:
        change.put(used)


@pytest.fixture
def two(team):
    """Two integrations of one server, of two people."""
    team.add("mine")
    team.add("theirs", owner=COLLEAGUE)
    return team


def test_form_starts_without_ticks(free):
    """A new integration is nobody's default and open to every target."""
    form = free.command("edit my_registry")

    assert ticked(form) == []
    assert "Default for this server" in form.raw


@pytest.mark.parametrize("ticks", [[], [DEFAULT], [LINKED_ONLY], [DEFAULT, LINKED_ONLY]])
def test_ticks_are_kept_and_shown_again(free, ticks):
    """What is checked is stored, and the form opens with it."""
    choose(free, "my_registry", *ticks)
    stored = free.find("my_registry")

    assert (stored.is_default, stored.linked_only) == (DEFAULT in ticks, LINKED_ONLY in ticks)
    assert ticked(free.command("edit my_registry")) == ticks


@pytest.mark.parametrize("ticks", [[], [DEFAULT], [LINKED_ONLY]])
def test_ticks_are_taken_back(free, ticks):
    """A box that is cleared stays cleared."""
    choose(free, "my_registry", DEFAULT, LINKED_ONLY)
    choose(free, "my_registry", *ticks)

    assert ticked(free.command("edit my_registry")) == ticks


def test_untouched_ticks_stay(free):
    """Renaming alone does not change who gets the login."""
    choose(free, "my_registry", DEFAULT, LINKED_ONLY)
    free.command("edit my_registry")
    free.submit({"Integration Name": "renamed"})

    assert ticked(free.command("edit renamed")) == [DEFAULT, LINKED_ONLY]


def test_ticks_ask_no_registry_and_stand_in_the_history(free, registry):
    """A checkbox is not a new login, and its change is recorded by name."""
    choose(free, "my_registry", DEFAULT, LINKED_ONLY)
    free.close()

    assert registry.checked == []
    assert "edited `my_registry` (default, linked targets only)" in free.command("history").text


def test_default_moves(team):
    """A server has one default: checking the box of another integration you own takes it from the first."""
    team.add("first")
    team.add("second")
    choose(team, "first", DEFAULT)
    choose(team, "second", DEFAULT)
    team.close()

    assert not team.find("first").is_default
    assert "*second*: it is the default" in team.command(f"which {IMAGE}").text


def test_moved_default_stands_in_the_history_of_both(team):
    """The history of the one that is the default no longer says who took it, and for what."""
    team.add("first")
    team.add("second")
    choose(team, "first", DEFAULT)
    choose(team, "second", DEFAULT)
    team.close()

    assert "edited `first` (default; now second)" in team.command("history first").text
    assert "edited `second` (default)" in team.command("history second").text


def test_form_opened_before_the_default_moved_does_not_take_it_back(team):
    """An old form of the former default overwrites nothing."""
    team.add("first")
    team.add("second")
    choose(team, "first", DEFAULT)
    old = team.command("edit first")
    choose(team, "second", DEFAULT, user=ADMIN)
    shown = team.submit(on=old)

    assert "It was changed after you opened this form." in shown.error("Integration Name")
    assert team.find("second").is_default


def test_default_of_a_colleagues_is_not_taken(two):
    """A member does not take the default from an integration that they may not edit."""
    choose(two, "theirs", DEFAULT, user=COLLEAGUE)
    shown = choose(two, "mine", DEFAULT)

    assert "“theirs” is the default for this server" in shown.error("Integration Name")
    assert two.find("theirs").is_default
    assert not two.find("mine").is_default


def test_admin_moves_any_default(two):
    """An admin may edit both, so the default moves."""
    choose(two, "theirs", DEFAULT, user=COLLEAGUE)
    choose(two, "mine", DEFAULT, user=ADMIN)

    assert not two.find("theirs").is_default
    assert two.find("mine").is_default


def test_default_that_was_given_up_is_free(two):
    """After its owner clears the box, a colleague may check another one's."""
    choose(two, "theirs", DEFAULT, user=COLLEAGUE)
    choose(two, "theirs", user=COLLEAGUE)
    choose(two, "mine", DEFAULT)

    assert two.find("mine").is_default


def test_default_takes_no_login_from_targets_that_nobody_linked(two):
    """If there is no default, a member who checks the default box takes no pipeline's current login away."""
    use(two, "theirs")
    shown = choose(two, "mine", DEFAULT)
    choose(two, "theirs", DEFAULT, user=COLLEAGUE)

    assert "use “theirs” for this server and would get this login instead" in shown.error("Integration Name")
    assert two.find("theirs").is_default
    assert not two.find("mine").is_default


def test_default_taken_while_the_registry_was_asked_is_not_stolen(two, registry):
    """An integration that became the default while a login was being checked stays the default."""
    form = two.command("edit mine")
    put(two, form, DEFAULT)
    registry.meanwhile = lambda: choose(two, "theirs", DEFAULT, user=COLLEAGUE)
    shown = two.submit({"Password": "new"}, on=form)

    assert "“theirs” is the default for this server" in shown.error("Integration Name")
    assert two.find("theirs").is_default
    assert not two.find("mine").is_default


def test_each_server_has_its_own_default(team):
    """Defaults of different servers do not touch each other."""
    team.add("here")
    team.add("there", url="https://registry.example.net")
    choose(team, "here", DEFAULT)
    choose(team, "there", DEFAULT)

    assert team.find("here").is_default
    assert team.find("there").is_default


def test_default_that_moves_to_another_server_takes_its_default(team):
    """A default whose server changes is the default there, and the one there was gives it up."""
    team.add("here")
    team.add("there", url="https://registry.example.net")
    choose(team, "here", DEFAULT)
    choose(team, "there", DEFAULT)
    team.command("edit here")
    team.submit({"URL": "https://registry.example.net", "Password": "again"})

    assert team.find("here").is_default
    assert not team.find("there").is_default


def test_linked_only_keeps_what_is_linked(linked):
    """Targets that are linked already stay linked, and are answered."""
    choose(linked, "my_registry", LINKED_ONLY)
    linked.close()

    assert "uses *my_registry*" in linked.command(f"which {IMAGE} project web-shop").text
    assert "for linked targets only" in linked.command(f"which {IMAGE} project other").text
    assert [one.name for one in linked.store.read(ACME).dependencies.targets(TargetKind.PROJECT).rows] == [
        "web-shop"
    ]


@pytest.mark.parametrize("tick", [DEFAULT, LINKED_ONLY])
def test_stranger_to_it_ticks_nothing(two, tick):
    """Only its owner and admins get the form at all."""
    shown = two.command("edit theirs")

    assert "Only its owner or a workspace admin may edit “theirs”." in shown.text
    assert ticked(two.command("edit theirs", COLLEAGUE)) == []
    assert tick not in shown.raw


def test_former_owner_of_the_form_ticks_nothing(free):
    """Somebody who became a guest while the form was open can't change anything."""
    form = free.command("edit my_registry")
    put(free, form, DEFAULT, LINKED_ONLY)
    free.slack.people[MEMBER]["is_restricted"] = True
    free.slack.clock.advance(301)
    shown = free.submit(on=form)

    assert "cannot use integrations" in shown.text
    assert not free.find("my_registry").is_default


@pytest.mark.parametrize(("user", "is_linked"), [(COLLEAGUE, False), (MEMBER, True), (ADMIN, True)])
def test_linked_only_is_linked_by_its_owner(free, user, is_linked):
    """Somebody who could link their own target could fetch the secret, so others only note it."""
    choose(free, "my_registry", LINKED_ONLY)
    free.close()

    shown = free.command("link my_registry project evil", user)

    dependency = free.store.read(ACME).dependencies.get(free.find("my_registry").id, EVIL)
    assert ("This link is only a note" not in shown.text) is is_linked
    assert (dependency.granted_by == user) is is_linked
