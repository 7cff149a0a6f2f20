"""Workflow tokens: how one is made, read and told apart from a typing error.

``qm_`` + 30 random base62 characters + 6 base62 digits of the CRC-32 over all before them, 39 characters.
The first 8 random characters are the public id; the other 22 carry 131 random bits. The checksum rejects
typing errors before any look-up, and lets secret scanners find leaked tokens.

Layout after github.blog, "Behind GitHub's new authentication token formats".
"""

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime

from bot.core.model import Target
from bot.core.secrets import Secret

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX = "qm_"
RANDOM_LENGTH = 30
CHECKSUM_LENGTH = 6
ID_LENGTH = 8
SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}")
NOBODYS_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class WorkflowToken:
    """A token a workflow carries. It speaks for one target; its text is never kept."""

    id: str
    """The public id, 8 characters: shown in lists and in the history."""
    sha256: str
    """Of the whole token, 64 hexadecimal digits. No slow hash is needed for 131 random bits."""
    target: Target
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    reminded: int = 0
    """How many reminders its creator got: one 7 days, one 1 day before it ends."""
    approved_by: str | None = None
    """The admin who let it fetch what is open to all workflows; ``None`` = nobody yet."""
    declined_by: str | None = None
    """The admin who declined that."""

    held_at: datetime | None = None
    """When it was noticed that its creator has left: until somebody takes it over, it fetches nothing."""

    def is_valid(self, at: datetime) -> bool:
        """True while it is neither revoked nor over."""
        return self.revoked_at is None and at < self.expires_at


def new_token() -> Secret:
    """Make a token. It is shown once."""
    return token_of("".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH)))


def token_of(random_part: str) -> Secret:
    """Put prefix and checksum around 30 base62 characters."""
    body = PREFIX + random_part
    return Secret(body + checksum(body))


def checksum(body: str) -> str:
    """The last digits of a token, from all before them."""
    return base62(zlib.crc32(body.encode()), CHECKSUM_LENGTH)


def base62(number: int, length: int) -> str:
    """Write a number in base 62, padded with zeros on the left."""
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits


def public_id(text: str) -> str | None:
    """The public id of a token's text; ``None`` when it is not one or was mistyped."""
    if not SHAPE.fullmatch(text):
        return None
    body = text[:-CHECKSUM_LENGTH]
    return body.removeprefix(PREFIX)[:ID_LENGTH] if text == body + checksum(body) else None


def ids_in(text: str) -> tuple[str, ...]:
    """The public ids of the workflow tokens that stand in a text, each once."""
    found = (public_id(match[0]) for match in SHAPE.finditer(text))
    return tuple(dict.fromkeys(filter(None, found)))


def hash_of(token: Secret) -> str:
    """What is kept of a token: SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()


def is_same(token: Secret, known: WorkflowToken | None) -> bool:
    """Compare in constant time; an unknown token costs the same as a known one."""
    expected = known.sha256 if known else NOBODYS_HASH
    return hmac.compare_digest(hash_of(token), expected) and known is not None
