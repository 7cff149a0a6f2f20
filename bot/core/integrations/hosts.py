"""Docker uses the same name, the host alone, for a registry with TLS and for one at port 80.

If a host has both, the one with TLS answers, so adding it can replace the login that pipelines get.
"""

from dataclasses import replace

from bot.core.access import may
from bot.core.addresses import DEFAULT_PORTS
from bot.core.audit import Action
from bot.core.errors import InvalidFields
from bot.core.model import Actor, Integration, Server
from bot.core.ports.store import Reading


def refuse_taken_host(
    reading: Reading, actor: Actor, saved: Integration, former: Integration | None = None
) -> None:
    """
    Refuse an integration that would replace the login others' targets get at port 80 of the same host.

    Args:
        reading: As it is before the change, or with it.
        actor: Who adds or edits.
        saved: The integration as it would be kept.
        former: What it was before an edit.

    Raises:
        InvalidFields: At the name.
    """
    is_there = former is not None and _place(former.server) == _place(saved.server)
    if is_there or _place(saved.server)[1] != DEFAULT_PORTS["https"]:
        return
    with_tls = Server("https", saved.server.host)
    if any(one.id != saved.id for one in reading.integrations.at(with_tls)):
        return
    for one in reading.integrations.at(replace(with_tls, scheme="http")):
        is_foreign = one.id != saved.id and not may(actor, Action.EDIT, one.owner)
        if is_foreign and reading.dependencies.page(one.id, 0, 1).total:
            message = (
                f"Targets that ask for this host get “{one.name}”, which is at port 80, and would get this "
                "login: ask the owner of that integration or an admin."
            )
            raise InvalidFields({"name": message})


def _place(server: Server) -> tuple[str, int]:
    return server.host, server.port or DEFAULT_PORTS[server.scheme]
