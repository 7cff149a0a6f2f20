"""What every store keeps to, whichever it is: which integrations a server has, and who deleted one."""

from dataclasses import replace

import pytest

from bot.core.audit import Result
from bot.core.model import Integration, Server
from bot.core.ports.store import Store
from tests.storage.samples import T1, T2, add, delete, event, integration, record

HOST = "registry.example.com"
HERE = Server("https", HOST)


def at(name: str, server: Server = HERE) -> Integration:
    """An integration of a server."""
    return replace(integration(name), server=server)


def names_at(store: Store, server: Server = HERE) -> list[str]:
    """The names of a server's integrations."""
    return [one.name for one in store.read(T1).integrations.at(server)]


def delete_from(store: Store, one: Integration) -> None:
    """Delete an integration as the operation does: the entry's detail is the server's address."""
    with store.change(T1) as change:
        change.remove(one)
        change.record(replace(event(one, "integration.delete"), detail=one.server.address))


@pytest.mark.parametrize(
    ("server", "is_same"),
    [
        (Server("https", HOST), True),
        (Server("https", HOST, 443), True),
        (Server("http", HOST, 443), True),
        (Server("http", HOST), False),
        (Server("http", HOST, 80), False),
        (Server("https", HOST, 5000), False),
        (Server("https", f"{HOST}.attacker.net"), False),
        (Server("https", "example.com"), False),
    ],
)
def test_server_is_host_and_effective_port(store: Store, server: Server, *, is_same: bool) -> None:
    """An address means a server by its host and effective port, whatever its scheme, both ways round."""
    add(store, at("kept"))
    add(store, at("asked", server))

    assert ("kept" in names_at(store, server)) is is_same
    assert ("asked" in names_at(store)) is is_same


def test_integrations_of_a_server_are_sorted(store: Store) -> None:
    """They stand by name key, in whatever order they were added; another workspace has none of them."""
    add(store, at("zebra"), at("Aardvark"))
    add(store, at("monkey"))

    assert names_at(store) == ["Aardvark", "monkey", "zebra"]
    assert store.read(T2).integrations.at(HERE) == ()


def test_changed_integration_stands_where_it_is_now(store: Store) -> None:
    """Renamed, moved to another server and deleted, an integration is found where it is, as it is."""
    one, other = at("a-first"), at("middle")
    add(store, one, other)
    renamed = replace(one, name="z-last", version=2)
    add(store, renamed)
    after_rename = store.read(T1).integrations.at(HERE)
    add(store, replace(renamed, server=Server("https", "ghcr.io")))
    after_move = (names_at(store), names_at(store, Server("http", "ghcr.io", 443)))
    delete(store, other)

    assert after_rename == (other, renamed)
    assert after_move == (["middle"], ["z-last"])
    assert names_at(store) == []


def test_deletion_is_found_by_name_and_server(store: Store) -> None:
    """Who deleted an integration is found by its name, whatever the case, and by its server."""
    one = at("Gone", Server("https", HOST, 5000))
    add(store, one)
    delete_from(store, one)
    found = store.read(T1).history.deletion_named("gONE")

    assert found is not None
    assert found.event.integration_id == one.id
    assert store.read(T1).history.deletion_at(Server("https", HOST, 5000)) == found
    assert store.read(T1).history.deletion_at(HERE) is None
    assert store.read(T2).history.deletion_at(Server("https", HOST, 5000)) is None
    assert store.read(T1).history.deletion_named("") is None
    assert store.read(T2).history.deletion_named("Gone") is None


def test_name_and_server_are_two_questions(store: Store) -> None:
    """An address is nobody's name, and a name that looks like a host is no server's address."""
    one = at("localhost", Server("https", HOST, 5000))
    add(store, one)
    delete_from(store, one)

    assert store.read(T1).history.deletion_named(f"{HOST}:5000") is None
    assert store.read(T1).history.deletion_at(Server("https", "localhost")) is None


def test_only_a_deletion_that_happened_is_found(store: Store) -> None:
    """Neither a refused attempt nor anything else that happened under a name counts as its deletion."""
    one = at("kept")
    add(store, one)
    with store.change(T1) as change:
        change.record(event(one, "integration.delete", Result.REFUSED))

    assert store.read(T1).history.deletion_named("kept") is None


def test_newest_deletion_of_a_name_is_found(store: Store) -> None:
    """When a name was deleted several times, the last time counts, and it is found behind a long history."""
    first, second = at("again"), at("AGAIN")
    add(store, first)
    delete_from(store, first)
    record(store, 300)
    add(store, second)
    delete_from(store, second)
    record(store, 1300)
    found = store.read(T1).history.deletion_named("again")

    assert found is not None
    assert found.event.integration_id == second.id
