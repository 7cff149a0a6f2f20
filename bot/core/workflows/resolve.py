"""Which integration answers for a server or a name.

Of those a target may fetch: the one that people linked to it, else the default, else the one it has used,
else the only one that is open to all workflows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from bot.core.access import may, require
from bot.core.addresses import parse_server, server_of_image
from bot.core.audit import Action, AuditEntry, Event
from bot.core.errors import (
    Ambiguous,
    Deleted,
    InvalidFields,
    LinkedOnly,
    NotApproved,
    NotFound,
    NotPermitted,
    QuaymasterError,
    TargetRemoved,
    TokenHeld,
)
from bot.core.kinds import NAME
from bot.core.model import Actor, Dependency, Integration, Server, Target, WorkflowToken
from bot.core.ports import Ports
from bot.core.ports.store import Candidate, Reading
from bot.core.texts import name_key, shortened

_MOST_RENAMINGS = 20
_MOST_TOKENS = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """Which integration answers for a server, and why."""

    candidate: Candidate
    reason: str

    @property
    def integration(self) -> Integration:
        """The integration."""
        return self.candidate.integration


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What one workflow token gets, where that is not what its target gets in general."""

    token: WorkflowToken
    found: Choice | QuaymasterError
    """The choice, or why it gets nothing."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which integration answers for a server, and for whom it is another."""

    found: Choice | QuaymasterError
    """What an approved token gets, or why it gets nothing."""
    others: tuple[TokenAnswer, ...] = ()
    """The target's own tokens that get something else, the newest first, at most 20."""
    closed: tuple[Integration, ...] = ()
    """Without a target: what is closed, and yet within reach of the tokens that its owner makes."""
    candidates: tuple[Integration, ...] = ()
    """What could answer, where nothing says which."""


def obstacle(candidate: Candidate, target: Target | None, token: WorkflowToken | None) -> NotPermitted | None:
    """
    What keeps a target from fetching an integration; ``None`` = nothing.

    A person grants, nobody else: who has the right over the integration linked the target, or made the
    token themselves, or left it open to all workflows and an admin approved the token. What was removed is
    refused all the same.

    Args:
        candidate: The integration and how the target relates to it.
        target: The target; ``None`` = one that nobody linked.
        token: What the target shows; ``None`` = one that was approved.
    """
    integration, dependency = candidate.integration, candidate.dependency
    if candidate.bar:
        return TargetRemoved(integration, candidate.bar)
    is_kept_out = token is not None and integration.id in token.kept_from
    if dependency and dependency.granted_by and not is_kept_out:
        return None
    if token and token.is_own_of(integration.owner):
        return None
    if integration.linked_only:
        return LinkedOnly(integration, target, token.id if token and is_kept_out else "")
    if token is None or token.approved_by:
        return None
    return NotApproved(integration, token.target, token.id)


def decide(
    candidates: Sequence[Candidate],
    server: Server,
    target: Target | None,
    token: WorkflowToken | None,
) -> Choice:
    """
    Apply the rule to the integrations of a server; there is at least one. ``token`` is as in ``obstacle``.

    A link that a person granted is a decision. A use that was only recorded is not: it lets the default move,
    and counts where nothing else decides, so that one more integration stops no pipeline.

    Raises:
        Ambiguous.
        NotPermitted: The target may fetch none of them.
    """
    obstacles = [obstacle(one, target, token) for one in candidates]
    allowed = [one for one, error in zip(candidates, obstacles, strict=True) if error is None]
    if not allowed:
        raise obstacles[0] or LinkedOnly(candidates[0].integration, target)
    if len(allowed) == 1:
        return Choice(allowed[0], _only_reason(candidates))
    linked = [one for one in allowed if one.dependency and one.dependency.granted_by]
    # Of several links, a person's own tokens follow that person's: nobody links them another login.
    linked = [one for one in linked if token and token.is_own_of(one.integration.owner)] or linked
    if choice := _chosen(linked or allowed, "it is linked to this target" if linked else ""):
        return choice
    if not linked and (choice := _by_use(allowed, token)):
        return choice
    names = tuple(one.integration.name for one in linked or allowed)
    raise Ambiguous(server, target, names, are_linked=bool(linked))


def _by_use(allowed: Sequence[Candidate], token: WorkflowToken | None) -> Choice | None:
    """
    The only one that was fetched alone, else the only one that was used, else the only open one.

    What is closed makes no open one ambiguous. What only a token that nobody approved has fetched says
    nothing of others' tokens; a note says nothing.
    """
    used = [one for one in allowed if one.dependency and _is_use_of(one.dependency, token)]
    alone = [one for one in used if one.dependency and not one.dependency.is_swept]
    for several in (alone, used):
        if len(several) == 1:
            return Choice(several[0], "this target has used it before")
    shared = [one for one in allowed if not one.integration.linked_only]
    is_clear = not alone and len(shared) == 1
    return Choice(shared[0], "it is the only one that is open to all workflows") if is_clear else None


def _is_use_of(known: Dependency, token: WorkflowToken | None) -> bool:
    """True when a use says what a token is to get; ``None`` = an approved one."""
    if not known.is_used:
        return False
    makers = {token.created_by, token.taken_over_from} if token else set()
    return not known.unapproved_by or not makers.isdisjoint(known.unapproved_by)


def _only_reason(there: Sequence[Candidate]) -> str:
    """Say why there was nothing to choose from."""
    others = "this target can't fetch the others"
    return "it is the only one for this server" if len(there) == 1 else others


def _chosen(candidates: Sequence[Candidate], reason: str) -> Choice | None:
    """Choose the only one, or the default among several."""
    if len(candidates) == 1:
        return Choice(candidates[0], reason)
    default = next((one for one in candidates if one.integration.is_default), None)
    why = f"it is the default for this server{f' and {reason}' if reason else ''}"
    return Choice(default, why) if default else None


def candidates_at(reading: Reading, server: Server, target: Target | None) -> tuple[Candidate, ...]:
    """
    The integrations of a server, with how a target relates to them.

    Without one there, those at port 80: docker names such a registry by its host alone, as one with TLS.
    """
    return tuple(candidate_of(reading, one, target) for one in _integrations_at(reading, server))


def _integrations_at(reading: Reading, server: Server) -> tuple[Integration, ...]:
    there = reading.integrations.at(server)
    if not there and server.port is None:
        there = reading.integrations.at(replace(server, scheme="http"))
    return there


def candidate_of(reading: Reading, integration: Integration, target: Target | None) -> Candidate:
    """An integration, with how a target relates to it."""
    if target is None:
        return Candidate(integration)
    dependencies = reading.dependencies
    return Candidate(
        integration, dependencies.get(integration.id, target), dependencies.bar(integration.id, target)
    )


def explain_choice(ports: Ports, actor: Actor, server: Server, target: Target | None) -> Explanation:
    """
    Tell a person which integration answers for a server, for a target or for any.

    Raises:
        NotPermitted: The actor may see nothing.
        NotFound: No integration of this server; the hint says who deleted the last one.
    """
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    candidates = candidates_at(reading, server, target)
    if not candidates:
        raise_nothing_at(reading, server)
    found = _outcome(candidates, server, target)
    tokens = [one for one in reading.tokens.of_target(target) if one.is_valid(actor.at)] if target else []
    answers = [TokenAnswer(one, _outcome(candidates, server, target, one)) for one in tokens]
    others = [one for one in answers if _gist(one.found) != _gist(found)]
    closed = [one.integration for one in candidates if one.integration.linked_only and not target]
    names = frozenset(found.names if isinstance(found, Ambiguous) else ())
    named = tuple(one.integration for one in candidates if one.integration.name in names)
    return Explanation(found, tuple(others[:_MOST_TOKENS]), tuple(closed), named)


def _outcome(
    candidates: Sequence[Candidate], server: Server, target: Target | None, token: WorkflowToken | None = None
) -> Choice | QuaymasterError:
    """What ``decide`` returns, or raises."""
    if token and token.held_at:
        return TokenHeld(token.id)
    try:
        return decide(candidates, server, target, token)
    except (Ambiguous, NotPermitted) as error:
        return error


def _gist(found: Choice | QuaymasterError) -> object:
    """What makes two outcomes the same to a person: the integration, or the kind of refusal."""
    return found.integration.id if isinstance(found, Choice) else type(found)


def is_undecided(there: Iterable[Integration]) -> bool:
    """True when a target that depends on none of a server's integrations gets an error for their number."""
    # As ``decide`` would say without a target, and without building what it takes: a Save asks this of
    # every integration of the server.
    open_to_all = [one for one in there if not one.linked_only]
    return len(open_to_all) > 1 and not any(one.is_default for one in open_to_all)


def undecided_servers(reading: Reading, integrations: Iterable[Integration]) -> tuple[Server, ...]:
    """Those of the integrations' servers where no integration is chosen for a target that depends on none."""
    servers = dict.fromkeys(one.server for one in integrations)
    return tuple(server for server in servers if is_undecided(_integrations_at(reading, server)))


def refuse_taken_host(
    reading: Reading, actor: Actor, saved: Integration, former: Integration | None = None
) -> None:
    """
    Refuse an integration that would replace the login others' targets get at port 80 of the same host.

    Docker uses the same name, the host alone, for a registry with TLS and for one at port 80. If a host has
    both, the one with TLS answers.

    Args:
        reading: As it is before the change, or with it.
        actor: Who adds or edits.
        saved: The integration as it would be kept.
        former: What it was before an edit.

    Raises:
        InvalidFields: At the name.
    """
    with_tls = Server("https", saved.server.host)
    is_there = former is not None and former.server.endpoint == saved.server.endpoint
    if is_there or saved.server.endpoint != with_tls.endpoint:
        return
    if any(one.id != saved.id for one in reading.integrations.at(with_tls)):
        return
    for one in reading.integrations.at(replace(with_tls, scheme="http")):
        is_foreign = one.id != saved.id and not may(actor, Action.EDIT, one.owner)
        if is_foreign and reading.dependencies.page(one.id, 0, 1).total:
            message = (
                f"Targets that request this host currently get “{one.name}” (port 80) and would get this "
                "login instead: ask the owner of that integration or an admin."
            )
            raise InvalidFields({"name": message})


def server_asked_for(text: str) -> Server:
    """
    Find the server a person asks about: of an image as docker reads it, of a pasted address, or named alone.

    Docker would take ``registry.example.com:5000`` for an image of Docker Hub; a person means the server.

    Raises:
        InvalidInput: It contains an invalid address.
    """
    scheme, separator, rest = text.partition("://")
    if separator:
        return parse_server(f"{scheme}://{rest.partition('/')[0]}")
    host, _, _ = text.partition(":")
    is_alone = "/" not in text and ("." in host or host == "localhost")
    return parse_server(text) if is_alone else server_of_image(text)


def raise_nothing_at(reading: Reading, server: Server) -> NoReturn:
    """Say that nothing answers for a server, and when what did was deleted. Raises ``NotFound``."""
    message = f"There is no integration for {shortened(server.address, 200)}."
    raise _gone(reading.history.deletion_at(server), message, "Add one: /integrations add")


def raise_not_named(reading: Reading, name: str, token: WorkflowToken) -> NoReturn:
    """
    Say to a workflow that no integration has this name, and what used to be called that. Raises ``NotFound``.

    The new name of one is told only to a token whose target may fetch it.
    """
    # A token in the wrong place is not repeated: pipelines keep what they print.
    message = "There is no integration with this name."
    deletion = reading.history.deletion_named(name) if NAME.fullmatch(name) else None
    if hint := _new_name(reading, name, token, deletion.sequence if deletion else 0):
        raise NotFound(message, hint)
    raise _gone(deletion, message, "GET /v1/integrations lists what this token can fetch.")


def raise_gone(reading: Reading, integration: Integration) -> NoReturn:
    """Say to a workflow that an integration is gone, and when it was deleted. Raises ``NotFound``."""
    message, hint = f"“{integration.name}” is gone.", "GET /v1/integrations lists what this token can fetch."
    raise _gone(reading.history.deletion(integration.id), message, hint)


def _new_name(reading: Reading, old_name: str, token: WorkflowToken, since: int) -> str:
    """Say what gave a name up after an entry; nothing, when there is none or the target may not fetch it."""
    renaming = _last_renaming(reading, old_name, since)
    found = reading.integrations.get(renaming.integration_id or "") if renaming else None
    if renaming is None or found is None or found.key != name_key(renaming.name):
        return ""
    if obstacle(candidate_of(reading, found, token.target), token.target, token):
        return ""
    return f"It has been called “{found.name}” since {renaming.at:%Y-%m-%d %H:%M} UTC."


def _last_renaming(reading: Reading, old_name: str, since: int) -> Event | None:
    """The last of the renamings after an entry that begin with a name, one after the other."""
    last: Event | None = None
    for _ in range(_MOST_RENAMINGS):
        entry = reading.history.renaming(last.name if last else old_name)
        if (
            entry is None
            or entry.sequence < since
            or (last and entry.event.integration_id != last.integration_id)
        ):
            break
        last = entry.event
    return last


def _gone(deletion: AuditEntry | None, message: str, hint: str) -> NotFound:
    """The error for what is not there; of what was deleted, the hint says when, and how to see who did it."""
    if deletion is None:
        return NotFound(message, hint)
    done = deletion.event
    gone = f"“{done.name}” was deleted on {done.at:%Y-%m-%d %H:%M} UTC."
    return Deleted(message, f"{gone} /integrations history {done.name} shows who deleted it.", (done.actor,))
