"""Import logins from a docker ``config.json``: read it, compare with what is there, keep all or nothing."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from bot.core.access import may, require
from bot.core.audit import Action, event
from bot.core.errors import InvalidFields, InvalidInput, NameTaken
from bot.core.integrations.credentials import open_credential
from bot.core.integrations.docker_config import Entry, PastedLogin, read_entries
from bot.core.integrations.inventory import draft_integration
from bot.core.integrations.pasted_text import decoded
from bot.core.kinds import Draft, Kind, Kinds, read_draft
from bot.core.model import Actor, Integration, Server
from bot.core.ports import Ports
from bot.core.ports.store import Reading
from bot.core.secrets import Credential
from bot.core.texts import name_key
from bot.core.workflows.resolve import undecided_servers

FIELD = "config"
MOST_LOGINS = 40
_GOOGLE_KEY = "_json_key"
_GOOGLE_KEY_IN_BASE64 = "_json_key_base64"


class FoundLogin(StrEnum):
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
    finding: FoundLogin
    reason: str
    draft: Draft | None = None


def digest_of(text: str, found: tuple[Found, ...]) -> str:
    """What a preview was made of and what it said: 16 hexadecimal digits."""
    shown = "\n".join([text, *(f"{one.finding.value} {one.reason}" for one in found)])
    return hashlib.sha256(shown.encode(errors="surrogatepass")).hexdigest()[:16]


def preview_import(ports: Ports, kinds: Kinds, actor: Actor, text: str) -> tuple[Found, ...]:
    """
    Say what would come of importing a file. Nothing is kept.

    Raises:
        NotPermitted.
        InvalidFields: The text is not a docker config.json; it is not repeated.
    """
    require(ports, actor, Action.ADD)
    try:
        entries = read_entries(text, actor.at)
    except InvalidInput as error:
        raise InvalidFields({FIELD: str(error)}) from None
    if len(entries) > MOST_LOGINS:
        raise InvalidFields({FIELD: f"It has {len(entries)} logins; import at most {MOST_LOGINS} at a time."})
    preview = _Preview(ports, kinds, actor, ports.store.read(actor.workspace))
    return tuple(preview.judge(entry) for entry in entries)


@dataclass(frozen=True, slots=True)
class _Preview:
    """Judges one entry after the other against one state of the workspace."""

    ports: Ports
    kinds: Kinds
    actor: Actor
    reading: Reading
    before: list[Draft] = field(default_factory=list)
    """What the entries before become."""

    def judge(self, entry: Entry) -> Found:
        """Say what one entry comes to."""
        if entry.server is None or entry.login is None:
            return Found(entry.key, FoundLogin.UNREADABLE, str(entry.problem))
        try:
            draft = self._draft(entry.server, entry.login)
        except InvalidInput as error:
            return Found(entry.key, FoundLogin.UNREADABLE, str(error))
        finding, reason = self._compare(draft)
        if finding is not FoundLogin.NEW:
            return Found(entry.key, finding, reason)
        self.before.append(draft)
        return Found(entry.key, finding, "; ".join((reason, *entry.notes)), draft)

    def _compare(self, draft: Draft) -> tuple[FoundLogin, str]:
        """Compare a login with those of the same user at the same server: one that is the same decides."""
        known = [*self._kept_logins(draft), *self._logins_before(draft)]
        wanted = set(draft.credential.values())
        same = next((name for name, credential in known if wanted <= set((credential or {}).values())), "")
        if same:
            return FoundLogin.SAME, f"“{same}” has this login"
        if known:
            name, credential = known[0]
            closed = f"“{name}” has a login for this user and is not yours, so the two were not compared"
            return FoundLogin.CONFLICT, closed if credential is None else f"“{name}” has a different login"
        return FoundLogin.NEW, f"becomes “{draft.name}”{self._beside(draft)}"

    def _beside(self, draft: Draft) -> str:
        """Name another integration of the server, kept or new: with two, something must say which answers."""
        there = [one.name for one in self.reading.integrations.at(draft.server)]
        there += [one.name for one in self.before if one.server == draft.server]
        return f", in addition to “{there[0]}” for the same server" if there else ""

    def _kept_logins(self, draft: Draft) -> Iterator[tuple[str, Credential | None]]:
        """
        What the workspace has for the same user at the same server, by name.

        What is not this person's to open is ``None`` and not compared: the answer would confirm a guess.
        """
        for one in self.reading.integrations.at(draft.server):
            if one.username == draft.username:
                is_theirs = may(self.actor, Action.LINK, one.owner)
                keyring, workspace = self.ports.keyring, self.actor.workspace
                yield one.name, open_credential(keyring, workspace, one) if is_theirs else None

    def _logins_before(self, draft: Draft) -> Iterator[tuple[str, Credential]]:
        """What entries before it become: docker writes Docker Hub's login under two keys, for instance."""
        for one in self.before:
            if (one.server, one.username) == (draft.server, draft.username):
                yield one.name, one.credential

    def _draft(self, server: Server, login: PastedLogin) -> Draft:
        """Make the draft an entry becomes. Raises ``InvalidInput``."""
        username, password = login.username, login.password.reveal()
        if username == _GOOGLE_KEY_IN_BASE64:
            username, password = _GOOGLE_KEY, _key_in_base64(password)
        kind = _kind_at(self.kinds, server, username)
        address = server.address
        typed = {"url": server.origin, "host": address, "registry": address, "username": username}
        typed[kind.secret_field.key if kind.secret_field else "password"] = password
        return read_draft(kind, self._free_name(address), typed)

    def _free_name(self, address: str) -> str:
        """Make a name of an address that no integration has."""
        names = {name_key(one.name) for one in self.before}
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", address).strip("_-")[:58] or "registry"
        name, number = plain, 1
        while name_key(name) in names or self.reading.integrations.named(name):
            number += 1
            name = f"{plain}_{number}"
        return name


def _key_in_base64(password: str) -> str:
    """Decode a Google key that was wrapped once more. Raises ``InvalidInput``."""
    try:
        return decoded(password, "Its password")[0].decode()
    except UnicodeDecodeError:
        raise InvalidInput(
            "Its password is not base64 of a JSON key.", "Add it with the form for its type."
        ) from None


def _kind_at(kinds: Kinds, server: Server, username: str) -> Kind:
    """The kind whose server this is, Google's for its key, else a private registry."""
    fixed = next((kind for kind in kinds.values() if kind.server == server.origin), None)
    if fixed is None and server.port is None and not server.is_plain:
        own = (kind for kind in kinds.values() if kind.hosts and re.fullmatch(kind.hosts, server.host))
        fixed = next(own, None)
    google = kinds["gcr"]
    host = google.field("host")
    # A mirror elsewhere may take Google's key too: it is a private registry.
    is_google = username == _GOOGLE_KEY and host is not None and re.fullmatch(host.pattern, server.address)
    return fixed or (google if is_google else kinds["private"])


@dataclass(frozen=True, slots=True)
class Imported:
    """What was kept of a preview."""

    integrations: tuple[Integration, ...]
    undecided: tuple[Server, ...]
    """Servers where a target that depends on none of their integrations gets an error for their number."""


def keep_import(
    ports: Ports, actor: Actor, found: tuple[Found, ...], *, linked_only: bool = False
) -> Imported:
    """
    Keep every new login of a preview in one change: all of them or none.

    Raises:
        NotPermitted.
        InvalidFields: A name was taken in the meantime; nothing was kept.
    """
    require(ports, actor, Action.ADD)
    drafts = [one.draft for one in found if one.finding is FoundLogin.NEW and one.draft]
    made = tuple(draft_integration(actor, ports.keyring, draft, linked_only=linked_only) for draft in drafts)
    try:
        with ports.store.change(actor.workspace) as change:
            for integration in made:
                change.put(integration)
                change.record(event(actor, Action.IMPORT, integration, reason="not checked"))
            return Imported(made, undecided_servers(change, made))
    except NameTaken as error:
        taken = (
            f"Somebody else has just added “{error.name}”, so nothing was imported. "
            "Preview it again to see what changed."
        )
        raise InvalidFields({FIELD: taken}) from error
