"""What every test shares: the team of the feature tests, and the marker ``needs``.

``needs`` names the real program a test runs.
"""

import os
import shutil
from pathlib import Path

import pytest

pytest_plugins = ("tests.features.fixtures", "tests.features.managing")

REQUIRE_ALL = "QUAYMASTER_TESTS_REQUIRE_ALL"
"""Set to 1 where every program is installed: then a missing one fails its tests instead of skipping them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that run real programs: they take longest, and no process should wait for one."""
    real = {item.path for item in items if item.get_closest_marker("needs")}
    items.sort(key=lambda item: item.path not in real)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is missing, saying by name which; fail it where all are required."""
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            require(program)


def require(program: str) -> None:
    """Go on only if a program is installed."""
    if shutil.which(program) or sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}")):
        return
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{program} is not installed, and {REQUIRE_ALL}=1 requires it", pytrace=False)
    pytest.skip(f"{program} is not installed")
