"""Reading a repository's tags: pages, the box that narrows them, and what goes wrong."""

from datetime import UTC, datetime

import pytest

from bot.core.errors import InvalidInput, LoginRejected
from bot.core.integrations.checks import repositories_setting
from bot.core.model import Stage
from bot.core.ports.registry import TagFacts, Tags
from tests.fakes.people import ADMIN, COLLEAGUE
from tests.features.team import ACME

TYPE_IT = "Such as team/app"
MANY = tuple(f"v{number:03}" for number in range(45))


DIGEST = f"sha256:{'a' * 64}"


def close(team):
    """Let only linked targets have my_registry."""
    form = team.command("edit my_registry")
    team.leave(form, form.menu("Linked targets only"), "Linked targets only")
    team.submit(on=form)
    team.close()


@pytest.fixture
def tagged(free, registry):
    """An integration whose repository has 45 tags."""
    registry.found = Tags("team/app", MANY)
    return free


def test_tags_of_a_repository(free):
    """The tags are shown with their number and their order."""
    shown = free.command("tags my_registry team/app")

    assert shown.title == "Tags of team/app"
    assert "*my_registry*   2 tags, sorted by name" in shown.text
    assert "`1.0`  `latest`" in shown.text


def test_a_next_page_that_cannot_be_read_is_told(free, registry):
    """What was read is shown, with the reason why there may be more."""
    reason = "The registry's next page could not be read (status 400), so there may be more."
    registry.found = Tags("team/app", ("1", "2"), is_cut=True, cut_reason=reason)
    shown = free.command("tags my_registry team/app")

    assert "`1`  `2`" in shown.text
    assert reason in shown.text


def test_pages_of_tags(tagged):
    """Twenty a page, to the last and back, in the same message."""
    first = tagged.command("tags my_registry team/app")
    second = tagged.press("Next")
    third = tagged.press("Next")
    back = tagged.press("Previous")

    assert "1–20 of 45" in first.text
    assert "`v044`" in third.text
    assert "Next" not in third.buttons
    assert back.text == second.text
    assert back.id == second.id


def test_box_narrows_the_tags(tagged):
    """The box narrows the tags to those with the typed words."""
    tagged.command("tags my_registry team/app")
    shown = tagged.enter("Tag", "V04")

    assert "5 tags" in shown.text
    assert "`v039`" not in shown.text


@pytest.mark.parametrize("typed", ["`", "<!channel>", "x" * 300, '"\\'])
def test_strange_words_find_nothing(tagged, typed):
    """Typed text is only used as a search."""
    tagged.command("tags my_registry team/app")
    shown = tagged.enter("Tag", typed)

    assert "No tags." in shown.text
    assert "<!channel>" not in shown.text


def test_registry_that_was_read_in_part_says_so(tagged, registry):
    """When there are more tags than were read, that is said."""
    registry.found = Tags("team/app", MANY, is_ordered=True, is_cut=True)
    shown = tagged.command("tags my_registry team/app")

    assert "newest first" in shown.text
    assert "The registry has more: reading stopped at 45." in shown.text


@pytest.mark.parametrize(
    "error",
    [
        LoginRejected("The registry refused this credential.", "Check the username.", Stage.LOGIN),
        InvalidInput("This is not the name of a repository.", "Example: team/app"),
    ],
)
def test_what_goes_wrong_is_explained(free, registry, error):
    """A registry's refusal and a wrong name are told with what to do."""
    registry.error = error
    shown = free.command("tags my_registry team/app")

    assert error.message in shown.text
    assert error.hint in shown.text


def test_page_of_the_deleted_says_so(tagged):
    """A page button of an integration that is gone says who deleted it."""
    shown = tagged.command("tags my_registry team/app")
    tagged.command("delete my_registry", ADMIN)
    tagged.press("Yes", ADMIN)

    assert f"is already gone: <@{ADMIN}> deleted it" in tagged.press("Next", on=shown).text


def test_very_long_repository_name_fits(tagged):
    """A name of 255 characters is shown within Slack's limits."""
    shown = tagged.command(f"tags my_registry {'x' * 255}")

    assert "Next" in shown.buttons


def test_name_alone_asks_for_the_repository(free):
    """Without a repository a menu asks for it, which takes what is typed; the tags take its place."""
    free.command("tags my_registry")
    offered = free.search(TYPE_IT, "team/app")
    shown = free.choose(TYPE_IT, "team/app")

    assert offered == ["team/app"]
    assert shown.place == "modal"
    assert "`1.0`  `latest`" in shown.text


def test_row_menu_asks_for_the_repository(tagged):
    """A row's Tags entry asks, too; a modal has no box that Slack would refuse there."""
    tagged.pick("Tags", near="my_registry", on=tagged.command("list"))
    tagged.search(TYPE_IT, "team/app")
    first = tagged.choose(TYPE_IT, "team/app")
    second = tagged.press("Next")

    assert "1–20 of 45" in first.text
    assert "21–40 of 45" in second.text


def test_repositories_seen_before_are_offered(free, registry):
    """What was read before is offered first, then the images that are linked."""
    free.link("my_registry", "image", "registry.example.com/team/web-shop:1")
    free.link("my_registry", "image", "other.example.com/team/else")
    free.command("tags my_registry team/app")
    free.press("Tags", on=free.command("show my_registry"))
    everything, fitting = free.search(TYPE_IT, ""), free.search(TYPE_IT, "SHOP")
    shown = free.choose(TYPE_IT, "team/web-shop")

    assert everything == ["team/app", "team/web-shop"]
    assert fitting == ["SHOP", "team/web-shop"]
    assert "Tags of team/web-shop" in shown.raw
    assert registry.asked_repositories[-1] == "team/web-shop"


def test_repositories_are_forgotten_with_the_integration(free):
    """Nothing of a deleted integration's repositories is kept."""
    free.command("tags my_registry team/app")
    name = repositories_setting(free.find("my_registry").id)
    kept = free.store.read(ACME).settings.get(name)
    free.command("delete my_registry")
    free.press("Yes")

    assert kept == "team/app"
    assert free.store.read(ACME).settings.get(name) is None


def test_dates_are_asked_for_only_when_asked(tagged, registry):
    """Show dates asks for the tags of this page alone, and shows the newest first; Next asks for none."""
    registry.facts = {
        "v001": TagFacts(DIGEST, datetime(2026, 3, 1, tzinfo=UTC)),
        "v003": TagFacts(DIGEST, datetime(2026, 5, 1, tzinfo=UTC)),
    }
    tagged.command("tags my_registry team/app")
    before = list(registry.dated)
    shown = tagged.press("Show dates")
    following = tagged.press("Next")

    lines = shown.text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("`v003`   <!date^"))
    assert before == []
    assert registry.dated == [MANY[:20]]
    assert lines[first + 1].startswith("`v001`   <!date^")
    assert lines[first + 2] == "`v000`   unknown"
    assert "Newest on this page first." in shown.text
    assert "Unknown: It was not told." in shown.text
    assert "Show dates" not in shown.buttons
    assert "Show dates" in following.buttons


def test_a_tag_shows_its_digest(free, registry):
    """Choosing a tag shows its digest, its platforms, and how to pull exactly this."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    registry.facts = {"1.0": TagFacts(DIGEST, at, ("linux/amd64", "linux/arm64"))}
    free.command("tags my_registry registry.example.com/team/app")
    shown = free.choose("Show a tag …", "1.0")

    assert shown.title.endswith("team/app:1.0")
    assert f"*Digest:*  `{DIGEST}`" in shown.text
    assert "`linux/amd64`, `linux/arm64`" in shown.text
    assert f"@{DIGEST}`" in shown.text


def test_a_tag_that_fails_is_unknown(free):
    """What a registry does not say of a tag is unknown, with the reason."""
    free.command("tags my_registry team/app")
    shown = free.choose("Show a tag …", "latest")

    assert "*Digest:*  unknown" in shown.text
    assert "It was not told." in shown.text


def test_dates_are_refused_where_tags_are(tagged):
    """A closed integration shows neither tags nor dates to others, even by a button that was shown before."""
    shown = tagged.command("tags my_registry team/app", COLLEAGUE)
    close(tagged)
    dates = tagged.press("Show dates", COLLEAGUE, on=shown)

    assert "is for linked targets only" in dates.text
    assert (COLLEAGUE, "integration.tags", "refused") in tagged.events()
