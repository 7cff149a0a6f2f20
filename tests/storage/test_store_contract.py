"""What every store keeps to, whichever it is: changes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.core.errors import HasDependencies, NameTaken, NotFound
from bot.core.model import Dependency, Integration, Workspace
from bot.core.ports.former_store import Store
from bot.core.queries import Filter, Window
from tests.storage.samples import (
    IMAGE,
    NOON,
    PROJECT,
    T1,
    T2,
    add,
    add_in,
    delete,
    dependency,
    full_dependency,
    full_integration,
    integration,
    link,
    names,
)


class Refused(Exception):
    """What a test raises inside a change."""


def change_and_raise(store: Store, one: Integration) -> None:
    """Begin a change of everything, then raise."""
    with store.transaction(T1) as change:
        add_in(change, integration("lost"))
        change.put_dependency(dependency(one))
        change.remember("request", "x")
        raise Refused


def test_new_store_is_empty(store: Store) -> None:
    """A workspace that nobody used holds nothing."""
    page = store.page(T1, Filter(), Window())

    assert (page.rows, page.start, page.total, page.everything) == ((), 0, 0, 0)
    assert store.history(T1).entries == ()
    assert store.nearest_names(T1, "anything") == ()


@pytest.mark.parametrize("made", [integration, full_integration])
def test_integration_comes_back_as_it_was(store: Store, made: Callable[[], Integration]) -> None:
    """Every field of an integration is kept, those with their default too."""
    one = made()
    add(store, one)

    assert store.integration(T1, one.id) == one
    assert store.integration_named(T1, one.name.upper()) == one


@pytest.mark.parametrize("made", [dependency, full_dependency])
def test_dependency_comes_back_as_it_was(store: Store, made: Callable[[Integration], Dependency]) -> None:
    """Every field of a dependency is kept, those with their default too."""
    one = integration()
    add(store, one)
    link(store, made(one))

    assert store.dependencies(T1, one.id, 0, 10).rows == (made(one),)


def test_workspaces_see_nothing_of_each_other(store: Store) -> None:
    """The same name may stand in two workspaces, and neither finds the other's."""
    mine, theirs = integration("shared"), integration("shared", workspace=T2)
    add(store, mine)
    add(store, theirs, workspace=T2)

    assert store.integration_named(T1, "shared") == mine
    assert store.integration_named(T2, "shared") == theirs
    assert store.integration(T2, mine.id) is None


@pytest.mark.parametrize("name", ["../T2", "t1", "", "T1/x", "T1-", "A" * 33, "T1-T2-T3", "meta"])
def test_false_workspace_is_refused(store: Store, name: str) -> None:
    """What is no id of a Slack workspace is never the name of a file or a row."""
    with pytest.raises(Exception, match="no id of a Slack workspace"):
        add(store, integration(), workspace=Workspace(name))


@pytest.mark.parametrize("taken", ["same", "SAME", "Same"])
def test_name_is_taken_whatever_its_case(store: Store, taken: str) -> None:
    """The store itself refuses a second integration of a name, and keeps nothing of the change."""
    add(store, integration("same"))
    with pytest.raises(NameTaken):
        add(store, integration("other"), integration(taken))

    assert names(store) == ["same"]
    assert len(store.history(T1).entries) == 1


def test_rename_frees_the_old_name(store: Store) -> None:
    """After a rename the old name is free, the new one is found, and dependencies follow."""
    one = integration("before")
    add(store, one)
    link(store, dependency(one))
    add(store, replace(one, name="after", version=2))
    add(store, integration("before"))

    assert store.integration_named(T1, "AFTER") == replace(one, name="after", version=2)
    assert names(store) == ["after", "before"]
    assert store.uses(T1, PROJECT)[0].integration.name == "after"


def test_change_of_case_is_a_rename(store: Store) -> None:
    """An integration may take its own name in another case."""
    one = integration("name")
    add(store, one)
    add(store, replace(one, name="NAME"))

    assert names(store) == ["NAME"]


def test_integration_with_dependencies_stays(store: Store) -> None:
    """The store itself refuses to delete what something depends on."""
    one = integration()
    add(store, one)
    link(store, dependency(one), dependency(one, IMAGE))
    with pytest.raises(HasDependencies) as caught:
        delete(store, one)

    assert caught.value.count == 2
    assert store.integration(T1, one.id) == one
    assert len(store.history(T1).entries) == 1


def test_deleted_integration_is_gone(store: Store) -> None:
    """Once its dependencies are removed, an integration can be deleted, and its name is free."""
    one = integration()
    add(store, one)
    link(store, dependency(one))
    with store.transaction(T1) as change:
        change.remove_dependency(one.id, PROJECT)
        change.remove_integration(one.id)
    add(store, integration(one.name))

    assert store.integration(T1, one.id) is None
    assert store.uses(T1, PROJECT) == ()


def test_removing_what_is_not_there_changes_nothing(store: Store) -> None:
    """Taking away an integration or a dependency that is gone is no error."""
    one = integration()
    add(store, one)
    with store.transaction(T1) as change:
        change.remove_integration("unknown")
        change.remove_dependency(one.id, PROJECT)

    assert names(store) == [one.name]


def test_dependency_on_a_deleted_integration_is_refused(store: Store) -> None:
    """Nothing can depend on an integration that is gone."""
    one = integration()
    add(store, one)
    delete(store, one)

    with pytest.raises(NotFound):
        link(store, dependency(one))


def test_dependency_is_replaced_by_its_target(store: Store) -> None:
    """Linking a target again keeps one dependency, with the new link to its settings."""
    one = integration()
    add(store, one)
    link(store, dependency(one))
    link(store, replace(dependency(one), settings_url="https://ci.example.com"))

    assert [row.settings_url for row in store.dependencies(T1, one.id, 0, 10).rows] == [
        "https://ci.example.com"
    ]
    assert len(store.uses(T1, PROJECT)) == 1


def test_raising_inside_a_change_keeps_nothing(store: Store) -> None:
    """When the block raises, neither its changes nor its audit entries are kept."""
    one = integration("kept")
    add(store, one)
    with pytest.raises(Refused):
        change_and_raise(store, one)

    assert names(store) == ["kept"]
    assert store.dependencies(T1, one.id, 0, 10).total == 0
    assert len(store.history(T1).entries) == 1


def test_change_sees_what_it_has_done(store: Store) -> None:
    """Inside a change, its own puts and removals are seen at once; outside they are not yet."""
    one = integration("inside")
    with store.transaction(T1) as change:
        change.put_integration(one)
        change.put_dependency(dependency(one))
        seen = (
            change.integration(one.id),
            change.dependency(one.id, PROJECT),
            change.dependency_count(one.id),
        )
        outside = store.integration(T1, one.id)

    assert seen == (one, dependency(one), 1)
    assert outside is None


def test_change_within_a_change_is_refused(store: Store) -> None:
    """A second change of a workspace on the same thread is a fault of the caller, told at once."""
    with pytest.raises(RuntimeError), store.transaction(T1), store.transaction(T1):
        pass

    add(store, integration())


def test_time_keeps_its_microseconds(store: Store) -> None:
    """Times come back in UTC to the microsecond."""
    one = integration()
    add(store, one)
    kept = store.integration(T1, one.id)

    assert kept is not None
    assert (kept.created_at, kept.created_at.tzinfo) == (NOON, NOON.tzinfo)
