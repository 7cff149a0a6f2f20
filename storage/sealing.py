"""Seals credentials, so that a stolen file or database gives nothing away.

    root     32 random bytes, written in base64; the first key loaded (the primary) seals
    derive   HKDF-SHA256(key = root, salt = none, info = "quaymaster/v1/" + purpose), 32 bytes
             purposes: "kid", "data", "audit", "file", "row", "cursor"; never one key for two purposes
    kid      base32(derive("kid")[:5]), lower case, 8 letters and digits: the key's id, from the key itself
    record   "s1." kid "." base64url without "="( nonce[12] | ciphertext | tag[16] ), AES-256-GCM
    AAD      for each of ("quaymaster s1", kid, workspace, integration id, field, server, trusted token
             servers, CA certificates, who may fetch), without the empty ones at the end:
             u32 big-endian byte length, then the UTF-8 bytes
    box      one message of the page for secrets: ECDH on P-256 between the link's key and one of the page's,
             HKDF-SHA256(salt = the page's public key | the link's, info = "quaymaster/box"), AES-256-GCM,
             AAD = the link's id
    plain    JSON object, sorted keys, no spaces, UTF-8 unescaped, then padded with spaces
             to a multiple of 32 bytes, which hides the length of a password

The associated data (AAD) binds a record to its place and to where it may go: moved to another workspace or
integration, or to a different server, it does not open. The id in it is random and never the name, so a
rename needs no re-sealing.
No error contains any part of a plaintext or a key.

Source: NIST SP 800-38D (random nonces are safe for up to 2^32 seals per key); RFC 5869 (HKDF).
"""

import base64
import binascii
import hashlib
import hmac
import json
import logging
import os
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bot.core.errors import (
    KeyMalformed,
    KeyNotLoaded,
    KeyringFailure,
    KeysMissing,
    KeysUnreadable,
    LinkRefused,
    RecordUnreadable,
    Unsealable,
)
from bot.core.ports.keyring import Box, NewBox
from bot.core.secrets import Credential, SealContext, Sealed, Secret

VERSION = "s1"
_ROOT_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_BLOCK_BYTES = 32
_LENGTH = struct.Struct(">I")
_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
CHECK_CONTEXT = SealContext(workspace="", integration_id="", field="kcv")
CHECK_PLAIN = b"ok"
_WARN_AT_SEALS = 2**30

log = logging.getLogger(__name__)


def derive(root: bytes, purpose: str) -> bytes:
    """Derive the 32-byte key of one purpose from a root key. Source: RFC 5869."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"quaymaster/v1/{purpose}".encode())
    return hkdf.derive(root)


def associated_data(head: bytes, context: SealContext) -> bytes:
    """Write a context so that no two give the same bytes: each part after its length."""
    parts = list(context)
    while parts and not parts[-1]:
        # Each part has its length and its place in the order: empty ones left out at the end are unambiguous.
        parts.pop()
    return head + b"".join(map(_with_length, parts))


def _with_length(text: str) -> bytes:
    """A text in UTF-8 after its length, u32 big-endian."""
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded


@dataclass(frozen=True, slots=True)
class Key:
    """One root key, ready for use. Its ``repr`` shows only the id."""

    kid: str
    data: AESGCM = field(repr=False)
    audit: bytes = field(repr=False)
    file: bytes = field(repr=False)
    row: bytes = field(repr=False)
    head: bytes = field(repr=False)
    """What the associated data of its records begin with."""

    @classmethod
    def of(cls, root: bytes) -> "Key":
        """Derive everything once: derivation at each request would cost more than sealing."""
        kid = base64.b32encode(derive(root, "kid")[:5]).decode().lower()
        head = _with_length(f"quaymaster {VERSION}") + _with_length(kid)
        audit, file, row = (derive(root, purpose) for purpose in ("audit", "file", "row"))
        return cls(kid, AESGCM(derive(root, "data")), audit, file, row, head)

    def seal(self, context: SealContext, plain: bytes, nonce: bytes) -> Sealed:
        """Seal bytes. ``nonce`` is 12 bytes that this key has never sealed with."""
        ciphertext = self.data.encrypt(nonce, plain, associated_data(self.head, context))
        text = base64.urlsafe_b64encode(nonce + ciphertext).decode().rstrip("=")
        return Sealed(f"{VERSION}.{self.kid}.{text}")

    def open(self, context: SealContext, envelope: bytes) -> bytes:
        """Open ``nonce | ciphertext | tag``. Raises ``KeyringFailure`` when altered or from another place."""
        nonce, ciphertext = envelope[:_NONCE_BYTES], envelope[_NONCE_BYTES:]
        try:
            return self.data.decrypt(nonce, ciphertext, associated_data(self.head, context))
        except InvalidTag:
            raise RecordUnreadable("it was altered, or belongs to a different integration") from None

    def seal_hash(self, entry_hash: str) -> str:
        """Seal the hash of an audit entry (64 hexadecimal digits, as is the result)."""
        return hmac.digest(self.audit, bytes.fromhex(entry_hash), "sha256").hex()

    def sign_file(self, head: str) -> str:
        """Authenticate the header of a file; the result is 64 hexadecimal digits."""
        return hmac.digest(self.file, head.encode(), "sha256").hex()

    def seal_row(self, row: bytes) -> str:
        """Authenticate a row of PostgreSQL; the result is 64 hexadecimal digits."""
        return hmac.digest(self.row, row, "sha256").hex()


class Keyring:
    """The loaded keys, safe to share between threads. Implements ``CredentialKeyring``."""

    def __init__(self, roots: Iterable[bytes], warn_at_seals: int = _WARN_AT_SEALS) -> None:
        """Load root keys of 32 bytes each; the first seals. Raises ``KeyringFailure`` when there is none."""
        keys = [Key.of(root) for root in roots]
        if not keys:
            raise KeysMissing
        self._primary = keys[0]
        self._keys = {key.kid: key for key in keys}
        self._warn_at_seals = warn_at_seals
        self._seals = count(1)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"

    @property
    def primary(self) -> str:
        """The id of the key that seals."""
        return self._primary.kid

    @property
    def kids(self) -> tuple[str, ...]:
        """The ids of all loaded keys, the primary first."""
        return tuple(self._keys)

    def seal(self, context: SealContext, credential: Credential) -> Sealed:
        """Seal under the primary key, bound to ``context``."""
        if next(self._seals) == self._warn_at_seals:
            log.warning(
                "Key %s has been used for very many records; add a new key in front of it.", self.primary
            )
        return self._primary.seal(context, padded(credential), os.urandom(_NONCE_BYTES))

    def open(self, context: SealContext, sealed: Sealed) -> Credential:
        """Open a sealed credential. Raises ``KeyringFailure``, which contains no part of the plaintext."""
        return _credential_from(self._open(context, sealed))

    def has_key_for(self, sealed: Sealed) -> bool:
        """True when the key it is sealed under is loaded."""
        return kid_of(sealed) in self._keys

    def needs_reseal(self, sealed: Sealed) -> bool:
        """Return whether it is sealed with a key other than the primary one."""
        return kid_of(sealed) != self.primary

    def check_values(self) -> dict[str, Sealed]:
        """Make a check value for each loaded key, by key id: proof in the store of which key it is."""
        keys = self._keys.values()
        return {key.kid: key.seal(CHECK_CONTEXT, CHECK_PLAIN, os.urandom(_NONCE_BYTES)) for key in keys}

    def is_check_value(self, check: str) -> bool:
        """True when a loaded key opens this check value."""
        try:
            return self._open(CHECK_CONTEXT, Sealed(check)) == CHECK_PLAIN
        except KeyringFailure:
            return False

    def seal_entry(self, entry_hash: str) -> str:
        """Seal the hash of an audit entry under the primary key: ``<key id>.<64 hexadecimal digits>``."""
        return f"{self.primary}.{self._primary.seal_hash(entry_hash)}"

    def is_entry(self, entry_hash: str, seal: str) -> bool:
        """True when ``seal`` is the seal of this hash under a loaded key."""
        kid, _, sealed = seal.partition(".")
        key = self._keys.get(kid)
        return key is not None and hmac.compare_digest(key.seal_hash(entry_hash).encode(), sealed.encode())

    def sign_file(self, head: str) -> str:
        """Authenticate the header of a file under the primary key: 64 hexadecimal digits."""
        return self._primary.sign_file(head)

    def is_file(self, kid: str, head: str, mac: str) -> bool:
        """True when the loaded key ``kid`` has authenticated this header."""
        key = self._keys.get(kid)
        return key is not None and hmac.compare_digest(key.sign_file(head).encode(), mac.encode())

    def seal_row(self, row: bytes) -> str:
        """Authenticate a row of PostgreSQL under the primary key: ``<key id>.<64 hexadecimal digits>``."""
        return f"{self.primary}.{self._primary.seal_row(row)}"

    def is_row(self, row: bytes, seal: str) -> bool:
        """True when ``seal`` is what ``seal_row`` gives for this row under a loaded key."""
        kid, _, mac = seal.partition(".")
        key = self._keys.get(kid)
        return key is not None and hmac.compare_digest(key.seal_row(row).encode(), mac.encode())

    def new_box(self) -> NewBox:
        """Make a key pair for one message to us."""
        private = ec.generate_private_key(ec.SECP256R1())
        public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        scalar = private.private_numbers().private_value.to_bytes(32, "big")
        proof = hashlib.sha256(b"quaymaster/box/proof" + public).hexdigest()
        return NewBox(_base64url(public), Secret(_base64url(scalar)), proof)

    def open_box(self, private: Secret, box: Box, about: str) -> Secret:
        """
        Open a message that the page for secrets has sealed.

        Args:
            private: The private key of its link.
            box: What the page sent.
            about: The link's id, which the message is bound to.

        Raises:
            LinkRefused: It was sealed for a different key, or altered.
        """
        try:
            scalar = int.from_bytes(_from_base64url(private.reveal()), "big")
            key = ec.derive_private_key(scalar, ec.SECP256R1())
            ours = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            ephemeral = _from_base64url(box.ephemeral)
            # Refuses a point that is not on the curve, which could give bits of our key away.
            theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ephemeral)
            hkdf = HKDF(algorithm=SHA256(), length=32, salt=ephemeral + ours, info=b"quaymaster/box")
            shared = hkdf.derive(key.exchange(ec.ECDH(), theirs))
            nonce, sealed = _from_base64url(box.nonce), _from_base64url(box.sealed)
            # The sender's key is new for each message, so no nonce is used twice with the key made from it.
            plain = AESGCM(shared).decrypt(nonce, sealed, about.encode())
            return Secret(plain.decode())
        except (InvalidTag, ValueError):
            raise LinkRefused(
                "What the page sent was not sealed for this link.", "Open the link again from Slack."
            ) from None

    def _open(self, context: SealContext, sealed: Sealed) -> bytes:
        kid, envelope = _parts_of(sealed)
        key = self._keys.get(kid)
        if key is None:
            raise KeyNotLoaded(
                f"This credential is sealed with key {kid}, which is not loaded.",
                "Add that key to the keyring, or enter the credential again.",
            )
        return key.open(context, envelope)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _from_base64url(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def kid_of(sealed: Sealed) -> str:
    """Read the id of the key a record is sealed with. Raises ``KeyringFailure`` if it is not our record."""
    version, _, rest = sealed.partition(".")
    kid, dot, _ = rest.partition(".")
    if version != VERSION or not dot:
        raise RecordUnreadable("its format is unknown")
    return kid


def _parts_of(sealed: Sealed) -> tuple[str, bytes]:
    """
    Split a record into key id and ``nonce | ciphertext | tag``.

    Raises:
        KeyringFailure: Unknown version, fewer than 28 bytes, or base64 that has another spelling
            (spare bits in the last character would give one record several texts).
    """
    kid = kid_of(sealed)
    try:
        # ``base64`` would make its tables again for each record; a page reads many.
        text = sealed[len(VERSION) + len(kid) + 2 :].encode("ascii")
        standard = text.translate(_FROM_URL) + b"=" * (-len(text) % 4)
        envelope = binascii.a2b_base64(standard, strict_mode=True)
    except ValueError:
        raise RecordUnreadable("its text is damaged") from None
    if binascii.b2a_base64(envelope, newline=False).translate(_TO_URL).rstrip(b"=") != text:
        raise RecordUnreadable("its text is damaged")
    if len(envelope) < _NONCE_BYTES + _TAG_BYTES:
        raise RecordUnreadable("it is too short")
    return kid, envelope


def padded(credential: Credential) -> bytes:
    """Write a credential as JSON, padded to a multiple of 32 bytes; JSON ignores trailing spaces."""
    fields = {name: secret.reveal() for name, secret in credential.items()}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        plain = text.encode()
    except UnicodeEncodeError:
        # Without "from None" the error would carry the whole plaintext.
        raise Unsealable from None
    return plain + b" " * (-len(plain) % _BLOCK_BYTES)


def _credential_from(plain: bytes) -> Credential:
    """Read what ``padded`` wrote. Raises ``KeyringFailure`` for anything else."""
    if len(plain) % _BLOCK_BYTES:
        raise RecordUnreadable("its padding is wrong")
    try:
        fields = orjson.loads(plain)
    except ValueError:
        raise RecordUnreadable("it contains no credential") from None
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise RecordUnreadable("it contains no credential")
    return {name: Secret(text) for name, text in fields.items()}


def new_key() -> str:
    """Make a root key: 32 random bytes in base64."""
    return base64.b64encode(os.urandom(_ROOT_BYTES)).decode()


def parse_keys(text: str) -> tuple[bytes, ...]:
    """
    Read root keys.

    Args:
        text: One key a line, or several with commas between; blank lines and lines that begin with
            ``#`` are passed over.

    Returns:
        The root keys in order, 32 bytes each.

    Raises:
        KeyringFailure: No key, or one that is not 32 bytes in base64; the message tells its number only.
    """
    lines = [line for line in text.splitlines() if not line.strip().startswith("#")]
    words = [word.strip() for line in lines for word in line.split(",") if word.strip()]
    if not words:
        raise KeysMissing
    return tuple(_parse_key(word, number) for number, word in enumerate(words, start=1))


def _parse_key(word: str, number: int) -> bytes:
    """Read one root key from base64; ``number`` is its place in the list, from 1, for the error."""
    try:
        root = base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        root = b""
    if len(root) != _ROOT_BYTES:
        raise KeyMalformed(
            f"Key {number} is not 32 bytes in base64.", "Create one with `quaymaster keys new`."
        )
    return root


def read_keys_file(path: Path) -> tuple[bytes, ...]:
    """Read root keys from a file. Raises ``KeyringFailure`` if it is missing or others can read it."""
    try:
        with path.open(encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except OSError as error:
        raise KeysUnreadable(
            f"The key file {path} cannot be read: {error.strerror}.",
            "Set QUAYMASTER_KEYS_FILE to a file that this user can read.",
        ) from error
    except UnicodeDecodeError:
        raise KeyMalformed(
            f"The key file {path} contains something that is not a key.",
            "Create one with `quaymaster keys new`.",
        ) from None
    if mode & 0o077:
        raise KeysUnreadable(f"Other users can read the key file {path}.", f"Run `chmod 600 {path}`.")
    return parse_keys(text)
