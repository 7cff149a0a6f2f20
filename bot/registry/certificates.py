"""Certificates in words: what one says, and what is wrong with one."""

import ssl
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bot.core.errors import CertificateWanted, Unreachable
from bot.core.model import Stage

# Codes of X509_verify_cert_error_string(3).
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
WRONG_NAME = frozenset({62, 64})

_SUBJECT_ALTERNATIVE_NAME = bytes.fromhex("0603551d11")
"""How its object identifier, 2.5.29.17, is written in DER."""

_CERTIFICATE_ALERTS = frozenset({"TLSV13_ALERT_CERTIFICATE_REQUIRED", "PEER_DID_NOT_RETURN_A_CERTIFICATE"})

_ASK_OPERATOR = "Ask the registry's operator to renew the certificate."
_PLAIN_REASONS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
)


def described(version: str | None, certificate: Mapping[str, Any] | None) -> str:
    """Describe a TLS connection: version, issuer, and the last day (UTC) of the certificate."""
    if not certificate:
        return version or "agreed"
    until = str(certificate.get("notAfter", ""))
    parts = until.split()
    day = f"{parts[1]} {parts[0]} {parts[3]}" if len(parts) >= 4 else until
    return f"{version}, certificate by {_issuer_of(certificate.get('issuer', ()))}, valid until {day}"


def _issuer_of(names: Iterable[Iterable[tuple[str, str]]]) -> str:
    """Pick the name people know an issuer by."""
    flat = {key: value for group in names for key, value in group}
    name = flat.get("organizationName") or flat.get("commonName") or "an issuer without a name"
    return "".join(letter for letter in name if letter.isprintable())[:64]


def end_of(certificate: Mapping[str, Any] | None) -> datetime | None:
    """Return when a certificate ends, in UTC; ``None`` when it does not say."""
    text = str((certificate or {}).get("notAfter", ""))
    try:
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)
    except (ValueError, OverflowError):
        return None


def first_end_of(pem: str | None) -> datetime | None:
    """Return when the first of a CA field's authorities ends; ``None`` when it holds no authority."""
    if not pem:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, TypeError, ValueError):
        return None
    ends = (end_of(each) for each in context.get_ca_certs())
    return min((end for end in ends if end), default=None)


def has_other_names(der: bytes) -> bool:
    """True when a certificate has names beside its common name, which alone counts for nothing today."""
    return _SUBJECT_ALTERNATIVE_NAME in der


def only_common_name(host: str, stage: Stage) -> Unreachable:
    """Explain that a common name is not enough (RFC 9525; Go since 1.15)."""
    return Unreachable(
        f"The certificate of {host} gives its host only as the common name (CN), which docker, podman and "
        "kubelet refuse as well.",
        f"Ask the registry's operator for a certificate with {host} as subjectAltName.",
        stage,
    )


def is_certificate_wanted(error: BaseException | None) -> bool:
    """True when the server ended TLS because no client certificate came (RFC 8446, section 6.2)."""
    return any(getattr(each, "reason", "") in _CERTIFICATE_ALERTS for each in _causes(error))


def no_client_certificate(host: str) -> tuple[str, str]:
    """Return the sentence and the hint for a server that requires a client certificate."""
    return (
        f"{host} requires a client certificate.",
        "Quaymaster does not support them. Ask the registry's operator for a way to log in without one.",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was made from; libraries keep that in three places."""
    waiting, seen = [error], 0
    while waiting and seen < 20:
        one = waiting.pop()
        if isinstance(one, BaseException):
            seen += 1
            yield one
            waiting += [
                one.__cause__,
                one.__context__,
                *(a for a in one.args if isinstance(a, BaseException)),
            ]


def explained(error: OSError, host: str, stage: Stage) -> Unreachable:
    """Explain why TLS was not agreed."""
    if is_certificate_wanted(error):
        return CertificateWanted(*no_client_certificate(host), stage)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unreachable(*_certificate_problem(error.verify_code, host), stage)
    if isinstance(error, ssl.SSLError) and error.reason in _PLAIN_REASONS:
        return Unreachable(
            f"{host} does not speak TLS on this port.",
            "If it is meant to be plain http, write http:// before the address.",
            stage,
        )
    return Unreachable(
        f"{host} closed the connection during the TLS handshake.",
        "Check the port. The registry needs TLS 1.2 or later, and must not require a client certificate.",
        stage,
    )


def _certificate_problem(code: int, host: str) -> tuple[str, str]:
    """Return the sentence and the hint for a certificate that was not believed."""
    if code == _EXPIRED:
        return f"The certificate of {host} has expired.", _ASK_OPERATOR
    if code == _NOT_YET_VALID:
        return f"The certificate of {host} is not valid yet.", "Check the clocks of both machines."
    if code in WRONG_NAME:
        return (
            f"The certificate of {host} is for another host.",
            "Use a name that is in the certificate.",
        )
    if code in _UNKNOWN_AUTHORITY:
        return (
            f"The certificate of {host} is from an authority that Quaymaster does not know.",
            "Paste that authority's certificate into the field “CA certificate”.",
        )
    return f"The certificate of {host} was not accepted.", _ASK_OPERATOR
