"""Import logins from a docker ``config.json``: read it, compare with what is there, keep all or nothing."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.core.access import Action, require
from bot.core.audit import event
from bot.core.credentials import opened
from bot.core.errors import InvalidFields, InvalidInput, NameTaken
from bot.core.integrations import drafted
from bot.core.kinds import NAME, Draft, Kind, Kinds, read_draft
from bot.core.model import Actor, Integration
from bot.core.ports import Keyring, Store
from bot.core.secrets import Secret
from bot.core.servers import parse_server

IMPORT = "integration.import"
FIELD = "config"
MOST = 40
EXAMPLE = 'Example: {"auths": {"registry.example.com": {"auth": "…"}}}'
HUB_KEYS = frozenset({"https://index.docker.io/v1/", "docker.io", "index.docker.io"})
TEMPORARY = re.compile(r".*\.dkr[.-]ecr(-fips)?\..*")


class Finding(StrEnum):
    """What an entry of the file comes to."""

    NEW = "new"
    SAME = "same"
    """An integration of this server holds the same login."""
    CONFLICT = "conflict"
    """An integration of this server holds another login of the same user."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of the file. ``draft`` is there when it can be kept."""

    key: str
    finding: Finding
    reason: str
    draft: Draft | None = None


def digest_of(text: str) -> str:
    """What a preview was made of: 16 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def preview_import(
    store: Store, keyring: Keyring, kinds: Kinds, actor: Actor, text: str
) -> tuple[Found, ...]:
    """
    Say what would come of importing a file. Nothing is kept.

    Raises:
        NotPermitted.
        InvalidFields: The text is not a docker config.json; it is not repeated.
    """
    require(store, actor, Action.ADD)
    names: set[str] = set()
    return tuple(judged(store, keyring, kinds, actor, entry, names) for entry in entries_of(text).items())


def entries_of(text: str) -> dict[str, Mapping[str, object]]:
    """Read ``auths`` and ``credHelpers``: the entries by their key."""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidFields({FIELD: f"This is not JSON. {EXAMPLE}"}) from None
    parts = [config.get(key) or {} for key in ("credHelpers", "auths")] if isinstance(config, dict) else []
    if not any(parts) or not all(isinstance(part, dict) for part in parts):
        raise InvalidFields({FIELD: f"It has no login in “auths”. {EXAMPLE}"})
    found: dict[str, Mapping[str, object]] = {key: {"helper": name} for key, name in parts[0].items()}
    found |= {key: entry if isinstance(entry, dict) else {} for key, entry in parts[1].items()}
    if len(found) > MOST:
        raise InvalidFields({FIELD: f"It has {len(found)} logins; import at most {MOST} at a time."})
    return found


def judged(
    store: Store,
    keyring: Keyring,
    kinds: Kinds,
    actor: Actor,
    entry: tuple[str, Mapping[str, object]],
    names: set[str],
) -> Found:
    """Say what one entry comes to; ``names`` are those the entries before it take."""
    key, content = entry
    try:
        username, password = login_in(key, content)
        draft = draft_of(store, kinds, actor, key, username, password, names)
    except InvalidInput as error:
        return Found(key, Finding.UNREADABLE, str(error))
    for there in store.integrations_at(actor.workspace, draft.server):
        if there.username == username:
            is_same = password in opened(keyring, actor, there).values()
            finding = Finding.SAME if is_same else Finding.CONFLICT
            return Found(key, finding, f"“{there.name}” has {'this' if is_same else 'another'} login", draft)
    names.add(draft.name.casefold())
    return Found(key, Finding.NEW, f"becomes “{draft.name}”", draft)


def login_in(key: str, content: Mapping[str, object]) -> tuple[str, Secret]:
    """Read the user name and password of an entry. Raises ``InvalidInput`` without either."""
    if TEMPORARY.fullmatch(key):
        raise InvalidInput("A password of ECR lasts 12 hours only.", "Add it as Amazon ECR.")
    auth = content.get("auth")
    if content.get("identitytoken") or not isinstance(auth, str) or not auth:
        raise InvalidInput("The login lives in a credential store, not in this file.", "Add it by its form.")
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise InvalidInput("Its “auth” is not base64 of “user:password”.") from None
    if not (username and colon and password.strip("\0")):
        raise InvalidInput("Its “auth” holds no user name or no password.")
    return username, Secret(password.strip("\0"))


def draft_of(
    store: Store, kinds: Kinds, actor: Actor, key: str, username: str, password: Secret, names: set[str]
) -> Draft:
    """Make the draft an entry becomes. Raises ``InvalidInput``."""
    address = "docker.io" if key in HUB_KEYS else key
    server = parse_server(address)
    kind = kind_at(kinds, server.origin, username)
    typed = {"url": server.origin, "host": server.address, "username": username}
    typed[kind.secret_field.key if kind.secret_field else "password"] = password.reveal()
    return read_draft(kind, free_name(store, actor, server.address, names), typed)


def kind_at(kinds: Kinds, origin: str, username: str) -> Kind:
    """The kind whose one server this is, Google's for its key, else a private registry."""
    fixed = next((kind for kind in kinds.values() if kind.server == origin), None)
    google = kinds["gcr"] if username == "_json_key" else None
    return fixed or google or kinds["private"]


def free_name(store: Store, actor: Actor, address: str, names: set[str]) -> str:
    """Make a name of an address that no integration has."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", address).strip("_-")[:58] or "registry"
    for number in range(1, 1000):
        name = plain if number == 1 else f"{plain}_{number}"
        is_taken = name.casefold() in names or store.integration_named(actor.workspace, name)
        if NAME.fullmatch(name) and not is_taken:
            return name
    raise InvalidInput("No name is left for this server.", "Add it by its form.")


def keep_import(
    store: Store, keyring: Keyring, actor: Actor, found: tuple[Found, ...]
) -> tuple[Integration, ...]:
    """
    Keep every new login of a preview in one transaction: all of them or none.

    Raises:
        NotPermitted.
        InvalidFields: A name was taken meanwhile; nothing was kept.
    """
    require(store, actor, Action.ADD)
    drafts = [one.draft for one in found if one.finding is Finding.NEW and one.draft]
    made = tuple(drafted(actor, keyring, draft) for draft in drafts)
    try:
        with store.transaction(actor.workspace) as change:
            for integration in made:
                change.put_integration(integration)
                change.record(event(actor, IMPORT, integration, "not checked"))
    except NameTaken as error:
        raise InvalidFields({FIELD: f"{error} Nothing was imported."}) from error
    return made
