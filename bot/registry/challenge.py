"""What a registry answers to a request without a login: the ``WWW-Authenticate`` header."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.core.errors import MalformedChallenge
from bot.core.model import Stage

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r'[^\s",]+')
_TOKEN68 = re.compile(r"[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))")
_COMMAS = re.compile(r"[ \t,]*")
_END = re.compile(r"[ \t]*(?:,|$)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LONGEST = 8192
"""Reading 64 KiB of made-up schemes would take half a second of everybody's time."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to log in that a server offers."""

    scheme: str
    """In lower case: ``bearer``, ``basic``, …"""
    parameters: Mapping[str, str]
    """Names in lower case; of two with one name the first counts."""

    @property
    def realm(self) -> str:
        """For Bearer the token server's address; empty when there is none."""
        return self.parameters.get("realm", "")

    @property
    def service(self) -> str:
        """How the token server calls this registry; may be empty."""
        return self.parameters.get("service", "")

    @property
    def scopes(self) -> tuple[str, ...]:
        """What a token must cover; may be empty."""
        return tuple(self.parameters.get("scope", "").split())


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """
    Read a ``WWW-Authenticate`` header.

    Args:
        header: The raw value; several challenges may share it, and several lines may have been
            joined with commas.

    Returns:
        The challenges in order, scheme and parameter names in lower case. Unquoted values may hold
        more than the grammar allows, because some registries send addresses without quotes.

    Raises:
        MalformedChallenge: It is too long, a quoted value does not end, a parameter belongs to no
            scheme, or something is where a comma must be.

    Source: RFC 9110, sections 11.2, 11.3 and 11.6.1.
    """
    if len(header) > _LONGEST:
        raise _malformed("it is too long")
    found: list[tuple[str, dict[str, str]]] = []
    position = _past(_COMMAS, header, 0)
    while position < len(header):
        name = _TOKEN.match(header, position)
        if name is None:
            raise _malformed("a name is missing")
        equals = _EQUALS.match(header, name.end())
        if equals is None:
            found.append((name.group().lower(), {}))
            position = _after_scheme(header, name.end())
            continue
        if not found:
            raise _malformed("it names no scheme")
        value, position = _read_value(header, equals.end())
        found[-1][1].setdefault(name.group().lower(), value)
    return tuple(Challenge(scheme, MappingProxyType(parameters)) for scheme, parameters in found)


def _after_scheme(header: str, position: int) -> int:
    """Step over a scheme's ``token68``, if one follows, to the next name. Raises ``MalformedChallenge``."""
    after = _past(_TOKEN68, header, position)
    if header[after : after + 1] not in ("", " ", "\t", ","):
        raise _malformed("a scheme runs into something else")
    return _past(_COMMAS, header, after)


def _read_value(header: str, position: int) -> tuple[str, int]:
    """Read a parameter's value and step to the next name. Raises ``MalformedChallenge``."""
    pattern = _QUOTED if header.startswith('"', position) else _BARE
    match = pattern.match(header, position)
    if match is None:
        raise _malformed("a quoted value does not end" if pattern is _QUOTED else "a value is missing")
    value = _ESCAPE.sub(r"\1", match.group(1)) if pattern is _QUOTED else match.group()
    if not _END.match(header, match.end()):
        raise _malformed("a comma is missing")
    return value, _past(_COMMAS, header, match.end())


def _past(pattern: re.Pattern[str], header: str, position: int) -> int:
    """Step over a match; stay when there is none."""
    match = pattern.match(header, position)
    return position if match is None else match.end()


def usable(challenges: tuple[Challenge, ...]) -> tuple[Challenge, ...]:
    """
    Sort out the challenges that can be answered: Bearer before Basic, because a password then goes to
    fewer requests.

    Raises:
        MalformedChallenge: There is none.
    """
    bearer = [each for each in challenges if each.scheme == "bearer" and each.realm]
    basic = [each for each in challenges if each.scheme == "basic"]
    if not bearer and not basic:
        raise _malformed("it offers neither Basic nor a Bearer realm")
    return (*bearer, *basic)


def _malformed(reason: str) -> MalformedChallenge:
    """Explain that a challenge cannot be read. The header is not repeated: it is a stranger's text."""
    return MalformedChallenge(
        f"The server asks for a login in a way that cannot be used: {reason}.",
        "Check that this is the address of a registry. If it is, its WWW-Authenticate header needs to be "
        "fixed.",
        Stage.CHALLENGE,
    )
