"""The embedded store's look-ups: how much work they are, counted, however much the store holds."""

import errno
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.core.errors import OutcomeUnknown
from bot.core.model import Server
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.disks import WatchedDisk
from tests.storage.samples import KEYRING, NOON, PROJECT, T1, T2, add, event, integration, record
from tests.storage.tokens import LATER, TOKEN_ID, instructions, keep, token, touch, used_integration


@pytest.fixture
def disk() -> WatchedDisk:
    """A disk that counts, and fails on demand."""
    return WatchedDisk()


@pytest.fixture
def watched(directory: Path, disk: WatchedDisk) -> Iterator[TinyDBStore]:
    """A store on that disk, with a token in each of two workspaces."""
    store = TinyDBStore(directory, KEYRING, disk=disk)
    used_integration(store)
    used_integration(store, T2)
    yield store
    disk.failing = {}
    store.close()


def test_damaged_workspace_leaves_others_their_reminders(watched: TinyDBStore, disk: WatchedDisk) -> None:
    """A workspace that is refused after damage does not keep the tokens of others from being found."""
    disk.failing = {"sync directory": errno.EIO, "read": errno.EIO}
    with pytest.raises(OutcomeUnknown):
        record(watched, 1)
    touch(watched, integration())
    watched.flush()

    assert watched.read(T2).tokens.ending(NOON, NOON + timedelta(days=91)) == (token("T2oken00"),)


def test_turning_a_page_of_tokens_sorts_nothing(tinydb: TinyDBStore) -> None:
    """The order is made once; a further page of 10,000 tokens only asks of each whether it is valid."""
    keep(tinydb, *(token(f"id{number:06d}") for number in range(10_000)))

    def look(number: int) -> int:
        return instructions(lambda: tinydb.read(T1).tokens.page(NOON, ("project",), number, 20))

    first, later = look(0), look(250)

    assert later < 10_000 * 50 < first


def test_token_is_found_among_thousands_as_among_few(tinydb: TinyDBStore) -> None:
    """Finding a token's holder is the same work among 10,000 tokens, and with as many uses noted."""
    keep(tinydb, replace(token(), last_used_at=NOON))
    touch(tinydb, integration())
    few = instructions(lambda: tinydb.token_holder(TOKEN_ID))
    many = [f"id{number:06d}" for number in range(10_000)]
    keep(tinydb, *map(token, many))
    for token_id in [*many, TOKEN_ID]:
        tinydb.note_use(T1, "i1", PROJECT, token_id, LATER + timedelta(seconds=1))

    assert instructions(lambda: tinydb.token_holder(TOKEN_ID)) == few


def test_server_is_found_among_thousands_as_among_few(tinydb: TinyDBStore) -> None:
    """Finding a server's integrations is the same work among 2,000 of them, and on a server of many."""
    one = integration("one")
    there = replace(integration("there"), server=Server("https", "ghcr.io"))
    add(tinydb, one, there)
    few = [instructions(partial(tinydb.read(T1).integrations.at, each.server)) for each in (one, there)]
    add(tinydb, *(integration(f"name-{number}") for number in range(2000)))

    assert [
        instructions(partial(tinydb.read(T1).integrations.at, each.server)) for each in (one, there)
    ] == few
    assert len(tinydb.read(T1).integrations.at(one.server)) == 2001


def test_noting_a_use_is_the_same_work_whatever_is_noted(tinydb: TinyDBStore) -> None:
    """Noting a use costs the same however many uses are noted already."""
    one = used_integration(tinydb)
    touch(tinydb, one)
    few = instructions(lambda: touch(tinydb, one, LATER + timedelta(seconds=1)))
    for number in range(10_000):
        tinydb.note_use(T1, f"i{number}", PROJECT, f"id{number:06d}", LATER)

    assert instructions(lambda: touch(tinydb, one, LATER + timedelta(seconds=2))) == few


def test_asking_again_for_a_deletion_reads_no_file(watched: TinyDBStore, disk: WatchedDisk) -> None:
    """A name that nobody deleted is looked for in the archive once; then memory answers."""
    record(watched, 1300)
    disk.calls.clear()
    watched.read(T1).history.deletion_named("unknown")
    first = disk.calls.count("read")
    watched.read(T1).history.deletion_at(Server("https", "elsewhere.example.com"))

    assert (first, disk.calls.count("read")) == (3, 3)


def test_long_history_is_read_once_for_an_old_button(watched: TinyDBStore, disk: WatchedDisk) -> None:
    """However many files there are, asking twice what became of something that never was reads each once."""
    [record(watched, 250) for _ in range(45)]
    disk.calls.clear()
    watched.read(T1).history.deletion("no-such-integration")
    first = disk.calls.count("read")
    watched.read(T1).history.deletion("another-one")

    assert first > 40
    assert disk.calls.count("read") == first


def test_asking_for_a_renaming_reads_no_file(watched: TinyDBStore, disk: WatchedDisk) -> None:
    """A pipeline may ask for an old name often: memory answers, whether it is known there or not."""
    one = integration("first")
    add(watched, one)
    record(watched, 1300)
    add(watched, replace(one, name="second"))
    renamed = replace(event(one, "integration.edit"), former_name="first")
    with watched.change(T1) as change:
        change.record(renamed)
    disk.calls.clear()
    history = watched.read(T1).history
    found = history.renaming("FIRST")

    assert found is not None
    assert found.event == renamed
    assert history.renaming("unknown") is None
    assert history.renaming("") is None
    assert watched.read(T2).history.renaming("first") is None
    assert disk.calls.count("read") == 0
