"""Adding, finding and listing, past Slack: one workspace each, once a request, never half."""

import time
from dataclasses import replace

import pytest

from bot.core.audit import Action, event
from bot.core.errors import (
    AlreadyDeleted,
    InvalidFields,
    KeyringFailure,
    NotFound,
    NotPermitted,
    UnknownIntegration,
)
from bot.core.integrations.credentials import open_credential, seal_context
from bot.core.integrations.deletions import delete_integration
from bot.core.integrations.inventory import (
    add_integration,
    find_integration,
    get_integration,
    list_integrations,
    read_whole_history,
)
from bot.core.queries import Filter, HistoryQuery, Window
from tests.core.actors import ADMIN, COLLEAGUE, NOBODY, OTHER, OWNER, STRANGER, VIEWER, actor
from tests.fakes.scripted_registry import REJECTED


@pytest.fixture
def add(ports, draft):
    """Add an integration as somebody."""

    def act(who=OWNER, is_checked=True, **typed):
        return add_integration(ports, who, draft(**typed), is_checked=is_checked).integration

    return act


def test_secret_is_sealed_for_its_own_integration(add, keyring):
    """What is kept opens for this integration of this workspace, and for no other."""
    first, second = add(), add(name="second", password="other")

    assert open_credential(keyring, OWNER.workspace, first)["password"].reveal() == "correct horse"
    with pytest.raises(KeyringFailure):
        keyring.open(place_of(first), second.secret)


def place_of(integration):
    """Where an integration's credential belongs."""
    return seal_context(OWNER.workspace, integration)


@pytest.mark.parametrize("who", [VIEWER, NOBODY])
def test_who_may_not_add_asks_no_registry(add, registry, who):
    """A refusal comes before anything is asked of a registry."""
    with pytest.raises(NotPermitted):
        add(who)

    assert registry.checked == []


def test_form_that_waits_no_longer_is_checked_at_once(ports, draft, registry):
    """The time that Slack took to say who sent a form is taken off the registry's."""
    late = replace(ports, form_until=time.monotonic() - 1)
    add_integration(late, OWNER, draft(), is_checked=True)

    assert registry.deadlines == [0.1]


def test_same_request_adds_once(add, store):
    """The same request sent twice gives the same integration."""
    once, twice = add(actor(request_id="r1")), add(actor(request_id="r1"))

    assert twice == once
    assert store.read(OWNER.workspace).integrations.page(Filter(), Window()).total == 1


def test_same_request_of_another_name_adds_nothing(add):
    """A request's outcome is its first one, whatever it says the second time."""
    once, twice = add(actor(request_id="r1")), add(actor(request_id="r1"), name="other")

    assert twice == once


def test_refused_request_may_be_sent_again(add, registry):
    """A request that was refused is not remembered as done."""
    registry.result = REJECTED
    with pytest.raises(InvalidFields):
        add(actor(request_id="r1"))
    registry.result = type(registry)().result

    assert add(actor(request_id="r1")).name == "my_registry"


def test_workspaces_do_not_see_each_other(ports, add):
    """The same name in two workspaces is two integrations, and neither sees the other's."""
    mine, theirs = add(), add(STRANGER)

    assert find_integration(ports, OWNER, "my_registry") == mine
    assert find_integration(ports, STRANGER, "my_registry") == theirs
    with pytest.raises(NotFound, match="does not exist in this workspace"):
        get_integration(ports, STRANGER, mine.id)


def test_admin_of_another_workspace_deletes_nothing_here(add, store, ports):
    """An id from another workspace is unknown, even to an admin."""
    mine = add()
    with pytest.raises(NotFound):
        delete_integration(ports, STRANGER, mine.id, mine.version)

    assert store.read(OTHER).integrations.get(mine.id) is None
    assert store.read(OWNER.workspace).integrations.get(mine.id) == mine


def test_deleted_is_told_with_who_and_when(ports, add):
    """What is gone is told apart from what never was."""
    mine = add()
    delete_integration(ports, ADMIN, mine.id, mine.version)
    with pytest.raises(AlreadyDeleted) as gone:
        get_integration(ports, COLLEAGUE, mine.id)

    assert (gone.value.name, gone.value.deleted_by) == ("my_registry", ADMIN.user_id)


def test_unknown_name_knows_the_nearest(ports, add):
    """At most three names that look like what was typed."""
    add(name="my_registry")
    with pytest.raises(UnknownIntegration) as unknown:
        find_integration(ports, OWNER, "my-registry")

    assert unknown.value.nearest == ("my_registry",)


@pytest.mark.parametrize("window", [Window(after="zzz"), Window(before="aaa"), Window(after="my_registry")])
def test_window_past_an_end_shows_rows(ports, add, window):
    """A page that lies past an end shows what there is."""
    add()

    assert len(list_integrations(ports, OWNER, Filter(), window).rows) == 1


def test_whole_history_is_read_in_pages(add, ports):
    """An export has every entry, over as many pages as there are, and no more than were asked for."""
    one = add()
    with ports.store.change(OWNER.workspace) as change:
        [change.record(event(OWNER, Action.EDIT, one, reason=str(number))) for number in range(1000)]

    assert len(read_whole_history(ports, OWNER, HistoryQuery(), 10_000)) == 1001
    assert len(read_whole_history(ports, OWNER, HistoryQuery(), 600)) == 600
