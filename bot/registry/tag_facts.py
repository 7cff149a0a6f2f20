"""Read what a registry knows of single tags: the digest, when the image was made, for which platforms.

1. Ask for the tag's manifest. Its digest is what the tag names now.
2. An index names manifests, one for each platform: take that of linux/amd64, else the first real one.
3. The manifest names the image's configuration, a blob; ``created`` is in it. Blobs are often kept elsewhere.
4. What has no configuration of an image (a chart) may say ``org.opencontainers.image.created``.
5. What fails for one tag leaves that one unknown. What would fail for each of them ends the reading.

Source: opencontainers/image-spec, ``image-index.md``, ``manifest.md``, ``config.md``, ``annotations.md``.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bot.core.errors import RegistryFailure, TooManyRequests, Unreachable
from bot.core.model import Stage
from bot.core.ports.registry import TagFacts
from bot.registry.answer import Answer
from bot.registry.conversation import Conversation
from bot.registry.paged import read_object
from bot.registry.repositories import scope_of

_MOST_QUESTIONS = 64
"""Three for each tag of a page: index, manifest, configuration. Docker Hub counts each manifest as a pull."""
_MOST_BYTES = 4 * 1024 * 1024
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile(r"(sha256|sha512):[0-9a-f]{64,128}")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")
_CREATED = "org.opencontainers.image.created"
_WANTED = ("linux", "amd64")
_MOST_PLATFORMS = 20


class TagFactsReader:
    """One reading of several tags of one repository."""

    def __init__(self, conversation: Conversation, repository: str) -> None:
        self._talk = conversation
        self._operation = conversation.operation
        self._repository = repository
        self._questions = 0
        self._created: dict[str, datetime | None] = {}
        """When each manifest was made, by digest: tags often share one."""

    def read(self, tags: Iterable[str]) -> Mapping[str, TagFacts]:
        """Read each tag. Raises ``RegistryFailure`` when the registry cannot be asked at all."""
        self._talk.ping()
        self._operation.stage = Stage.REPOSITORY
        found: dict[str, TagFacts] = {}
        stopped: RegistryFailure | None = None
        for tag in tags:
            try:
                found[tag] = TagFacts(trouble=stopped.message) if stopped else self._facts_of(tag)
            except RegistryFailure as failure:
                found[tag] = TagFacts(trouble=failure.message)
                # A registry that was asked too often is not asked about the others.
                stopped = failure if isinstance(failure, TooManyRequests) else None
        return found

    def _facts_of(self, tag: str) -> TagFacts:
        answer = self._asked(f"/v2/{self._repository}/manifests/{tag}", accept=_MANIFESTS)
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        manifest = self._read(answer)
        platforms = _platforms_of(manifest)
        try:
            if digest not in self._created:
                self._created[digest] = self._created_of(manifest)
        except RegistryFailure as failure:
            if isinstance(failure, TooManyRequests):
                raise
            return TagFacts(digest, None, platforms, failure.message)
        trouble = "" if self._created[digest] else "It does not say when it was made."
        return TagFacts(digest, self._created[digest], platforms, trouble)

    def _created_of(self, manifest: Mapping[str, Any]) -> datetime | None:
        chosen = _manifest_of(manifest)
        annotated = _moment_in(manifest.get("annotations"), _CREATED)
        if chosen:
            manifest = self._by_digest("manifests", chosen)
            annotated = annotated or _moment_in(manifest.get("annotations"), _CREATED)
        config = manifest.get("config")
        digest = config.get("digest") if isinstance(config, dict) else None
        made = self._by_digest("blobs", digest).get("created") if digest else None
        return _moment(made) or annotated

    def _by_digest(self, place: str, digest: object) -> Mapping[str, Any]:
        """Read what a digest names, and check that it is that."""
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise self._odd("names an invalid digest")
        ask = partial(self._asked, f"/v2/{self._repository}/{place}/{digest}")
        answer = ask(accept=_MANIFESTS) if place == "manifests" else ask(accept="*/*", may_leave=True)
        algorithm, _, expected = digest.partition(":")
        if hashlib.new(algorithm, answer.body).hexdigest() != expected:
            raise self._odd("returned something other than what was requested")
        return self._read(answer)

    def _asked(self, path: str, *, accept: str, may_leave: bool = False) -> Answer:
        if self._questions >= _MOST_QUESTIONS:
            raise self._odd(f"reached the limit of {_MOST_QUESTIONS} requests")
        self._questions += 1
        scopes = (scope_of(self._repository),)
        answer = self._talk.ask(path, scopes, limit=_MOST_BYTES, accept=accept, may_leave=may_leave)
        if answer.status == 429:
            host = self._operation.host
            raise TooManyRequests(f"{host} received too many requests.", "Try again later.", Stage.REPOSITORY)
        if answer.status != 200:
            raise self._odd(f"did not return it (status {answer.status})")
        return answer

    def _read(self, answer: Answer) -> Mapping[str, Any]:
        value = read_object(answer)
        if value is None:
            raise self._odd("returned something that cannot be read")
        return value

    def _odd(self, what: str) -> Unreachable:
        message = f"{self._operation.host} {what}."
        return Unreachable(message, "Ask the registry's operator.", Stage.REPOSITORY)


def _entries_of(index: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The manifests of an index that are for a platform; attestations are for ``unknown/unknown``."""
    entries = index.get("manifests")
    found: list[Mapping[str, Any]] = []
    found += [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    return [one for one in found if _platform_of(one)[0] not in ("", "unknown")] or found


def _manifest_of(index: Mapping[str, Any]) -> object:
    """The digest of the manifest that is read for an index; ``None`` when this is not an index."""
    entries = _entries_of(index)
    chosen = next((one for one in entries if _platform_of(one)[:2] == _WANTED), None)
    return (chosen or entries[0]).get("digest", "") if entries else None


def _platform_of(entry: Mapping[str, Any]) -> tuple[str, ...]:
    platform = entry.get("platform")
    parts = platform if isinstance(platform, dict) else {}
    return tuple(str(parts.get(key) or "")[:32] for key in ("os", "architecture", "variant"))


def _platforms_of(index: Mapping[str, Any]) -> tuple[str, ...]:
    """``linux/amd64``, ``linux/arm/v7``, … of an index, at most 20."""
    named = ("/".join(filter(None, _platform_of(one))) for one in _entries_of(index))
    return tuple(dict.fromkeys(filter(None, named)))[:_MOST_PLATFORMS]


def _moment_in(annotations: object, key: str) -> datetime | None:
    return _moment(annotations.get(key)) if isinstance(annotations, dict) else None


def _moment(text: object) -> datetime | None:
    """Read a moment of RFC 3339; the year 1, which Go writes for no moment, is none."""
    found = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[1].startswith("0001"):
        return None
    try:
        return datetime.fromisoformat(found[1] + found[2].replace("Z", "+00:00")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
