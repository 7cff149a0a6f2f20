"""Import logins from a docker ``config.json``: read it, compare with what is there, keep all or nothing."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.core.access import Action, require
from bot.core.audit import event
from bot.core.errors import InvalidFields, InvalidInput, NameTaken
from bot.core.integrations.credentials import opened
from bot.core.integrations.dependencies import may_link
from bot.core.integrations.docker_config import Entry, PastedLogin, read_entries
from bot.core.integrations.inventory import drafted
from bot.core.integrations.pasted_text import decoded
from bot.core.kinds import NAME, Draft, Kind, Kinds, read_draft
from bot.core.model import Actor, Integration, Server, name_key
from bot.core.ports.former_store import Store
from bot.core.ports.keyring import Keyring
from bot.core.secrets import Credential

IMPORT = "integration.import"
FIELD = "config"
MOST = 40
GOOGLE_KEY = "_json_key"
GOOGLE_KEY_IN_BASE64 = "_json_key_base64"


class Finding(StrEnum):
    """What an entry of the file comes to."""

    NEW = "new"
    SAME = "same"
    """An integration of this server, or an entry before it, holds the same login."""
    CONFLICT = "conflict"
    """One of them holds another login of the same user, or one that this person may not compare."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of the file. ``draft`` is there when it is new."""

    key: str
    """As it may be shown."""
    finding: Finding
    reason: str
    draft: Draft | None = None


def digest_of(text: str, found: tuple[Found, ...]) -> str:
    """What a preview was made of and what it said: 16 hexadecimal digits."""
    shown = "\n".join([text, *(f"{one.finding.value} {one.reason}" for one in found)])
    return hashlib.sha256(shown.encode(errors="surrogatepass")).hexdigest()[:16]


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
    try:
        entries = read_entries(text, actor.at)
    except InvalidInput as error:
        raise InvalidFields({FIELD: str(error)}) from None
    if len(entries) > MOST:
        raise InvalidFields({FIELD: f"It has {len(entries)} logins; import at most {MOST} at a time."})
    before: list[Draft] = []
    return tuple(judged(store, keyring, kinds, actor, entry, before) for entry in entries)


def judged(
    store: Store, keyring: Keyring, kinds: Kinds, actor: Actor, entry: Entry, before: list[Draft]
) -> Found:
    """Say what one entry comes to; ``before`` is what the entries before it become."""
    if entry.server is None or entry.login is None:
        return Found(entry.key, Finding.UNREADABLE, str(entry.problem))
    try:
        draft = draft_of(store, kinds, actor, entry.server, entry.login, before)
    except InvalidInput as error:
        return Found(entry.key, Finding.UNREADABLE, str(error))
    finding, reason = compared(store, keyring, actor, draft, before)
    if finding is not Finding.NEW:
        return Found(entry.key, finding, reason)
    before.append(draft)
    return Found(entry.key, finding, "; ".join((reason, *entry.notes)), draft)


def compared(
    store: Store, keyring: Keyring, actor: Actor, draft: Draft, before: list[Draft]
) -> tuple[Finding, str]:
    """Compare a login with those of the same user at the same server: one that is the same decides."""
    known = [*kept_logins(store, keyring, actor, draft), *logins_before(before, draft)]
    wanted = set(draft.credential.values())
    same = next((name for name, credential in known if wanted <= set((credential or {}).values())), "")
    if same:
        return Finding.SAME, f"“{same}” has this login"
    if known:
        name, credential = known[0]
        closed = f"“{name}” has a login of this user, for linked targets only; the two were not compared"
        return Finding.CONFLICT, closed if credential is None else f"“{name}” has another login"
    return Finding.NEW, f"becomes “{draft.name}”{beside(store, actor, draft, before)}"


def beside(store: Store, actor: Actor, draft: Draft, before: list[Draft]) -> str:
    """Name another integration of the server, kept or new: with two, something must decide which answers."""
    there = [one.name for one in store.integrations_at(actor.workspace, draft.server)]
    there += [one.name for one in before if one.server == draft.server]
    return f", beside “{there[0]}” of the same server" if there else ""


def kept_logins(
    store: Store, keyring: Keyring, actor: Actor, draft: Draft
) -> Iterator[tuple[str, Credential | None]]:
    """
    What the workspace has for the same user at the same server, by name.

    What this person could not fetch is ``None`` and not compared: the answer would confirm a guess.
    """
    for one in store.integrations_at(actor.workspace, draft.server):
        if one.username == draft.username:
            yield one.name, opened(keyring, actor.workspace, one) if may_link(actor, one) else None


def logins_before(before: list[Draft], draft: Draft) -> Iterator[tuple[str, Credential]]:
    """What entries before it become: docker writes Docker Hub's login under two keys, for instance."""
    for one in before:
        if (one.server, one.username) == (draft.server, draft.username):
            yield one.name, one.credential


def draft_of(
    store: Store, kinds: Kinds, actor: Actor, server: Server, login: PastedLogin, before: list[Draft]
) -> Draft:
    """Make the draft an entry becomes. Raises ``InvalidInput``."""
    username, password = login.username, login.password.reveal()
    if username == GOOGLE_KEY_IN_BASE64:
        username, password = GOOGLE_KEY, key_in_base64(password)
    kind = kind_at(kinds, server, username)
    address = server.address
    typed = {"url": server.origin, "host": address, "registry": address, "username": username}
    typed[kind.secret_field.key if kind.secret_field else "password"] = password
    return read_draft(kind, free_name(store, actor, server.address, before), typed)


def key_in_base64(password: str) -> str:
    """Decode a Google key that was wrapped once more. Raises ``InvalidInput``."""
    try:
        return decoded(password, "Its password")[0].decode()
    except UnicodeDecodeError:
        raise InvalidInput("Its password is not base64 of a JSON key.", "Add it by its form.") from None


def kind_at(kinds: Kinds, server: Server, username: str) -> Kind:
    """The kind whose server this is, Google's for its key, else a private registry."""
    fixed = next((kind for kind in kinds.values() if kind.server == server.origin), None)
    if fixed is None and server.port is None and not server.is_plain:
        own = (kind for kind in kinds.values() if kind.hosts and re.fullmatch(kind.hosts, server.host))
        fixed = next(own, None)
    google = kinds["gcr"] if username == GOOGLE_KEY else None
    return fixed or google or kinds["private"]


def free_name(store: Store, actor: Actor, address: str, before: list[Draft]) -> str:
    """Make a name of an address that no integration has."""
    names = {name_key(one.name) for one in before}
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", address).strip("_-")[:58] or "registry"
    for number in range(1, 1000):
        name = plain if number == 1 else f"{plain}_{number}"
        is_taken = name_key(name) in names or store.integration_named(actor.workspace, name)
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
        taken = f"“{error.name}” was added meanwhile, so nothing was imported. Press again to see anew."
        raise InvalidFields({FIELD: taken}) from error
    return made
