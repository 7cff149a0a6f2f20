"""What a kind of registry is: the fields its form asks for, and how they become a login.

The rows are in ``bot/registry/kind_table.py``. A form is read in one pass: every
wrong field is named at once.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from bot.core.addresses import parse_server
from bot.core.errors import InvalidFields, InvalidInput
from bot.core.model import NO_OPTIONS, Integration, Server
from bot.core.secrets import Credential, Secret
from bot.core.texts import visible

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NAME_PROBLEM = (
    "Use letters, digits, “-” and “_”, starting with a letter or digit, at most 64. Example: my_registry"
)
_LINE_BREAK = (
    "This ends with a line break, which is almost always a mistake: delete it. If it is part of the secret, "
    "select “Save without checking”."
)
_FINE_GRAINED = (
    "GitHub's registry does not accept fine-grained tokens (github_pat_…). Create a classic personal access "
    "token with read:packages; it begins with ghp_."
)
"""Source: GitHub's documents: GitHub Packages supports only personal access tokens (classic)."""

_GITHUB_REGISTRY = re.compile(r"ghcr\.io|containers\.[a-z0-9-]+\.ghe\.com")


ASKS_END = "asks_end"
"""The key of the field by which an owner lets the registry's API be asked when the login ends."""
YES, NO = "Yes", "No"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind's form, beside the name that every kind has."""

    key: str
    """``url``, ``username``, ``password``, …: the key in ``typed`` and in options or credential."""
    label: str
    is_secret: bool = False
    is_required: bool = True
    is_multiline: bool = False
    hint: str = ""
    example: str = ""
    """Shown as the placeholder, and in the message about a wrong value."""
    pattern: str = ""
    """The whole value must match, when it is not empty. Empty = anything."""
    problem: str = ""
    """The sentence for a value that does not match; the example is added."""
    choices: tuple[str, ...] = ()
    """When there are any, the form shows a menu."""
    initial: str = ""
    read: Callable[[str], str] | None = None
    """Brings a value to the form in which it is judged and kept."""
    problem_with: Callable[[str], str | None] | None = None
    """For what a pattern cannot say: gives a sentence, or ``None`` for a good value."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of registry. The templates name fields in braces, for instance ``https://{registry}.azurecr.io``."""

    id: str
    label: str
    """What the ``Integration type`` menu shows."""
    group: str
    """Its row of the ``Filters`` menu: Docker, ECR, GCR, Quay.io or Other."""
    fields: tuple[Field, ...]
    server: str = "{url}"
    username: str = "{username}"
    words: tuple[str, ...] = ()
    """What people type for it after ``add`` or ``filter``, in lower case."""
    realm_origins: tuple[str, ...] = ()
    """Origins of token servers on other hosts that belong to this registry."""
    derive: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None
    """Options computed from all typed values, for what a template cannot say."""
    address: Callable[[Mapping[str, str]], str] | None = None
    """Gives the address where ``server`` alone cannot; ``server`` still names the fields it is made of."""
    together: tuple[str, ...] = ()
    """Keys of fields that are filled in all or none: a login that a registry may do without."""
    hosts: str = ""
    """A pattern that its hosts match in full, where nobody else can have one; empty = any host."""
    address_hint: str = ""
    """Which address is meant, shown when there is no registry at the one that was typed."""

    def field(self, key: str) -> Field | None:
        """The field with this key."""
        return next((field for field in self.fields if field.key == key), None)

    @property
    def secret_field(self) -> Field | None:
        """The field beside which a refused login is shown."""
        return next((field for field in self.fields if field.is_secret), None)

    @property
    def login_fields(self) -> tuple[Field, ...]:
        """What a new credential consists of: the secrets, and what must be given beside them."""
        return tuple(
            one
            for one in self.fields
            if one.is_secret
            or f"{{{one.key}}}" in self.username
            or (one.is_required and f"{{{one.key}}}" not in self.server)
        )

    @property
    def server_field(self) -> Field | None:
        """The field beside which trouble with the server is shown: the first that the address is made of."""
        return next((field for field in self.fields if f"{{{field.key}}}" in self.server), None)


Kinds = Mapping[str, Kind]
"""Every kind by its id, in the order of the menu."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a filled-in form says, checked as far as that is possible without asking anybody."""

    kind: Kind
    name: str
    server: Server
    username: str
    credential: Credential
    """Empty when every secret field was left empty."""
    options: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)
    ca: str | None = None
    note: str = ""
    ends_on: date | None = None


def known_values(integration: Integration) -> dict[str, str]:
    """Every field of an integration by its key, but the secrets: what a form starts with."""
    address = {"url": integration.server.origin, "username": integration.username}
    return {**address, **integration.options, "ca": integration.ca or ""}


def read_draft(
    kind: Kind,
    name: str,
    typed: Mapping[str, str],
    *,
    keeps_secret: bool = False,
    keeps_line_break: bool = False,
) -> Draft:
    """
    Turn a form's values into a draft.

    Args:
        kind: The row that was chosen.
        name: The integration's name as typed.
        typed: The form's values by field key; a missing key is an empty field.
        keeps_secret: True when an empty secret means "keep the one there is".
        keeps_line_break: True when a line break at a password's end was asked about and belongs there.

    Raises:
        InvalidFields: With a sentence for each wrong field.
    """
    values = {field.key: typed.get(field.key) or "" for field in kind.fields}
    # Spaces around an address are a slip; spaces in a password are part of it.
    values |= {field.key: visible(values[field.key]).strip() for field in kind.fields if not field.is_secret}
    name = visible(name).strip()
    values |= {
        field.key: field.read(value) for field in kind.fields if field.read and (value := values[field.key])
    }
    problems = {
        field.key: problem
        for field in kind.fields
        if (problem := _problem_with(field, values[field.key], keeps_secret)) is not None
    }
    slips = {} if keeps_line_break else _line_breaks(kind, values)
    problems = {**_missing_parts(kind, values, keeps_secret), **slips, **problems}
    if not NAME.fullmatch(name):
        problems["name"] = _NAME_PROBLEM
    is_addressed = not any(f"{{{key}}}" in kind.server for key in problems)
    server = _read_server(kind, values, problems) if is_addressed else None
    if server is not None:
        problems.update(_useless_tokens(kind, values, server))
    if problems or server is None:
        raise InvalidFields(problems)
    return _assembled(kind, name, values, server)


def _problem_with(field: Field, value: str, keeps_secret: bool) -> str | None:
    """Return what is wrong with a field's value, or ``None``."""
    if not value:
        is_missing = field.is_required and not (field.is_secret and keeps_secret)
        return f"{field.label} is missing.{_example_of(field)}" if is_missing else None
    if field.is_secret and "\0" in value:
        return "This contains a zero byte, which no client can send. Copy it again."
    if field.choices and value not in field.choices:
        return f"Choose one of {', '.join(field.choices)}."
    if field.pattern and not re.fullmatch(field.pattern, value):
        return f"{field.problem or 'This does not look right.'}{_example_of(field)}"
    if not field.is_secret and not field.is_multiline and not value.isprintable():
        return f"This contains a character that cannot be shown.{_example_of(field)}"
    return field.problem_with(value) if field.problem_with else None


def _line_breaks(kind: Kind, values: Mapping[str, str]) -> dict[str, str]:
    """Ask about a line break at a password's end: copying adds one, and people rarely intend it."""
    secrets = (one for one in kind.fields if one.is_secret and not one.is_multiline)
    return {one.key: _LINE_BREAK for one in secrets if values[one.key].endswith(("\n", "\r"))}


def _useless_tokens(kind: Kind, values: Mapping[str, str], server: Server) -> dict[str, str]:
    """Name the secrets that GitHub's registry never accepts, whichever kind they were typed for."""
    if not _GITHUB_REGISTRY.fullmatch(server.host):
        return {}
    secrets = (field.key for field in kind.fields if field.is_secret)
    return {key: _FINE_GRAINED for key in secrets if values[key].strip().startswith("github_pat_")}


def _missing_parts(kind: Kind, values: Mapping[str, str], keeps_secret: bool) -> dict[str, str]:
    """Name the empty fields of those that are filled in together or not at all."""
    parts = [field for field in kind.fields if field.key in kind.together]
    empty = [field for field in parts if not values[field.key] and not (field.is_secret and keeps_secret)]
    if len(empty) in (0, len(parts)):
        return {}
    labels = " and ".join(field.label for field in parts)
    return {field.key: f"{field.label} is missing: fill in both {labels}, or neither." for field in empty}


def _example_of(field: Field) -> str:
    """The example as the end of a sentence."""
    return f" Example: {field.example}" if field.example else ""


def _read_server(kind: Kind, values: Mapping[str, str], problems: dict[str, str]) -> Server | None:
    """Make the server from the kind's template; a bad address goes to ``problems``."""
    try:
        return parse_server(kind.address(values) if kind.address else kind.server.format_map(values))
    except InvalidInput as error:
        field = kind.server_field
        problems[field.key if field else "name"] = str(error)
        return None


def _assembled(kind: Kind, name: str, values: Mapping[str, str], server: Server) -> Draft:
    """Sort a form's values into a draft: what is secret, what makes the login, what is kept as an option."""
    credential = {f.key: Secret(values[f.key]) for f in kind.fields if f.is_secret and values[f.key]}
    used = {"username"} | ({"url"} if "{url}" in kind.server else set())
    options = {
        f.key: values[f.key] for f in kind.fields if not f.is_secret and f.key not in used and values[f.key]
    }
    ca = options.pop("ca", None)
    if kind.derive:
        options.update(kind.derive(values))
    username = kind.username.format_map(values)
    return Draft(kind, name, server, username, credential, MappingProxyType(options), ca)
