"""``unused``: the integrations that nothing has used lately, and the way to be rid of them."""

from dataclasses import replace

import pytest

from bot.core.integrations.target_names import read_target
from bot.core.model import new_id
from tests.fakes.people import COLLEAGUE, GUEST, MEMBER
from tests.features.team import ACME

DAY_S = 86_400
WEB_SHOP = read_target("project", "web-shop")


@pytest.fixture
def old(linked):
    """An integration that three targets have depended on for 100 days, and none has used."""
    linked.slack.clock.advance(100 * DAY_S)
    return linked


def use(team, name="my_registry"):
    """Let the project's token use an integration now."""
    team.store.note_use(ACME, team.find(name).id, WEB_SHOP, "nobodys1", team.services.ports.now())


def test_never_used_is_listed_with_all_that_matters(old):
    """The row has the name, the server, the owner, what depends on it, and that nothing used it."""
    shown = old.command("unused")

    assert shown.title == "Unused for 90 days: 1"
    assert "*my_registry*" in shown.text
    facts = f"`registry.example.com`  ·  <@{MEMBER}>  ·  never used  ·  3 depend on it"
    assert facts in shown.text


def test_one_day_is_one(linked):
    """One day is not called “1 days”, whether something is unused or not."""
    young = linked.command("unused 1")
    linked.slack.clock.advance(2 * DAY_S)

    assert "added or used in the last day." in young.text
    assert linked.command("unused 1").title == "Unused for 1 day: 1"


def test_new_integration_is_not_unused_yet(linked):
    """What was added a moment ago is given time."""
    shown = linked.command("unused")

    assert "Every integration was added or used in the last 90 days." in shown.text


def test_used_integration_is_not_listed(old):
    """One use takes it off the list at once, before anything is written."""
    use(old)

    assert "was added or used in the last" in old.command("unused").text


def test_last_use_is_told(old):
    """What was used long ago says when."""
    use(old)
    at = old.services.ports.now()
    old.slack.clock.advance(91 * DAY_S)

    assert f"last used <!date^{int(at.timestamp())}^" in old.command("unused").text


@pytest.mark.parametrize(("days", "count"), [(1, 1), (31, 0), (30, 0), (29, 1), (3650, 0)])
def test_days_are_counted_from_the_last_use(old, days, count):
    """Thirty days after its last use it is unused for 29 days, and not for 31."""
    use(old)
    old.slack.clock.advance(30 * DAY_S)

    assert ("my_registry" in old.command(f"unused {days}").text) == bool(count)


@pytest.mark.parametrize("typed", ["0", "3651", "abc", "-1", "1.5", "²", "9" * 5000])
def test_other_days_are_refused(old, typed):
    """Anything but 1 to 3650 is refused with an example."""
    assert "Give a number of days from 1 to 3650." in old.command(f"unused {typed}").text


def test_removed_dependency_takes_its_use_along(old):
    """After the target that used it is unlinked, nothing is known to have used it."""
    use(old)
    old.command("unlink my_registry project web-shop")
    old.slack.clock.advance(91 * DAY_S)
    shown = old.command("unused")

    assert "never used" in shown.text
    assert "2 depend on it" in shown.text


def test_row_without_dependency_says_so(free):
    """What nothing depends on can be deleted at once."""
    free.slack.clock.advance(100 * DAY_S)

    assert "nothing depends on it" in free.command("unused").text


def test_delete_in_the_row_asks_first(old):
    """The row's button opens the confirmation that names everything that depends on it."""
    shown = old.press("Delete my_registry", on=old.command("unused"))

    assert "3 targets depend on it" in shown.text


def test_delete_of_a_colleagues_is_refused(old):
    """The list gives nobody a right that they do not have."""
    shown = old.press("Delete my_registry", COLLEAGUE, old.command("unused"))

    assert "Only its owner or a workspace admin may delete “my_registry”." in shown.text


@pytest.mark.parametrize(
    ("count", "rows", "more"), [(20, 20, ""), (21, 20, "… and 1 more"), (300, 20, "280 more")]
)
def test_long_lists_fit_into_a_message(team, count, rows, more):
    """Twenty rows are shown, however long their names are, and how many more there are."""
    first = replace(team.add("x"), username="c" * 255)
    with team.store.change(ACME) as change:
        for number in range(count - 1):
            change.put(replace(first, id=new_id(), name=f"{'n' * 60}{number:04}"))
    team.slack.clock.advance(100 * DAY_S)
    shown = team.command("unused")

    assert shown.buttons == ["Delete"] * rows
    assert more in shown.text


def test_guest_learns_nothing(old):
    """A guest sees no row."""
    shown = old.command("unused", GUEST)

    assert "cannot use integrations" in shown.text
    assert "my_registry" not in shown.raw
