"""Read a repository's tags through Registry API V2, page by page.

1. Ask for ``/v2/NAME/tags/list``, without ``n``: some registries refuse a large one, others ignore it.
2. Drop what is not a tag: nulls (Nexus, empty repositories), empty names, digests (Artifactory).
3. Follow ``Link: <URL>; rel="next"``, within the registry's origin only, never to a page that was read.
4. A next page that cannot be read ends the list; what was read is given, with the reason.
5. Stop at the caps, and say that there is more.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from bot.core.errors import Unreachable
from bot.core.model import Stage
from bot.core.ports.registry import Tags
from bot.registry.answer import Answer
from bot.registry.conversation import Conversation
from bot.registry.paged import PAGE_BYTES, NoNextPage, Walked, following, read_object, walk
from bot.registry.repositories import path_of, scope_of
from bot.registry.repository_access import RepositoryAccess

MOST_TAGS = 50_000
_BYTES_A_TAG = 150
"""About what a name costs in memory, with its place in the table."""
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_TAG = re.compile(rf"(?!sha256-[0-9a-f]{{64}}(?:\.[a-z]+)?\Z){_NAME}")
"""A tag, but not one that stands for a digest, as cosign makes them. A digest itself holds a colon."""
_ONLY_TAGS = re.compile(rf"(?:(?!sha256-){_NAME}\n)*")
"""One tag a line, and none that needs a second look."""


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
        start = f"{self._talk.origin}{path_of(self._repository)}"
        walked = walk(start, self._read_page, lambda: len(self._tags) > MOST_TAGS)
        return self._collected(walked)

    def _read_page(self, url: str) -> str | None:
        """Read one page, and say where the next one is. Raises ``RegistryFailure`` or ``NoNextPage``."""
        answer = self._further_page(url) if self._has_begun else self._first_page(url)
        self._tags.update(self._tags_of(answer))
        self._talk.wire.allowance.keep(len(self._tags) * _BYTES_A_TAG)
        self._has_begun = True
        return following(answer, self._talk.origin)

    def _first_page(self, url: str) -> Answer:
        return self._access.read(url, self._repository, limit=PAGE_BYTES)

    def _further_page(self, url: str) -> Answer:
        """The first page was given, so a refusal now is of this page, not of the login or the repository."""
        answer = self._talk.ask(url, (scope_of(self._repository),), limit=PAGE_BYTES)
        if answer.status != 200:
            says = self._operation.says(answer)
            raise NoNextPage(f"could not be read (status {answer.status}{f'; {says}' if says else ''})")
        return answer

    def _tags_of(self, answer: Answer) -> Mapping[str, float]:
        value = read_object(answer) if answer.body.isascii() else None
        if value is None or "tags" not in value:
            raise self._odd("returned a page that is not a list of tags, or is too large to read")
        names = value["tags"] if isinstance(value["tags"], list) else []
        tags = dict.fromkeys(_only_tags(names), 0.0)
        times = _upload_times(value.get("manifest"))
        return tags | {name: times[name] for name in times.keys() & tags.keys()}

    def _collected(self, walked: Walked) -> Tags:
        is_ordered = bool(self._tags) and all(self._tags.values())
        names = sorted(self._tags)
        if is_ordered:
            names.sort(key=lambda name: -self._tags[name])
        return Tags(self._repository, tuple(names[:MOST_TAGS]), is_ordered, walked.is_cut, walked.cut_reason)

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
