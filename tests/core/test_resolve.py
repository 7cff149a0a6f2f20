"""Which integration answers once workflows have fetched: a use that was recorded is no decision of people."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.errors import Ambiguous
from bot.core.integrations.dependencies import link_target
from bot.core.integrations.inventory import add_integration
from bot.core.model import Source
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.resolve import decide
from tests.core.actors import ACME, OWNER
from tests.core.conftest import WEB_SHOP
from tests.fakes.clock import MORNING


@pytest.fixture
def add_twin(ports, draft):
    """Add a second integration of the same server."""
    return lambda: add_integration(ports, OWNER, draft("twin"), is_checked=False).integration


@pytest.fixture
def twin(add_twin):
    """A second integration of the same server."""
    return add_twin()


@pytest.fixture
def fetch(ports, caller):
    """Fetch an integration by its name."""

    def act(one):
        held = ports.store.token_holder(caller.token.id, one.name)
        return fetch_named(ports, replace(caller, candidates=held.candidates), one.name)

    return act


@pytest.fixture
def answer(ports, caller, added):
    """The name and the reason of what answers for the server."""

    def act(token=None):
        held = ports.store.token_holder(caller.token.id, added.server)
        choice = decide(held.candidates, added.server, caller.token.target, token)
        return choice.integration.name, choice.reason

    return act


def tick_default(store, one, *, is_default=True):
    """Make an integration the default of its server, past its form."""
    with store.change(ACME) as change:
        change.put(replace(change.integrations.get(one.id), is_default=is_default))


def test_fetching_another_by_name_leaves_the_link_alone(ports, fetch, answer, added, twin):
    """What people linked goes on answering, whatever else the target fetches."""
    link_target(ports, OWNER, added.name, WEB_SHOP)
    fetch(twin)

    assert answer() == ("my_registry", "it is linked to this target")


def test_default_moves_for_targets_that_fetched(store, fetch, answer, added, twin):
    """A target that only fetched the old default gets the new one."""
    tick_default(store, added)
    fetch(added)
    tick_default(store, added, is_default=False)
    tick_default(store, twin)

    assert answer() == ("twin", "it is the default for this server")


def test_one_more_integration_stops_no_pipeline(fetch, answer, caller, added, add_twin):
    """Where nothing else decides, a target goes on with the one it has used."""
    fetch(added)
    add_twin()

    assert answer(caller.token) == ("my_registry", "this target has used it before")


def test_one_more_integration_stops_no_build(ports, fetch, answer, caller, draft, added, add_twin):
    """A build that pulls from one registry and pushes to another at once goes on with what it has used."""
    other = add_integration(ports, OWNER, draft("other", url="other.example.com"), is_checked=False)
    fetch(added)
    fetch(other.integration)
    add_twin()

    assert answer(caller.token) == ("my_registry", "this target has used it before")


def test_use_alone_comes_before_a_use_along_with_others(ports, fetch, answer, caller, draft, added, twin):
    """Of two that were used, the one that was fetched alone answers."""
    other = add_integration(ports, OWNER, draft("other", url="other.example.com"), is_checked=False)
    fetch(added)
    fetch(other.integration)
    at = caller.at + timedelta(minutes=1)
    held = ports.store.token_holder(caller.token.id, twin.name)
    fetch_named(ports, replace(caller, at=at, candidates=held.candidates), twin.name)

    assert answer(caller.token) == ("twin", "this target has used it before")


def test_two_uses_decide_nothing(fetch, answer, added, twin):
    """A target that has used both is told to link one."""
    fetch(added)
    fetch(twin)
    with pytest.raises(Ambiguous, match=r"Link one: /integrations link NAME project web-shop;") as several:
        answer()

    assert several.value.names == ("my_registry", "twin")


def test_link_makes_a_use_a_decision(ports, fetch, answer, added, twin):
    """Linking what a workflow has used already is a link of its own, and decides."""
    fetch(added)
    fetch(twin)
    done = link_target(ports, OWNER, twin.name, WEB_SHOP)
    again = link_target(ports, OWNER, twin.name, WEB_SHOP)

    assert (done.was_new, again.was_new) == (True, False)
    assert done.dependency.source is Source.SLACK
    assert done.dependency.last_used_at == MORNING
    assert answer() == ("twin", "it is linked to this target")


def test_two_links_are_told_apart_by_unlinking(ports, answer, added, twin):
    """Between two links the hint is to take one back, not to make a third."""
    link_target(ports, OWNER, added.name, WEB_SHOP)
    link_target(ports, OWNER, twin.name, WEB_SHOP, is_sure=True)

    with pytest.raises(Ambiguous, match=r"Unlink all but one: /integrations unlink NAME project web-shop;"):
        answer()


def test_closed_neighbours_leave_one_to_choose(store, answer, twin):
    """An integration for linked targets only does not make the other ambiguous."""
    with store.change(ACME) as change:
        change.put(replace(twin, linked_only=True))

    assert answer() == ("my_registry", "this target can't fetch the others")
