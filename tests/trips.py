"""Measures how far one request goes: files, functions, calls, and changes from one file to another.

    python -m tests.trips

A request is what a person or a workflow sends, from the front to the answer, with what runs after the
acknowledgement. Only the product's files count, and all of them do. A change of file is a call that enters
another file than the call before it did, whoever made either.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from bot.core.secrets import TOKEN_SHAPE
from bot.web.api.routing import workflow_api
from tests.fakes.people import ADMIN
from tests.features.team import Team
from tests.features.test_add import FORM

_ROOT = Path(__file__).parent.parent
_PRODUCT = tuple(f"{_ROOT / name}/" for name in ("bot", "handlers", "storage"))
_APART = (f"{_ROOT / 'bot' / 'simulator'}/",)
_TARGETS = {"save": (20, 60), "yes": (18, 45), "list": (14, 35), "fetch, warm": (12, 25)}
"""At most so many files and changes."""


@dataclass
class Trip:
    """What one request went through."""

    name: str
    functions: set[CodeType] = field(default_factory=set)
    calls: int = 0
    changes: dict[tuple[str, str], int] = field(default_factory=dict)
    _last: str = ""

    @property
    def files(self) -> list[str]:
        """The files that were entered."""
        return sorted({_name_of(code) for code in self.functions})

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        """Note a call, as ``sys.setprofile`` reports it."""
        code = frame.f_code
        if event != "call" or not _is_product(code):
            return
        self.functions.add(code)
        self.calls += 1
        pair = (self._last, _name_of(code))
        if pair[0] not in ("", pair[1]):
            self.changes[pair] = self.changes.get(pair, 0) + 1
        self._last = pair[1]

    @contextmanager
    def traced(self) -> Iterator[None]:
        """Note what is called inside the block, on this thread."""
        sys.setprofile(self.note)
        try:
            yield
        finally:
            sys.setprofile(None)

    def row(self) -> str:
        """The trip on one line, with what it should be at most."""
        most = _TARGETS.get(self.name)
        target = f"{most[0]} / {most[1]}" if most else ""
        numbers = (len(self.files), len(self.functions), self.calls, sum(self.changes.values()))
        return f"| {self.name} | {' | '.join(map(str, numbers))} | {target} |"


def _is_product(code: CodeType) -> bool:
    return code.co_filename.startswith(_PRODUCT) and not code.co_filename.startswith(_APART)


def _name_of(code: CodeType) -> str:
    return str(Path(code.co_filename).relative_to(_ROOT))


def _through(team: Team, trip: Trip, act: Callable[[], Any]) -> Trip:
    """Trace what the app does for what somebody does, and what it does afterwards."""
    app, run = team.app, team.executor.run

    def traced_app(*arguments: Any) -> Any:
        with trip.traced():
            return app(*arguments)

    def traced_run() -> None:
        with trip.traced():
            run()

    team.app, team.executor.run = traced_app, traced_run  # type: ignore[method-assign]
    try:
        act()
    finally:
        team.app, team.executor.run = app, run  # type: ignore[method-assign]
    return trip


def _fetch(team: Team, token: str, trip: Trip) -> Trip:
    asked = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/v1/credentials",
        "QUERY_STRING": "server=registry.example.com",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
    }
    api = workflow_api(team.services)
    with trip.traced():
        api(asked, lambda *_: lambda _: None)
    return trip


def walk(free: Team) -> list[Trip]:
    """Do what is measured, each once before, so that what is made once is made."""
    free.command("help")
    token = TOKEN_SHAPE.search(free.command("token create project web-shop", ADMIN).text)
    assert token
    text = token[0]
    trips = [_fetch(free, text, Trip("fetch, first")), _fetch(free, text, Trip("fetch, warm"))]
    free.command("list")
    trips.append(_through(free, Trip("list"), lambda: free.command("list")))
    free.command("add private")
    form = {**FORM, "Integration Name": "new", "URL": "https://new.example.com"}
    trips.append(_through(free, Trip("save"), lambda: free.submit(form)))
    assert free.find("new"), free.seen().text
    free.close()
    trips.append(_through(free, Trip("delete NAME"), lambda: free.command("delete new")))
    trips.append(_through(free, Trip("yes"), lambda: free.press("Yes")))
    assert not free.find("new"), free.seen().text
    return trips


def test_trips(free: Team) -> None:
    """Print the trips; ``-vv`` prints where each goes."""
    trips = walk(free)
    table = [
        "\n| request | files | functions | calls | changes of file | at most |",
        "| --- | --- | --- | --- | --- | --- |",
        *(trip.row() for trip in trips),
    ]
    for trip in trips if "-vv" in sys.argv else ():
        pairs = sorted(trip.changes.items(), key=lambda one: -one[1])
        table += [f"\n{trip.name}", *(f"{count:4} {a} -> {b}" for (a, b), count in pairs)]
    sys.stdout.write("\n".join([*table, ""]))


if __name__ == "__main__":
    # A process of its own: pytest rewrites the asserts of a module only before it is imported.
    options = ["-q", "-s", "-p", "no:cacheprovider", "-o", "python_files=trips.py", *sys.argv[1:]]
    sys.exit(subprocess.run([sys.executable, "-m", "pytest", *options, __file__], check=False).returncode)
