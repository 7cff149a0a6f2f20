"""Certificates in words: what one says, and what is wrong with one."""

import ssl
from collections.abc import Iterable, Mapping
from typing import Any

from bot.core.errors import Unreachable
from bot.core.model import Stage

# Codes of X509_verify_cert_error_string(3).
NOT_YET_VALID, EXPIRED = 9, 10
UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
WRONG_NAME = frozenset({62, 64})

ASK_OPERATOR = "Ask whoever runs the registry to renew the certificate."
PLAIN_REASONS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
)


def described(version: str | None, certificate: Mapping[str, Any] | None) -> str:
    """Say with whom TLS was agreed: version, issuer, and the day (UTC) until which the certificate holds."""
    if not certificate:
        return version or "agreed"
    until = str(certificate.get("notAfter", ""))
    parts = until.split()
    day = f"{parts[1]} {parts[0]} {parts[3]}" if len(parts) >= 4 else until
    return f"{version}, certificate by {issuer_of(certificate.get('issuer', ()))}, valid until {day}"


def issuer_of(names: Iterable[Iterable[tuple[str, str]]]) -> str:
    """Pick the name people know an issuer by."""
    flat = {key: value for group in names for key, value in group}
    name = flat.get("organizationName") or flat.get("commonName") or "an issuer without a name"
    return "".join(letter for letter in name if letter.isprintable())[:64]


def explained(error: OSError, host: str, stage: Stage) -> Unreachable:
    """Say in words why TLS was not agreed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unreachable(*certificate_problem(error.verify_code, host), stage)
    if isinstance(error, ssl.SSLError) and error.reason in PLAIN_REASONS:
        return Unreachable(
            f"{host} does not speak TLS on this port.",
            "If it is meant to be plain http, write http:// before the address.",
            stage,
        )
    return Unreachable(
        f"{host} broke off while TLS was being agreed.",
        "Check the port; the registry needs TLS 1.2 or later.",
        stage,
    )


def certificate_problem(code: int, host: str) -> tuple[str, str]:
    """Give the sentence and the hint for a certificate that was not believed."""
    if code == EXPIRED:
        return f"The certificate of {host} has expired.", ASK_OPERATOR
    if code == NOT_YET_VALID:
        return f"The certificate of {host} is not valid yet.", "Check the clocks of both machines."
    if code in WRONG_NAME:
        return (
            f"The certificate of {host} is for another host.",
            "Use the name that the certificate holds.",
        )
    if code in UNKNOWN_AUTHORITY:
        return (
            f"The certificate of {host} is from an authority that is not known here.",
            "Paste that authority's certificate into the field “CA certificate”.",
        )
    return f"The certificate of {host} was not accepted.", ASK_OPERATOR
