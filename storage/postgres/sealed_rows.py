"""The rows of one workspace: each is written with a seal, and trusted only if one of our keys made it.

The seal is an HMAC, under a key derived for this alone, over the workspace, the table, the row's key and its
document. It is in the document, or next to a setting. It does not cover last uses, which are written without
reading the row, nor the columns that repeat the document: what they find is compared with the document.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from bot.core.audit import BEFORE_THE_FIRST, AuditEntry, Event, News, entry_hash
from bot.core.errors import KeyNotLoaded, StoreDamaged
from bot.core.model import Bar, Dependency, Integration, Server, Setting, Target, WorkflowToken
from bot.core.texts import name_key
from storage.postgres.read_before import ReadBefore
from storage.postgres.rows import (
    Parameters,
    bar_row,
    dependency_row,
    integration_row,
    news_row,
    token_row,
)
from storage.records import (
    Fields,
    Identities,
    bar_from,
    dependency_from,
    event_from,
    event_row,
    news_from,
    token_from,
)
from storage.sealing import Keyring

SEAL = "seal"
"""The field of a document that has its seal."""
Key = tuple[str | int, ...]


class SealedRows:
    """Seals and verifies. Safe to share between threads."""

    def __init__(
        self,
        keyring: Keyring,
        ws: str,
        lost_keys: Collection[str] = (),
        read_before: ReadBefore | None = None,
    ) -> None:
        """
        Args:
            keyring: Seals with its first key.
            ws: The workspace's key.
            lost_keys: Ids of keys that are gone for good: what they sealed is trusted unchecked.
            read_before: What was read and trusted with the same keys.
        """
        self.ws = ws
        self.keyring = keyring
        self.identities = Identities(keyring, ws)
        self._lost_keys = lost_keys
        self._read_before = ReadBefore() if read_before is None else read_before

    def written(self, value: Integration | Dependency | Bar | WorkflowToken | Setting | News) -> Parameters:
        """Return the parameters for storing a value; an integration's identity is sealed already."""
        if isinstance(value, Setting):
            seal = self.seal_of("settings", (value.name,), {"value": value.value})
            return {"name": value.name, "value": value.value, "seal": seal}
        table, row = _ROWS[type(value)]
        given = row(value)
        given["doc"] = self._sealed(table, _key_of(value), given["doc"])
        return given

    def event(self, event: Event, line: Key) -> Jsonb:
        """The document of an hour's first fetch."""
        return self._sealed("fetch_hours", line, event_row(event))

    def seal_of(self, table: str, key: Key, doc: Fields) -> str:
        """The seal of a row under the primary key."""
        return self.keyring.seal_row(self._covered(table, key, doc))

    def _sealed(self, table: str, key: Key, doc: Fields) -> Jsonb:
        return Jsonb({**doc, SEAL: self.seal_of(table, key, doc)})

    def _covered(self, table: str, key: Key, doc: Fields) -> bytes:
        return orjson.dumps([self.ws, table, *key, doc], option=orjson.OPT_SORT_KEYS)

    def integration(self, integration_id: str, doc: Fields) -> Integration:
        """Read an integration. Raises ``StoreDamaged``, as every reader here does."""

        def read() -> Integration:
            bare = self._opened("integrations", (integration_id,), doc)
            return self.identities.read(integration_id, bare)

        # Certificates are large, so what was read with them is not kept.
        if not isinstance(doc, dict) or "ca" in doc:
            return read()
        return self._read_before.value(Integration, (self.ws, "integrations", integration_id), (doc,), read)

    def integration_named(self, key: str, integration_id: str, doc: Fields) -> Integration:
        """Read what was found by the key of its name."""
        found = self.integration(integration_id, doc)
        if name_key(found.name) != key:
            raise self._moved("integrations", (integration_id,), "name")
        return found

    def integration_at(self, server: Server, integration_id: str, doc: Fields) -> Integration:
        """Read what was found by its server; one that was asked for without a port may be at port 80."""
        found = self.integration(integration_id, doc)
        wanted = {server.endpoint, *([(server.host, 80)] if server.port is None else [])}
        if found.server.endpoint not in wanted:
            raise self._moved("integrations", (integration_id,), "server")
        return found

    def dependency(self, doc: Fields, last_used_at: datetime | None) -> Dependency:
        """Read a dependency."""
        key = _linked_in(doc)
        return self._read_before.value(
            Dependency,
            (self.ws, "dependencies", *key),
            (doc, last_used_at),
            lambda: dependency_from(self._opened("dependencies", key, doc), last_used_at=last_used_at),
        )

    def dependency_between(
        self, integration_id: str, target: Target, doc: Fields, last_used_at: datetime | None
    ) -> Dependency:
        """Read what was found by an integration and a target."""
        found = self.dependency(doc, last_used_at)
        if (found.integration_id, found.target) != (integration_id, target):
            raise self._moved("dependencies", _linked_in(doc), "integration or target")
        return found

    def dependency_of(self, integration_id: str, doc: Fields, last_used_at: datetime | None) -> Dependency:
        """Read what was found by its integration."""
        found = self.dependency(doc, last_used_at)
        return self.dependency_between(integration_id, found.target, doc, last_used_at)

    def bar_between(self, integration_id: str, target: Target, doc: Fields) -> Bar:
        """Read a bar that was found by an integration and a target."""
        found = self.bar(doc)
        if (found.integration_id, found.target) != (integration_id, target):
            raise self._moved("bars", _linked_in(doc), "integration or target")
        return found

    def bar(self, doc: Fields) -> Bar:
        """Read a bar."""
        return bar_from(self._opened("bars", _linked_in(doc), doc))

    def token(self, token_id: str, doc: Fields, last_used_at: datetime | None) -> WorkflowToken:
        """Read a workflow token."""
        return self._read_before.value(
            WorkflowToken,
            (self.ws, "tokens", token_id),
            (doc, last_used_at),
            lambda: token_from(token_id, self._opened("tokens", (token_id,), doc), last_used_at=last_used_at),
        )

    def token_of(
        self, target: Target, token_id: str, doc: Fields, last_used_at: datetime | None
    ) -> WorkflowToken:
        """Read what was found by its target."""
        found = self.token(token_id, doc, last_used_at)
        if found.target != target:
            raise self._moved("tokens", (token_id,), "target")
        return found

    def setting(self, name: str, value: str, seal: str | None) -> Setting:
        """Read a setting."""
        self._opened("settings", (name,), {"value": value, SEAL: seal})
        return Setting(name, value)

    def news(self, news_id: str, doc: Fields) -> News:
        """Read a message that is waiting to be sent."""
        return news_from(news_id, self._opened("news", (news_id,), doc))

    def first_of_hour(self, doc: Fields, line: Key) -> Event:
        """Read what ``event`` wrote."""
        return event_from(self._opened("fetch_hours", line, doc))

    def is_entry(self, entry: AuditEntry, before: str | None) -> bool:
        """True when a loaded key has sealed this entry after the one with the hash ``before``."""
        previous = BEFORE_THE_FIRST if entry.sequence == 1 else before
        if previous is None or not self.keyring.is_entry(entry.hash, entry.seal):
            return False
        return entry.hash == entry_hash(previous, self.ws, entry.sequence, entry.event)

    def is_believed(self, table: str, key: Key, doc: Fields) -> bool:
        """True when a loaded key has sealed this row, or the seal names a key that was given up as lost."""
        kid = kid_of_row(doc)
        if not kid or kid in self._lost_keys:
            return bool(kid)
        try:
            covered = self._covered(table, key, without_seal(doc))
        except TypeError:  # nested too deep
            return False
        return self.keyring.is_row(covered, doc[SEAL])

    def _opened(self, table: str, key: Key, doc: Fields) -> Fields:
        self.require_believed(table, key, doc)
        return without_seal(doc)

    def require_believed(self, table: str, key: Key, doc: Fields) -> None:
        """Raise ``StoreDamaged`` unless ``is_believed``, and ``KeyNotLoaded`` when nobody can tell."""
        kid = kid_of_row(doc)
        if kid and kid not in self.keyring.kids and kid not in self._lost_keys:
            raise KeyNotLoaded(
                f"{self.place(table, key)} is sealed with key {kid}, which is not loaded.",
                "Add that key to the keyring.",
            )
        if not kid:
            raise StoreDamaged(
                f"{self.place(table, key)}: it has no seal, so it is not trusted.",
                "Ask the operator to run `quaymaster store seal` once if an earlier version wrote this "
                "database, otherwise `quaymaster audit verify`.",
            )
        if not self.is_believed(table, key, doc):
            raise StoreDamaged(
                f"{self.place(table, key)}: no key of this Quaymaster sealed it, so it is not trusted.",
                "Ask the operator to run `quaymaster audit verify`.",
            )

    def _moved(self, table: str, key: Key, what: str) -> StoreDamaged:
        return StoreDamaged(
            f"{self.place(table, key)}: its columns name a different {what} than its document does.",
            "Ask the operator to find out who changed the database.",
        )

    def place(self, table: str, key: Key) -> str:
        """Name a row for an operator."""
        return f"Workspace {self.ws}, table {table}, id {'/'.join(map(str, key))}"


def kid_of_row(doc: Fields) -> str:
    """The id of the key that a document names for its seal; empty without a seal, or if it is no document."""
    seal = doc.get(SEAL) if isinstance(doc, dict) else None
    return seal.partition(".")[0] if isinstance(seal, str) else ""


def without_seal(doc: Fields) -> dict[str, Any]:
    """What a seal covers of a document."""
    bare = dict(doc)
    bare.pop(SEAL, None)
    return bare


def _linked_in(doc: Fields) -> Key:
    """What a dependency or a bar says it is between, if that can be read."""
    if not isinstance(doc, dict):
        return ()
    target = doc.get("target")
    parts = target if isinstance(target, list) else []
    return (str(doc.get("integration_id")), *map(str, parts))


def _key_of(value: Integration | Dependency | Bar | WorkflowToken | News) -> Key:
    if isinstance(value, Dependency | Bar):
        return value.integration_id, value.target.kind.value, value.target.name
    return (value.id,)


_ROWS: dict[type, tuple[str, Callable[[Any], Parameters]]] = {
    Integration: ("integrations", integration_row),
    Dependency: ("dependencies", dependency_row),
    Bar: ("bars", bar_row),
    WorkflowToken: ("tokens", token_row),
    News: ("news", news_row),
}
