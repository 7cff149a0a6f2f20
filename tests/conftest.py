"""What every test shares: the team of the feature tests, Chromium, and the markers ``needs`` and ``alone``.

``needs`` names the real program that a test runs. Only tests marked ``alone`` run beside one that is.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = ("tests.features.fixtures", "tests.features.managing")

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 * 1024**3
"""More than all folders of a run hold at once."""

REQUIRE_ALL = "QUAYMASTER_TESTS_REQUIRE_ALL"
"""Set to 1 where every program is installed: then a missing one fails its tests instead of skipping them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let ``python -m tests`` run the tests that are marked ``alone`` before the others."""
    parser.addoption("--alone", choices=("only", "none"), help="only the tests marked alone, or none of them")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests' folders in memory, where files cost a third; what is measured is measured on a disk."""
    if config.getoption("--alone") != "only" and _has_room(_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def _has_room(folder: Path) -> bool:
    """Whether programs can be kept there and run from there."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= _ROOM_BYTES and not found.f_flag & os.ST_NOEXEC


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what ``--alone`` says, and begin with the files that run real programs: they take longest."""
    if chosen := config.getoption("--alone"):
        alone = [item for item in items if item.get_closest_marker("alone")]
        others = [item for item in items if not item.get_closest_marker("alone")]
        items[:], left_out = (alone, others) if chosen == "only" else (others, alone)
        config.hook.pytest_deselected(items=left_out)
    real = {item.path for item in items if item.get_closest_marker("needs")}
    items.sort(key=lambda item: item.path not in real)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is missing, saying by name which; fail it where all are required."""
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            require(program)


@pytest.fixture(scope="session")
def chromium_browser() -> Iterator["Browser"]:
    """One Chromium for all tests of a process; each opens pages of its own, with cookies of their own."""
    from tests.simulator.desk import chromium

    with chromium() as running:
        yield running


def require(program: str) -> None:
    """Go on only if a program is installed."""
    if shutil.which(program) or sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}")):
        return
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{program} is not installed, and {REQUIRE_ALL}=1 requires it", pytrace=False)
    pytest.skip(f"{program} is not installed")
