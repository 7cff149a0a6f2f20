"""What a button carries, and the buttons that turn pages.

Everything that a button, a box or a form carries came through the client: it is read as input each time, and
nothing in it is trusted. It holds ids, versions and places, never a state that would be believed.
"""

import json
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from typing import Any, Protocol, TypeVar, get_type_hints

from bot.core.errors import InvalidInput
from bot.core.model import Target, TargetKind
from handlers.blocks import Block, actions, button, context
from handlers.routes import COMMAND

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_T = TypeVar("_T")


def pack(value: Any) -> str:
    """Write a dataclass of texts, numbers and ``None`` as a JSON list, without the defaults at its end."""
    kind: Any = type(value)
    known = _fields_of(kind)
    facts = [getattr(value, one.name) for one, _ in known]
    while facts and facts[-1] == known[len(facts) - 1][0].default:
        facts.pop()
    return _encode(facts)


def unpack(kind: type[_T], text: str) -> _T | None:
    """Read what ``pack`` wrote; ``None`` for anything else."""
    carried: Any = kind
    known = _fields_of(carried)
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(facts, list) or not _least(carried) <= len(facts) <= len(known):
        return None
    if not all(type(fact) in types for fact, (_, types) in zip(facts, known, strict=False)):
        return None
    return kind(*facts)


def read_value(kind: type[_T], text: str, verb: str) -> _T:
    """
    Read a button's value.

    Args:
        kind: What it carries.
        text: Its value.
        verb: The verb that shows a new button.

    Raises:
        InvalidInput: This version did not write it.
    """
    found = unpack(kind, text)
    if found is None:
        raise too_old(verb)
    return found


def too_old(verb: str) -> InvalidInput:
    """The error for a button whose value this version did not write; ``verb`` shows a new one."""
    return InvalidInput("This button is too old.", f"Type {COMMAND} {verb} again.")


def read_target(kind: str, name: str, verb: str) -> Target:
    """The target that a button names, whatever it is called. Raises ``InvalidInput``."""
    if kind not in list(TargetKind):
        raise too_old(verb)
    return Target(TargetKind(kind), name)


@dataclass(frozen=True, slots=True)
class _Link:
    """What the button of a row carries: a target of an integration."""

    integration_id: str
    kind: str
    name: str


def pack_link(integration_id: str, target: Target) -> str:
    """Write a target of an integration."""
    return pack(_Link(integration_id, target.kind.value, target.name))


def read_link(text: str, verb: str) -> tuple[str, Target]:
    """Read what ``pack_link`` wrote: the integration's id, and the target. Raises ``InvalidInput``."""
    link = read_value(_Link, text, verb)
    return link.integration_id, read_target(link.kind, link.name, verb)


@cache
def _fields_of(kind: type[Any]) -> tuple[tuple[Field[Any], frozenset[type]], ...]:
    """Each field with the types that its value may have."""
    hints = get_type_hints(kind)
    return tuple(
        (one, frozenset(getattr(hints[one.name], "__args__", (hints[one.name],)))) for one in fields(kind)
    )


@cache
def _least(kind: type[Any]) -> int:
    """How many fields have no default."""
    return sum(one.default is MISSING for one in fields(kind))


class _NumberedPage(Protocol):
    """A page that has a number."""

    @property
    def number(self) -> int:
        """From 0."""

    @property
    def size(self) -> int:
        """How many rows a full page has."""

    @property
    def total(self) -> int:
        """How many rows there are."""


def page_buttons(previous: tuple[str, str] | None, following: tuple[str, str] | None) -> list[Block]:
    """
    The page buttons, where there is a page to turn to.

    Args:
        previous, following: The action and the value of each button; ``None`` = there is no such page.
    """
    buttons = [button("Previous", *previous)] if previous else []
    buttons += [button("Next", *following)] if following else []
    return [actions(*buttons)] if buttons else []


def turning(
    page: _NumberedPage, turn: tuple[str, str], at: Callable[[int], str], more: str = ""
) -> list[Block]:
    """
    Where we are among numbered pages, and the buttons to turn them; nothing when there is one page.

    Args:
        page: The page that is shown.
        turn: The actions of ``Previous`` and ``Next``.
        at: Makes a button's value of a page's number.
        more: A sentence after where we are.
    """
    if page.total <= page.size:
        return []
    first, last = page.number * page.size + 1, min((page.number + 1) * page.size, page.total)
    place = f"{first}–{last} of {page.total}{f'.  {more}' if more else ''}"
    previous = (turn[0], at(page.number - 1)) if page.number else None
    following = (turn[1], at(page.number + 1)) if last < page.total else None
    return [context(place), *page_buttons(previous, following)]
