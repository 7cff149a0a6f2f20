"""A registry's own short sentence: found in an error answer, cleaned, cut, and never a secret.

It is a stranger's text. Control characters, invisible ones and markup are taken out; a sentence that repeats
a secret is dropped whole; whatever else looks like one is covered, and so is the user name, which is kept
sealed.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote_plus, urlsplit

from bot.core.secret_detection import looks_secret
from bot.core.secrets import Secret
from bot.registry.answer import Answer

LONGEST = 160
_LONGEST_READ = 4096
_SHORTEST_LINE = 16
"""Of a secret of several lines (a private key), each line this long counts for itself."""

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
    if any(_holds(text, form) for secret in secrets for form in _forms(secret.reveal())):
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


def _forms(secret: str) -> Iterator[str]:
    """The texts by which a secret would be recognized."""
    yield secret
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    if "\n" in secret:
        yield from (line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE)


def _holds(text: str, secret: str) -> bool:
    """True when a text contains a secret, whatever the case, quoting and marks between its letters."""
    squashed = _squashed(secret)
    if not squashed:
        return bool(secret.strip()) and secret in text
    return squashed in _squashed(text) or squashed in _squashed(unquote_plus(text))


def _squashed(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
