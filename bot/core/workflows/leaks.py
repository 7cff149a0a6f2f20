"""After a leak: end every workflow token that somebody else may have, and name what must be rotated.

plan_revocation -> Exposure -> revoke_everything -> the same Exposure, or what there is now

A token that leaked has shown its holder every credential that it fetched. Ending the token stops the next
fetch; only a new credential at the registry stops the use of what was fetched already.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bot.core.access import may, refuse, require
from bot.core.audit import Action, Event, Result, event
from bot.core.errors import NotPermitted
from bot.core.integrations.inventory import every_dependency, present_named
from bot.core.integrations.owners import belongings_of
from bot.core.model import Actor, Integration, Role, Target, WorkflowToken
from bot.core.news import channel_of, record_and_tell
from bot.core.ports import Ports
from bot.core.ports.store import Reading
from bot.core.queries import HistoryQuery

_AT_ONCE = 500
_MOST_READ = 10_000
"""How many entries of the history are read for one token or person, the newest first."""
_SECRET_COMES = frozenset({Action.ADD, Action.IMPORT, Action.ROTATE, Action.ENTER_SECRET})
"""What gives an integration another secret, beside an edit of it."""


@dataclass(frozen=True, slots=True)
class Leak:
    """What leaked, or whom it leaked from: exactly one of the three."""

    person: str = ""
    """A person's id: what they made, what they own, and what they entered the secret of."""
    target: Target | None = None
    """A target: what its pipelines were shown."""
    integration: str = ""
    """An integration's name: the credential itself."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a leak exposes at one moment."""

    leak: Leak
    tokens: tuple[WorkflowToken, ...]
    """The valid tokens that would end, those of one target side by side."""
    integrations: tuple[Integration, ...]
    """Whose credentials must be rotated, sorted by name key."""
    noted: frozenset[Target] = frozenset()
    """Those of the tokens' targets that only noted the integration that leaked, and never fetched it."""

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that differ when anything else is exposed."""
        ids = "\n".join([*sorted(one.id for one in self.tokens), "", *(one.id for one in self.integrations)])
        return hashlib.sha256(ids.encode()).hexdigest()[:16]

    @property
    def targets(self) -> tuple[Target, ...]:
        """Whose pipelines stop until they get another token."""
        return tuple(dict.fromkeys(one.target for one in self.tokens))


def plan_revocation(ports: Ports, actor: Actor, leak: Leak) -> Exposure:
    """
    Look up what ``revoke_everything`` would end, and what must be rotated.

    Raises:
        NotPermitted: Neither an admin nor the person whose everything it is.
        UnknownIntegration: With the nearest names.
    """
    _require(ports, actor, leak)
    return _exposure(ports.store.read(actor.workspace), actor, leak)


def revoke_everything(ports: Ports, actor: Actor, leak: Leak, seen: str) -> tuple[Exposure, bool]:
    """
    End every token that a leak exposes: all of them in one change, or none.

    Who made a token hears that it ended, and who owns an integration that it must be rotated.

    Args:
        ports: The ports.
        actor: An admin, or the person whose everything it is.
        leak: What leaked.
        seen: The fingerprint of what the actor saw.

    Returns:
        What was ended and True; or what there is now and False: it is not what the actor saw.

    Raises:
        NotPermitted, UnknownIntegration: As ``plan_revocation``.
    """
    found = plan_revocation(ports, actor, leak)
    if found.fingerprint != seen:
        return found, False
    with ports.store.change(actor.workspace) as change:
        # Only the tokens are looked up again: the history is too long to be read while others wait.
        tokens = _tokens(change, actor, leak, (one.id for one in found.tokens))
        if tokens != found.tokens:
            return replace(found, tokens=tokens), False
        for token in found.tokens:
            change.put(replace(token, revoked_at=actor.at))
            ended = event(actor, Action.REVOKE_ALL, token_id=token.id, target=token.target)
            record_and_tell(change, ended, (token.created_by,))
        for integration in found.integrations:
            # Without its server, so that one owner's integrations are one message.
            exposed = replace(event(actor, Action.REVOKE_ALL, integration), server="")
            record_and_tell(change, exposed, (integration.owner,))
        done = event(actor, Action.REVOKE_ALL, person=leak.person, target=leak.target, reason=in_words(found))
        record_and_tell(change, done, (channel_of(change), leak.person))
    return found, True


def in_words(found: Exposure) -> str:
    """``2 workflow tokens ended, 3 integrations to rotate``."""
    tokens, integrations = len(found.tokens), len(found.integrations)
    return (
        f"{tokens} workflow token{'s' * (tokens != 1)} ended, "
        f"{integrations} integration{'s' * (integrations != 1)} to rotate"
    )


def _require(ports: Ports, actor: Actor, leak: Leak) -> None:
    require(ports, actor, Action.SEE)
    if not may(actor, Action.REVOKE_ALL, leak.person):
        message = (
            "Only a workspace admin may revoke everything for somebody else, a target or an integration."
        )
        hint = "Ask an admin. You can revoke what is yours: /integrations revoke everything @you"
        refuse(ports, actor, Action.REVOKE_ALL, NotPermitted(message, hint, actor.admins), person=leak.person)


def _exposure(reading: Reading, actor: Actor, leak: Leak) -> Exposure:
    # Who made a token or entered a secret knows it, even when it is somebody else's by now: then it is for an
    # admin to end.
    done = tuple(_done_by(reading, leak.person)) if leak.person and actor.role is Role.ADMIN else ()
    tokens = _tokens(
        reading, actor, leak, (one.token_id for one in done if one.action == Action.CREATE_TOKEN)
    )
    if leak.integration:
        named = present_named(reading, leak.integration)
        rows = every_dependency(reading, named.id)
        noted = frozenset(row.target for row in rows if row.is_note and not row.is_used)
        return Exposure(leak, tokens, (named,), noted)
    ids: set[str] = set()
    if leak.person:
        ids.update(one.id for one in belongings_of(reading, leak.person, actor.at).integrations)
        ids.update(_known_to(reading, done))
    if leak.target:
        uses = reading.dependencies.of_target(leak.target)
        ids.update(use.integration.id for use in uses if use.dependency.last_used_at)
    for token in tokens:
        ids.update(_fetched_by(reading, token))
    found = [one for one in map(reading.integrations.get, ids) if one]
    return Exposure(leak, tokens, tuple(sorted(found, key=lambda one: one.key)))


def _tokens(reading: Reading, actor: Actor, leak: Leak, ids: Iterable[str]) -> tuple[WorkflowToken, ...]:
    """Every valid token that a leak exposes, of a person's with these ids too; sorted by target."""
    if leak.person:
        by_id = {one.id: one for one in belongings_of(reading, leak.person, actor.at).tokens}
        made = (reading.tokens.get(one) for one in ids if one not in by_id)
        by_id |= {one.id: one for one in made if one and one.is_valid(actor.at)}
        found: Iterable[WorkflowToken] = by_id.values()
    else:
        named = None if leak.target else present_named(reading, leak.integration)
        users = every_dependency(reading, named.id) if named else ()
        targets = [leak.target] if leak.target else [row.target for row in users]
        of_each = (one for target in targets for one in reading.tokens.of_target(target))
        found = (one for one in of_each if one.is_valid(actor.at))
    return tuple(sorted(found, key=lambda one: (one.target.kind.value, one.target.name, one.id)))


def _fetched_by(reading: Reading, token: WorkflowToken) -> Iterator[str]:
    """The ids of what a token fetched: the history has each hour's first fetch."""
    for told in _done_by(reading, f"token {token.id}"):
        if told.action == Action.FETCH and told.integration_id:
            yield told.integration_id


def _known_to(reading: Reading, done: Iterable[Event]) -> Iterator[str]:
    """The ids of integrations whose secret somebody entered, unless it was replaced since."""
    newest = {one.integration_id: one for one in reversed(tuple(done)) if _is_secret_new(one)}
    for integration_id, entered in newest.items():
        found = reading.integrations.get(integration_id or "")
        if found and (found.former or not _is_replaced(reading, entered)):
            yield found.id


def _is_secret_new(told: Event) -> bool:
    return told.action in _SECRET_COMES or (told.action == Action.EDIT and "secret" in told.changed)


def _is_replaced(reading: Reading, entered: Event) -> bool:
    """True when somebody else has entered another secret later, and that one is still used."""
    query = HistoryQuery(about=entered.integration_id, since=entered.at, size=_AT_ONCE)
    later = [one.event for one in reading.history.page(query).entries if one.event.at > entered.at]
    is_back = any(one.action == Action.ROLL_BACK for one in later)
    return not is_back and any(one.actor != entered.actor and _is_secret_new(one) for one in later)


def _done_by(reading: Reading, actor: str) -> Iterator[Event]:
    """What a person or a token did and was not refused, the newest first."""
    query: HistoryQuery | None = HistoryQuery(actor=actor, size=_AT_ONCE)
    read = 0
    while query and read < _MOST_READ:
        page = reading.history.page(query)
        yield from (entry.event for entry in page.entries if entry.event.result is Result.DONE)
        read += _AT_ONCE
        query = replace(query, before=page.older) if page.older is not None else None
