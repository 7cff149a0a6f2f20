"""What the page for secrets does in a browser, done here: seal to the public key of a link."""

import base64
import hashlib
import json
import os
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def parts_of(url: str) -> tuple[str, str]:
    """The path of a link, and its public key."""
    parts = urlsplit(url)
    return parts.path, parts.fragment


def proof_of(public: str) -> str:
    """What shows that somebody has the link."""
    return hashlib.sha256(b"quaymaster/box/proof" + _read(public)).hexdigest()


def sealed(url: str, **entered: str) -> dict[str, str]:
    """The body that the page posts."""
    path, public = parts_of(url)
    private = ec.generate_private_key(ec.SECP256R1())
    ephemeral = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _read(public))
    salt = ephemeral + _read(public)
    key = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"quaymaster/box").derive(
        private.exchange(ec.ECDH(), theirs)
    )
    nonce = os.urandom(12)
    text = AESGCM(key).encrypt(nonce, json.dumps(entered).encode(), path.rpartition("/")[2].encode())
    parts = {"ephemeral": ephemeral, "nonce": nonce, "sealed": text}
    return {"proof": proof_of(public), **{name: _written(raw) for name, raw in parts.items()}}


def _read(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
