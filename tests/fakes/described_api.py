"""An API of a registry, held against its published description: what it is asked, and what it answers.

The descriptions are in ``tests/vectors/*_api.json``: facts of the published ones, as JSON schemas. What
breaks one is kept in ``broken``, and a test that uses the fixture fails.
"""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from jsonschema import Draft202012Validator

VECTORS = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    """As it was sent, still encoded."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True)
class Given:
    """An answer. ``status`` 0 = none: the connection ends."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class DescribedApi:
    """Listens on a free port of 127.0.0.1; ``answer`` is the API."""

    vector = ""

    def __init__(self) -> None:
        self.description = json.loads((VECTORS / self.vector).read_text())
        self.asked: list[Asked] = []
        self.broken: list[str] = []
        self.loses = ""
        """A method whose answers are lost, although it is done."""
        self.fails: dict[str, Given] = {}
        """What a method is answered instead of being done."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": self}))
        server.daemon_threads = True
        self._server = server
        self.url = f"http://127.0.0.1:{server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> Given:
        """Do what is asked."""
        raise NotImplementedError

    def handled(self, asked: Asked) -> Given:
        """Answer, and hold both sides against the description."""
        self.asked.append(asked)
        described = self._described(asked)
        if described is None:
            self.broken.append(f"{asked.method} {asked.path} is not described")
            return Given(500, {})
        self._hold(asked, described)
        failing = self.fails.get(asked.method)
        given = failing or self.answer(asked)
        self._check(described["answers"].get(str(given.status)), given.body, f"{asked.method} {given.status}")
        return Given(0) if self.loses == asked.method and not failing else given

    def _described(self, asked: Asked) -> dict[str, Any] | None:
        for key, one in self.description.items():
            method, _, path = key.partition(" ")
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
            if method == asked.method and re.fullmatch(pattern, asked.path):
                found: dict[str, Any] = one
                return found
        return None

    def _hold(self, asked: Asked, described: Mapping[str, Any]) -> None:
        for name, text in asked.query.items():
            pattern = described["query"].get(name)
            if pattern is None or not re.fullmatch(pattern, text):
                self.broken.append(f"{asked.method} {asked.path}: {name}={text}")
        if (asked.body is None) is ("body" in described):
            self.broken.append(f"{asked.method} {asked.path}: a body or none")
        elif "body" in described:
            self._check(described["body"], asked.body, f"{asked.method} {asked.path}")

    def _check(self, schema: Any, value: Any, place: str) -> None:
        if schema is None:
            self.broken.append(f"{place} is not described")
            return
        whole = {"allOf": [schema], "$defs": self.description["$defs"]}
        self.broken += [f"{place}: {one.message}" for one in Draft202012Validator(whole).iter_errors(value)]


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, and writes the answer at once."""

    protocol_version = "HTTP/1.1"
    api: DescribedApi

    def do_GET(self) -> None:
        """Answer."""
        self._handle()

    def do_POST(self) -> None:
        """Answer."""
        self._handle()

    def do_PUT(self) -> None:
        """Answer."""
        self._handle()

    def do_DELETE(self) -> None:
        """Answer."""
        self._handle()

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        asked = Asked(
            self.command,
            parts.path,
            {name: values[0] for name, values in parse_qs(parts.query).items()},
            json.loads(body) if body else None,
            self.headers.get("Authorization", ""),
        )
        given = self.api.handled(asked)
        self.close_connection = given.status == 0
        if given.status:
            text = b"" if given.body is None else json.dumps(given.body).encode()
            headers = {"Content-Type": "application/json", **given.headers, "Content-Length": str(len(text))}
            head = [f"HTTP/1.1 {given.status} X", *(f"{name}: {value}" for name, value in headers.items())]
            self.wfile.write("\r\n".join([*head, "", ""]).encode() + text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def last_part(path: str) -> str:
    """The last part of a path, decoded."""
    return unquote(path.rsplit("/", 1)[1])
