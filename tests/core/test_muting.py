"""Muting an integration's news, and what comes between looking and changing."""

from dataclasses import replace

import pytest

from bot.core.errors import AlreadyDeleted, NotPermitted
from bot.core.integrations.deletions import delete_integration
from bot.core.integrations.watch import mute_integration, unmute_integration
from bot.core.queries import Filter, HistoryQuery, Window
from tests.core.actors import ACME, ADMIN, COLLEAGUE, OWNER
from tests.core.test_deletions import Overtaken

BOTH = (mute_integration, unmute_integration)


@pytest.mark.parametrize("act", BOTH)
def test_what_is_deleted_at_the_last_moment_stays_gone(store, ports, added, act):
    """An integration that a colleague deletes at that moment is not put back."""
    overtaken = Overtaken(store, lambda: delete_integration(ports, ADMIN, added.id, added.version))
    with pytest.raises(AlreadyDeleted):
        act(replace(ports, store=overtaken), OWNER, added.id)

    assert store.read(ACME).integrations.page(Filter(), Window()).total == 0


@pytest.mark.parametrize("act", BOTH)
def test_only_its_owner_and_admins_mute(store, ports, added, act):
    """Somebody else is refused, and nothing changes."""
    with pytest.raises(NotPermitted):
        act(ports, COLLEAGUE, added.id)

    assert store.read(ACME).integrations.get(added.id) == added


def test_what_is_not_muted_is_not_recorded_as_heard_again(store, ports, added):
    """Unmuting what is not muted changes and records nothing."""
    before = store.read(ACME).history.page(HistoryQuery()).entries
    unmute_integration(ports, OWNER, added.id)

    assert store.read(ACME).history.page(HistoryQuery()).entries == before
