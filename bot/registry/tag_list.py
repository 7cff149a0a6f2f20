"""Read a repository's tags through Registry API V2, page by page.

1. Ask for ``/v2/NAME/tags/list``, without ``n``: some registries refuse a large one, others ignore it.
2. Drop what is not a tag: nulls (Nexus, empty repositories), empty names, digests (Artifactory).
3. Follow ``Link: <URL>; rel="next"``, within the registry's origin only, never to a page that was read.
4. A next page that cannot be read ends the list; what was read is given, with the reason.
5. Stop at the caps, and say that there is more.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from bot.core.errors import Busy, RegistryFailure, Unreachable
from bot.core.model import Stage
from bot.core.ports.registry import Tags
from bot.registry.answer import Answer
from bot.registry.conversation import Conversation
from bot.registry.guard import joined, origin_of
from bot.registry.repositories import path_of, scope_of
from bot.registry.repository_access import RepositoryAccess

_PAGE_BYTES = 4 * 1024 * 1024
_PAGE_VALUES = 60_000
MOST_PAGES = 100
MOST_TAGS = 50_000
_BYTES_A_TAG = 150
"""About what a name costs in memory, with its place in the table."""
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_TAG = re.compile(rf"(?!sha256-[0-9a-f]{{64}}(?:\.[a-z]+)?\Z){_NAME}")
"""A tag, but not one that stands for a digest, as cosign makes them. A digest itself holds a colon."""
_ONLY_TAGS = re.compile(rf"(?:(?!sha256-){_NAME}\n)*")
"""One tag a line, and none that needs a second look."""
_LONGEST_LINK = 8192
_LINK = re.compile(
    r"""(?:<([^<>]*)>|([^\s<>,;]+)>?)((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"[^"]*"|[^\s",;]+))?)*)"""
)
_PARAMETER = re.compile(r"""\s*;\s*([^\s=;,]+)(?:\s*=\s*(?:"([^"]*)"|([^\s",;]+)))?""")


class _NoNextPage(Exception):
    """The next page is nowhere that may be asked."""


class TagReader:
    """One reading of a repository's tags."""

    def __init__(self, conversation: Conversation, repository: str) -> None:
        self._talk = conversation
        self._operation = conversation.operation
        self._access = RepositoryAccess(conversation)
        self._repository = repository
        self._tags: dict[str, float] = {}
        """Each tag with the time it was uploaded, 0.0 when nobody says (milliseconds since 1970)."""
        self._has_begun = False

    def read(self) -> Tags:
        """Read page after page, up to one that cannot be read. Raises ``RegistryFailure`` for the first."""
        self._talk.ping()
        self._operation.stage = Stage.REPOSITORY
        url: str | None = f"{self._talk.origin}{path_of(self._repository)}"
        seen: set[str] = set()
        while url is not None and len(seen) < MOST_PAGES and len(self._tags) <= MOST_TAGS:
            if url in seen:
                return self._stopped("leads back to a page that was read already")
            seen.add(url)
            try:
                url = self._read_page(url)
            except (RegistryFailure, Busy) as failure:
                if not self._has_begun:
                    raise
                return self._stopped(f"could not be read: {failure.message}")
            except _NoNextPage as odd:
                return self._stopped(str(odd))
        return self._collected(is_cut=url is not None or len(self._tags) > MOST_TAGS)

    def _read_page(self, url: str) -> str | None:
        """Read one page, and say where the next one is. Raises ``RegistryFailure`` or ``_NoNextPage``."""
        answer = self._further_page(url) if self._has_begun else self._first_page(url)
        self._tags.update(self._tags_of(answer))
        self._talk.wire.allowance.keep(len(self._tags) * _BYTES_A_TAG)
        self._has_begun = True
        target = next_page(answer.headers.get("Link", ""))
        return None if target is None else self._on_own_origin(joined(answer.url, target))

    def _first_page(self, url: str) -> Answer:
        return self._access.read(url, self._repository, limit=_PAGE_BYTES)

    def _further_page(self, url: str) -> Answer:
        """The first page was given, so a refusal now is of this page, not of the login or the repository."""
        answer = self._talk.ask(url, (scope_of(self._repository),), limit=_PAGE_BYTES)
        if answer.status != 200:
            says = self._operation.says(answer)
            raise _NoNextPage(f"could not be read (status {answer.status}{f'; {says}' if says else ''})")
        return answer

    def _on_own_origin(self, url: str | None) -> str:
        """
        Return the next page's address where the registry itself is. Raises ``_NoNextPage``.

        A registry behind a proxy that ends TLS may take itself for http, or for its own inner port.
        """
        origin = None if url is None else origin_of(url)
        if url is None or origin is None:
            raise _NoNextPage("has an address that cannot be used")
        if origin == self._talk.origin:
            return url
        parts, own = urlsplit(url), urlsplit(self._talk.origin)
        if parts.scheme == "http" and parts.hostname == own.hostname:
            return urlunsplit(parts._replace(scheme=own.scheme, netloc=own.netloc))
        raise _NoNextPage(f"is at another address, {origin}; nothing was sent there")

    def _stopped(self, why: str) -> Tags:
        """What was read before a page that cannot be read."""
        reason = f"The registry's next page {why.removesuffix('.')}, so there may be more."
        return replace(self._collected(is_cut=True), cut_reason=reason)

    def _tags_of(self, answer: Answer) -> Mapping[str, float]:
        # A page of four megabytes can hold a million tiny values; parsing them would take fifty.
        is_parsable = sum(answer.body.count(mark) for mark in (b",", b"[", b"{")) <= _PAGE_VALUES
        value = answer.json() if is_parsable and answer.body.isascii() else None
        if not isinstance(value, dict) or "tags" not in value:
            raise self._odd("gave a page that is not a list of tags, or is too large to read")
        names = value["tags"] if isinstance(value["tags"], list) else []
        tags = dict.fromkeys(_only_tags(names), 0.0)
        times = _upload_times(value.get("manifest"))
        return tags | {name: times[name] for name in times.keys() & tags.keys()}

    def _collected(self, *, is_cut: bool) -> Tags:
        is_ordered = bool(self._tags) and all(self._tags.values())
        names = sorted(self._tags)
        if is_ordered:
            names.sort(key=lambda name: -self._tags[name])
        return Tags(self._repository, tuple(names[:MOST_TAGS]), is_ordered, is_cut)

    def _odd(self, what: str) -> Unreachable:
        return Unreachable(
            f"{self._operation.host} {what}.", "Ask the registry's operator.", Stage.REPOSITORY
        )


def _only_tags(names: Sequence[object]) -> Sequence[str]:
    """Drop what is not a tag: nulls, empty names, digests and tags that stand for one."""
    texts = [name for name in names if isinstance(name, str)]
    # Most lists hold nothing else, and one look at ten thousand together is four times quicker.
    lines = "\n".join([*texts, ""])
    if lines.count("\n") == len(texts) and _ONLY_TAGS.fullmatch(lines):
        return texts
    return [text for text in texts if _TAG.fullmatch(text)]


def _upload_times(manifests: object) -> Mapping[str, float]:
    """
    Read when each tag was uploaded, where a registry says so beside the tags.

    Google's registries send ``"manifest": {DIGEST: {"tag": […], "timeUploadedMs": "…"}}``
    (google/go-containerregistry, ``pkg/v1/google/list.go``).
    """
    found = manifests.values() if isinstance(manifests, dict) else ()
    entries = (entry for entry in found if isinstance(entry, dict))
    return {tag: _milliseconds(entry) for entry in entries for tag in _tags_in(entry)}


def _tags_in(entry: Mapping[str, object]) -> Iterable[str]:
    """The tags of one manifest."""
    tags = entry.get("tag")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _milliseconds(entry: Mapping[str, object]) -> float:
    """When a manifest was uploaded; 0.0 when it does not say."""
    text = str(entry.get("timeUploadedMs", ""))
    return float(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0.0


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
