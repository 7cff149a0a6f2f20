"""Seals who an integration logs in as: its username and its options, such as an e-mail or an access key id.

    Integration -> sealed -> row (the identity as one sealed text) -> disk, database, export
    row -> read -> Integration (username and options in the clear, in memory only)

It is bound to the workspace and the integration: moved beside another one, it does not open.
"""

from collections.abc import Mapping
from dataclasses import replace
from sys import intern
from types import MappingProxyType
from typing import Any

from bot.core.errors import KeyNotLoaded, KeyringFailure
from bot.core.model import NO_OPTIONS, Integration
from bot.core.secrets import SealContext, Sealed, Secret
from storage.records import INTEGRATIONS, Fields, Value, integration_from, value_in
from storage.sealing import Keyring, kid_of

_USERNAME = "username"
_OPTION = "option "
"""What the names of options begin with, so that none is taken for the username."""


class Identities:
    """Seals and opens the identities of one workspace. Safe to share between threads."""

    def __init__(self, keyring: Keyring, workspace_key: str) -> None:
        self._keyring = keyring
        self._workspace_key = workspace_key

    def sealed(self, one: Integration) -> Integration:
        """The same integration as it is kept: an identity that is sealed already stays as it is."""
        if one.username or one.options:
            return one if self._fits(one) else replace(one, identity=self._seal(one))
        # One under a key that is not loaded was never seen: only forgetting that key drops it.
        if one.identity is None or not self._keyring.has_key_for(one.identity):
            return one
        return replace(one, identity=None)

    def read(self, integration_id: str, row: Fields) -> Integration:
        """
        Read an integration.

        Without the key of its identity, its username and options are empty.

        Raises:
            KeyringFailure: The identity was altered, or belongs to another integration.
            KeyError, ValueError, TypeError, AttributeError: It is not a row of ours.
        """
        identity = row.get("identity")
        if identity is None:
            return integration_from(integration_id, row)
        return integration_from(integration_id, row, **self._opened(integration_id, identity))

    def value_in(self, table: str, key: str, row: Fields) -> Value | None:
        """Read a row of any table, as ``storage.records.value_in`` does."""
        return self.read(key, row) if table == INTEGRATIONS else value_in(table, key, row)

    def restored(self, one: Integration) -> Integration:
        """An integration as another store or an export had it, opened; what is sealed stays as it is."""
        if one.identity is None:
            return self.sealed(one)
        return replace(one, **self._opened(one.id, one.identity))

    def needs_sealing(self, one: Integration) -> bool:
        """True when it was read from a row that holds its identity in the clear."""
        return one.identity is None and bool(one.username or one.options)

    def _context(self, integration_id: str) -> SealContext:
        return SealContext(self._workspace_key, integration_id, field="identity")

    def _seal(self, one: Integration) -> Sealed:
        options = {_OPTION + name: Secret(text) for name, text in one.options.items()}
        return self._keyring.seal(self._context(one.id), {_USERNAME: Secret(one.username), **options})

    def _fits(self, one: Integration) -> bool:
        """True when the identity is sealed under the primary key, and is the one that the fields say."""
        if one.identity is None or self._keyring.needs_reseal(one.identity):
            return False
        try:
            opened = self._opened(one.id, one.identity)
        except KeyringFailure:
            return False
        return opened == {"username": one.username, "options": one.options}

    def _opened(self, integration_id: str, identity: Sealed) -> Mapping[str, Any]:
        try:
            found = self._keyring.open(self._context(integration_id), identity)
        except KeyNotLoaded:
            return {"username": "", "options": NO_OPTIONS}
        options = {
            name.removeprefix(_OPTION): secret.reveal() for name, secret in found.items() if name != _USERNAME
        }
        return {
            "username": intern(found[_USERNAME].reveal()),
            "options": MappingProxyType(options) if options else NO_OPTIONS,
        }


def kids_of(one: Integration) -> frozenset[str]:
    """The ids of the keys that an integration is sealed under."""
    return frozenset(kid_of(sealed) for sealed in (one.secret, one.identity) if sealed)
