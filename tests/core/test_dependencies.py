"""Links, past Slack: what a target may be called, where its settings may be, who takes a link back."""

from dataclasses import replace

import pytest

from bot.core.errors import AlreadyDeleted, InvalidInput, NotPermitted, UnknownDependency
from bot.core.integrations.deletions import delete_integration
from bot.core.integrations.dependencies import link_target, read_settings_url, unlink_if_linked, unlink_target
from bot.core.integrations.target_names import TargetUses, find_uses, read_target
from bot.core.model import Target, TargetKind
from bot.core.queries import HistoryQuery
from tests.core.actors import ACME, ADMIN, COLLEAGUE, NOBODY, OWNER, STRANGER, VIEWER, actor
from tests.core.test_deletions import Overtaken

SHOP = Target(TargetKind.PROJECT, "web-shop")


@pytest.fixture
def linked(ports, added):
    """The added integration, which a colleague linked to a project."""
    return link_target(ports, COLLEAGUE, added.name, SHOP, "https://ci.example.com/settings").integration


@pytest.mark.parametrize(
    "name", ["a", "web-shop", "registry.example.com:5000/team/app@sha256:ab", "Ünï cödé", "x" * 200]
)
def test_target_names(name):
    """Anything on one line of at most 200 characters is a name."""
    assert read_target("Project", name) == Target(TargetKind.PROJECT, name)


@pytest.mark.parametrize(
    "name", [" web-shop", "web-shop\u200b", "\ufeffweb\u00ad-shop", "web\u2060-shop\u202e "]
)
def test_what_nobody_sees_makes_no_other_target(name):
    """Two targets that look the same are the same."""
    assert read_target("project", name) == SHOP


@pytest.mark.parametrize("name", ["", " ", "\u200b", "a\nb", "a\x00b", "\t", "x" * 201])
def test_what_is_no_target_name(name):
    """Nothing empty, padded, over several lines or too long."""
    with pytest.raises(InvalidInput):
        read_target("project", name)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://ci.example.com",
        "javascript:alert(1)",
        "//ci.example.com",
        "https://",
        "https://ci.example.com/a b",
        "https://ci.example.com/|x",
        "https://ci.example.com/>x",
        "https://ann:pw@ci.example.com/",
        "https://[broken",
        "https://ci.example.com/" + "x" * 1000,
    ],
)
def test_what_is_no_settings_link(url):
    """A settings link is a plain web address: it is shown as a link to everybody."""
    with pytest.raises(InvalidInput):
        read_settings_url(url)


@pytest.mark.parametrize("who", [VIEWER, NOBODY])
def test_who_may_not_link(store, ports, added, who):
    """Viewers and outsiders record nothing."""
    with pytest.raises(NotPermitted):
        link_target(ports, who, added.name, SHOP)

    assert store.read(ACME).dependencies.page(added.id, 0, 10).total == 0


def test_link_to_what_is_deleted_at_the_last_moment(store, ports, added):
    """A link is never recorded to an integration that is gone."""
    overtaken = Overtaken(store, lambda: delete_integration(ports, ADMIN, added.id, added.version))
    with pytest.raises(AlreadyDeleted):
        link_target(replace(ports, store=overtaken), COLLEAGUE, added.name, SHOP)

    assert store.read(ACME).dependencies.of_target(SHOP) == ()


@pytest.mark.parametrize("who", [OWNER, COLLEAGUE, ADMIN])
def test_who_takes_a_link_back(store, ports, linked, who):
    """The owner, an admin, and whoever recorded it."""
    unlink_target(ports, who, linked.id, SHOP)

    assert store.read(ACME).dependencies.page(linked.id, 0, 10).total == 0


@pytest.mark.parametrize("who", [actor("U0THIRD"), VIEWER, NOBODY])
def test_who_does_not(store, ports, linked, who):
    """Nobody else; and the attempt is recorded."""
    with pytest.raises(NotPermitted):
        unlink_target(ports, who, linked.id, SHOP)

    assert store.read(ACME).dependencies.page(linked.id, 0, 10).total == 1
    assert store.read(ACME).history.page(HistoryQuery()).entries[0].event.result == "refused"


def test_relink_by_another_keeps_who_was_first(ports, linked):
    """Linking again changes neither who added it, and so who may take it back, nor their settings link."""
    done = link_target(ports, actor("U0THIRD"), linked.name, SHOP, "https://ci.example.com/other")

    assert done.was_new is False
    assert done.dependency.added_by == COLLEAGUE.user_id
    assert done.dependency.settings_url == "https://ci.example.com/settings"


def test_late_unlink_is_a_sentence(ports, linked):
    """What was taken back already is told in a sentence, and nothing is raised."""
    assert unlink_if_linked(ports, OWNER, linked.id, SHOP) is None
    assert "does not depend on" in unlink_if_linked(ports, OWNER, linked.id, SHOP)


def test_unknown_dependency_knows_the_nearest(ports, linked):
    """A misspelt target is answered with one that looks like it, of its own kind only."""
    with pytest.raises(UnknownDependency, match="Did you mean “web-shop”"):
        unlink_target(ports, OWNER, linked.id, Target(TargetKind.PROJECT, "web-shp"))
    with pytest.raises(UnknownDependency, match="There is nothing to remove"):
        unlink_target(ports, OWNER, linked.id, Target(TargetKind.IMAGE, "web-shp"))


def test_uses_are_of_one_workspace(ports, linked):
    """Another workspace's target of the same name uses nothing of ours."""
    assert [use.integration.id for use in find_uses(ports, OWNER, SHOP).uses] == [linked.id]
    assert find_uses(ports, STRANGER, SHOP) == TargetUses(SHOP, ())
