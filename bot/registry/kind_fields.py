"""What fields of several kinds share, and the judgement of values that a pattern cannot describe."""

import json
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import replace

from bot.core.kinds import ASKS_END, NO, YES, Field
from bot.registry.pem import read_pem

_LONGEST_PEM = 64 * 1024
_SHOWN_OF_A_KEY = {
    "client_email": r"[A-Za-z0-9._%+-]{1,128}@[A-Za-z0-9.-]{1,253}",
    "project_id": r"[a-z0-9.:-]{1,128}",
}
"""What is shown of a key to every member, and so must be no more than what it says it is."""
_PEM_EXAMPLE = "Example: -----BEGIN CERTIFICATE----- … -----END CERTIFICATE-----"
_JSON_KEY_EXAMPLE = 'Example: {"type": "service_account", "project_id": "acme", …}'


def pem_problem(text: str) -> str | None:
    """
    Return what is wrong with the certificates of a private authority, or ``None``.

    The text is never repeated: a private key may have been pasted by mistake.
    """
    text = read_pem(text)
    if "PRIVATE KEY" in text:
        return "This contains a private key, which must not be shared. Paste only the certificate."
    if len(text) > _LONGEST_PEM:
        return f"This is longer than {_LONGEST_PEM // 1024} KiB; paste only the authority's certificate."
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, TypeError, ValueError):
        return f"This is not a certificate in PEM. {_PEM_EXAMPLE}"
    # get_ca_certs leaves out a server's own certificate; the TLS handshake will say when that has expired.
    ends = [str(each.get("notAfter", "")) for each in context.get_ca_certs()]
    if any(ssl.cert_time_to_seconds(end) < time.time() for end in ends if end):
        return "This certificate has expired. Ask the registry's operator for the current one."
    return None


def read_json_key(text: str) -> str:
    """Return a key file without the byte-order mark that an editor put before it."""
    return text.strip("\ufeff\u200b")


def json_key_problem(text: str) -> str | None:
    """Return what is wrong with a Google service account's key, or ``None``; the key is never repeated."""
    key = _json_key(text)
    if key is None:
        return f"This is not JSON. Paste the whole key file. {_JSON_KEY_EXAMPLE}"
    if key.get("type") != "service_account":
        return f"This is not a service account key: it has a different type. {_JSON_KEY_EXAMPLE}"
    missing = [name for name in ("project_id", "client_email", "private_key") if not key.get(name)]
    if missing:
        return f"This key is incomplete: {', '.join(missing)} is missing. {_JSON_KEY_EXAMPLE}"
    odd = [name for name, form in _SHOWN_OF_A_KEY.items() if not re.fullmatch(form, str(key[name]))]
    if odd:
        return f"This does not look like a Google key: its {' and '.join(odd)} is not valid."
    return None


def json_key_facts(values: Mapping[str, str]) -> Mapping[str, str]:
    """Return what may be shown of a Google key: whose it is and of which project."""
    key = _json_key(values.get("json_key", "")) or {}
    return {name: str(key[name]) for name in _SHOWN_OF_A_KEY if name in key}


def _json_key(text: str) -> Mapping[str, object] | None:
    """Read a JSON object; ``None`` when the text is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


URL = Field(
    "url",
    "URL",
    hint="Without a scheme it means https. Write http:// only for a registry without TLS.",
    example="https://registry.example.com:5000",
)
USERNAME = Field(
    "username",
    "Username",
    example="ci",
    pattern=r"[^:\x00-\x1f\x7f]{1,255}",
    problem="A user name is at most 255 characters long and has no colon.",
)
PASSWORD = Field("password", "Password", is_secret=True)
EMAIL = Field(
    "email",
    "Email",
    is_required=False,
    example="ci@example.com",
    pattern=r"[^@\s]{1,64}@[^@\s]{1,255}",
    problem="This is not an email address.",
)
CA = Field(
    "ca",
    "CA certificate",
    is_required=False,
    is_multiline=True,
    hint="Only when a private authority signed the registry's certificate.",
    example="-----BEGIN CERTIFICATE-----",
    read=read_pem,
    problem_with=pem_problem,
)
REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]{2,12}){1,2}-[0-9]{1,2}")


def asks_end(hint: str) -> Field:
    """The choice to let the registry's API be asked when the login ends; ``hint``: which host is asked."""
    return Field(
        ASKS_END,
        "Ask the registry when it ends",
        is_required=False,
        hint=hint,
        choices=(NO, YES),
        initial=NO,
        read=lambda chosen: "" if chosen == NO else chosen,
    )


def named(field: Field, label: str, *, hint: str = "", example: str = "") -> Field:
    """The same field under a registry's own word for it."""
    return replace(field, label=label, hint=hint or field.hint, example=example or field.example)
