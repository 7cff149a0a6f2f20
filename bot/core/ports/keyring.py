"""What the domain asks of a keyring: seal credentials and open them again."""

from dataclasses import dataclass
from typing import Protocol

from bot.core.secrets import Credential, SealContext, Sealed, Secret


@dataclass(frozen=True, slots=True)
class NewBox:
    """A key pair for one message to us."""

    public: str
    """The public key, in base64url: with it anybody can seal to us."""
    private: Secret
    proof: str
    """A hash of the public key, 64 hexadecimal digits: shows that somebody has it without giving it away."""


@dataclass(frozen=True, slots=True)
class Box:
    """A message that was sealed to a public key. All of it comes from a stranger."""

    proof: str
    ephemeral: str
    """The sender's public key, in base64url."""
    nonce: str
    sealed: str


class CredentialKeyring(Protocol):
    """Seals credentials and opens them again."""

    def seal(self, context: SealContext, credential: Credential) -> Sealed:
        """Seal under the primary key, bound to ``context``."""

    def open(self, context: SealContext, sealed: Sealed) -> Credential:
        """Open a sealed credential. Raises ``KeyringFailure``, which contains no part of the plaintext."""

    def new_box(self) -> NewBox:
        """Make a key pair for one message."""

    def open_box(self, private: Secret, box: Box, about: str) -> Secret:
        """Open a message that is bound to ``about``. Raises ``LinkRefused`` when it is for another key."""

    def has_key_for(self, sealed: Sealed) -> bool:
        """True when the key it is sealed under is loaded."""
