"""The embedded store says how much it is made for before that is reached."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.model import Workspace, new_id
from bot.web.health import health_page
from storage.tinydb.tinydb_store import TinyDBStore, near_limit
from tests.storage.disks import QuickDisk
from tests.storage.samples import KEYRING, T1, integration


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ([], None),
        ([7_999, 1], None),
        ([1] * 799, None),
        ([1, 8_000], "8,000 integrations in one workspace, and is designed for at most 10,000"),
        ([1] * 800, "800 workspaces, and is designed for at most 1,000"),
    ],
)
def test_limit_is_said_from_four_fifths_on(sizes: list[int], said: str | None) -> None:
    """From 8,000 integrations in a workspace, or 800 workspaces, on, the way out is named."""
    told = near_limit(sizes)

    assert (told is None) == (said is None)
    assert (said or "") in (told or "")
    assert told is None or "quaymaster store copy" in told


def test_limit_is_in_health_and_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """``/healthz`` stays well and names it; the log has it once, however often the store is flushed."""
    store = TinyDBStore(tmp_path / "data", KEYRING, disk=QuickDisk())
    one = integration("one")
    with store.change(T1) as change:
        for number in range(8_000):
            change.put(replace(one, id=new_id(), name=f"registry-{number}"))
    with caplog.at_level(logging.WARNING):
        [store.flush() for _ in range(3)]
    started: list[object] = []
    body = health_page(store.health, store.notice)(
        {"REQUEST_METHOD": "GET"}, lambda *given: started.extend(given)
    )
    store.close()

    assert started[0] == "200 OK"
    assert b'"ok": true' in body[0]
    assert b"quaymaster store copy" in body[0]
    assert caplog.text.count("quaymaster store copy") == 1


def test_small_directory_says_nothing(tmp_path: Path) -> None:
    """A directory that is small says nothing."""
    store = TinyDBStore(tmp_path / "data", KEYRING, disk=QuickDisk())
    with store.change(Workspace("T9")) as change:
        change.put(integration("one", workspace=Workspace("T9")))
    told = store.notice()
    store.close()

    assert told is None
