"""Recognize text that looks as if it held a secret, so that a command that carries one is refused unread.

1. Prefixes that registries, clouds and Slack give their tokens.
2. Secrets of the product's own kinds that have no prefix: by their length and alphabet.
3. What is assigned to a word such as ``password``, or comes before the ``@`` of an address.
4. Any long run that is more restless than names are.

A name that is refused costs a person a secret that was never leaked, so images and names come first in doubt.
"""

import math
import re
from collections import Counter

from bot.core.texts import visible

_KNOWN = re.compile(
    r"\b(gh[pousr]_\w{20,}|github_pat_\w{20,}"
    r"|gl(pat|ptt|dt|rt|rtr|cbt|ft|soat|agent|ffct|oas|imt|wt)-[\w.-]{16,}|GR1348941[\w-]{16,}"
    r"|dckr_(pat|oat)_[\w-]{16,}|AKCp[0-9A-Za-z]{40,}|cmVmdGtuO[\w+/=-]{30,}"
    r"|(AKIA|ASIA)[A-Z0-9]{16}|ya29\.[\w-]{16,}|AIza[\w-]{30,}|GOCSPX-[\w-]{16,}|do[oprt]_v1_[0-9a-f]{32,}"
    r"|qm_[0-9A-Za-z]{20,}|xox[abeprs]-[\w-]{10,}|xapp-[0-9]-[A-Z0-9]+-[\w-]{8,}"
    r"|(?<![\w-]-)(eyJ[\w-]{10,}\.[\w-]+|sk-(?=[\w-]*[A-Z])(?=[\w-]*[0-9])[\w-]{20,}))"
    r"|-----BEGIN|\"private_key\"",
)
"""Prefixes at a word's beginning: not ``task-…``.

The last two do not begin after a hyphen in a run: each beginning in a chain of them would be read to its end.
"""

_OWN = re.compile(
    r"(?<![\w~.+/-])("
    r"(?=[0-9A-Z]*[0-9])(?=[0-9A-Z]*[A-Z])[0-9A-Z]{64}"  # Quay's robots
    r"|[\w.~-]{3}[0-9]Q~[\w.~-]{31,34}"  # Azure's service principals
    r"|[A-Za-z0-9+/]{36,}ACR[A-D][A-Za-z0-9+/=]{4,}"  # Azure's registry tokens
    r")(?![\w~])"
)
"""Secrets of a fixed length and alphabet, as a word of their own."""

_HEX = re.compile(r"(?<![\w:@/.-])(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{32,}(?![\w.-])", re.IGNORECASE)
"""Hexadecimal keys, as a word of their own: after ``:`` or ``@`` they are an image's tag or digest."""

_ASSIGNED = re.compile(
    r"(?<![\w/.-])(?P<word>pass(?:word|wd|phrase)?|pwd|secret(?:_?key)?|token|api_?key|auth)"
    r"(?P<before>\s*)(?P<sign>[=:])(?P<after>\s*)(?P<value>\S+)",
    re.IGNORECASE,
)
"""``password=…``, ``token: …``, but not the image ``team/auth:1.2``."""

_TAG = re.compile(r"\w[\w.-]{0,29}(/[\w./-]*(:\w[\w.-]*)?)?(@sha256:[0-9a-f]{64})?[\"'”’]?")
"""What may follow the colon in an image's name: a tag, a port with a path, a digest after it."""

_VERSION = re.compile(r"v?[0-9]+([.-]\w+)*(/.*)?|latest|stable|edge|main|master|dev|nightly", re.IGNORECASE)
_LONGEST_WORD = 16
"""A tag's single word is at most so long."""

_PASSWORD = re.compile(r"(?!robot\$)(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])(?=.*[!$%^*])[^/:<>|]{12,}")
"""A word of 12 characters and more that mixes letters of both cases, digits and signs that no name has."""

_IN_A_URL = re.compile(r"://[^/\s:@]+:[^/\s@]+@(?!sha(256|512):)")
"""``https://user:password@host``, but not the image ``docker://app:1.0@sha256:…``."""

_OPAQUE = re.compile(r"[A-Za-z0-9+/_=-]{20,}")
"""A run that is long enough to be a random token."""

_WORD = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
"""What names are made of, and a random run hardly has."""

_SEPARATOR = re.compile(r"[_/+=-]")
"""Names are cut by them every few characters, random runs hardly."""

_LENGTHS = frozenset({32, 40, 64})
"""Of the secrets that Harbor, AWS, Quay and others make."""

_LONGEST_NAME = 100

_SHORT = 24
"""Shorter runs may hold less that looks like words."""


def looks_secret(text: str) -> bool:
    """True when text holds a known token, an assignment to a password, or a long random run."""
    text = visible(text)
    if _KNOWN.search(text) or _OWN.search(text) or _HEX.search(text) or _IN_A_URL.search(text):
        return True
    if any(map(_PASSWORD.fullmatch, re.split("[\\s\"'“”]+", text))):
        return True
    if not all(map(_is_image, _ASSIGNED.finditer(text))):
        return True
    return any(map(_is_random, _OPAQUE.findall(text)))


def could_be_name(word: str) -> bool:
    """True for a word that looks secret by its letters alone, as a name may: people are asked about it."""
    word = visible(word)
    if _KNOWN.search(word) or _OWN.search(word) or _IN_A_URL.search(word):
        return False
    return len(word) <= _LONGEST_NAME and all(map(_is_image, _ASSIGNED.finditer(word)))


def _is_image(assigned: re.Match[str]) -> bool:
    """True for ``auth:latest`` and ``token:1.0``: a colon without spaces, then what looks like a tag."""
    value = assigned["value"]
    is_joined = assigned["sign"] == ":" and not (assigned["before"] or assigned["after"])
    if not (is_joined and _TAG.fullmatch(value)):
        return False
    first = re.split(r"[/@\"'”’]", value)[0]
    if assigned["word"].lower().startswith(("pass", "pwd")):
        return _VERSION.fullmatch(first) is not None
    return max(map(len, re.split(r"[._-]", first))) <= _LONGEST_WORD


def _is_random(run: str) -> bool:
    """True for a run that mixes upper case, lower case and digits as no name does."""
    if not all(any(map(of_kind, run)) for of_kind in (str.isupper, str.islower, str.isdigit)):
        return False
    if len(_SEPARATOR.findall(run)) * 8 > len(run):
        return False
    most_words, fewest_bits = 0.6, 3.9
    if len(run) < _SHORT:
        most_words, fewest_bits = 0.5, 3.6
    elif len(run) in _LENGTHS:
        most_words = 0.75
    return sum(map(len, _WORD.findall(run))) / len(run) < most_words and _bits(run) > fewest_bits


def _bits(run: str) -> float:
    """Shannon's entropy of the characters of a run."""
    shares = [count / len(run) for count in Counter(run).values()]
    return -sum(share * math.log2(share) for share in shares)
