"""Which integration answers for a server or a name.

Of those a target may fetch: the one that people linked to it, else the default, else the one it has used.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.core.access import Action, require
from bot.core.addresses import parse_server, server_of_image
from bot.core.errors import Conflict, NotFound, NotPermitted, quoted, shortened
from bot.core.integrations.dependencies import as_typed
from bot.core.kinds import NAME
from bot.core.model import Actor, AuditEntry, Dependency, Integration, Server, Source, Target, Workspace
from bot.core.ports.former_store import Store
from bot.core.workflows.tokens import Caller


class Deleted(NotFound):
    """What was asked for was there once; the hint says who deleted it, and when."""


class Ambiguous(Conflict):
    """Several integrations could answer for a server, and nothing says which."""

    def __init__(
        self, server: Server, target: Target | None, names: tuple[str, ...], *, are_linked: bool = False
    ) -> None:
        super().__init__(
            f"Several integrations could answer for {server.address}: {quoted(names)}.",
            f"{'Unlink all but one' if are_linked else 'Link one'}: /integrations "
            f"{'unlink' if are_linked else 'link'} NAME {named_target(target)}; "
            "or tick one as the default: /integrations edit NAME",
        )
        self.names = names


class LinkedOnly(NotPermitted):
    """The integration is for linked targets only."""

    def __init__(self, integration: Integration, target: Target | None) -> None:
        super().__init__(
            f"“{integration.name}” is for linked targets only.",
            f"Ask its owner: /integrations link {integration.name} {named_target(target)}",
            (integration.owner,),
        )


def named_target(target: Target | None) -> str:
    """A target as it is typed; without one, what to type."""
    return as_typed(target) if target else "project|environment|image TARGET"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which integration answers for a server, and why."""

    integration: Integration
    reason: str


def choose(store: Store, caller: Caller, server: Server) -> Choice:
    """
    Decide which integration answers for a server.

    Raises:
        Ambiguous, LinkedOnly.
        NotFound: No integration of this server; the hint says who deleted the last one.
    """
    return decide(store, caller.workspace, server, caller.target)


def explain_choice(store: Store, actor: Actor, server: Server, target: Target | None) -> Choice:
    """Tell a person which integration answers for a server, for a target or for any. Raises as ``choose``."""
    require(store, actor, Action.SEE)
    return decide(store, actor.workspace, server, target)


def server_asked_for(text: str) -> Server:
    """
    Find the server a person asks about: of an image as docker reads it, of a pasted address, or named alone.

    Docker would take ``registry.example.com:5000`` for an image of Docker Hub; a person means the server.

    Raises:
        InvalidInput: It holds an address that is none.
    """
    scheme, separator, rest = text.partition("://")
    if separator:
        return parse_server(f"{scheme}://{rest.partition('/')[0]}")
    host, _, _ = text.partition(":")
    is_alone = "/" not in text and ("." in host or host == "localhost")
    return parse_server(text) if is_alone else server_of_image(text)


def decide(store: Store, workspace: Workspace, server: Server, target: Target | None) -> Choice:
    """
    Apply the rule to the integrations of a server.

    A link that a person made is a decision. A use that was only recorded is none: it lets the default move,
    and counts where nothing else decides, so that one more integration stops no pipeline.
    """
    there = store.integrations_at(workspace, server) or without_tls(store, workspace, server)
    used = [one for one in there if target and store.is_linked(workspace, one.id, target)]
    allowed = [one for one in there if not one.linked_only or one in used]
    if not there:
        raise nothing_at(store, workspace, server)
    if not allowed:
        raise LinkedOnly(there[0], target)
    if len(allowed) == 1:
        return Choice(allowed[0], only_reason(there))
    linked = [one for one in used if target and is_link(store.dependency(workspace, one.id, target))]
    if choice := chosen(linked or allowed, "it is linked to this target" if linked else ""):
        return choice
    if len(used) == 1:
        return Choice(used[0], "this target has used it before")
    names = tuple(one.name for one in linked or allowed)
    raise Ambiguous(server, target, names, are_linked=bool(linked))


def is_link(dependency: Dependency | None) -> bool:
    """True for a dependency that a person made; a workflow's is only a use that was recorded."""
    return dependency is not None and dependency.source is not Source.WORKFLOW


def only_reason(there: Sequence[Integration]) -> str:
    """Say why there was nothing to choose from."""
    others = "the others are for linked targets only"
    return "it is the only one for this server" if len(there) == 1 else others


def without_tls(store: Store, workspace: Workspace, server: Server) -> tuple[Integration, ...]:
    """What there is at port 80: docker names such a registry by its host alone, as it does one with TLS."""
    return () if server.port else store.integrations_at(workspace, replace(server, scheme="http"))


def chosen(candidates: Sequence[Integration], reason: str) -> Choice | None:
    """Choose the only one, or the default among several."""
    if len(candidates) == 1:
        return Choice(candidates[0], reason)
    default = next((one for one in candidates if one.is_default), None)
    why = f"it is the default for this server{f' and {reason}' if reason else ''}"
    return Choice(default, why) if default else None


def nothing_at(store: Store, workspace: Workspace, server: Server) -> NotFound:
    """Say that nothing answers for a server, and who deleted what did."""
    message = f"No integration answers for {shortened(server.address, 200)}."
    return gone(store.deletion_at(workspace, server), message, "Add one: /integrations add")


def named(store: Store, caller: Caller, name: str) -> Integration:
    """Find an integration by its name. Raises ``NotFound``; the hint says its new name, or who deleted it."""
    found = store.integration_named(caller.workspace, name) if NAME.fullmatch(name) else None
    if found is not None:
        return found
    # The word is not repeated: it may be a password in the wrong place, and pipelines keep what they print.
    message = "There is no integration of this name."
    hint = new_name(store, caller, name)
    if hint:
        raise NotFound(message, hint)
    raise missing(store, caller.workspace, name, message, "GET /v1/integrations lists those there are.")


def new_name(store: Store, caller: Caller, old_name: str) -> str:
    """Say what is called otherwise now, to a caller that may fetch it; to any other nothing."""
    found = store.renaming(caller.workspace, old_name)
    if found is None:
        return ""
    present, since = found
    if present.linked_only and not store.is_linked(caller.workspace, present.id, caller.target):
        return ""
    return f"It is called “{present.name}” since {since:%Y-%m-%d %H:%M} UTC."


def missing(store: Store, workspace: Workspace, name: str, message: str, hint: str) -> NotFound:
    """Give the error for a name that nothing has; if what had it was deleted, the hint says by whom, when."""
    return gone(store.deletion_named(workspace, name), message, hint)


def gone(deletion: AuditEntry | None, message: str, hint: str) -> NotFound:
    """Give the error for what is not there; of what was deleted, the hint says by whom and when."""
    if deletion is None:
        return NotFound(message, hint)
    who = f"“{deletion.event.name}” was deleted by {deletion.event.actor}"
    return Deleted(message, f"{who} on {deletion.event.at:%Y-%m-%d %H:%M} UTC.", (deletion.event.actor,))


def undecided(store: Store, actor: Actor, integrations: Iterable[Integration]) -> tuple[Server, ...]:
    """Give those of the integrations' servers where none is chosen for a target that depends on none."""
    servers = dict.fromkeys(one.server for one in integrations)
    return tuple(server for server in servers if is_undecided(store, actor, server))


def is_undecided(store: Store, actor: Actor, server: Server) -> bool:
    """True when a target that depends on none of a server's integrations gets an error for their number."""
    try:
        explain_choice(store, actor, server, None)
    except Ambiguous:
        return True
    except (NotFound, NotPermitted):
        return False
    return False
