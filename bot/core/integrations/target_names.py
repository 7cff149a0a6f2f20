"""Targets: read their names, list them, find similar ones, and question names that look like passwords."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from bot.core.access import require
from bot.core.audit import Action, refusal
from bot.core.errors import InvalidInput, KeyringFailure, SecretInText
from bot.core.model import Actor, Target, TargetKind
from bot.core.ports import Ports
from bot.core.ports.store import Reading
from bot.core.queries import TargetPage, Use
from bot.core.secret_detection import looks_secret
from bot.core.secrets import SealContext, Sealed, Secret
from bot.core.texts import odd_letter, visible

_NAME = "name"
_TARGETS_A_PAGE = 20
_MOST_COMPARED = 2000
_TARGET_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,198}[^\s\x00-\x1f\x7f])?")

KIND_WORDS = {
    "project": TargetKind.PROJECT,
    "environment": TargetKind.ENVIRONMENT,
    "env": TargetKind.ENVIRONMENT,
    "image": TargetKind.IMAGE,
}


def read_target(kind: str, name: str) -> Target:
    """
    Read a target as people type it.

    Args:
        kind: ``project``, ``environment`` (or ``env``), ``image``, in any case.
        name: 1 to 200 printable characters; invisible ones among them make no difference.

    Raises:
        InvalidInput: With what to write instead.
    """
    known = KIND_WORDS.get(kind.lower())
    if known is None:
        raise InvalidInput(
            "Say what kind of target it is: project, environment or image.",
            "Example: /integrations link my_registry project web-shop",
        )
    name = visible(name).strip()
    if not _TARGET_NAME.fullmatch(name) or not name.isprintable():
        raise InvalidInput(
            f"The {known.value}'s name is missing, too long or contains an invisible character.",
            "Use 1 to 200 characters on one line.",
        )
    return Target(known, name)


def list_targets(
    ports: Ports,
    actor: Actor,
    kind: TargetKind | None,
    words: tuple[str, ...],
    number: int = 0,
    size: int = _TARGETS_A_PAGE,
) -> TargetPage:
    """
    Return a page of the targets that depend on anything or have a token.

    Args:
        ports: The ports.
        actor: Anybody who may see integrations.
        kind: Only these; ``None`` = all.
        words: Each must occur in the name, whatever the case.
        number: The page, from 0.
        size: How many on a page.
    """
    require(ports, actor, Action.SEE)
    folded = tuple(word.casefold() for word in words)
    return ports.store.read(actor.workspace).dependencies.targets(kind, folded, number, size)


def find_similar(ports: Ports, actor: Actor, target: Target) -> Target | None:
    """A known target that an unknown one resembles, in a different case or with one letter changed."""
    require(ports, actor, Action.SEE)
    dependencies = ports.store.read(actor.workspace).dependencies
    rows = dependencies.targets(target.kind, size=_MOST_COMPARED).rows
    if any(row.name == target.name for row in rows):
        return None
    typed = target.name.casefold()
    return next((row for row in rows if _is_similar(row.name.casefold(), typed)), None)


def _is_similar(known: str, typed: str) -> bool:
    """Whether two names, both folded, differ in case alone or in one letter."""
    if abs(len(known) - len(typed)) > 1:
        return False
    if known == typed:
        return True
    if min(len(known), len(typed)) < 3:
        return False
    longer, shorter = sorted((known, typed), key=len, reverse=True)
    pairs = enumerate(zip(longer, shorter, strict=False))
    at = next((index for index, (one, other) in pairs if one != other), len(shorter))
    rest = longer[at + 1 :]
    # Numbers count up: shop-1 and shop-2 are meant, and shop beside shop2; sh0p is not.
    others = shorter[at : at + 1] if len(longer) == len(shorter) else "0"
    is_number = longer[at : at + 1].isdigit() and others.isdigit()
    return not is_number and rest in (shorter[at:], shorter[at + 1 :])


def refuse_look_alike(target: Target) -> None:
    """Refuse a name that an owner could take for another target's. Raises ``InvalidInput``."""
    if letter := odd_letter(target.name):
        raise InvalidInput(
            f"The {target.kind.value}'s name contains “{letter}”, which looks like another letter.",
            "Write each word of the name in a single alphabet, using ordinary letters.",
        )


def _nearest_names(reading: Reading, target: Target) -> tuple[str, ...]:
    """At most three names of targets of this kind that look like this one, the nearest first."""
    names = [row.name for row in reading.dependencies.targets(target.kind, size=_MOST_COMPARED).rows]
    return tuple(get_close_matches(target.name, names, n=3, cutoff=0.5))


def is_in_doubt(ports: Ports, actor: Actor, target: Target) -> bool:
    """True for a name that looks like a password and is no known target's: a person says what it is."""
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    return looks_secret(target.name) and not _is_known(reading, target)


def is_name_of_any(ports: Ports, actor: Actor, name: str) -> bool:
    """True when a known target has this name."""
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    return any(_is_known(reading, Target(kind, name)) for kind in TargetKind)


def _is_known(reading: Reading, target: Target) -> bool:
    return bool(reading.dependencies.of_target(target) or reading.tokens.of_target(target))


def seal_name(ports: Ports, actor: Actor, target: Target) -> str:
    """Write a name in doubt so that nobody can read it, for a button that this person alone may press."""
    return ports.keyring.seal(_name_context(actor), {_NAME: Secret(target.name)})


def unseal_name(ports: Ports, actor: Actor, sealed: str) -> str:
    """Read what ``seal_name`` wrote. Raises ``InvalidInput``."""
    try:
        return ports.keyring.open(_name_context(actor), Sealed(sealed))[_NAME].reveal()
    except (KeyringFailure, KeyError) as error:
        raise InvalidInput("This button is out of date.", "Type the command again.") from error


def _name_context(actor: Actor) -> SealContext:
    return SealContext(actor.workspace.key, actor.user_id, field="target name")


def refuse_name(ports: Ports, actor: Actor) -> NoReturn:
    """Record that a secret was typed as a name, without it, and say what to do. Raises ``SecretInText``."""
    with ports.store.change(actor.workspace) as change:
        change.record(refusal(actor, Action.TYPE_SECRET))
    raise SecretInText


@dataclass(frozen=True, slots=True)
class TargetUses:
    """Every integration that a target uses; when it uses none, the names of targets like it."""

    target: Target
    uses: tuple[Use, ...]
    nearest: tuple[str, ...] = ()


def find_uses(ports: Ports, actor: Actor, target: Target) -> TargetUses:
    """Look up every integration that a target uses. Raises ``NotPermitted``."""
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    uses = reading.dependencies.of_target(target)
    return TargetUses(target, uses, () if uses else _nearest_names(reading, target))
