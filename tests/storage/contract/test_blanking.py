"""What every store keeps to, whichever it is: a text is blanked in a copy, and the history of that holds."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.audit import HISTORY_ENDS, Action, News
from bot.core.errors import InvalidInput, StoreDamaged, StoreFailure
from bot.core.model import Bar, Check, Dependency, Outcome, Setting, Stage, Target, TargetKind
from bot.core.ports.store import Store
from bot.core.queries import HistoryQuery
from storage.blanking import copy_blanked
from storage.maintenance import ends_in_log, verify
from storage.sealing import Keyring
from storage.tinydb.archive import SEGMENT
from storage.tinydb.tinydb_store import TinyDBStore
from storage.transfer import export
from tests.storage.disks import QuickDisk
from tests.storage.samples import (
    KEYRING,
    NOON,
    SECOND_ROOT,
    T1,
    T2,
    Clock,
    add,
    event,
    integration,
    password_of,
    record,
    whole_history,
)
from tests.storage.tokens import token

TEXT = "hunter2-Geheim"
TARGET = Target(TargetKind.PROJECT, f"web {TEXT}")


@pytest.fixture
def source(store: Store) -> Store:
    """A store with the text wherever a person can have typed it, and a history that is archived."""
    one = replace(
        integration(f"my-{TEXT}"),
        note=f"the password is {TEXT.upper()}",
        check=Check(Outcome.REJECTED, Stage.LOGIN, f"The registry refused {TEXT}.", NOON, "U1"),
    )
    dependency = _dependency(one.id)
    told = replace(event(one), target=TARGET, former_name=TEXT, detail=TEXT, reason=TEXT, changed=(TEXT,))
    record(store, 10)
    with store.change(T1) as change:
        change.put(one)
        change.put(dependency)
        change.put(replace(token(), target=TARGET))
        change.put(Setting("repositories x", f"team/{TEXT}"))
        change.put(News("n1", "C1", NOON, told))
        change.record(told)
    other = integration("other")
    with store.change(T1) as change:
        change.put(other)
        change.put(Bar(other.id, TARGET, "U9", NOON, _dependency(other.id)))
    record(store, 3 * SEGMENT)
    add(store, integration("theirs", workspace=T2), workspace=T2)
    return store


def _dependency(integration_id: str) -> Dependency:
    """A dependency of the target, with the text in its address too."""
    return Dependency(integration_id, TARGET, "U1", NOON, settings_url=f"https://ci.example.com/{TEXT}")


@pytest.fixture
def target(tmp_path: Path, clock: Clock) -> Iterator[TinyDBStore]:
    """An empty directory."""
    opened = TinyDBStore(tmp_path / "copy", KEYRING, clock=clock, disk=QuickDisk())
    yield opened
    opened.close()


def test_text_is_blanked_everywhere(source: Store, target: Store) -> None:
    """No row of the copy has the text in any case; everything else is there, and its secrets open."""
    done = copy_blanked(source, target, KEYRING, f" {TEXT.lower()} ", NOON)
    lines = "\n".join(export(target))
    word = done.split()[5].rstrip(".")
    found = target.read(T1).integrations.named(f"my-{word}")

    assert TEXT.lower() in "\n".join(export(source)).lower()
    assert TEXT.lower() not in lines.lower()
    assert done.endswith("Records: 6, entries of the history: 1.")
    assert found
    assert password_of(target, found)
    assert target.read(T1).dependencies.get(found.id, Target(TargetKind.PROJECT, f"web {word}"))
    assert target.read(T2).integrations.named("theirs")


def test_history_holds_and_says_so(source: Store, target: Store) -> None:
    """Each entry is there, sealed and in its place, and the last one says what was done."""
    before = whole_history(source)
    copy_blanked(source, target, KEYRING, TEXT, NOON)
    after = whole_history(target)

    assert [one.fault for one in verify(target, KEYRING)] == ["", ""]
    assert len(after) == len(before) + 1
    assert after[0].event.action == Action.BLANK
    assert after[0].event.reason == (
        "records: 6, entries of the history: 1; from entry 11 on, each is written again"
    )
    assert [one.hash for one in after[-10:]] == [one.hash for one in before[-10:]]
    assert after[-11].hash != before[-11].hash
    assert whole_history(target, workspace=T2) == whole_history(source, workspace=T2)


def test_log_of_before_is_no_fault(source: Store, target: Store) -> None:
    """A log that knows the former entries does not contradict: the history says from which on they differ."""
    (newest,) = source.read(T1).history.page(HistoryQuery(size=1)).entries
    known = ends_in_log([HISTORY_ENDS % (T1.key, newest.sequence, newest.hash)])
    copy_blanked(source, target, KEYRING, TEXT, NOON)
    earlier = {T1.key: {5: "0" * 64}}

    assert [one.fault for one in verify(target, KEYRING, known)] == ["", ""]
    assert verify(target, KEYRING, earlier)[1].fault == "Entry 5 is not the one that the log names."


@pytest.mark.parametrize(("text", "error"), [("hun", InvalidInput), ("never typed", StoreFailure)])
def test_what_cannot_be_blanked_copies_nothing(
    source: Store, target: Store, text: str, error: type[Exception]
) -> None:
    """A text that is too short or nowhere is said, and nothing is copied."""
    with pytest.raises(error):
        copy_blanked(source, target, KEYRING, text, NOON)

    assert list(target.workspaces()) == []


def test_history_that_does_not_hold_is_not_written_again(source: Store, target: Store) -> None:
    """What no loaded key has sealed is not sealed as if it were right."""
    with pytest.raises(StoreDamaged, match="fails verification"):
        copy_blanked(source, target, Keyring([SECOND_ROOT]), TEXT, NOON)

    assert list(target.workspaces()) == []
