"""The values a store keeps as rows of plain JSON, and back: a codec derived from each value's fields.

An integration's username and options are never written in plain text: ``Identities`` seals and opens them.

What equals its default is left out; what is missing is read as its default. An unknown field is refused:
a newer format has a higher format number, and is never read in part.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cache, lru_cache
from sys import intern
from types import MappingProxyType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    NamedTuple,
    NewType,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from bot.core.audit import AuditEntry, Event, News, timestamp
from bot.core.errors import KeyNotLoaded, KeyringFailure
from bot.core.installations import Installation
from bot.core.model import NO_OPTIONS, Bar, Dependency, Integration, Server, Setting, Target, WorkflowToken
from bot.core.secrets import SealContext, Sealed, Secret
from storage.sealing import Keyring, kid_of

Fields = Mapping[str, Any]
"""A JSON object."""
READ_ERRORS = (KeyError, ValueError, TypeError, AttributeError, RecursionError)
"""What reading raises for a document that is not of this version."""

INTEGRATIONS = "integrations"
DEPENDENCIES = "dependencies"
TOKENS = "tokens"
_BARS = "bars"
SETTINGS = "settings"
_NEWS = "news"
REQUESTS = "requests"
AUDIT = "audit"
"""The tables of a workspace."""
INSTALLATIONS = "installations"
"""The table of all workspaces."""
if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
_SHARED = frozenset({"kind", "username", "owner", "created_by", "added_by", "by", "actor", "action"})
"""Texts that many values have in common: one copy of each saves memory."""
_IDENTIFYING = frozenset({"username", "options"})
"""What tells who an integration logs in as. Rows of format 2 have it in plain text."""
_USERNAME = "username"
_OPTION = "option "
"""What the names of options begin with, so that none is taken for the username."""


@dataclass(frozen=True, slots=True)
class DoneRequest:
    """A request that was carried out, and what it came to."""

    id: str
    outcome: str
    at: datetime


Value = Integration | Dependency | Bar | WorkflowToken | Setting | News | DoneRequest | AuditEntry
"""What a row is."""


class _Form(NamedTuple):
    """How values of one type are written and read."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


class _FieldForm(NamedTuple):
    """One field of a value."""

    name: str
    form: _Form
    default: Any
    """``None`` for a field without a default, which is always written unless it is ``None``."""


class _Codec(Generic[T]):
    """Writes the values of one class as JSON objects and reads them again."""

    def __init__(self, kind: type[T], without: str = "", unwritten: frozenset[str] = frozenset()) -> None:
        """
        Derive it from the fields of a dataclass.

        Args:
            kind: The dataclass.
            without: The field that is the row's key.
            unwritten: Fields that are read where a row has them, and never written.
        """
        hints = get_type_hints(kind)
        parts = [_part(one, hints[one.name]) for one in fields(kind) if one.init and one.name != without]
        self._kind = kind
        self._parts = [one for one in parts if one.name not in unwritten]
        self._readers = {one.name: one.form.read for one in parts}
        self._defaults = {one.name: one.default for one in parts}
        self._setters = [(one.name, getattr(kind, one.name).__set__) for one in fields(kind) if one.init]
        self._finish: Callable[[T], None] | None = getattr(kind, "__post_init__", None)

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
        given = {**self._defaults, **{name: readers[name](value) for name, value in row.items()}, **key}
        # What __init__ does, without its call of object.__setattr__ for each field of a frozen class.
        made = object.__new__(self._kind)
        for name, set_field in self._setters:
            set_field(made, given[name])
        if self._finish:
            self._finish(made)
        return made


def _part(field: Field[Any], hint: Any) -> _FieldForm:
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    form = _form(hint)
    if hint is str and field.name in _SHARED:
        form = _Form(form.write, sys.intern)
    return _FieldForm(field.name, form, None if default is MISSING else default)


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
        return _Form(str, {one.value: one for one in hint}.__getitem__)  # a look-up is faster than hint(text)
    if is_dataclass(hint):
        nested: _Codec[Any] = _Codec(cast(Any, hint))
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
    return Target(_TARGET_KIND.read(kind), sys.intern(name))


_PLAIN: dict[Any, _Form] = {
    str: _Form(str, _checked(str)),
    int: _Form(int, _checked(int)),
    bool: _Form(bool, _checked(bool)),
    datetime: _Form(lru_cache(maxsize=64)(timestamp), _moment),
    date: _Form(date.isoformat, date.fromisoformat),
    tuple: _Form(list, tuple),
    Mapping: _Form(dict, MappingProxyType),
    Server: _Form(
        lambda one: [one.scheme, one.host] + ([one.port] if one.port else []), lambda row: _server(*row)
    ),
    Target: _Form(lambda one: [one.kind.value, one.name], _target),
}
_PLAIN[get_origin(Mapping[str, str])] = _PLAIN[Mapping]
_TARGET_KIND = _form(get_type_hints(Target)["kind"])


class _Table(NamedTuple):
    """A table: what its rows are, and which field of a value is the row's key."""

    name: str
    codec: _Codec[Any]
    key: str


_TABLES: dict[type, _Table] = {
    Integration: _Table(INTEGRATIONS, _Codec(Integration, without="id", unwritten=_IDENTIFYING), "id"),
    Dependency: _Table(DEPENDENCIES, _Codec(Dependency), ""),
    Bar: _Table(_BARS, _Codec(Bar), ""),
    WorkflowToken: _Table(TOKENS, _Codec(WorkflowToken, without="id"), "id"),
    Setting: _Table(SETTINGS, _Codec(Setting, without="name"), "name"),
    News: _Table(_NEWS, _Codec(News, without="id"), "id"),
    DoneRequest: _Table(REQUESTS, _Codec(DoneRequest, without="id"), "id"),
    AuditEntry: _Table(AUDIT, _Codec(AuditEntry), ""),
}
_EVENT = _Codec(Event)
_INSTALLATION = _Codec(Installation, without="holder")
_BY_NAME = {table.name: table for table in _TABLES.values()}


def _integration_from(integration_id: str, row: Fields, **opened: Any) -> Integration:
    """Read an integration; ``opened`` are its username and options."""
    given = opened or ({} if "username" in row else {"username": ""})
    found: Integration = _BY_NAME[INTEGRATIONS].codec.read(row, id=integration_id, **given)
    return found


def dependency_from(row: Fields, **key: Any) -> Dependency:
    """Read a dependency; ``key`` are fields kept elsewhere. Rows from before do not say when it was swept."""
    if "is_swept" in row:
        swept_at = row.get("last_used_at", row["added_at"])
        row = {name: row[name] for name in row if name != "is_swept"} | {"swept_at": swept_at}
    found: Dependency = _BY_NAME[DEPENDENCIES].codec.read(row, **key)
    return found


def bar_from(row: Fields) -> Bar:
    """Read a bar."""
    found: Bar = _BY_NAME[_BARS].codec.read(row)
    return found


def token_from(token_id: str, row: Fields, **key: Any) -> WorkflowToken:
    """Read a workflow token; ``key`` are fields kept elsewhere."""
    found: WorkflowToken = _BY_NAME[TOKENS].codec.read(row, id=token_id, **key)
    return found


def news_from(news_id: str, row: Fields) -> News:
    """Read a message that is waiting to be sent."""
    found: News = _BY_NAME[_NEWS].codec.read(row, id=news_id)
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
        raise ValueError("The integration's identity is not sealed.")
    return _TABLES[type(value)].codec.write(value)


def record_of(value: Value) -> tuple[str, str, Fields]:
    """The table of a value, its row's key and its row. Raises ``ValueError``, as ``row_of`` does."""
    return *place_of(value), row_of(value)


def value_in(table: str, key: str, row: Fields) -> Value | None:
    """
    Read a row of a table; ``None`` for a table that has no values.

    Raises:
        KeyError, ValueError, TypeError, AttributeError: It is not a row of ours.
    """
    found = _BY_NAME.get(table)
    if found is None:
        return None
    if table == INTEGRATIONS:
        return _integration_from(key, row)
    value: Value = found.codec.read(row, **({found.key: key} if found.key else {}))
    return value


class Identities:
    """Seals and opens the identities of one workspace. Safe to share between threads."""

    def __init__(self, keyring: Keyring, workspace_key: str) -> None:
        self.keyring = keyring
        self.workspace_key = workspace_key

    def sealed(self, one: Integration) -> Integration:
        """The same integration as it is kept: an identity that is sealed already stays as it is."""
        if one.username or one.options:
            return one if self._fits(one) else replace(one, identity=self._seal(one))
        # One under a key that is not loaded was never seen: only forgetting that key drops it.
        if one.identity is None or not self.keyring.has_key_for(one.identity):
            return one
        return replace(one, identity=None)

    def read(self, integration_id: str, row: Fields) -> Integration:
        """
        Read an integration.

        Without the key of its identity, its username and options are empty.

        Raises:
            KeyringFailure: The identity was altered, or belongs to a different integration.
            KeyError, ValueError, TypeError, AttributeError: It is not a row of ours.
        """
        identity = row.get("identity")
        if identity is None:
            return _integration_from(integration_id, row)
        return _integration_from(integration_id, row, **self._opened(integration_id, identity))

    def value_in(self, table: str, key: str, row: Fields) -> Value | None:
        """Read a row of any table, as ``storage.records.value_in`` does."""
        return self.read(key, row) if table == INTEGRATIONS else value_in(table, key, row)

    def restored(self, one: Integration) -> Integration:
        """Return an integration from a different store or an export, opened; what is sealed stays sealed."""
        if one.identity is None:
            return self.sealed(one)
        return replace(one, **self._opened(one.id, one.identity))

    def needs_sealing(self, one: Integration) -> bool:
        """True when it was read from a row that has its identity in the clear."""
        return one.identity is None and bool(one.username or one.options)

    def _context(self, integration_id: str) -> SealContext:
        return SealContext(self.workspace_key, integration_id, field="identity")

    def _seal(self, one: Integration) -> Sealed:
        options = {_OPTION + name: Secret(text) for name, text in one.options.items()}
        return self.keyring.seal(self._context(one.id), {_USERNAME: Secret(one.username), **options})

    def _fits(self, one: Integration) -> bool:
        """True when the identity is sealed under the primary key, and is the one that the fields say."""
        if one.identity is None or self.keyring.needs_reseal(one.identity):
            return False
        try:
            opened = self._opened(one.id, one.identity)
        except KeyringFailure:
            return False
        return opened == {"username": one.username, "options": one.options}

    def _opened(self, integration_id: str, identity: Sealed) -> Mapping[str, Any]:
        try:
            found = self.keyring.open(self._context(integration_id), identity)
        except KeyNotLoaded:
            return {"username": "", "options": NO_OPTIONS}
        options = {
            name.removeprefix(_OPTION): secret.reveal() for name, secret in found.items() if name != _USERNAME
        }
        return {
            "username": intern(found[_USERNAME].reveal()),
            "options": MappingProxyType(options) if options else NO_OPTIONS,
        }


def sealed_in(one: Integration) -> frozenset[Sealed]:
    """Everything of an integration that is sealed: who it logs in as, and its credentials."""
    former = one.former.sealed if one.former else None
    prepared = one.prepared.sealed if one.prepared else None
    parts = (one.secret, one.identity, former, prepared, one.management)
    return frozenset(sealed for sealed in parts if sealed)


def kids_of(one: Integration) -> frozenset[str]:
    """The ids of the keys that an integration is sealed under. Raises ``KeyringFailure`` for a plaintext."""
    return frozenset(map(kid_of, sealed_in(one)))


def installation_row(installation: Installation) -> Fields:
    """Write an installation, but its holder, which is the row's key."""
    return _INSTALLATION.write(installation)


def installation_from(holder: str, row: Fields) -> Installation:
    """Read what ``installation_row`` wrote. Raises ``KeyError``, ``ValueError`` or ``TypeError``."""
    return _INSTALLATION.read(row, holder=holder)
