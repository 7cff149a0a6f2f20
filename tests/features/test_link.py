"""Linking targets to integrations, and taking links back."""

from dataclasses import replace

import pytest

from tests.fakes.lookups import tokens_in
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.features.team import ACME, SETTINGS


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("project web-shop", "project web-shop"),
        ("PROJECT web-shop", "project web-shop"),
        ("environment production", "environment production"),
        ("env production", "environment production"),
        ("image registry.example.com/team/app:1.2", "image registry.example.com/team/app:1.2"),
        ("project “web shop”", "project web shop"),
        ("project <http://shop.example.com|shop.example.com>", "project shop.example.com"),
        ("project task-management-service-production", "project task-management-service-production"),
        ("image registry.example.com/team/auth:1.2", "image registry.example.com/team/auth:1.2"),
        ("image registry.example.com/Team-One/Web-Shop-Frontend2", "image registry.example.com/Team-One/"),
        ("project payload=1", "project payload=1"),
    ],
)
def test_each_kind_of_target_is_linked(free, typed, said):
    """Projects, environments and images are linked, their names as people type them."""
    shown = free.command(f"link my_registry {typed}")

    assert f"{said}" in shown.text
    assert "now depends on *my_registry*" in shown.text
    assert free.events()[0] == (MEMBER, "dependency.link", "done")


def test_link_says_what_comes_next(free):
    """The answer says how a pipeline gets the login, and how to take the link back."""
    shown = free.command("link my_registry project web-shop")

    assert "can get this login for `registry.example.com` with a workflow token" in shown.text
    assert "`/integrations token create` creates one." in shown.text
    assert "`/integrations unlink` removes the link." in shown.text


@pytest.mark.parametrize(
    "typed", [SETTINGS, f"<{SETTINGS}>", f"<{SETTINGS}|{SETTINGS}>", f"<{SETTINGS}|Settings>"]
)
def test_settings_link_is_kept(free, typed):
    """The address of the target's settings is kept, wrapped by Slack or not."""
    shown = free.command(f"link my_registry project web-shop {typed}")

    assert f"<{SETTINGS}|Settings>" in shown.text


def test_linking_twice_records_once(free):
    """The second time it is said that the link is there already."""
    free.command("link my_registry project web-shop")
    shown = free.command("link my_registry project web-shop", COLLEAGUE)

    assert "already depends on *my_registry*" in shown.text
    assert free.events().count((MEMBER, "dependency.link", "done")) == 1
    assert (COLLEAGUE, "dependency.link", "done") not in free.events()


def test_linking_again_with_a_settings_link_adds_it(free):
    """A settings link can be added later."""
    free.command("link my_registry project web-shop")
    free.command(f"link my_registry project web-shop {SETTINGS}")

    assert f"<{SETTINGS}|Settings>" in free.command("delete my_registry").text


REFUSED = [
    ("link my_registry", "The kind of target is missing."),
    ("link my_registry project", "The target's name is missing."),
    ("link my_registry server web-1", "project, environment or image"),
    ("link my_registry project " + "x" * 201, "too long"),
    ("link my_registry project ''", "missing"),
    ("link my_registry project web-shop ftp://ci.example.com", "not a web address"),
    ("link my_registry project web-shop javascript:alert(1)", "not a web address"),
    ("link my_registry project web-shop https://ann@ci.example.com/", "user name or password"),
    ("link other project web-shop", "There is no integration named “other”."),
    ("unlink my_registry project web-shop", "project web-shop does not depend on “my_registry”."),
]


@pytest.mark.parametrize(("typed", "said"), REFUSED)
def test_what_cannot_be_linked_is_explained(free, typed, said):
    """What is missing or wrong is said, and nothing is recorded."""
    before = free.events()
    shown = free.command(typed)

    assert said in shown.text
    assert free.events() == before


def test_unlink_takes_it_back(linked):
    """A removed link is gone, but the history keeps it."""
    shown = linked.command("unlink my_registry project web-shop")

    assert "project web-shop no longer depends on *my_registry*." in shown.text
    assert linked.events()[0] == (MEMBER, "dependency.unlink", "done")
    assert linked.command("delete my_registry").buttons == ["Remove", "Remove", "Remove all", "Cancel"]


def test_unlink_of_a_misspelt_target_names_the_nearest(linked):
    """A target that is not linked is answered with one that looks like it."""
    assert "Did you mean “web-shop”?" in linked.command("unlink my_registry project web-shp").text


def test_member_links_what_others_own(free):
    """Every member may record a dependency, and take their own back."""
    free.command("link my_registry project mine", COLLEAGUE)
    shown = free.command("unlink my_registry project mine", COLLEAGUE)

    assert "no longer depends" in shown.text


def test_member_may_not_unlink_what_others_linked(linked):
    """What neither is theirs nor was linked by them stays, and the owner is named."""
    shown = linked.command("unlink my_registry project web-shop", COLLEAGUE)

    assert f"Who can help: <@{MEMBER}>" in shown.text
    assert linked.events()[0] == (COLLEAGUE, "dependency.unlink", "refused")
    assert "3 targets depend on it" in linked.command("delete my_registry").text


def test_admin_unlinks_everything(linked):
    """Admins take every link back."""
    assert "no longer depends" in linked.command("unlink my_registry project web-shop", ADMIN).text


HOSTILE = [
    "<!channel>",
    "<@U0ADMIN>",
    "`code`",
    "*bold*",
    "\u202eeverse",
    "a&b",
    "&lt;!here&gt;",
    "<https://x.example|y>",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_target_names_stay_text(free, name):
    """Whatever a target is called, nobody is pinged and no markup is formed, wherever it is shown."""
    free.link("my_registry", "project", name)
    shown = [free.command("delete my_registry"), free.command("show my_registry"), free.command("history")]
    everything = "\n".join(one.text for one in shown)

    assert "<!channel>" not in everything
    assert "<!here>" not in everything
    assert "<https://x.example" not in everything
    assert f"<@{ADMIN}>" not in everything


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_target_names_can_be_removed(free, name):
    """Remove finds the target whatever it is called."""
    free.link("my_registry", "project", name)
    free.command("delete my_registry")
    shown = free.press("Remove")

    assert "No dependency" in shown.text


def test_link_to_a_closed_integration_names_who_is_let_in(free):
    """A link to a closed integration lets in the tokens that its target has already: they are named."""
    free.command("token create project web-shop", COLLEAGUE)
    free.command("token create project web-shop-2", COLLEAGUE)
    with free.store.change(ACME) as change:
        change.put(replace(free.find("my_registry"), linked_only=True))
    shown = free.command("link my_registry project web-shop")
    other = free.command("link my_registry project nobody")

    (token,) = [one for one in tokens_in(free.store, ACME) if one.target.name == "web-shop"]
    assert f"These workflow tokens can now fetch it: `{token.id}` by <@{COLLEAGUE}>." in shown.text
    assert "workflow tokens" not in other.text


def test_link_of_an_open_integration_names_the_token_that_nobody_approved(free):
    """A link to what any approved token may fetch lets the other tokens of the target in, and says so."""
    free.command("token create project web-shop", COLLEAGUE)

    assert "workflow token" in free.command("link my_registry project web-shop").text
