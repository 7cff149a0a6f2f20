"""The endpoints: each reads its call, calls the core, and answers.

``/v1/openapi.json`` describes them; a test compares the two.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from bot.core.addresses import docker_keys, parse_server
from bot.core.errors import (
    Ambiguous,
    Busy,
    Conflict,
    Deleted,
    InvalidInput,
    KeyringFailure,
    LinkedOnly,
    NoSuchPath,
    NotFound,
    NotPermitted,
    QuaymasterError,
    RegistryFailure,
    StoreFailure,
    TokenRefused,
    TooOften,
    Unreachable,
    WrongMethod,
)
from bot.core.model import Integration, Server, Stage
from bot.core.ports import Ports
from bot.core.secret_detection import looks_secret
from bot.core.texts import name_key
from bot.core.workflows.fetch import (
    HandOut,
    Offer,
    fetch_at,
    fetch_linked,
    fetch_named,
    fetch_tags,
    list_offers,
    list_servers,
)
from bot.core.workflows.formats import (
    docker_config,
    docker_credentials,
    expiry_of,
    fields_of,
    kubernetes_secret,
    shell_exports,
)
from bot.core.workflows.tokens import Caller
from bot.web.json_answers import DATA_HEADERS, STATUS_LINES

if TYPE_CHECKING:
    from wsgiref.types import StartResponse


_LONGEST_QUERY = 4096
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
_EXPIRES = "X-Quaymaster-Expires-At"
_Headers = tuple[tuple[str, str], ...]
STATUSES: tuple[tuple[type[QuaymasterError], HTTPStatus, str], ...] = (
    (TokenRefused, HTTPStatus.UNAUTHORIZED, "unauthorized"),
    (TooOften, HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests"),
    (NoSuchPath, HTTPStatus.NOT_FOUND, "no_such_path"),
    (WrongMethod, HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed"),
    (InvalidInput, HTTPStatus.BAD_REQUEST, "invalid_request"),
    (Deleted, HTTPStatus.NOT_FOUND, "deleted"),
    (NotFound, HTTPStatus.NOT_FOUND, "not_found"),
    (LinkedOnly, HTTPStatus.FORBIDDEN, "linked_targets_only"),
    (NotPermitted, HTTPStatus.FORBIDDEN, "not_permitted"),
    (Ambiguous, HTTPStatus.CONFLICT, "ambiguous"),
    (Conflict, HTTPStatus.CONFLICT, "conflict"),
    (Unreachable, HTTPStatus.GATEWAY_TIMEOUT, "registry_unreachable"),
    (RegistryFailure, HTTPStatus.BAD_GATEWAY, "registry_refused"),
    (Busy, HTTPStatus.SERVICE_UNAVAILABLE, "busy"),
    (StoreFailure, HTTPStatus.SERVICE_UNAVAILABLE, "store_unavailable"),
    (KeyringFailure, HTTPStatus.INTERNAL_SERVER_ERROR, "credential_unreadable"),
)
"""The first row that fits an error decides. Codes are for programs and never change."""


@dataclass(frozen=True, slots=True)
class Call:
    """What an endpoint receives."""

    ports: Ports
    caller: Caller
    name: str
    """The integration that the path names; empty when it names none."""
    query: Mapping[str, str] = field(repr=False)
    """By parameter. A value may be a token that somebody put in the wrong place."""


def read_query(text: str, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, str]:
    """
    Read a query. Values are never repeated in an error: one might be a token that was put in the wrong place.

    Raises:
        InvalidInput: A parameter is missing, unknown, repeated or not UTF-8.
    """
    parts = [part.partition("=") for part in text.split("&")] if text else []
    values = {unquote_plus(name): value for name, _, value in parts}
    takes = _takes_in_words(required, optional)
    if not values.keys() <= {*required, *optional} or len(text) > _LONGEST_QUERY:
        raise InvalidInput("The query contains a parameter that this path does not accept.", takes)
    if len(values) != len(parts):
        raise InvalidInput("The query contains a parameter more than once.", takes)
    try:
        query = {name: unquote_plus(value, errors="strict") for name, value in values.items()}
    except UnicodeDecodeError:
        raise InvalidInput("The query cannot be read.", takes) from None
    missing = [name for name in required if not query.get(name)]
    if missing:
        raise InvalidInput(f"The parameter {missing[0]} is missing.", takes)
    return query


@cache
def _takes_in_words(required: tuple[str, ...], optional: tuple[str, ...]) -> str:
    """Return the sentence about the parameters that a path accepts."""
    names = [*required, *(f"{name} (optional)" for name in optional)]
    return f"It accepts {', '.join(names)}." if names else "It accepts no parameters."


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Its ``repr`` does not show the body, which may contain a secret."""

    body: bytes = field(repr=False)
    content_type: str = JSON
    status: HTTPStatus = HTTPStatus.OK
    headers: _Headers = ()


def _json_reply(fields: object, headers: _Headers = ()) -> Reply:
    """Answer with JSON."""
    return Reply(json.dumps(fields, ensure_ascii=False).encode(), headers=headers)


def _refusal_of(error: QuaymasterError) -> tuple[HTTPStatus, str]:
    """Return an error's status and code."""
    if isinstance(error, RegistryFailure) and error.stage is Stage.REPOSITORY:
        # The registry was reached: it does not show the repository, or not to this login.
        return HTTPStatus.BAD_GATEWAY, "registry_refused"
    found = (row[1:] for row in STATUSES if isinstance(error, row[0]))
    return next(found, (HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error"))


def error_reply(error: QuaymasterError, *, as_text: bool) -> Reply:
    """
    Answer with an error.

    Args:
        error: What went wrong.
        as_text: Code, message and hint as three lines, for scripts without a JSON parser.
    """
    status, code = _refusal_of(error)
    fields = {"code": code, "message": error.message, "hint": error.hint}
    if as_text:
        lines = (f"{_one_line(text)}\n" for text in fields.values())
        return Reply("".join(lines).encode(), TEXT, status, _headers_of(error))
    return Reply(_json_reply(fields).body, JSON, status, _headers_of(error))


def _one_line(text: str) -> str:
    """Remove characters that would begin a new line or move a terminal's cursor."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)


def _headers_of(error: QuaymasterError) -> _Headers:
    """Return the headers that belong to an error's status."""
    if isinstance(error, TokenRefused):
        return (("WWW-Authenticate", "Bearer"),)
    if isinstance(error, TooOften):
        return (("Retry-After", str(error.wait_s)),)
    if isinstance(error, WrongMethod):
        return (("Allow", error.allowed),)
    return (("Retry-After", "1"),) if isinstance(error, Busy) else ()


def send(start_response: "StartResponse", reply: Reply, *, is_head: bool) -> Iterable[bytes]:
    """Start the answer and return its body; HEAD gets only the headers."""
    about_body = (("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body))))
    start_response(STATUS_LINES[reply.status], [*about_body, *DATA_HEADERS, *reply.headers])
    return [] if is_head else [reply.body]


def _server_in(_: str, query: Mapping[str, str]) -> Server | None:
    server_url = query.get("server")
    return None if server_url is None else _read_server(server_url)


@lru_cache(1024)
def _read_server(text: str) -> Server:
    """Read an address, once: pipelines ask for the same ones. What looks like a token is not repeated."""
    if looks_secret(text):
        raise InvalidInput("This is not a server's address.", "A token belongs in the Authorization header.")
    return parse_server(text)


def _name_in(name: str, _: Mapping[str, str]) -> str | None:
    return name or None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers a path, the parameters it takes, and what its token's look-up is asked for."""

    answer: Callable[[Call], Reply]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    asked: Callable[[str, Mapping[str, str]], Server | str | None] = _name_in
    """From the name in the path and the query: a server, a name, or all that the target depends on."""


def _credentials(call: Call) -> Reply:
    """Answer a credential helper: ``get`` with a server, ``list`` without."""
    server_url = call.query.get("server")
    if server_url is None:
        return _json_reply(_logins_by_key(list_servers(call.ports, call.caller)))
    handed = fetch_at(call.ports, call.caller, _read_server(server_url))
    headers = _expiry_headers([handed])
    return Reply(docker_credentials(server_url, handed).encode(), JSON, headers=headers)


def _logins_by_key(integrations: Iterable[Integration]) -> dict[str, str]:
    """Map each server, named as docker names it, to its user name."""
    return {key: one.username for one in integrations for key in docker_keys(one.server)}


def integrations(call: Call) -> Reply:
    """List what the caller may fetch, 100 per page, without any secrets."""
    after = call.query.get("after")
    page = list_offers(call.ports, call.caller, name_key(after) if after else None)
    return _json_reply({"integrations": [_listed(one) for one in page.offers], "next": page.next_after})


def _listed(offer: Offer) -> dict[str, object]:
    """Return an integration as the list shows it."""
    return {
        "name": offer.integration.name,
        "kind": offer.integration.kind,
        "server": offer.integration.server.origin,
        "linked": offer.is_linked,
        "default": offer.integration.is_default,
    }


def integration(call: Call) -> Reply:
    """Hand an integration out, with everything a workflow may know about it."""
    handed = fetch_named(call.ports, call.caller, call.name)
    known = handed.integration
    fields = {
        "name": known.name,
        "kind": known.kind,
        "server": known.server.origin,
        "username": handed.login.username,
        "secret": handed.login.secret.reveal(),
        "fields": fields_of(handed),
        "expires_at": expiry_of([handed]),
    }
    return _json_reply(fields, _expiry_headers([handed]))


def environment(call: Call) -> Reply:
    """Hand an integration out as ``export`` lines."""
    handed = fetch_named(call.ports, call.caller, call.name)
    return Reply(shell_exports(handed).encode(), TEXT, headers=_expiry_headers([handed]))


def tags(call: Call) -> Reply:
    """Read a repository's tags."""
    found = fetch_tags(call.ports, call.caller, call.name, call.query["repository"])
    fields = {"repository": found.repository, "tags": found.names, "truncated": found.is_cut}
    return _json_reply(fields)


def docker(call: Call) -> Reply:
    """Hand out everything the target is linked to as docker's config.json."""
    handed = fetch_linked(call.ports, call.caller)
    return _json_reply(docker_config(handed), _expiry_headers(handed))


def kubernetes(call: Call) -> Reply:
    """Hand out everything the target is linked to as a Kubernetes secret."""
    names = (call.query["name"], call.query.get("namespace", ""))
    kubernetes_secret(*names, ())  # an invalid name is refused before anything is handed out
    handed = fetch_linked(call.ports, call.caller)
    return _json_reply(kubernetes_secret(*names, handed), _expiry_headers(handed))


def _expiry_headers(handed: Iterable[HandOut]) -> _Headers:
    """Say in a header when a handed-out login expires, for formats that have no field for it."""
    end = expiry_of(handed)
    return ((_EXPIRES, end),) if end else ()


ENDPOINTS = {
    "/v1/credentials": Endpoint(_credentials, optional=("server",), asked=_server_in),
    "/v1/integrations": Endpoint(integrations, optional=("after",)),
    "/v1/integrations/{name}": Endpoint(integration),
    "/v1/integrations/{name}/env": Endpoint(environment),
    "/v1/integrations/{name}/tags": Endpoint(tags, required=("repository",)),
    "/v1/docker/config.json": Endpoint(docker),
    "/v1/kubernetes/secret": Endpoint(kubernetes, required=("name",), optional=("namespace",)),
}
