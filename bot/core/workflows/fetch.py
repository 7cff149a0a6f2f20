"""Hand a credential out to a workflow. Using an integration is depending on it.

1. The token's look-up brings what is asked for: by name, by server, or all that its target depends on.
2. Decide which integration answers, and that the target may fetch it (``bot/core/workflows/resolve.py``).
3. Get what docker must send (for ECR that asks AWS).
4. Record the use before the answer is sent; it is held against the present once more.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NoReturn, TypeVar

from bot.core.audit import Action, Event, event, refusal
from bot.core.errors import (
    Ambiguous,
    Busy,
    Conflict,
    NotFound,
    NotPermitted,
    QuaymasterError,
    RegistryFailure,
    TokenHeld,
    TokenRefused,
    UseOutdated,
)
from bot.core.integrations.credentials import login_of, open_credential
from bot.core.integrations.inventory import find_permitted
from bot.core.link_and_use import with_use
from bot.core.model import (
    NEVER_FETCHED,
    Actor,
    Dependency,
    Integration,
    Server,
    Setting,
    Source,
    WorkflowToken,
)
from bot.core.news import channel_of, quiet_setting, tell
from bot.core.ports import Ports
from bot.core.ports.registry import Asker, DockerLogin, Login, Tags
from bot.core.ports.store import Candidate, Fetch
from bot.core.queries import Filter, Window
from bot.core.secrets import Credential
from bot.core.workflows.resolve import (
    candidate_of,
    candidates_at,
    decide,
    obstacle,
    raise_gone,
    raise_not_named,
    raise_nothing_at,
)
from bot.core.workflows.sweeps import note_sweep
from bot.core.workflows.tokens import Caller

_DEADLINE_S = 8.0
_TRIES = 3
_OFFERS_A_PAGE = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HandOut:
    """What a workflow gets."""

    integration: Integration
    login: DockerLogin
    credential: Credential
    """All secret fields; empty for kinds whose secret never leaves (ECR)."""


def fetch_at(ports: Ports, caller: Caller, server: Server) -> HandOut:
    """
    Hand out what answers for the server that the caller asks for.

    Raises:
        Ambiguous, NotPermitted, NotFound, Busy, TokenRefused, KeyringFailure, StoreFailure.
        RegistryFailure: AWS gave no password.
    """
    if not caller.candidates:
        raise_nothing_at(ports.store.read(caller.workspace), server)
    return _hand_out(ports, caller, _decide(ports, caller, caller.candidates, server), _DEADLINE_S)


def fetch_named(ports: Ports, caller: Caller, name: str) -> HandOut:
    """Hand out the integration that the caller asks for by its name. Raises as ``fetch_at``."""
    return _hand_out(ports, caller, _named(ports, caller, name), _DEADLINE_S)


def fetch_linked(ports: Ports, caller: Caller) -> list[HandOut]:
    """
    Hand out what answers for each server that the caller's target depends on.

    The deadline is one for all, because a thread waits for it. What the caller may not fetch is left out, and
    a server for which several could answer: anybody could have linked them, and would stop everybody's
    pipelines of this target. That is in the history.

    Raises:
        NotFound: The target depends on nothing.
        NotPermitted, Ambiguous: There is nothing but what would be left out.
        And as ``fetch_at``.
    """
    end = time.monotonic() + _DEADLINE_S
    if not caller.candidates:
        raise _nothing_linked(caller)
    reading = ports.store.read(caller.workspace)
    servers = dict.fromkeys(one.integration.server for one in caller.candidates)
    chosen: list[Candidate] = []
    refused: list[NotPermitted | Ambiguous] = []
    for server in servers:
        candidates = candidates_at(reading, server, caller.token.target)
        if not candidates:
            continue  # deleted, or moved, since the caller was looked up
        try:
            chosen.append(_decide(ports, caller, candidates, server))
        except NotPermitted as error:
            refused.append(error)
        except Ambiguous as error:
            _note_refusal(ports, caller, candidates[0].integration, error.message)
            refused.append(error)
    if refused and not chosen:
        raise refused[0]
    if not chosen:
        raise _nothing_linked(caller)
    return [_hand_out(ports, caller, one, max(0.1, end - time.monotonic())) for one in chosen]


def _nothing_linked(caller: Caller) -> NotFound:
    target = caller.token.target.as_typed
    return NotFound(
        f"{target} isn't linked to any integration.", f"Link one: /integrations link NAME {target}"
    )


def fetch_tags(ports: Ports, caller: Caller, name: str, repository: str) -> Tags:
    """
    Read a repository's tags for a workflow. The secret stays here; the workflow depends on it all the same.

    Raises:
        InvalidInput, and as ``fetch_at``.
    """
    candidate = _named(ports, caller, name)
    return _use(
        ports,
        caller,
        candidate,
        Action.TAGS,
        lambda login: ports.registry.tags(login, repository, deadline_s=_DEADLINE_S),
    )[2]


def _named(ports: Ports, caller: Caller, name: str) -> Candidate:
    """What the caller asks for by its name, if it may have it. Raises ``NotFound``, ``NotPermitted``."""
    if not caller.candidates:
        raise_not_named(ports.store.read(caller.workspace), name, caller.token)
    candidate = caller.candidates[0]
    if error := obstacle(candidate, caller.token.target, caller.token):
        _refuse(ports, caller, candidate.integration, error)
    return candidate


def _decide(ports: Ports, caller: Caller, candidates: tuple[Candidate, ...], server: Server) -> Candidate:
    """Decide which answers for a server; that the caller may fetch none of them is recorded."""
    try:
        return decide(candidates, server, caller.token.target, caller.token).candidate
    except NotPermitted as error:
        _refuse(ports, caller, candidates[0].integration, error)


def _refuse(ports: Ports, caller: Caller, integration: Integration, error: NotPermitted) -> NoReturn:
    """Record that the caller was refused, and raise ``error``."""
    _note_refusal(ports, caller, integration, error.message)
    raise error


def _note_refusal(ports: Ports, caller: Caller, integration: Integration, reason: str) -> None:
    """Record that the caller got nothing, each hour's first time."""
    facts = {"target": caller.token.target, "token_id": caller.token.id, "reason": reason}
    tried = refusal(caller.actor, Action.FETCH, integration, **facts)
    ports.store.record_use(Fetch(caller.workspace, integration, caller.token, caller.at, tried))


def _hand_out(ports: Ports, caller: Caller, candidate: Candidate, deadline_s: float) -> HandOut:
    integration, login, docker = _use(
        ports,
        caller,
        candidate,
        Action.FETCH,
        lambda login: ports.registry.docker_login(login, deadline_s=deadline_s),
    )
    return HandOut(integration, docker, {} if docker.expires_at else login.credential)


def _use(
    ports: Ports, caller: Caller, candidate: Candidate, action: Action, ask: Callable[[Login], T]
) -> tuple[Integration, Login, T]:
    """
    Ask a registry with a login and record the use.

    A login that is replaced while its registry is asked is not handed out any more: the new one is, so that
    no pipeline fails because somebody rotates at that moment.

    Raises:
        NotFound, Busy, TokenRefused, NotPermitted: The integration was deleted or changed, the token revoked
            or the link taken back, while its registry was asked.
    """
    for _ in range(_TRIES):
        login = _login_for(ports, caller, candidate)
        try:
            answer = ask(login)
            _record(ports, caller, candidate, action)
        except RegistryFailure as error:
            # A pipeline may not know which integration it gets.
            raise error.about(candidate.integration.name) from error
        except UseOutdated:
            caller, candidate = _by_now(ports, caller, candidate.integration)
        else:
            return candidate.integration, login, answer
    raise _changed(candidate.integration)


def _login_for(ports: Ports, caller: Caller, candidate: Candidate) -> Login:
    """The login, with a name under which what AWS or a token server gives may be kept."""
    integration = candidate.integration
    credential = open_credential(ports.keyring, caller.workspace, integration)
    team, target = caller.workspace.team_id, caller.token.target
    asker = Asker(
        f"{team}/{caller.token.created_by}", integration.id, f"{team}/{target.kind.value}/{target.name}"
    )
    return login_of(integration, credential, asker, f"{integration.id}:{integration.version}")


def _needs_link(candidate: Candidate, token: WorkflowToken) -> bool:
    """True when only a link lets the token fetch it."""
    link = candidate.dependency
    if link is None or not link.granted_by:
        return False  # it was allowed without a link
    return obstacle(replace(candidate, dependency=None), token.target, token) is not None


def _record(ports: Ports, caller: Caller, candidate: Candidate, action: Action) -> None:
    """Record a use before it is answered. Raises ``UseOutdated`` when something changed in between."""
    integration = candidate.integration
    known = candidate.dependency
    is_maybe_swept = known is None or (known.swept_at is not None and not known.granted_by)
    swept_at = note_sweep(ports, caller, candidate) if is_maybe_swept else None
    first = Dependency(
        integration.id,
        caller.token.target,
        added_by=caller.token.created_by,
        added_at=caller.at,
        source=Source.WORKFLOW,
        last_used_at=caller.at,
        swept_at=swept_at,
        unapproved_by=() if caller.token.approved_by else (caller.token.created_by,),
        # Tags leave the login here: a workflow that reads them has fetched none.
        credential_number=integration.credential_number if action is Action.FETCH else NEVER_FETCHED,
    )
    fetched = event(caller.actor, action, integration, target=caller.token.target, token_id=caller.token.id)
    needs_link = _needs_link(candidate, caller.token)
    use = Fetch(caller.workspace, integration, caller.token, caller.at, fetched, first, needs_link)
    if known is not None and with_use(known, first.added_by, caller.at, first.unapproved_by) != known:
        # Before the use: of one that was cut short in between, who made its token must be known.
        _keep_use(ports, caller, first)
    ports.store.record_use(use)
    if action is not Action.FETCH:
        return
    if _is_first_fetch(known):
        _tell_of_first_fetch(ports, caller, integration, fetched)
    if known is not None:
        _note_fetched(ports, caller, integration, known)


def _note_fetched(ports: Ports, caller: Caller, integration: Integration, known: Dependency) -> None:
    """
    Note which credential a target has fetched: once for each target and rotation, and at its first fetch.

    What cannot be kept now is noted at the next fetch, and until then counts as not fetched: a hand-out does
    not fail for it.
    """
    number = integration.credential_number
    is_due = integration.former is not None or known.credential_number == NEVER_FETCHED
    if not is_due or known.credential_number == number:
        return
    with suppress(QuaymasterError), ports.store.change(caller.workspace) as change:
        now = change.integrations.get(integration.id)
        there = change.dependencies.get(integration.id, known.target)
        if now is not None and there is not None and now.credential_number == number:
            change.put(replace(there, credential_number=number))


def _keep_use(ports: Ports, caller: Caller, first: Dependency) -> None:
    """Keep for good that what a person linked was fetched too, so that it outlives the link."""
    with ports.store.change(caller.workspace) as change:
        there = change.dependencies.get(first.integration_id, first.target)
        if there:
            change.put(with_use(there, first.added_by, first.added_at, first.unapproved_by))


def _is_first_fetch(known: Dependency | None) -> bool:
    """True when neither a link with the right told of this target before, nor a fetch."""
    if known is None or known.credential_number == NEVER_FETCHED:
        return True
    return known.last_used_at is None and not known.granted_by


def _tell_of_first_fetch(ports: Ports, caller: Caller, integration: Integration, fetched: Event) -> None:
    """Let the owner know of a new target, unless they have had enough of that; and the channel."""
    with ports.store.change(caller.workspace) as change:
        if change.settings.get(quiet_setting(integration.id)) is None:
            tell(change, fetched, (integration.owner,))
        tell(change, fetched, (channel_of(change),))


def silence_first_fetches(ports: Ports, actor: Actor, integration_id: str) -> Integration:
    """
    Stop telling the owner of new targets that fetch an integration.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    _, integration = find_permitted(ports, actor, Action.EDIT, integration_id)
    with ports.store.change(actor.workspace) as change:
        change.put(Setting(quiet_setting(integration_id), "1"))
    return integration


def _by_now(ports: Ports, caller: Caller, read: Integration) -> tuple[Caller, Candidate]:
    """
    Return who speaks and what answers now, when it is the same integration that may be fetched.

    Raises:
        NotFound, Busy, TokenRefused, NotPermitted: What else is not as it was.
    """
    # All in one question: whoever rotates at this moment may change it again between two.
    held = ports.store.token_holder(caller.token.id, read.name)
    if held is None or not held.token.is_valid(caller.at):
        raise TokenRefused
    if held.token.held_at:
        raise TokenHeld(held.token.id)
    candidate = next((one for one in held.candidates if one.integration.id == read.id), None)
    if candidate is None:
        _require_there(ports, caller, read)
        raise _changed(read)
    if error := obstacle(candidate, held.token.target, held.token):
        raise error
    if candidate.integration.server != read.server:
        raise _changed(read)
    return replace(caller, token=held.token), candidate


def _require_there(ports: Ports, caller: Caller, read: Integration) -> None:
    """Raise ``NotFound`` for an integration that was deleted."""
    reading = ports.store.read(caller.workspace)
    if reading.integrations.get(read.id) is None:
        raise_gone(reading, read)


def _changed(read: Integration) -> Busy:
    return Busy(f"“{read.name}” was changed just now; nothing was handed out.", "Try again.")


@dataclass(frozen=True, slots=True)
class Offer:
    """An integration that the caller's target may fetch."""

    integration: Integration
    is_linked: bool


@dataclass(frozen=True, slots=True)
class _OfferPage:
    """A page of offers, sorted by name. It may hold fewer than a page although others follow."""

    offers: tuple[Offer, ...]
    next_after: str | None
    """Pass it as ``after`` to read on; ``None`` at the end."""


def list_offers(ports: Ports, caller: Caller, after: str | None = None) -> _OfferPage:
    """Return what the caller may fetch: what is linked to its target, and what is open to it."""
    reading = ports.store.read(caller.workspace)
    page = reading.integrations.page(Filter(), Window(after=after, size=_OFFERS_A_PAGE))
    rows = [candidate_of(reading, row.integration, caller.token.target) for row in page.rows]
    offers = tuple(
        Offer(row.integration, row.dependency is not None)
        for row in rows
        if obstacle(row, caller.token.target, caller.token) is None
        and (after is None or row.integration.key > after)
    )
    return _OfferPage(offers, page.rows[-1].integration.key if page.has_next else None)


def list_servers(ports: Ports, caller: Caller) -> list[Integration]:
    """
    For each server that the caller's target depends on, the integration that answers.

    What it could fetch besides is left out: a client that asks for everything would depend on everything.
    """
    servers = dict.fromkeys(one.integration.server for one in caller.candidates)
    reading = ports.store.read(caller.workspace)
    found = []
    for server in servers:
        try:
            candidates = candidates_at(reading, server, caller.token.target)
            found.append(decide(candidates, server, caller.token.target, caller.token))
        except (Conflict, NotPermitted):
            continue
    return [choice.integration for choice in found]
