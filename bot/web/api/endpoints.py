"""The endpoints: each reads its call, calls the core, and answers.

``/v1/openapi.json`` describes them; a test holds the two against each other.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bot.core.addresses import docker_keys, parse_server
from bot.core.errors import InvalidInput
from bot.core.model import Integration, Server, name_key
from bot.core.secret_detection import looks_secret
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
from bot.web.api.calls import Call
from bot.web.api.replies import EXPIRES, JSON, TEXT, Headers, Reply, json_reply


def _server_in(_: str, query: Mapping[str, str]) -> Server | None:
    server_url = query.get("server")
    if server_url is None:
        return None
    if looks_secret(server_url):
        raise InvalidInput("This is not a server's address.", "A token belongs in the Authorization header.")
    return parse_server(server_url)


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


def credentials(call: Call) -> Reply:
    """Answer a credential helper: ``get`` with a server, ``list`` without."""
    server_url = call.query.get("server")
    if server_url is None:
        return json_reply(_logins_by_key(list_servers(call.ports, call.caller)))
    handed = fetch_at(call.ports, call.caller, parse_server(server_url))
    return Reply(docker_credentials(server_url, handed).encode(), JSON, headers=_expiry_headers([handed]))


def _logins_by_key(integrations: Iterable[Integration]) -> dict[str, str]:
    """Name every server as docker does, with the user name it is logged in to with."""
    return {key: one.username for one in integrations for key in docker_keys(one.server)}


def integrations(call: Call) -> Reply:
    """List what the caller may fetch, 100 a page, without any secret."""
    after = call.query.get("after")
    page = list_offers(call.ports, call.caller, name_key(after) if after else None)
    return json_reply({"integrations": [_listed(one) for one in page.offers], "next": page.next_after})


def _listed(offer: Offer) -> dict[str, object]:
    """An integration as the list shows it."""
    return {
        "name": offer.integration.name,
        "kind": offer.integration.kind,
        "server": offer.integration.server.origin,
        "linked": offer.is_linked,
        "default": offer.integration.is_default,
    }


def integration(call: Call) -> Reply:
    """Hand an integration out, with everything a workflow may know of it."""
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
    return json_reply(fields, _expiry_headers([handed]))


def environment(call: Call) -> Reply:
    """Hand an integration out as ``export`` lines."""
    handed = fetch_named(call.ports, call.caller, call.name)
    return Reply(shell_exports(handed).encode(), TEXT, headers=_expiry_headers([handed]))


def tags(call: Call) -> Reply:
    """Read a repository's tags."""
    found = fetch_tags(call.ports, call.caller, call.name, call.query["repository"])
    fields = {"repository": found.repository, "tags": found.names, "truncated": found.is_cut}
    return json_reply(fields)


def docker(call: Call) -> Reply:
    """Hand out everything the target is linked to as docker's config.json."""
    handed = fetch_linked(call.ports, call.caller)
    return json_reply(docker_config(handed), _expiry_headers(handed))


def kubernetes(call: Call) -> Reply:
    """Hand out everything the target is linked to as a Kubernetes secret."""
    names = (call.query["name"], call.query.get("namespace", ""))
    kubernetes_secret(*names, ())  # a name that Kubernetes refuses is said before anything is handed out
    handed = fetch_linked(call.ports, call.caller)
    return json_reply(kubernetes_secret(*names, handed), _expiry_headers(handed))


def _expiry_headers(handed: Iterable[HandOut]) -> Headers:
    """Put into a header when a handed-out login expires, for formats that have no place for it."""
    end = expiry_of(handed)
    return ((EXPIRES, end),) if end else ()


ENDPOINTS = {
    "/v1/credentials": Endpoint(credentials, optional=("server",), asked=_server_in),
    "/v1/integrations": Endpoint(integrations, optional=("after",)),
    "/v1/integrations/{name}": Endpoint(integration),
    "/v1/integrations/{name}/env": Endpoint(environment),
    "/v1/integrations/{name}/tags": Endpoint(tags, required=("repository",)),
    "/v1/docker/config.json": Endpoint(docker),
    "/v1/kubernetes/secret": Endpoint(kubernetes, required=("name",), optional=("namespace",)),
}
