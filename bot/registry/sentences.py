"""A registry's own short sentence: found in an error answer, cleaned, cut, and never a secret.

It is a stranger's text. Control characters, invisible ones and markup are taken out; a sentence that repeats
a secret is dropped whole; whatever else looks like one is covered, and so is the user name, which is kept
sealed.
"""

import base64
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote_plus, urlsplit

from bot.core.secret_detection import looks_secret
from bot.core.secrets import Secret
from bot.registry.answer import Answer

LONGEST = 160
_LONGEST_READ = 4096
_SHORTEST_LINE = 16
"""Of a secret of several lines (a private key), each line this long counts for itself."""
_SHORTEST_PIECE = 8
"""Half of a secret counts too, unless it is shorter: then it may be any word."""
_SHORTEST_ENCODED = 4
"""A shorter secret is looked for as it is: written in numbers, it would be found in any number."""
_ESCAPE = re.compile(r"(?:0x|\\x|\\u00|&#x|%)(?=[0-9a-f]{2})", re.I)

_KEYS = ("errors", "details", "detail", "error_description", "message", "error", "reason")
"""Where registries and token servers put it, the most telling first: distribution's own form, Docker Hub,
OAuth, Artifactory."""

_TAG = re.compile(r"<[^<>]{0,200}>")
_MARKUP = re.compile(r"[<>`*~]|:(?=[a-z0-9_+'-]{1,60}:)|@(?=(?:here|channel|everyone)\b)", re.I)
"""What Slack would read as markup, an emoji or a call to everybody."""


def said(answer: Answer, secrets: Iterable[Secret], username: str) -> str:
    """
    Return what the server says in an error answer, named as its word.

    Args:
        answer: The error answer.
        secrets: All that must never be shown: credentials, and tokens got with them.
        username: Covered where it is a word of its own.

    Returns:
        ``auth.docker.io says: …``, or nothing when it says nothing that may be shown.
    """
    text = _found(answer)[:_LONGEST_READ]
    if any(_holds(text, secret.reveal()) for secret in secrets):
        return ""
    words = (_covered(word) for word in _cleaned(text).split())
    sentence = " ".join(words)
    if username:
        sentence = re.sub(rf"(?<!\w){re.escape(username)}(?!\w)", "this user", sentence)
    if not any(map(str.isalpha, sentence)):
        return ""
    return f"{urlsplit(answer.url).netloc} says: {_cut(sentence)}"


def _found(answer: Answer) -> str:
    """The raw text: of JSON the most telling field, of plain text the first line."""
    value = answer.json()
    if value is not None:
        return next(_texts(value), "")
    is_plain = answer.headers.get("Content-Type", "").lower().startswith("text/plain")
    return answer.body.decode(errors="replace").strip().partition("\n")[0] if is_plain else ""


def _texts(value: object, depth: int = 0) -> Iterator[str]:
    """Every sentence in a JSON value, the most telling first."""
    if depth > len(_KEYS):
        return
    if isinstance(value, str) and value.strip():
        yield value
    elif isinstance(value, list):
        for each in value[:4]:
            yield from _texts(each, depth + 1)
    elif isinstance(value, Mapping):
        # Within one error "message" tells more than "detail", which repeats what was asked for.
        keys = ("message", *_KEYS) if depth > 1 else _KEYS
        for key in keys:
            yield from _texts(value.get(key), depth + 1)


def _cleaned(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in _TAG.sub(" ", text))
    return _MARKUP.sub("", printable)


def _covered(word: str) -> str:
    return "****" if looks_secret(word) else word


def _cut(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST else f"{sentence[: LONGEST - 1].rstrip()}…"


def _holds(text: str, secret: str) -> bool:
    """True when a text contains a secret or half of it, whatever the case, encoding and marks between."""
    if not _squashed(secret):
        return bool(secret.strip()) and secret in text
    pieces = {piece for line in _lines(secret) for piece in _pieces(_squashed(line))}
    pieces |= {_squashed(form) for form in _encoded(secret)}
    readings = [_squashed(reading) for reading in _readings(text)]
    readings += [reading[::-1] for reading in readings]
    return any(piece in reading for reading in readings for piece in pieces)


def _lines(secret: str) -> Iterator[str]:
    """A secret, and the long lines of one that has several."""
    yield secret
    if "\n" in secret:
        yield from (line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE)


def _pieces(secret: str) -> Iterator[str]:
    """Every piece of a secret that is half as long as it."""
    size = min(len(secret), max(_SHORTEST_PIECE, len(secret) // 2))
    return (secret[start : start + size] for start in range(len(secret) - size + 1))


def _encoded(secret: str) -> Iterator[str]:
    """A secret as servers encode what they repeat: in base64 at any place, in base32, in numbers."""
    content = secret.encode()
    if len(content) < _SHORTEST_ENCODED:
        return
    for before in range(3):
        # The characters at both ends depend on what stands beside the secret.
        encoded = base64.b64encode(b"\0" * before + content)
        yield encoded[(0, 2, 3)[before] : len(encoded) - 4 if encoded.endswith(b"=") else None].decode()
    yield base64.b32encode(content).decode().rstrip("=")[:-1]
    for form in ("02x", "d", "o", "03o", "08b"):
        yield "".join(format(byte, form) for byte in content)


def _readings(text: str) -> Iterator[str]:
    """A text as it is, and without what escapes or divides its letters."""
    yield text
    yield _TAG.sub("", text)
    yield _ESCAPE.sub("", text)
    plain = text
    for _ in range(3):
        plain = unquote_plus(html.unescape(plain))
        yield plain
    yield _ESCAPE.sub("", plain)


def _squashed(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())
