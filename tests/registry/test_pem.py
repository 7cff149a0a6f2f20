"""Certificates as people paste them are read; what is kept is always the same."""

import base64
import json
import ssl
import textwrap
import time

import pytest

from bot.registry.kind_fields import CA, pem_problem
from bot.registry.pem import read_pem
from tests.fakes.certificates import Authority

PEM = Authority("Pasted").pem
OTHER = Authority("Other").pem
BODY = "".join(PEM.splitlines()[1:-1])
FORMS = {
    "as it is": PEM,
    "byte-order mark": "\ufeff" + PEM,
    "CRLF": PEM.replace("\n", "\r\n"),
    "CR": PEM.replace("\n", "\r"),
    "indented": textwrap.indent(PEM, "      "),
    "indented by odd spaces": textwrap.indent(PEM, "\u00a0\u00a0"),
    "in YAML": f"ca.crt: |\n{textwrap.indent(PEM, '  ')}other: x\n",
    "line breaks lost": PEM.replace("\n", ""),
    "line breaks became spaces": PEM.replace("\n", " "),
    "escaped": json.dumps(PEM)[1:-1],
    "escaped and quoted": json.dumps({"ca": PEM}),
    "escaped CRLF": json.dumps(PEM.replace("\n", "\r\n")),
    "quoted by a mail": textwrap.indent(PEM, "> "),
    "empty lines": PEM.replace("\n", "\n\n"),
    "text around": f"subject=CN = x\nissuer=CN = y\n{PEM}Verify return code: 0 (ok)\n",
    "long dashes": PEM.replace("-----", "\u2014\u2013\u2014"),
    "invisible characters": PEM.replace("\n", "\u200b\n"),
    "other line length": f"-----BEGIN CERTIFICATE-----\n{textwrap.fill(BODY, 76)}\n-----END CERTIFICATE-----",
    "older label": PEM.replace("CERTIFICATE", "X509 CERTIFICATE"),
    "no lines of dashes": textwrap.fill(BODY, 64),
    "base64 of PEM": base64.b64encode(PEM.encode()).decode(),
    "base64 of DER, in one line": BODY,
}


def kept(text):
    """What a form keeps of the field, which trims first."""
    return CA.read(text.replace("\u200b", "").replace("\ufeff", "").replace("\u00a0", " ").strip())


@pytest.mark.parametrize("text", FORMS.values(), ids=list(FORMS))
def test_pasted_certificate_is_read(text):
    """However a certificate was pasted, it is kept in the one form that TLS reads."""
    assert kept(text) == PEM
    assert ssl.PEM_cert_to_DER_cert(kept(text)) == ssl.PEM_cert_to_DER_cert(PEM)


def test_several_are_kept_in_order():
    """A chain stays a chain, without what stands between."""
    assert read_pem(f"s:/CN=a\n{PEM}  {OTHER.strip()} \n") == PEM + OTHER


def test_reading_twice_changes_nothing():
    """What was read is read the same again: an edit form shows what is kept."""
    assert read_pem(read_pem(PEM)) == PEM


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "-----BEGIN CERTIFICATE-----\nno!\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n",
    ],
)
def test_what_is_not_one_comes_back(text):
    """What cannot be read is not changed, and is told."""
    assert read_pem(text) == text
    assert pem_problem(text) is not None


@pytest.mark.parametrize(
    "part", ["-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----A", "-----", "\\n", " "]
)
def test_hostile_text_takes_no_long_time(part):
    """A text made of beginnings is read once, not once for each."""
    before = time.monotonic()
    read_pem(part * (60_000 // len(part)))

    assert time.monotonic() - before < 1


def test_private_key_is_not_dropped_silently():
    """A private key beside the certificate is told, however it was pasted."""
    text = json.dumps(PEM + "-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----\n")

    assert read_pem(text) == text
    assert "private key" in pem_problem(text)
    assert "private key" in pem_problem(base64.b64encode(text.encode()).decode())
