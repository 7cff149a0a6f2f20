"""Read image names out of what people and CI systems write, and find the integration of each."""

import re
from dataclasses import dataclass

from bot.core.errors import InvalidInput, NotFound, NotPermitted, QuaymasterError
from bot.core.model import Actor
from bot.core.ports import Ports
from bot.core.workflows.resolve import Choice, explain_choice, server_asked_for

_MOST_READ = 50_000
"""Characters; Slack's longest message has 40,000."""
_MOST_IMAGES = 10
_LONGEST = 500
_BETWEEN = re.compile(r"[\s\"'`<>()\[\]{},;|=]+")
_END = ".:!?…"
_PORT = ":[0-9]{1,5}"
_NAME = r"(?:[a-z0-9-]+\.)+[a-z]{2,}|(?:[0-9]{1,3}\.){3}[0-9]{1,3}|localhost"
_HOST = rf"(?:{_NAME})(?:{_PORT})?|[a-z0-9-]+{_PORT}"
_PATH = r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
_REFERENCE = r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
_WITH_HOST = re.compile(rf"(?i:{_HOST})/{_PATH}{_REFERENCE}", re.ASCII)
_WITHOUT_HOST = re.compile(rf"{_PATH}{_REFERENCE}", re.ASCII)
_API = re.compile(rf"(?i:({_HOST}))/v2/({_PATH})/(?:manifests|blobs|tags)/.*", re.ASCII)
"""What docker says it asked for; source: the OCI distribution specification."""
_ANNOUNCED = re.compile(
    r"(?:\b(?:docker|podman|nerdctl|buildah) (?:pull|push)|\bpull(?:ing)? image|\b(?:denied|manifest) for"
    r"|\bimage[\"']?:|^FROM)[ \t]+[\"'`]?([\w./:@-]{1,500})",
    re.MULTILINE,
)
"""Before a name without a server, one of these must stand: any word could be such a name."""


@dataclass(frozen=True, slots=True)
class Explained:
    """An image, and the integration that answers for it or why none does."""

    image: str
    found: Choice | QuaymasterError


def _images_in(text: str) -> tuple[str, ...]:
    """
    Find the names of images in a text, each repository once, at most 10.

    Args:
        text: What a person wrote or a CI system printed. A name without a server (``team/app``) counts where
            ``docker pull``, ``image:``, ``FROM`` or the like comes before it.
    """
    text = text[:_MOST_READ]
    announced = {name.rstrip(_END) for name in _ANNOUNCED.findall(text)}
    found: dict[str, str] = {}
    for word in _BETWEEN.split(text):
        image = _image_of(word.rstrip(_END), announced)
        if image:
            found.setdefault(_repository_of(image), image)
    return tuple(found.values())[:_MOST_IMAGES]


def explain_images(ports: Ports, actor: Actor, text: str) -> tuple[Explained, ...]:
    """Find for each image in a text which integration answers for it, whatever the target."""
    return tuple(Explained(image, _explained(ports, actor, image)) for image in _images_in(text))


def _explained(ports: Ports, actor: Actor, image: str) -> Choice | QuaymasterError:
    try:
        return explain_choice(ports, actor, server_asked_for(image), None).found
    except (NotFound, NotPermitted, InvalidInput) as error:
        return error


def _image_of(word: str, announced: set[str]) -> str:
    """The image that a word names; nothing for any other word."""
    if len(word) > _LONGEST:
        return ""
    scheme, separator, rest = word.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        asked = _API.fullmatch(rest)
        return f"{asked[1]}/{asked[2]}" if asked else ""
    name = rest if separator else word
    if _WITH_HOST.fullmatch(name) or (name in announced and _WITHOUT_HOST.fullmatch(name)):
        return name
    return ""


def _repository_of(image: str) -> str:
    """An image's name without its tag and its digest."""
    before, slash, last = image.partition("@")[0].rpartition("/")
    return f"{before}{slash}{last.partition(':')[0]}"
