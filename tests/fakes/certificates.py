"""A private certificate authority, made anew for a test run."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = dt.timedelta(days=1)
SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Certified:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_pem(self) -> str:
        """The private key in PEM, unencrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write certificate and key to ``leaf.crt`` and ``leaf.key``."""
        certificate, key = folder / "leaf.crt", folder / "leaf.key"
        certificate.write_text(self.pem)
        key.write_text(self.key_pem)
        return certificate, key


class Authority:
    """A certificate authority that only tests believe."""

    def __init__(self, name: str = "Harbour Tests", *, days: int = 30) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
                x509.NameAttribute(NameOID.COMMON_NAME, f"{name} CA"),
            ]
        )
        builder = started(self.name, self.name, self.key, days)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(SIGNS_CERTIFICATES, critical=True)
        self.certified = Certified(builder.sign(self.key, hashes.SHA256()), self.key)

    @property
    def pem(self) -> str:
        """The authority's certificate in PEM."""
        return self.certified.pem

    def issue_without_names(self, host: str, *others: x509.GeneralName) -> Certified:
        """Issue a certificate that names its host only as common name."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        builder = started(subject, self.name, key, 30)
        if others:
            builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
        return Certified(builder.sign(self.key, hashes.SHA256()), key)

    def issue(
        self,
        *,
        names: tuple[str, ...] = ("localhost",),
        days: int = 30,
        since: int = -60,
        key: Key | None = None,
    ) -> Certified:
        """Issue a certificate for these names and 127.0.0.1. Negative ``days`` = expired that long ago."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        places: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        if "localhost" in names:
            places.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = started(subject, self.name, key, days, since)
        builder = builder.add_extension(x509.SubjectAlternativeName(places), critical=False)
        return Certified(builder.sign(self.key, hashes.SHA256()), key)


def started(
    subject: x509.Name, issuer: x509.Name, key: Key, days: int, since: int = -60
) -> x509.CertificateBuilder:
    """Begin a certificate: valid from ``since`` days from now, for ``days`` from now."""
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since * DAY)
        .not_valid_after(now + days * DAY)
    )


def signing_key() -> rsa.RSAPrivateKey:
    """Make a key for RS256 signatures."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
