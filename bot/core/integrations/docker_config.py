"""Read the logins in what somebody pasted. It touches no store: text goes in, entries come out.

1. Find the configurations in the text: docker's ``config.json``, podman's ``auth.json``, the older
   ``.dockercfg``, Kubernetes secrets (JSON or YAML), base64 of one of these, a credential helper's answer.
2. Read each entry as docker, podman and kubelet do. What is left out is named with the reason and what to do.

Keys of an object count whatever their case, and of two the later one wins, as Go reads them.

Sources: docker/cli, ``cli/config/configfile/file.go``; containers/image, ``pkg/docker/config``; kubernetes,
``pkg/credentialprovider/config.go``; kubernetes.io, *Pull an Image from a Private Registry*.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.core.addresses import PATHS, parse_server
from bot.core.errors import InvalidInput
from bot.core.integrations.credentials import end_of_token
from bot.core.integrations.pasted_text import EXAMPLE, Object, decoded, fields_of, objects_in, refuse
from bot.core.model import Server
from bot.core.secret_detection import looks_secret
from bot.core.secrets import Secret
from bot.core.short_lived import moment, short_lived
from bot.core.texts import shortened, visible

_BY_FORM = "Add it with the form for its type."
_ENTRY_KEYS = frozenset({"auth", "username", "password", "identitytoken", "registrytoken"})
_CONFIG_KEYS = frozenset({"auths", "credhelpers", "credsstore"})
_HELPER_HINTS = {
    "ecr-login": "Add it as Amazon ECR, with an access key.",
    "gcloud": "Add a service account's JSON key with the form for its type.",
    "gcr": "Add a service account's JSON key with the form for its type.",
    "acr-env": "Add a service principal with the form for Azure Container Registry.",
}
"""What these helpers print expires within hours."""

_HIDDEN = "…"
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True, slots=True)
class PastedLogin:
    """A user name and a password, as a client sends them."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Entry:
    """One login of the text, or why it cannot be used."""

    key: str
    """The server as the text names it, fit to be shown."""
    server: Server | None
    """``None`` when there is a ``problem``, and so is ``login``."""
    login: PastedLogin | None
    problem: InvalidInput | None = None
    notes: tuple[str, ...] = ()
    """What to know about the login: parts of a sentence."""


def read_entries(text: str, now: datetime) -> tuple[Entry, ...]:
    """
    Read every login in a text, in the text's order; the same one twice counts once.

    Args:
        text: As it was pasted.
        now: Decides which logins expire too soon to be stored.

    Raises:
        InvalidInput: There is none, and why. The text is never repeated.
    """
    entries: list[Entry] = []
    for config in map(_config_of, objects_in(text)):
        entries += (one for one in _entries_of(config, now) if one not in entries)
    if not entries:
        refuse("It can be read, but it contains no login: its “auths” is empty.")
    return tuple(entries)


def _config_of(value: Object) -> Object:
    """Bring an object to the form of ``config.json``, its keys in lower case. Raises ``InvalidInput``."""
    fields = fields_of(value)
    if server := fields.get("serverurl"):
        login = {"username": fields.get("username"), "password": fields.get("secret")}
        return {"auths": {str(server): login}}
    if _CONFIG_KEYS & fields.keys():
        return fields
    if any(isinstance(one, dict) and _ENTRY_KEYS & fields_of(one).keys() for one in value.values()):
        return {"auths": value}
    if fields.get("type") == "service_account":
        refuse(
            "This is a Google service account's key.",
            "Add it with the form for Google GCR / Artifact Registry.",
        )
    if value and all(isinstance(one, str) and "." in key for key, one in value.items()):
        refuse(
            "These are servers and user names, as a credential helper lists them, without passwords.",
            _BY_FORM,
        )
    if not _ENTRY_KEYS & fields.keys():
        refuse("It has no login in “auths”.")
    return refuse("This is a login without its server.", f"Put the server around it. {EXAMPLE}")


def _entries_of(config: Object, now: datetime) -> Iterator[Entry]:
    """
    Read ``auths`` and ``credHelpers``. Raises ``InvalidInput``.

    Docker and podman ask a server's own helper instead of the file; docker asks the store (``credsStore``).
    """
    helpers, auths = _part(config, "credhelpers"), _part(config, "auths")
    store = _named(config.get("credsstore"))
    if store and not auths and not helpers:
        hint = _helper_hint(store)
        refuse(
            f"The logins are in the credential store “{store}” of a machine; there are none in this file.",
            hint,
        )
    by_place = {_place_of(key): _named(helper) for key, helper in helpers.items() if helper}
    for key in {**helpers, **auths}:
        content = auths.get(key)
        helper = by_place.get(_place_of(key), "")
        yield _entry(key, fields_of(content) if isinstance(content, dict) else {}, helper, store, now)


def _part(config: Object, key: str) -> Object:
    """One object of a configuration; missing is empty. Raises ``InvalidInput``."""
    part = config.get(key) or {}
    if not isinstance(part, dict):
        refuse(f"Its “{key}” is not an object of servers.")
    return part


def _named(value: object) -> str:
    """The name of a helper, fit to be shown and to be pasted into a shell."""
    if not isinstance(value, str) or not value:
        return ""
    return value if _HELPER_NAME.fullmatch(value) and not looks_secret(value) else _HIDDEN


def _place_of(key: str) -> Server | str:
    """The server that a key means, however it is spelled; what is not an address means itself."""
    try:
        return parse_server(key)
    except InvalidInput:
        return key


def _entry(key: str, content: Object, helper: str, store: str, now: datetime) -> Entry:
    """Read one entry."""
    is_hidden = "@" in key or looks_secret(key)
    shown = "(an address with a login in it)" if is_hidden else shortened(key, 100)
    try:
        server = _server(key)
        _refuse_short_lived(server, "", "", now)
        login, notes = _login_in(content, helper, store)
        _refuse_short_lived(server, login.username, login.password.reveal(), now)
    except InvalidInput as error:
        return Entry(shown, None, None, error)
    return Entry(shown, server, login, notes=(*notes, *_notes(server, login, store)))


def _notes(server: Server, login: PastedLogin, store: str) -> Iterator[str]:
    """Say what else to know about a login."""
    end = end_of_token(login.password.reveal())
    if end:
        yield f"its token expires at {moment(end)}"
    if server.is_plain:
        yield "over plain http, as its address says"
    if store:
        yield f"docker itself asks the credential store “{store}”, so this one may be out of date"


def _refuse_short_lived(server: Server, username: str, password: str, now: datetime) -> None:
    """Raise ``InvalidInput`` for a login that is not worth storing."""
    if ends := short_lived(server.host, username, password, now):
        raise InvalidInput(ends.reason, ends.hint)


def _server(key: str) -> Server:
    """
    Read the server of an entry.

    Raises:
        InvalidInput: It is a pattern, a path of a server, somebody's website or not an address.
    """
    if looks_secret(key):
        raise InvalidInput("The address appears to contain a secret.", _BY_FORM)
    key = visible(key).strip()
    authority, slash, path = key.partition("://")[2 if "://" in key else 0].partition("/")
    if set("*?") & set(authority) or "[" in authority[1:]:
        raise InvalidInput(
            "Kubernetes treats it as a pattern that matches many hosts.",
            "Repeat the entry for each host, with that host alone.",
        )
    if f"{slash}{path}".lower() in PATHS:
        return parse_server(key)
    host = parse_server(authority).address
    if path.lower() in ("v1/access-token", "v1/refresh-token"):
        raise InvalidInput(
            "Docker Desktop stores its own session here, not a login to a registry.", "Leave it out."
        )
    raise InvalidInput(
        f"Quaymaster cannot limit a login to one path: it would be used for all of {host}.",
        "Add it with the form for its type, with the server alone, and link it to the targets that need it.",
    )


def _login_in(content: Object, helper: str, store: str) -> tuple[PastedLogin, tuple[str, ...]]:
    """Read the user name and password of an entry, with notes on them. Raises ``InvalidInput``."""
    auth, username, password = (content.get(key) for key in ("auth", "username", "password"))
    has_login = bool(auth or (username and password))
    if helper:
        _refuse_helper(helper, has_login)
    if content.get("identitytoken") or content.get("registrytoken"):
        hint = "Add a user name with a password or an access token, with the form for its type."
        raise InvalidInput("It contains an identity token, which expires on its own, and no password.", hint)
    if auth:
        return _login_of_auth(auth)
    if isinstance(username, str) and isinstance(password, str):
        return _login(username, password)
    if store:
        raise InvalidInput(
            f"Its login is in the credential store “{store}” on the machine that this file came from, "
            "not in the file itself.",
            _helper_hint(store),
        )
    raise InvalidInput(
        "It contains no login: docker may keep it in a credential store on the machine this file came from.",
        _BY_FORM,
    )


def _refuse_helper(helper: str, has_login: bool) -> None:
    """Raise ``InvalidInput`` for a server whose login a program gives."""
    message = (
        f"docker and podman ask the credential helper “{helper}” on the machine this file came from "
        "for this login"
    )
    ending = (
        ", so the one in the file may be out of date and was not used."
        if has_login
        else "; it is not in the file."
    )
    raise InvalidInput(message + ending, _helper_hint(helper))


def _helper_hint(helper: str) -> str:
    """Say how to get at what a credential helper holds."""
    if helper == _HIDDEN:
        return _BY_FORM
    command = f"echo SERVER | docker-credential-{helper} get"
    return _HELPER_HINTS.get(
        helper,
        f"Run this on that machine and paste what it prints, or add it with the form for its type: {command}",
    )


def _login_of_auth(auth: object) -> tuple[PastedLogin, tuple[str, ...]]:
    """Read ``auth``, base64 of ``user:password``. Raises ``InvalidInput``."""
    if not isinstance(auth, str):
        raise InvalidInput("Its “auth” is not text.", _BY_FORM)
    data, is_padded = decoded(auth, "Its “auth”")
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        raise InvalidInput("Its “auth” is base64 of something other than UTF-8 text.", _BY_FORM) from None
    username, colon, password = text.partition(":")
    if not colon:
        raise InvalidInput("Its “auth” is base64 of a text without a colon after the user name.", _BY_FORM)
    login, notes = _login(username, password)
    missing = "the = at the end of its base64 were missing, so make sure that it was copied completely"
    return login, notes if is_padded else (*notes, missing)


def _login(username: str, password: str) -> tuple[PastedLogin, tuple[str, ...]]:
    """
    Put a login together. Raises ``InvalidInput``.

    Zero bytes at the end are padding to docker and podman.
    """
    password = password.strip("\0")
    kept = password.rstrip("\r\n")
    if "\0" in username + kept:
        hint = (
            "It may have been made from UTF-16 text, as PowerShell does. Add it with the form for its type."
        )
        raise InvalidInput("Its login contains zero bytes, which no client sends.", hint)
    if not username:
        raise InvalidInput("It has no user name.", _BY_FORM)
    if not kept:
        raise InvalidInput("It has no password.", _BY_FORM)
    if username.startswith("_json_key"):
        return PastedLogin(username, Secret(password)), ()  # a key file ends with a line break, and rightly
    slip = "its password ended with a line break, which is almost always a slip and was left out"
    return PastedLogin(username, Secret(kept)), (slip,) if kept != password else ()
