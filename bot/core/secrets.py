"""Secrets in their two forms, ``Secret`` a plaintext and ``Sealed`` a ciphertext; and workflow tokens' text.

A plaintext never shows itself: ``str``, ``repr`` and formatting all give ``Secret(****)``.
Stores accept only ``Sealed``, and the type checker makes sure of it.

A workflow token is ``qm_`` + 30 random base62 characters + 6 base62 digits of the CRC-32 of everything before
them, 39 characters. The first 8 random characters are the public id; the other 22 carry 131 random bits. The
checksum rejects typing errors before any look-up, and lets secret scanners find leaked tokens.

Layout after github.blog, "Behind GitHub's new authentication token formats".
"""

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple, NewType

Sealed = NewType("Sealed", str)
"""A sealed credential: ``s1.<key id>.<base64url>`` (see ``storage/sealing.py``)."""

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PREFIX = "qm_"
_RANDOM_LENGTH = 30
_CHECKSUM_LENGTH = 6
_ID_LENGTH = 8
TOKEN_SHAPE = re.compile(rf"{_PREFIX}[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}")
_NOBODYS_HASH = "0" * 64


class Secret:
    """A plaintext secret. Only ``reveal`` gives the text away, so every use can be searched for."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: Final = text

    def reveal(self) -> str:
        """Return the plaintext. Call it only where the text is sent, sealed, hashed or judged."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(****)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("A Secret is never pickled or copied to disk.")


Credential = Mapping[str, Secret]
"""The secret fields of one integration by key, for instance ``{"password": Secret(****)}``."""


class SealContext(NamedTuple):
    """
    What a sealed credential is bound to: where it belongs, where it may be sent, and who may fetch it.

    A ciphertext that was moved elsewhere does not open, nor one beside which any of this was changed.
    """

    workspace: str
    integration_id: str
    field: str = "credential"
    server: str = ""
    """The origin of the registry."""
    trusted_realms: str = ""
    """The origins of token servers on other hosts, a space between them."""
    ca: str = ""
    """Certificates in PEM of a private certificate authority."""
    access: str = ""
    """``linked`` for linked targets only; empty for every workflow."""


def new_token() -> Secret:
    """Make a token. It is shown once."""
    return token_of("".join(secrets.choice(ALPHABET) for _ in range(_RANDOM_LENGTH)))


def token_of(random_part: str) -> Secret:
    """Put prefix and checksum around 30 base62 characters."""
    body = _PREFIX + random_part
    return Secret(body + _checksum(body))


def _checksum(body: str) -> str:
    """The last digits of a token, from all before them."""
    return base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def base62(number: int, length: int) -> str:
    """Write a number in base 62, padded with zeros on the left."""
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits


def public_id(text: str) -> str | None:
    """The public id of a token's text; ``None`` when it is not one or was mistyped."""
    if not TOKEN_SHAPE.fullmatch(text):
        return None
    body = text[:-_CHECKSUM_LENGTH]
    return body.removeprefix(_PREFIX)[:_ID_LENGTH] if text == body + _checksum(body) else None


def ids_in(text: str) -> tuple[str, ...]:
    """The public ids of the workflow tokens that stand in a text, each once."""
    found = (public_id(match[0]) for match in TOKEN_SHAPE.finditer(text))
    return tuple(dict.fromkeys(filter(None, found)))


def hash_of(token: Secret) -> str:
    """What is kept of a token: SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()


def is_same(token: Secret, known_hash: str | None) -> bool:
    """Compare with a kept hash in constant time; an unknown token costs the same as a known one."""
    return hmac.compare_digest(hash_of(token), known_hash or _NOBODYS_HASH) and known_hash is not None
