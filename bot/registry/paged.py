"""A list that a registry gives page by page: where the next page is, and why it may not be asked for."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from bot.core.errors import Busy, RegistryFailure
from bot.registry.answer import Answer
from bot.registry.guard import joined, origin_of

MOST_PAGES = 100
PAGE_BYTES = 4 * 1024 * 1024
_PAGE_VALUES = 60_000
_LONGEST_LINK = 8192
_LINK = re.compile(
    r"""(?:<([^<>]*)>|([^\s<>,;]+)>?)((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"[^"]*"|[^\s",;]+))?)*)"""
)
_PARAMETER = re.compile(r"""\s*;\s*([^\s=;,]+)(?:\s*=\s*(?:"([^"]*)"|([^\s",;]+)))?""")


class NoNextPage(Exception):
    """The next page is nowhere that may be asked."""


@dataclass(frozen=True, slots=True)
class Walked:
    """How a walk through the pages ended."""

    is_cut: bool = False
    """True when there is more than was read, or may be."""
    cut_reason: str = ""
    """Why reading stopped before the end, when it was not a cap: a sentence."""


def walk(first: str, read_page: Callable[[str], str | None], is_full: Callable[[], bool]) -> Walked:
    """
    Read page after page, up to one that cannot be read, and never a page twice.

    Args:
        first: The first page's address.
        read_page: Reads one, keeps what is in it, and returns the address of the next; ``None`` = the last.
        is_full: True when enough was read.

    Raises:
        RegistryFailure, Busy: The first page could not be read.
    """
    url: str | None = first
    seen: set[str] = set()
    while url is not None and len(seen) < MOST_PAGES and not is_full():
        if url in seen:
            return _stopped("leads back to a page that was already read")
        seen.add(url)
        try:
            url = read_page(url)
        except (RegistryFailure, Busy) as failure:
            if len(seen) == 1:
                raise
            return _stopped(f"could not be read: {failure.message}")
        except NoNextPage as odd:
            return _stopped(str(odd))
    return Walked(is_cut=url is not None or is_full())


def _stopped(why: str) -> Walked:
    """What was read before a page that cannot be read is all there is."""
    reason = f"The registry's next page {why.removesuffix('.')}, so there may be more."
    return Walked(is_cut=True, cut_reason=reason)


def following(answer: Answer, own_origin: str) -> str | None:
    """
    Return the next page's address where the registry itself is; ``None`` = this is the last page.

    A registry behind a proxy that ends TLS may take itself for http, or for its own inner port.

    Raises:
        NoNextPage: It is at a different address, or has none that can be used.
    """
    target = next_page(answer.headers.get("Link", ""))
    if target is None:
        return None
    url = joined(answer.url, target)
    origin = None if url is None else origin_of(url)
    if url is None or origin is None:
        raise NoNextPage("has an address that cannot be used")
    if origin == own_origin:
        return url
    parts, own = urlsplit(url), urlsplit(own_origin)
    if parts.scheme == "http" and parts.hostname == own.hostname:
        return urlunsplit(parts._replace(scheme=own.scheme, netloc=own.netloc))
    raise NoNextPage(f"is at a different address, {origin}; nothing was sent there")


def read_object(answer: Answer) -> dict[str, object] | None:
    """Read a JSON object; ``None`` for anything else, and for what would fill the memory when it is read."""
    # Four megabytes can hold a million tiny values; parsing them would take fifty.
    is_readable = sum(answer.body.count(mark) for mark in (b",", b"[", b"{")) <= _PAGE_VALUES
    value = answer.json() if is_readable else None
    return value if isinstance(value, dict) else None


def next_page(header: str) -> str | None:
    """
    Find the target of ``rel="next"`` in a ``Link`` header; some registries leave out the brackets.

    Source: RFC 8288, section 3.
    """
    for match in _LINK.finditer(header[:_LONGEST_LINK]):
        if "next" in _relations(match.group(3)):
            return match.group(1) or match.group(2)
    return None


def _relations(parameters: str) -> list[str]:
    """The relations of a link; of two ``rel`` parameters the first counts."""
    for match in _PARAMETER.finditer(parameters):
        if match.group(1).lower() == "rel":
            return (match.group(2) or match.group(3) or "").lower().split()
    return []
