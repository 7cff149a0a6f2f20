"""What the domain asks of a keyring: seal credentials and open them again."""

from typing import Protocol

from bot.core.secrets import Credential, SealContext, Sealed


class CredentialKeyring(Protocol):
    """Seals credentials and opens them again."""

    def seal(self, context: SealContext, credential: Credential) -> Sealed:
        """Seal under the primary key, bound to ``context``."""

    def open(self, context: SealContext, sealed: Sealed) -> Credential:
        """Open a sealed credential. Raises ``KeyringFailure``, which holds no part of the plaintext."""

    def has_key_for(self, sealed: Sealed) -> bool:
        """True when the key it is sealed under is loaded."""
