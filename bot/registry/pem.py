"""Read certificates as people paste them: indented, in one line, quoted, in base64, with text around."""

import base64
import binascii
import re
import textwrap

_DASH = "-\u2010-\u2015\u2212"
_DASHES = f"[{_DASH}]{{1,10}}"
"""Editors make one long dash of two short ones."""

_BLOCK = re.compile(
    rf"{_DASHES}\s*BEGIN (?P<label>(?:X509 |TRUSTED )?CERTIFICATE)\s*{_DASHES}"
    rf"(?P<body>[^{_DASH}]*){_DASHES}\s*END (?P=label)\s*{_DASHES}"
)
_LINE_BREAK = re.compile(r"(?:\\r)?\\n|\\r")
"""As JSON, YAML and shells write one inside quotes."""

_AROUND_LINES = re.compile(r"[\s\"'`>|,\\]")
"""What quoting and indenting put between the lines of base64."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_DER_SEQUENCE = b"\x30"


def read_pem(text: str) -> str:
    """
    Return the certificates of a text in PEM, one after the other, in lines of 64 characters.

    A text with a private key in it, or without a certificate, comes back as it is: ``pem_problem`` tells.

    Source: RFC 7468, sections 2 and 5.
    """
    plain = _LINE_BREAK.sub("\n", text)
    if "PRIVATE KEY" in plain:
        return text
    blocks = [_block(found["label"], found["body"]) for found in _BLOCK.finditer(plain)]
    if not blocks:
        return _read_base64(text)
    return "".join(blocks) if all(blocks) else text


def _block(label: str, body: str) -> str:
    """One certificate in PEM, or nothing when its lines are not base64."""
    data = _AROUND_LINES.sub("", body)
    if not _BASE64.fullmatch(data):
        return ""
    label = label.removeprefix("X509 ")
    lines = "\n".join(textwrap.wrap(data, 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def _read_base64(text: str) -> str:
    """Read base64 of PEM, as a kubeconfig holds it, or of DER; anything else comes back as it is."""
    try:
        data = base64.b64decode(_AROUND_LINES.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        return text
    if data.startswith(_DER_SEQUENCE):
        return _block("CERTIFICATE", base64.b64encode(data).decode())
    inner = data.decode("ascii", "replace")
    return read_pem(inner) if "-----BEGIN " in inner else text
