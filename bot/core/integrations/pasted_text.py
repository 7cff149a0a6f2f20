"""Find the JSON objects in what somebody pasted: as they are, in base64, in Kubernetes secrets, inside text.

Of YAML only what ``kubectl`` prints for a secret is read: a key, with its value after it on the line or
indented below it. The rest of YAML is not needed, and the domain imports no third-party parser.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Never

from bot.core.errors import InvalidInput
from bot.core.texts import visible

EXAMPLE = 'Example: {"auths": {"registry.example.com": {"auth": "…"}}}'

_SECRET_KEYS = (".dockerconfigjson", ".dockercfg", "config.json")
_MOST_LAYERS = 4
"""Base64 in a secret in a list of secrets is three."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]*")
_URL_ALPHABET = str.maketrans("-_", "+/")
_YAML_VALUE = re.compile(
    r"(?P<indent>[ \t-]*)(?:(?:data|stringData):[ \t]*\{[ \t]*)?(?P<quote>[\"']?)"
    rf"(?:{'|'.join(map(re.escape, _SECRET_KEYS))})(?P=quote)[ \t]*:(?:[ \t]+(?P<value>.*))?"
)
_YAML_SECRET = re.compile(r"^[ \t-]*kind:[ \t]*[\"']?(?P<sealed>Sealed)?Secret\b", re.MULTILINE)
_YAML_BLOCK = re.compile(r"[|>][1-9+-]{0,2}[ \t]*(?:#.*)?")
_YAML_TAG = re.compile(r"!!\w+[ \t]+")
_YAML_SINGLE_QUOTED = re.compile(r"'((?:[^']|'')*)'")

_PATH = re.compile(r"[~./\\:\w-]{1,200}\.(json|ya?ml|dockercfg)")

Object = Mapping[str, object]


def refuse(message: str, hint: str = EXAMPLE) -> Never:
    """Raise ``InvalidInput``, with an example unless there is something better to say."""
    raise InvalidInput(message, hint)


def fields_of(value: Object) -> dict[str, object]:
    """An object with its keys in lower case, as Go compares them. Two objects under one key are joined."""
    fields: dict[str, object] = {}
    for key, one in value.items():
        known = fields.get(key.lower())
        fields[key.lower()] = {**known, **one} if isinstance(known, dict) and isinstance(one, dict) else one
    return fields


def objects_in(text: str, layers: int = _MOST_LAYERS) -> Iterator[Object]:
    """
    Find the objects that may hold logins.

    Raises:
        InvalidInput: There is none, and why. The text is never repeated.
    """
    text = _bare(text)
    if not layers:
        refuse("It is nested too deeply to be read.", "Paste docker's config.json itself.")
    try:
        value = json.loads(text, strict=False)  # a line break in a long value came from wrapping
    except (ValueError, RecursionError) as error:
        yield from _objects_in_other(text, error, layers)
        return
    if isinstance(value, str):
        yield from objects_in(value, layers - 1)
    elif isinstance(value, dict):
        yield from _unwrapped(value, layers)
    else:
        refuse("It has no login in “auths”.")


def decoded(text: str, what: str) -> tuple[bytes, bool]:
    """
    Decode base64 of any alphabet, wrapped or not, and say whether all its ``=`` are there.

    Go skips line breaks; kubelet also takes it without ``=``.

    Raises:
        InvalidInput: ``what`` begins the sentence.
    """
    plain = "".join(visible(text).split()).translate(_URL_ALPHABET)
    body = plain.rstrip("=")
    if not _BASE64.fullmatch(body):
        raise InvalidInput(f"{what} is not base64.", "Copy it again, or add it with the form for its type.")
    if len(body) % 4 == 1:
        raise InvalidInput(f"{what} was cut: the end of its base64 is missing.", "Copy all of it again.")
    return base64.b64decode(body + "=" * (-len(body) % 4)), len(plain) % 4 == 0


def _bare(text: str) -> str:
    """A text without white space and invisible characters around it, such as an editor's byte-order mark."""
    first = next((at for at, letter in enumerate(text) if visible(letter).strip()), len(text))
    last = next((at for at in range(len(text), first, -1) if visible(text[at - 1]).strip()), first)
    return text[first:last]


def _unwrapped(value: Object, layers: int) -> Iterator[Object]:
    """Open Kubernetes' lists and secrets; any other object is what it is."""
    fields = fields_of(value)
    items = fields.get("items")
    if isinstance(items, list):
        for item in items:
            if isinstance(item, dict) and _secret_values(fields_of(item)):
                yield from _unwrapped(item, layers - 1)
    elif values := _secret_values(fields):
        for one in values:
            yield from _objects_in_secret(one, layers - 1)
    elif fields.get("kind") == "SealedSecret":
        _refuse_sealed()
    elif fields.get("kind") == "Secret":
        _refuse_other_secret()
    else:
        yield value


def _secret_values(secret: Object) -> list[str]:
    """What a Kubernetes secret holds for docker. ``stringData`` wins, as in Kubernetes."""
    parts = [part for key in ("data", "stringdata") if isinstance(part := secret.get(key), dict)]
    data = {key: value for part in parts for key, value in part.items()}
    return [value for key in _SECRET_KEYS if isinstance(value := data.get(key), str)]


def _objects_in_secret(value: str, layers: int) -> Iterator[Object]:
    """Read one value of a Kubernetes secret. Raises ``InvalidInput``."""
    if not value.lstrip().startswith(("{", '"')) and not _text_of_base64(value):
        refuse(
            "The value in this Kubernetes secret is not base64 of JSON: it may be encrypted, or a template.",
            "Paste what this prints: kubectl get secret NAME -o yaml",
        )
    yield from objects_in(value, layers)


def _objects_in_other(text: str, error: Exception, layers: int) -> Iterator[Object]:
    """Read what is not JSON as a whole. Raises ``InvalidInput``."""
    if values := list(_yaml_values(text.splitlines())):
        for value in values:
            yield from _objects_in_secret(value, layers - 1)
    elif inner := _text_of_base64(text):
        if "{" not in inner:
            refuse("This is a login without its server.", f"Put the server around it. {EXAMPLE}")
        yield from objects_in(inner, layers - 1)
    elif inner := _json_within(text):
        yield from objects_in(inner, layers - 1)
    else:
        _refuse_text(text, error)


def _text_of_base64(text: str) -> str:
    """What a text is base64 of, if that looks like JSON or a login; else nothing."""
    try:
        data, _ = decoded(text.strip("\"'`"), "It")
        inner = data.decode("utf-8-sig")
    except (ValueError, InvalidInput):
        return ""
    return inner if "{" in inner or ":" in inner else ""


def _json_within(text: str) -> str:
    """The object in a text such as ``DOCKER_AUTH_CONFIG='{…}'``, or nothing."""
    inner = text[text.find("{") : text.rfind("}") + 1]
    try:
        is_object = inner != text and isinstance(json.loads(inner, strict=False), dict)
    except (ValueError, RecursionError):
        is_object = False
    return inner if is_object else ""


def _refuse_text(text: str, error: Exception) -> Never:
    """Say why nothing could be read."""
    if found := _YAML_SECRET.search(text):
        _refuse_sealed() if found["sealed"] else _refuse_other_secret()
    if set("“”„") & set(text):
        refuse(
            "It has curly quotes, which an editor or a chat put there.",
            "Copy it again, from the file itself.",
        )
    if _PATH.fullmatch(text):
        refuse("This is the name of a file.", "Paste what is in the file.")
    if text.startswith("{") and isinstance(error, json.JSONDecodeError):
        refuse(f"This is not JSON: look at line {error.lineno}, column {error.colno}.")
    refuse("This is not JSON.")


def _refuse_sealed() -> Never:
    refuse(
        "This is a sealed secret, which only its cluster can open.", "Paste: kubectl get secret NAME -o yaml"
    )


def _refuse_other_secret() -> Never:
    refuse(
        "This Kubernetes secret has no “.dockerconfigjson”.",
        "Paste one of type kubernetes.io/dockerconfigjson.",
    )


def _yaml_values(lines: Sequence[str]) -> Iterator[str]:
    """The values of a secret's keys in YAML."""
    for at, line in enumerate(lines):
        if found := _YAML_VALUE.fullmatch(line):
            indent = len(found["indent"])
            yield _yaml_scalar((found["value"] or "").strip(), list(_yaml_below(lines[at + 1 :], indent)))


def _yaml_below(lines: Sequence[str], indent: int) -> Iterator[str]:
    """The lines that belong to a key: those indented deeper, and empty ones between them."""
    return takewhile(lambda line: not line.strip() or len(line) - len(line.lstrip()) > indent, lines)


def _yaml_scalar(first: str, below: Sequence[str]) -> str:
    """Read a scalar: a block, quoted in either way, or plain."""
    first = _YAML_TAG.sub("", first)
    if _YAML_BLOCK.fullmatch(first):
        return "\n".join(below)
    whole = " ".join([first, *(line.strip() for line in below)])
    if whole.startswith('"'):
        try:
            return str(json.JSONDecoder(strict=False).raw_decode(whole)[0])
        except ValueError:
            return whole
    if quoted := _YAML_SINGLE_QUOTED.match(whole):
        return quoted[1].replace("''", "'")
    return whole if whole.startswith("{") else re.sub(r"\s#.*", "", whole).rstrip(" },")
