"""One call of the API: who calls, which integration the path names, what the query says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import unquote_plus

from bot.core.errors import InvalidInput
from bot.core.ports import Ports
from bot.core.workflows.tokens import Caller

_LONGEST_QUERY = 4096


@dataclass(frozen=True, slots=True)
class Call:
    """What an endpoint is given."""

    ports: Ports
    caller: Caller
    name: str
    """The integration that the path names; empty when it names none."""
    query: Mapping[str, str] = field(repr=False)
    """By parameter; somebody may have put a token there."""


def read_query(text: str, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, str]:
    """
    Read a query. Values are never repeated in an error: one might be a token that was put in the wrong place.

    Raises:
        InvalidInput: A parameter is missing, unknown, repeated or not UTF-8.
    """
    parts = [part.partition("=") for part in text.split("&")] if text else []
    values = {unquote_plus(name): value for name, _, value in parts}
    takes = _takes_in_words(required, optional)
    if not values.keys() <= {*required, *optional} or len(text) > _LONGEST_QUERY:
        raise InvalidInput("The query holds something that this path does not take.", takes)
    if len(values) != len(parts):
        raise InvalidInput("The query holds a parameter more than once.", takes)
    try:
        query = {name: unquote_plus(value, errors="strict") for name, value in values.items()}
    except UnicodeDecodeError:
        raise InvalidInput("The query cannot be read.", takes) from None
    missing = [name for name in required if not query.get(name)]
    if missing:
        raise InvalidInput(f"The parameter {missing[0]} is missing.", takes)
    return query


@cache
def _takes_in_words(required: tuple[str, ...], optional: tuple[str, ...]) -> str:
    """Return the sentence about what a path takes."""
    names = [*required, *(f"{name} (optional)" for name in optional)]
    return f"It takes {', '.join(names)}." if names else "It takes none."
