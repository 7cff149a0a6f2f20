"""Deleting, past Slack: decided again inside the transaction that deletes."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from bot.core.errors import AlreadyDeleted, HasDependencies, NotPermitted
from bot.core.integrations.deletions import delete_integration, plan_deletion, remove_dependency
from bot.core.integrations.dependencies import link_target
from bot.core.model import Target, TargetKind
from tests.core.actors import ACME, ADMIN, COLLEAGUE, NOBODY, OWNER, VIEWER

SHOP = Target(TargetKind.PROJECT, "web-shop")


class Overtaken:
    """A store that lets a colleague act just before the next transaction begins."""

    def __init__(self, store, first):
        self._store, self._first = store, first

    def __getattr__(self, name):
        return getattr(self._store, name)

    @contextmanager
    def change(self, workspace):
        """Let the colleague act, once, then begin."""
        first, self._first = self._first, bool
        first()
        with self._store.change(workspace) as change:
            yield change


def test_dependency_of_the_last_moment_stops_it(store, ports, added):
    """A target that is linked after every check but before the transaction is seen inside it."""
    overtaken = Overtaken(store, lambda: link_target(ports, COLLEAGUE, "my_registry", SHOP))
    plan = delete_integration(replace(ports, store=overtaken), OWNER, added.id, added.version)

    assert plan.dependencies.total == 1
    assert "1 target depends on it" in plan.note
    assert store.read(ACME).integrations.get(added.id) == added


def test_deletion_of_the_last_moment_is_told(store, ports, added):
    """A colleague who deletes just before is named."""
    overtaken = Overtaken(store, lambda: delete_integration(ports, ADMIN, added.id, added.version))
    with pytest.raises(AlreadyDeleted) as gone:
        delete_integration(replace(ports, store=overtaken), OWNER, added.id, added.version)

    assert gone.value.deleted_by == ADMIN.user_id


def test_store_itself_refuses_too(store, ports, added):
    """Even past the domain, the store takes nothing away that something depends on."""
    link_target(ports, OWNER, "my_registry", SHOP)
    with pytest.raises(HasDependencies), store.change(ACME) as change:
        change.remove(added)

    assert store.read(ACME).integrations.get(added.id) is not None


@pytest.mark.parametrize("who", [COLLEAGUE, VIEWER, NOBODY])
@pytest.mark.parametrize("act", [plan_deletion, lambda *what: delete_integration(*what, 1)])
def test_who_may_not_delete_sees_no_plan_either(store, ports, added, who, act):
    """A refusal comes before anything is shown or deleted."""
    with pytest.raises(NotPermitted):
        act(ports, who, added.id)

    assert store.read(ACME).integrations.get(added.id) == added


@pytest.mark.parametrize("version", [0, 2, -1, 10**9])
def test_any_other_version_is_refused(store, ports, added, version):
    """Only the version that was shown is deleted."""
    plan = delete_integration(ports, OWNER, added.id, version)

    assert "was changed after this was shown" in plan.note
    assert store.read(ACME).integrations.get(added.id) == added


def test_deletion_and_its_entry_are_one(store, ports, added):
    """What is deleted is recorded, by whom and under its name."""
    delete_integration(ports, ADMIN, added.id, added.version)
    entry = store.read(ACME).history.deletion(added.id)

    assert (entry.event.actor, entry.event.name) == (ADMIN.user_id, "my_registry")


def test_removing_says_what_it_did(ports, added):
    """Remove says what it did, and what that means."""
    link_target(ports, OWNER, "my_registry", SHOP)
    said = remove_dependency(ports, OWNER, added.id, SHOP)

    assert said == "Removed project web-shop. It can't fetch this integration until somebody links it again."
    assert plan_deletion(ports, OWNER, added.id).dependencies.total == 0


def test_removing_twice_says_that_it_was_gone(ports, added):
    """The second of two is told, and sees the same state."""
    link_target(ports, OWNER, "my_registry", SHOP)
    remove_dependency(ports, ADMIN, added.id, SHOP)

    assert "does not depend on" in remove_dependency(ports, OWNER, added.id, SHOP)
