"""Recognise text that looks as if it held a secret, so that a command that carries one is refused unread."""

import math
import re
from collections import Counter

KNOWN = re.compile(
    r"\b(gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|gldt-[\w-]{16,}|dckr_(pat|oat)_[\w-]{16,}"
    r"|(AKIA|ASIA)[A-Z0-9]{16}|qm_[0-9A-Za-z]{20,}|xox[abeprs]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|(?<![\w-]-)eyJ[\w-]{10,}\.[\w-]+|AIza[\w-]{30,}|sk-[\w-]{20,})|-----BEGIN|\"private_key\"",
)
"""Prefixes that registries, clouds and Slack give their tokens, at a word's beginning: not ``task-…``.

A JWT does not begin behind a hyphen inside a run: each beginning in a chain of them would be read to its end.
"""

ASSIGNED = re.compile(
    r"(?<![\w/.-])(pass(word|wd|phrase)?|pwd|secret(_?key)?|token|api_?key|auth)\s*[=:]\s*\S", re.I
)
"""``password=…``, ``token: …``, but not the image ``team/auth:1.2``."""

IN_A_URL = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
"""``https://user:password@host``."""

OPAQUE = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
"""A run that is long enough to be a random token."""

MOST_NAMES_BITS = 4.0
"""Bits a character. Names and paths stay below it; random base64 of 24 characters and more lies above."""


JUMP = re.compile(r"(?<=[A-Za-z])[0-9]|(?<=[0-9])[A-Za-z]")
"""From a letter to a digit or back. Names do it once or twice; a random run every fourth character."""

FEWEST_JUMPS = 4

AWS_SECRET = re.compile(r"[A-Za-z0-9+/]{40}")
"""AWS's secret access keys have this form, and may hold hardly a digit."""


def looks_secret(text: str) -> bool:
    """True when text holds a known token, an assignment to a password, or a long random run."""
    if KNOWN.search(text) or ASSIGNED.search(text) or IN_A_URL.search(text):
        return True
    return any(is_random(match.group()) for match in OPAQUE.finditer(text))


def is_random(run: str) -> bool:
    """True for a run that mixes upper case, lower case and digits as no name does."""
    kinds = (any(map(str.isupper, run)), any(map(str.islower, run)), any(map(str.isdigit, run)))
    is_no_name = len(JUMP.findall(run)) >= FEWEST_JUMPS or AWS_SECRET.fullmatch(run) is not None
    return all(kinds) and is_no_name and bits_a_character(run) > MOST_NAMES_BITS


def bits_a_character(run: str) -> float:
    """Shannon's entropy of the characters of a run."""
    shares = [count / len(run) for count in Counter(run).values()]
    return -sum(share * math.log2(share) for share in shares)
