"""The values a store keeps as rows of plain JSON, and back: a codec derived from each value's fields.

An integration's username and options are never written: ``storage/identities.py`` seals and opens them.

What equals its default is left out; what is absent is read as its default. An unknown field is refused:
a newer form of the data has a higher format number, and is never read by halves.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache, lru_cache
from types import MappingProxyType, UnionType
from typing import Any, Generic, NamedTuple, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from bot.core.audit import timestamp
from bot.core.model import (
    AuditEntry,
    Bar,
    Dependency,
    Event,
    Integration,
    News,
    Server,
    Setting,
    Target,
)
from bot.core.workflows.token_format import WorkflowToken

Fields = Mapping[str, Any]
"""A JSON object."""

INTEGRATIONS = "integrations"
DEPENDENCIES = "dependencies"
TOKENS = "tokens"
BARS = "bars"
SETTINGS = "settings"
NEWS = "news"
REQUESTS = "requests"
AUDIT = "audit"
HEAD = "head"
"""The tables of a workspace; the last holds the seal of the newest audit entry's hash."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was carried out, and what it came to."""

    id: str
    outcome: str
    at: datetime


Value = Integration | Dependency | Bar | WorkflowToken | Setting | News | Request | AuditEntry
"""What a row holds."""

T = TypeVar("T")


class _Form(NamedTuple):
    """How values of one type are written and read."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


class _Part(NamedTuple):
    """One field of a value."""

    name: str
    form: _Form
    default: Any
    """``None`` for a field without a default, which is always written unless it is ``None``."""


class Codec(Generic[T]):
    """Writes the values of one class as JSON objects and reads them again."""

    def __init__(self, kind: type[T], without: str = "", unwritten: frozenset[str] = frozenset()) -> None:
        """
        Derive it from the fields of a dataclass.

        Args:
            kind: The dataclass.
            without: The field that the row's key holds.
            unwritten: Fields that are read where a row has them, and never written.
        """
        hints = get_type_hints(kind)
        parts = [_part(one, hints[one.name]) for one in fields(kind) if one.name != without]  # type: ignore[arg-type]
        self._kind = kind
        self._parts = [one for one in parts if one.name not in unwritten]
        self._readers = {one.name: one.form.read for one in parts}
        # A field without a default has neither: both are MISSING. The class fills the others in by itself.
        bare = {one.name for one in fields(kind) if one.default is one.default_factory}  # type: ignore[arg-type]
        self._absent = {one.name: None for one in parts if one.name in bare}

    def write(self, value: T) -> Fields:
        """The fields that differ from their defaults, as JSON values."""
        written: dict[str, Any] = {}
        for name, form, default in self._parts:
            field = getattr(value, name)
            if field is not None and field != default:
                written[name] = form.write(field)
        return written

    def read(self, row: Fields, **key: Any) -> T:
        """Read what ``write`` wrote. Raises ``KeyError``, ``ValueError`` or ``TypeError``."""
        readers = self._readers
        return self._kind(**(self._absent | {name: readers[name](row[name]) for name in row} | key))


def _part(field: Field[Any], hint: Any) -> _Part:
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    form = _form(hint)
    if hint is str and field.name in _SHARED:
        form = _Form(form.write, sys.intern)
    return _Part(field.name, form, None if default is MISSING else default)


_SHARED = frozenset({"kind", "username", "owner", "created_by", "added_by", "by", "actor", "action"})
"""Texts that many values have in common: one copy of each saves memory."""


@cache
def _form(hint: Any) -> _Form:
    """Find the form of a type. Raises ``TypeError`` for one that no value has had so far."""
    if get_origin(hint) in (Union, UnionType):
        return _form(next(one for one in get_args(hint) if one is not type(None)))
    if isinstance(hint, NewType):
        return _form(hint.__supertype__)
    plain = _PLAIN.get(hint) or _PLAIN.get(get_origin(hint))
    if plain:
        return plain
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _Form(str, hint)
    if is_dataclass(hint):
        nested: Codec[Any] = Codec(hint)  # type: ignore[arg-type]
        return _Form(nested.write, nested.read)
    raise TypeError(f"no form for {hint}")


def _checked(kind: type) -> Callable[[Any], Any]:
    """Pass a value of a type as it is."""

    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"a {kind.__name__} was expected")
        return value

    return read


@lru_cache(maxsize=4096)
def _moment(text: str) -> datetime:
    """Read a time; equal ones that follow each other are one object, because memory counts."""
    return datetime.fromisoformat(text)


@lru_cache(maxsize=1024)
def _server(scheme: str, host: str, port: int | None = None) -> Server:
    """Make a server once: thousands of integrations share a few."""
    return Server(scheme, host, port)


def _target(parts: list[str]) -> Target:
    kind, name = parts
    return Target(_form(get_type_hints(Target)["kind"]).read(kind), sys.intern(name))


_PLAIN: dict[Any, _Form] = {
    str: _Form(str, _checked(str)),
    int: _Form(int, _checked(int)),
    bool: _Form(bool, _checked(bool)),
    datetime: _Form(timestamp, _moment),
    date: _Form(date.isoformat, date.fromisoformat),
    tuple: _Form(list, tuple),
    Mapping: _Form(dict, MappingProxyType),
    Server: _Form(
        lambda one: [one.scheme, one.host] + ([one.port] if one.port else []), lambda row: _server(*row)
    ),
    Target: _Form(lambda one: [one.kind.value, one.name], _target),
}
_PLAIN[get_origin(Mapping[str, str])] = _PLAIN[Mapping]


class _Table(NamedTuple):
    """A table: what its rows are, and which field of a value is the row's key."""

    name: str
    codec: Codec[Any]
    key: str


_IDENTIFYING = frozenset({"username", "options"})
"""What tells who an integration logs in as. Rows of format 2 hold it in the clear."""
_TABLES: dict[type, _Table] = {
    Integration: _Table(INTEGRATIONS, Codec(Integration, without="id", unwritten=_IDENTIFYING), "id"),
    Dependency: _Table(DEPENDENCIES, Codec(Dependency), ""),
    Bar: _Table(BARS, Codec(Bar), ""),
    WorkflowToken: _Table(TOKENS, Codec(WorkflowToken, without="id"), "id"),
    Setting: _Table(SETTINGS, Codec(Setting, without="name"), "name"),
    News: _Table(NEWS, Codec(News, without="id"), "id"),
    Request: _Table(REQUESTS, Codec(Request, without="id"), "id"),
    AuditEntry: _Table(AUDIT, Codec(AuditEntry), ""),
}
_EVENT = Codec(Event)
_BY_NAME = {table.name: table for table in _TABLES.values()}


def integration_from(integration_id: str, row: Fields, **opened: Any) -> Integration:
    """Read an integration; ``opened`` are its username and options."""
    given = opened or ({} if "username" in row else {"username": ""})
    found: Integration = _BY_NAME[INTEGRATIONS].codec.read(row, id=integration_id, **given)
    return found


def dependency_from(row: Fields) -> Dependency:
    """Read a dependency."""
    found: Dependency = _BY_NAME[DEPENDENCIES].codec.read(row)
    return found


def bar_from(row: Fields) -> Bar:
    """Read a bar."""
    found: Bar = _BY_NAME[BARS].codec.read(row)
    return found


def token_from(token_id: str, row: Fields) -> WorkflowToken:
    """Read a workflow token."""
    found: WorkflowToken = _BY_NAME[TOKENS].codec.read(row, id=token_id)
    return found


def news_from(news_id: str, row: Fields) -> News:
    """Read a message that must leave."""
    found: News = _BY_NAME[NEWS].codec.read(row, id=news_id)
    return found


def event_row(event: Event) -> Fields:
    """An event as a row."""
    return _EVENT.write(event)


def event_from(row: Fields) -> Event:
    """Read an event."""
    return _EVENT.read(row)


def place_of(value: Value) -> tuple[str, str]:
    """The table of a value, and its row's key."""
    table = _TABLES[type(value)]
    if isinstance(value, AuditEntry):
        return table.name, str(value.sequence)
    if isinstance(value, Dependency | Bar):
        kind, name = value.target
        return table.name, f"{value.integration_id}/{kind.value}/{name}"
    return table.name, getattr(value, table.key)


def row_of(value: Value) -> Fields:
    """A value as a row. Raises ``ValueError`` for an integration whose identity is not sealed."""
    if isinstance(value, Integration) and value.identity is None and (value.username or value.options):
        raise ValueError("The identity of an integration is not sealed.")
    return _TABLES[type(value)].codec.write(value)


def value_in(table: str, key: str, row: Fields) -> Value | None:
    """
    Read a row of a table; ``None`` for a table that holds no values.

    Raises:
        KeyError, ValueError, TypeError, AttributeError: It is not a row of ours.
    """
    found = _BY_NAME.get(table)
    if found is None:
        return None
    if table == INTEGRATIONS:
        return integration_from(key, row)
    value: Value = found.codec.read(row, **({found.key: key} if found.key else {}))
    return value
