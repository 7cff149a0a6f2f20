"""Using is depending: what the API writes down before it answers, and what it only counts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.audit import Result
from bot.core.errors import StoreFull
from bot.core.model import Source
from bot.web.api.routing import workflow_api
from tests.fakes.lookups import tokens_in
from tests.fakes.watched import Watched
from tests.fakes.workplace import ACME, PRODUCTION, SERVER, WEB_SHOP
from tests.web.conftest import NINE

ASK = f"/v1/credentials?server={SERVER}"


@pytest.fixture
def used(place):
    """An integration."""
    return place.add()


def test_first_fetch_records_the_dependency(place, token, used):
    """A target's first fetch makes it depend: from a workflow, added by the token's creator, used now."""
    place.ask(ASK, token)
    dependency = place.store.read(ACME).dependencies.get(used.id, WEB_SHOP)

    assert (dependency.source, dependency.added_by) == (Source.WORKFLOW, "U0ADMIN")
    assert (dependency.added_at, dependency.last_used_at) == (NINE, NINE)


def test_dependency_is_on_disk_before_the_answer(place, token, used):
    """When the use cannot be written down, nothing is handed out."""

    full = Watched(place.store)
    full.failing["record_use"] = StoreFull()
    ports = replace(place.services.ports, store=full)
    place.api = workflow_api(replace(place.services, ports=ports))
    answer = place.ask(ASK, token)

    assert answer.error == (503, "store_unavailable")
    assert place.store.read(ACME).dependencies.get(used.id, WEB_SHOP) is None


def test_later_fetches_write_nothing_but_are_seen(place, token, used):
    """Within an hour only the first fetch is an entry of the history; "last used" follows every one."""
    place.ask(ASK, token)
    place.at = NINE + timedelta(minutes=59)
    place.ask(ASK, token)

    assert len(place.history("credential.hand_out")) == 1
    assert place.store.read(ACME).dependencies.get(used.id, WEB_SHOP).last_used_at == place.at
    assert tokens_in(place.store, ACME)[0].last_used_at == place.at


@pytest.mark.usefixtures("used")
def test_hour_of_fetches_is_two_lines_of_history(place, token):
    """Each hour and target has a line for its first fetch, and one for how many followed."""
    other = place.token(PRODUCTION)
    [place.ask(ASK, token) for _ in range(5)]
    place.ask(ASK, other)
    place.at = NINE + timedelta(hours=1)
    place.ask(ASK, token)
    place.store.flush()

    mine, theirs = f"token {token[3:11]}", f"token {other[3:11]}"
    events = [entry.event for entry in place.history("credential.hand_out")]
    assert [(one.actor, one.target, one.more) for one in events] == [
        (mine, WEB_SHOP, 4),
        (mine, WEB_SHOP, 0),
        (theirs, PRODUCTION, 0),
        (mine, WEB_SHOP, 0),
    ]
    assert events[0].hour == NINE


def test_dependency_that_was_removed_comes_back_with_the_next_fetch(place, token, used):
    """A target whose dependency was removed and that fetches again depends again, within the hour too."""
    place.ask(ASK, token)
    with place.store.change(ACME) as change:
        change.remove(change.dependencies.get(used.id, WEB_SHOP))
    place.ask(ASK, token)

    assert place.targets_of("my_registry") == ["web-shop"]


@pytest.mark.usefixtures("used")
def test_link_that_a_person_made_stays_theirs(place, token):
    """A fetch by a target that a person linked keeps who linked it, and when."""
    place.link("my_registry")
    place.at = NINE + timedelta(days=1)
    place.ask(ASK, token)
    dependency = place.store.read(ACME).dependencies.get(place.named("my_registry").id, WEB_SHOP)

    assert (dependency.source, dependency.added_at) == (Source.SLACK, NINE)
    assert dependency.last_used_at == place.at


def test_deleted_integration_says_when(place, token):
    """After a deletion, a fetch by server and one by name both say when, and where to see who deleted it."""
    place.add()
    place.ask(ASK, token)
    place.delete("my_registry")
    by_server = place.ask(ASK, token)
    by_name = place.ask("/v1/integrations/my_registry", token)

    when = "“my_registry” was deleted on 2026-03-02 09:00 UTC."
    hint = f"{when} /integrations history my_registry shows who deleted it."
    assert (by_server.error, by_server.json["hint"]) == ((404, "deleted"), hint)
    assert (by_name.error, by_name.json["hint"]) == ((404, "deleted"), hint)


def test_deletion_is_told_to_who_asks_for_that(place, token):
    """A server's address is no name and a name no server, so neither question is answered for the other."""
    place.add("localhost")
    place.delete("localhost")
    by_address = place.ask(f"/v1/integrations/{SERVER}", token)
    by_host = place.ask("/v1/credentials?server=localhost", token)

    assert by_address.error == (404, "not_found")
    assert by_host.error == (404, "not_found")


def test_old_name_says_the_new_one(place, token):
    """Who asks by a name that was changed is told what it is called today, and since when."""
    place.add()
    place.rename("my_registry", "second")
    place.at = NINE + timedelta(hours=1)
    place.rename("second", "third")
    asked = [place.ask(f"/v1/integrations/{name}", token) for name in ("MY_registry", "second")]
    tags = place.ask("/v1/integrations/my_registry/tags?repository=a", token)

    assert {answer.error for answer in [*asked, tags]} == {(404, "not_found")}
    assert {answer.json["hint"] for answer in [*asked, tags]} == {
        "It has been called “third” since 2026-03-02 10:00 UTC."
    }
    assert asked[0].json["message"] == "There is no integration with this name."


def test_new_name_is_told_to_who_may_fetch_it(place, token):
    """What is for linked targets only is not named to others: to them nothing has the old name."""
    place.add()
    place.mark("my_registry", linked_only=True)
    place.rename("my_registry", "renamed")
    others = place.ask("/v1/integrations/my_registry", token)
    unknown = place.ask("/v1/integrations/unknown", token)
    place.link("renamed")
    linked = place.ask("/v1/integrations/my_registry", token)

    assert others.json["hint"] == unknown.json["hint"]
    assert others.error == (404, "not_found")
    assert "“renamed”" in linked.json["hint"]


def test_old_name_of_the_deleted_is_only_unknown(place, token):
    """What was renamed and then deleted has no name today."""
    place.add()
    place.rename("my_registry", "renamed")
    place.delete("renamed")

    assert place.ask("/v1/integrations/my_registry", token).error == (404, "not_found")
    assert place.ask("/v1/integrations/renamed", token).error == (404, "deleted")


def test_last_holder_of_a_name_is_the_one_meant(place, token):
    """A name that was given up, taken again and deleted then says who deleted it."""
    place.add()
    place.rename("my_registry", "renamed")
    place.add()
    place.delete("my_registry")

    assert place.ask("/v1/integrations/my_registry", token).error == (404, "deleted")


def test_linked_targets_only(place, token):
    """An integration for linked targets refuses others by name; an hour's first refusal is in the history."""
    place.add()
    place.mark("my_registry", linked_only=True)
    paths = [ASK, "/v1/integrations/my_registry", "/v1/integrations/my_registry/env"]
    refused = [place.ask(path, token) for path in [*paths, "/v1/integrations/my_registry/tags?repository=a"]]
    place.link("my_registry")
    given = place.ask(ASK, token)

    assert [answer.error for answer in refused] == [(403, "linked_targets_only")] * 4
    assert refused[0].json["message"] == "“my_registry” is for linked targets only."
    assert given.status == 200
    assert [e.event.result for e in place.history("credential.hand_out")] == [Result.DONE, Result.REFUSED]


def test_integration_changed_while_aws_is_asked_is_not_handed_out(place, token, registry):
    """What was replaced while AWS was being asked is not handed out; the workflow is told to ask again."""
    place.add()
    registry.meanwhile = lambda: place.mark("my_registry", is_default=True) or edit(place)
    answer = place.ask(ASK, token)

    assert answer.error == (503, "busy")
    assert answer.headers["Retry-After"] == "1"
    assert place.targets_of("my_registry") == []


def edit(place):
    """Change an integration, as ``edit`` does."""
    known = place.named("my_registry")
    with place.store.change(ACME) as change:
        change.put(replace(known, version=known.version + 1))


def test_integration_deleted_while_aws_is_asked_is_not_handed_out(place, token, registry):
    """What was deleted while AWS was being asked is not handed out, and the hint says who deleted it."""
    place.add()
    registry.meanwhile = lambda: place.delete("my_registry")

    assert place.ask(ASK, token).error == (404, "deleted")
