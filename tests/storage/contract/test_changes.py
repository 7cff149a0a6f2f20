"""What every store keeps to, whichever it is: changes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.core.errors import HasDependencies, KeyringFailure, NameTaken, NotFound, Outdated
from bot.core.model import Dependency, Integration, Workspace
from bot.core.ports.store import Store
from bot.core.queries import Filter, HistoryQuery, Window
from bot.core.secrets import Sealed
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
from tests.storage.tokens import token


class Refused(Exception):
    """What a test raises inside a change."""


def change_and_raise(store: Store, one: Integration) -> None:
    """Begin a change of everything, then raise."""
    with store.change(T1) as change:
        add_in(change, integration("lost"))
        change.put(dependency(one))
        change.remember("request", "x")
        raise Refused


def test_new_store_is_empty(store: Store) -> None:
    """A workspace that nobody used holds nothing."""
    page = store.read(T1).integrations.page(Filter(), Window())

    assert (page.rows, page.start, page.total, page.everything) == ((), 0, 0, 0)
    assert store.read(T1).history.page(HistoryQuery()).entries == ()
    assert store.read(T1).integrations.nearest("anything") == ()


@pytest.mark.parametrize("made", [integration, full_integration])
def test_integration_comes_back_as_it_was(store: Store, made: Callable[[], Integration]) -> None:
    """Every field of an integration is kept, those with their default too."""
    one = made()
    add(store, one)

    assert store.read(T1).integrations.get(one.id) == one
    assert store.read(T1).integrations.named(one.name.upper()) == one


@pytest.mark.parametrize("made", [dependency, full_dependency])
def test_dependency_comes_back_as_it_was(store: Store, made: Callable[[Integration], Dependency]) -> None:
    """Every field of a dependency is kept, those with their default too."""
    one = integration()
    add(store, one)
    link(store, made(one))

    assert store.read(T1).dependencies.page(one.id, 0, 10).rows == (made(one),)


def test_workspaces_see_nothing_of_each_other(store: Store) -> None:
    """The same name may stand in two workspaces, and neither finds the other's."""
    mine, theirs = integration("shared"), integration("shared", workspace=T2)
    add(store, mine)
    add(store, theirs, workspace=T2)

    assert store.read(T1).integrations.named("shared") == mine
    assert store.read(T2).integrations.named("shared") == theirs
    assert store.read(T2).integrations.get(mine.id) is None


@pytest.mark.parametrize("name", ["../T2", "t1", "", "T1/x", "T1-", "A" * 33, "T1-T2-T3", "meta"])
def test_false_workspace_is_refused(store: Store, name: str) -> None:
    """What is not the id of a Slack workspace is never the name of a file or a row."""
    with pytest.raises(Exception, match="not the id of a Slack workspace"):
        add(store, integration(), workspace=Workspace(name))


@pytest.mark.parametrize("taken", ["same", "SAME", "Same"])
def test_name_is_taken_whatever_its_case(store: Store, taken: str) -> None:
    """The store itself refuses a second integration of a name, and keeps nothing of the change."""
    add(store, integration("same"))
    with pytest.raises(NameTaken):
        add(store, integration("other"), integration(taken))

    assert names(store) == ["same"]
    assert len(store.read(T1).history.page(HistoryQuery()).entries) == 1


def test_rename_frees_the_old_name(store: Store) -> None:
    """After a rename the old name is free, the new one is found, and dependencies follow."""
    one = integration("before")
    add(store, one)
    link(store, dependency(one))
    add(store, replace(one, name="after", version=2))
    add(store, integration("before"))

    assert store.read(T1).integrations.named("AFTER") == replace(one, name="after", version=2)
    assert names(store) == ["after", "before"]
    assert store.read(T1).dependencies.of_target(PROJECT)[0].integration.name == "after"


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
    assert store.read(T1).integrations.get(one.id) == one
    assert len(store.read(T1).history.page(HistoryQuery()).entries) == 1


def test_deleted_integration_is_gone(store: Store) -> None:
    """Once its dependencies are removed, an integration can be deleted, and its name is free."""
    one = integration()
    add(store, one)
    link(store, dependency(one))
    with store.change(T1) as change:
        change.remove(dependency(one))
        change.remove(one)
    add(store, integration(one.name))

    assert store.read(T1).integrations.get(one.id) is None
    assert store.read(T1).dependencies.of_target(PROJECT) == ()


def test_removing_what_is_not_there_changes_nothing(store: Store) -> None:
    """Taking away a dependency that is gone is no error."""
    one = integration()
    add(store, one)
    with store.change(T1) as change:
        change.remove(dependency(one))

    assert names(store) == [one.name]


@pytest.mark.parametrize("version", [2, 3])
def test_next_version_replaces_the_one_before(store: Store, version: int) -> None:
    """An integration is replaced by one of its version, and by one of the next."""
    one = replace(integration("first"), version=1)
    second = replace(one, name="second", version=2)
    add(store, one)
    add(store, second)
    add(store, replace(second, name="third", version=version))

    assert names(store) == ["third"]


@pytest.mark.parametrize("version", [1, 4])
def test_other_version_replaces_nothing(store: Store, version: int) -> None:
    """What was made of an older state is refused, with how it is now; so is what skips a version."""
    one = integration("first")
    present = replace(one, name="present", version=2)
    add(store, one)
    add(store, present)
    with pytest.raises(Outdated) as caught:
        add(store, replace(one, name="mine", version=version))

    assert caught.value.present == present
    assert names(store) == ["present"]


def test_edit_of_what_is_gone_is_refused(store: Store) -> None:
    """What was deleted in the meantime is not brought back by an edit."""
    one = integration()
    add(store, one)
    delete(store, one)
    with pytest.raises(Outdated) as caught:
        add(store, replace(one, version=2))

    assert caught.value.present is None
    assert names(store) == []


@pytest.mark.parametrize("shown", [1, 3])
def test_deleting_what_has_changed_is_refused(store: Store, shown: int) -> None:
    """An integration that is not as it was shown is not deleted."""
    one = integration()
    add(store, one)
    add(store, replace(one, version=2))
    with pytest.raises(Outdated):
        delete(store, replace(one, version=shown))

    assert names(store) == [one.name]


def test_secret_that_is_not_sealed_is_refused(store: Store) -> None:
    """No plaintext is ever kept."""
    with pytest.raises(KeyringFailure):
        add(store, replace(integration(), secret=Sealed("hunter2")))

    assert names(store) == []


def test_every_integration_is_given(store: Store) -> None:
    """Maintenance gets every integration, sorted by name key."""
    late, early = integration("zebra"), integration("Aardvark")
    add(store, late, early)

    assert list(store.read(T1).integrations.all()) == [early, late]


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

    assert [row.settings_url for row in store.read(T1).dependencies.page(one.id, 0, 10).rows] == [
        "https://ci.example.com"
    ]
    assert len(store.read(T1).dependencies.of_target(PROJECT)) == 1


def test_raising_inside_a_change_keeps_nothing(store: Store) -> None:
    """When the block raises, neither its changes nor its audit entries are kept."""
    one = integration("kept")
    add(store, one)
    with pytest.raises(Refused):
        change_and_raise(store, one)

    assert names(store) == ["kept"]
    assert store.read(T1).dependencies.page(one.id, 0, 10).total == 0
    assert len(store.read(T1).history.page(HistoryQuery()).entries) == 1


def test_change_sees_what_it_has_done(store: Store) -> None:
    """Inside a change, its own puts and removals are seen at once; outside they are not yet."""
    one = integration("inside")
    with store.change(T1) as change:
        change.put(one)
        change.put(dependency(one))
        seen = (
            change.integrations.get(one.id),
            change.dependencies.get(one.id, PROJECT),
            change.dependencies.page(one.id, 0, 1).total,
        )
        outside = store.read(T1).integrations.get(one.id)

    assert seen == (one, dependency(one), 1)
    assert outside is None


def test_change_within_a_change_is_refused(store: Store) -> None:
    """A second change of a workspace on the same thread is a fault of the caller, told at once."""
    with pytest.raises(RuntimeError), store.change(T1), store.change(T1):
        pass

    add(store, integration())


def test_time_keeps_its_microseconds(store: Store) -> None:
    """Times come back in UTC to the microsecond."""
    one = integration()
    add(store, one)
    kept = store.read(T1).integrations.get(one.id)

    assert kept is not None
    assert (kept.created_at, kept.created_at.tzinfo) == (NOON, NOON.tzinfo)


def test_what_a_change_looked_up_is_looked_up_again_after_it(store: Store) -> None:
    """A change that has asked for lists before it changes them leaves no former answer behind."""
    given, mine, theirs = integration(), Filter(owner="U1"), Filter(owner="U2")
    with store.change(T1) as change:
        change.put(given)
        change.put(token())
    with store.change(T1) as change:
        before = [change.integrations.page(one, Window()).total for one in (mine, theirs)]
        tokens = change.tokens.page(NOON, ("u1",), 0, 10).total
        change.put(replace(given, owner="U2", version=2))
        change.put(replace(token(), created_by="U2"))
        within = [change.integrations.page(one, Window()).total for one in (mine, theirs)]
    reading = store.read(T1)
    after = [reading.integrations.page(one, Window()).total for one in (mine, theirs)]
    words = ("u1", "u2")

    assert (before, tokens) == ([1, 0], 1)
    assert (within, after) == ([0, 1], [0, 1])
    assert [reading.tokens.page(NOON, (one,), 0, 10).total for one in words] == [0, 1]
