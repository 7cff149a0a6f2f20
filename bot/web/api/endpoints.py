"""The endpoints: each reads its call, calls the core, and answers.

``/v1/openapi.json`` describes them; a test holds the two against each other.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.core.addresses import docker_keys, parse_server
from bot.core.errors import InvalidInput
from bot.core.model import Integration, name_key
from bot.core.secret_detection import looks_secret
from bot.core.workflows.fetch import DEADLINE_S, HandOut, hand_out_tags
from bot.core.workflows.formats import (
    docker_config,
    docker_credentials,
    expiry_of,
    fields_of,
    kubernetes_secret,
    shell_exports,
)
from bot.core.workflows.offers import Offer, linked_servers, offers, servers_answered
from bot.core.workflows.resolve import choose
from bot.web.api.calls import Call
from bot.web.api.replies import EXPIRES, JSON, TEXT, Headers, Reply, json_reply


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers a path, and the parameters it takes."""

    answer: Callable[[Call], Reply]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def credentials(call: Call) -> Reply:
    """Answer a credential helper: ``get`` with a server, ``list`` without."""
    server_url = call.query.get("server")
    if server_url is None:
        return json_reply(logins_by_key(servers_answered(call.services.store, call.caller)))
    if looks_secret(server_url):
        raise InvalidInput("This is not a server's address.", "A token belongs in the Authorization header.")
    choice = choose(call.services.store, call.caller, parse_server(server_url))
    handed = call.hand_out(choice.integration)
    return Reply(docker_credentials(server_url, handed).encode(), JSON, headers=expiry_headers([handed]))


def logins_by_key(integrations: Iterable[Integration]) -> dict[str, str]:
    """Name every server as docker does, with the user name it is logged in to with."""
    return {key: one.username for one in integrations for key in docker_keys(one.server)}


def integrations(call: Call) -> Reply:
    """List what the caller may fetch, 100 a page, without any secret."""
    after = call.query.get("after")
    page = offers(call.services.store, call.caller, name_key(after) if after else None)
    return json_reply({"integrations": [listed(one) for one in page.offers], "next": page.next_after})


def listed(offer: Offer) -> dict[str, object]:
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
    handed = call.hand_out(call.integration())
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
    return json_reply(fields, expiry_headers([handed]))


def environment(call: Call) -> Reply:
    """Hand an integration out as ``export`` lines."""
    handed = call.hand_out(call.integration())
    return Reply(shell_exports(handed).encode(), TEXT, headers=expiry_headers([handed]))


def tags(call: Call) -> Reply:
    """Read a repository's tags."""
    services = call.services
    ports = (services.store, services.keyring, services.registry, services.tallies)
    found = hand_out_tags(*ports, call.caller, call.integration(), call.query["repository"])
    fields = {"repository": found.repository, "tags": found.names, "truncated": found.is_cut}
    return json_reply(fields)


def docker(call: Call) -> Reply:
    """Hand out everything the target is linked to as docker's config.json."""
    handed = hand_out_linked(call)
    return json_reply(docker_config(handed), expiry_headers(handed))


def kubernetes(call: Call) -> Reply:
    """Hand out everything the target is linked to as a Kubernetes secret."""
    names = (call.query["name"], call.query.get("namespace", ""))
    kubernetes_secret(*names, ())  # a name that Kubernetes refuses is said before anything is handed out
    handed = hand_out_linked(call)
    return json_reply(kubernetes_secret(*names, handed), expiry_headers(handed))


def hand_out_linked(call: Call) -> list[HandOut]:
    """Hand out all or nothing. The deadline is one for all, because a thread waits for it."""
    end = time.monotonic() + DEADLINE_S
    linked = linked_servers(call.services.store, call.caller)
    return [call.hand_out(one, deadline_s=max(0.1, end - time.monotonic())) for one in linked]


def expiry_headers(handed: Iterable[HandOut]) -> Headers:
    """Say in a header when what was handed out ends, for formats that have no place for it."""
    end = expiry_of(handed)
    return ((EXPIRES, end),) if end else ()


ENDPOINTS = {
    "/v1/credentials": Endpoint(credentials, optional=("server",)),
    "/v1/integrations": Endpoint(integrations, optional=("after",)),
    "/v1/integrations/{name}": Endpoint(integration),
    "/v1/integrations/{name}/env": Endpoint(environment),
    "/v1/integrations/{name}/tags": Endpoint(tags, required=("repository",)),
    "/v1/docker/config.json": Endpoint(docker),
    "/v1/kubernetes/secret": Endpoint(kubernetes, required=("name",), optional=("namespace",)),
}
