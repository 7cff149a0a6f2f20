"""Which integration answers for an image, why, and what nothing has used."""

import pytest

from bot.core.model import Target, TargetKind
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.features.team import ACME

IMAGE = "registry.example.com/team/app:1.2"
WEB_SHOP = Target(TargetKind.PROJECT, "web-shop")


def close(team):
    """Leave the integration to linked targets."""
    form = team.command("edit my_registry")
    team.leave(form, form.menu("Linked targets only"), "Linked targets only")
    team.submit(on=form)
    team.close()


def test_only_one_answers(free):
    """With one integration of the server, that one answers."""
    shown = free.command(f"which {IMAGE}")

    assert "uses *my_registry*: it is the only one for this server." in shown.text


def test_linked_one_answers_for_its_target(free):
    """Of several, the one that is linked to the target answers for it."""
    free.add("other", username="deploy")
    free.link("other", "project", "web-shop")

    assert "*other*: it is linked to this target." in free.command(f"which {IMAGE} project web-shop").text


def test_several_without_a_default_are_named(free):
    """If several could be used, none is guessed; all are named."""
    free.add("other", username="deploy")
    shown = free.command(f"which {IMAGE}")

    assert "my_registry" in shown.text
    assert "other" in shown.text
    assert ":warning:" in shown.text


def test_several_lead_to_the_end_of_the_doubt(free):
    """Each that could answer has its owner and Show; who may, makes one the default there and then."""
    free.add("other", username="deploy")
    shown, others = free.command(f"which {IMAGE}"), free.command(f"which {IMAGE}", COLLEAGUE)
    free.press("Make other the default", on=shown)

    assert f"*other*   <@{MEMBER}>" in shown.text
    assert shown.buttons == ["Show", "Make this the default"] * 2
    assert others.buttons == ["Show"] * 2
    assert "*other*: it is the default" in free.command(f"which {IMAGE}").text


def test_answer_says_whether_the_login_works(free):
    """The result of its last check is shown below the integration."""
    never = free.command(f"which {IMAGE}")
    free.command("test my_registry")

    assert "Last check: never" in never.text
    assert "Last check: proved (login), <!date^" in free.command(f"which {IMAGE}").text


@pytest.fixture
def default(free):
    """One of two integrations of a server is its default."""
    free.add("other", username="deploy")
    free.command("edit other")
    free.tick("Default for this server: for targets not linked to another integration")
    free.submit()
    free.close()
    return free


def test_ticked_default_answers(default):
    """The default answers where nothing is linked."""
    assert "*other*: it is the default for this server." in default.command(f"which {IMAGE}").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("which nothing.example.com/app", "There is no integration for nothing.example.com."),
        ("which <!channel>/app", ":warning:"),
        (f"which {IMAGE} server x", "project, environment or image"),
        (f"which {IMAGE} project", "The target's name is missing."),
        ("which alpine", "There is no integration for"),
        ("which " + "x" * 3000, ":warning:"),
    ],
)
def test_what_cannot_be_answered_is_explained(free, typed, said):
    """The reply says what is missing, unknown or wrong."""
    shown = free.command(typed)

    assert said in shown.text
    assert "<!channel>" not in shown.text


def test_unused_lists_what_nothing_used(free):
    """What is old and was never used is listed, with a Delete for each."""
    free.slack.clock.advance(91 * 24 * 3600)
    shown = free.command("unused")

    assert "Unused for 90 days: 1" in shown.text
    assert free.press("Delete my_registry").title == "Delete my_registry?"


def test_young_integration_is_not_unused(free):
    """What was added lately is not called unused."""
    assert "was added or used in the last" in free.command("unused 30").text


@pytest.mark.parametrize("days", ["0", "-1", "x", "9" * 5000])
def test_days_that_are_none(free, days):
    """A number that is no number of days is explained."""
    assert ":warning:" in free.command(f"unused {days}").text


def test_a_page_of_docker_hub_is_told_apart(team):
    """An image's address from the browser is not taken for a registry's."""
    shown = team.command("which hub.docker.com/r/team/app")

    assert "hub.docker.com is Docker Hub's website, not a registry." in shown.text
    assert "Docker Hub" in shown.text


def test_answer_names_the_owner_and_leads_to_it(free):
    """The reply says whose login it is, and everything about it is one press away."""
    answer = free.command("which registry.example.com/team/app")
    shown = free.press("Show", on=answer)

    assert f"Its owner is <@{MEMBER}>" in answer.text
    assert shown.title == "my_registry"


def test_closed_one_answers_the_tokens_of_its_owner(free):
    """Nothing answers for anybody's workflow; that its owner's own tokens fetch it is said."""
    close(free)
    shown = free.command(f"which {IMAGE}")

    assert ":warning: *“my_registry” is for linked targets only.*" in shown.text
    assert (
        f"only to linked targets and to tokens created by the owner: *my_registry* (<@{MEMBER}>)."
        in shown.text
    )


def test_tokens_that_get_something_else_are_named(free):
    """For a target, each of its tokens that gets something else is named with what it gets."""
    free.command("token create project web-shop", MEMBER)
    free.command("token create project web-shop", COLLEAGUE)
    made = {one.created_by: one.id for one in free.store.read(ACME).tokens.of_target(WEB_SHOP)}
    mine, theirs = made[MEMBER], made[COLLEAGUE]
    opened = free.command(f"which {IMAGE} project web-shop")
    close(free)
    closed = free.command(f"which {IMAGE} project web-shop")

    assert f"`{theirs}`, by <@{COLLEAGUE}>, gets nothing. No admin has approved" in opened.text
    assert mine not in opened.text
    assert f"`{mine}`, by <@{MEMBER}>, gets *my_registry*: it is the only one for this server." in closed.text
    assert theirs not in closed.text


def test_token_that_was_taken_over_is_not_its_owners(free):
    """A token in other hands does not reach what is closed: it is not among those that do."""
    close(free)
    free.command("token create project web-shop", COLLEAGUE)
    free.command(f"give all of <@{COLLEAGUE}|c> to <@{MEMBER}|m>", ADMIN)
    free.press("Give all", ADMIN)

    assert "something else" not in free.command(f"which {IMAGE} project web-shop").text


def test_word_that_is_too_long_names_no_image(free):
    """A text far longer than any image is not looked at, and no incident."""
    shown = free.command("which " + "a" * 3000)

    assert "my_registry" not in shown.text
    assert "Something went wrong" not in shown.text
