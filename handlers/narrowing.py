"""The words that narrow a list: parts of a name, kinds, people, and marks such as ``broken``."""

from bot.core.model import Actor
from bot.core.queries import Filter, Mark
from bot.services import Services
from handlers.routes import PERSON

_MINE = "mine"


def read_filter(services: Services, actor: Actor, typed: str) -> Filter:
    """Turn words into the store's question: all of them must match."""
    words, marks, owner = [], set(), None
    for word in typed.casefold().split():
        if word in list(Mark):
            marks.add(Mark(word))
        elif word == _MINE:
            owner = actor.user_id
        elif found := PERSON.fullmatch(word.upper()):
            owner = found[1]
        else:
            words.append(word)
    return Filter(
        words=tuple(words),
        alike=tuple(_kinds_named(services, word) for word in words),
        owner=owner,
        marks=frozenset(marks),
        today=actor.at.date() if marks else None,
    )


def _kinds_named(services: Services, word: str) -> frozenset[str]:
    """The ids of the kinds that a word names: each word that ``add`` accepts."""
    return frozenset(
        kind.id for kind in services.kinds.values() if word in (*kind.words, *kind.label.casefold().split())
    )
