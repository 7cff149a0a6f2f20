"""What a workflow may fetch, without fetching it."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.core.errors import Conflict, NotFound, NotPermitted
from bot.core.model import Integration
from bot.core.ports.former_store import Store
from bot.core.queries import Filter, Window
from bot.core.workflows.resolve import choose, named_target
from bot.core.workflows.tokens import Caller

PAGE_SIZE = 100
MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Offer:
    """An integration that the caller's target may fetch."""

    integration: Integration
    is_linked: bool


@dataclass(frozen=True, slots=True)
class OfferPage:
    """A page of offers, sorted by name. It may hold fewer than a page although others follow."""

    offers: tuple[Offer, ...]
    next_after: str | None
    """Pass it as ``after`` to read on; ``None`` at the end."""


def offers(store: Store, caller: Caller, after: str | None = None) -> OfferPage:
    """Give what the caller may fetch: what is linked to its target, and what is open to all."""
    linked = {use.integration.id for use in store.uses(caller.workspace, caller.target)}
    page = store.page(caller.workspace, Filter(), Window(after=after, size=PAGE_SIZE))
    rows = [Offer(row.integration, row.integration.id in linked) for row in page.rows]
    shown = tuple(one for one in rows if one.is_linked or not one.integration.linked_only)
    return OfferPage(shown, rows[-1].integration.key if page.has_next else None)


def every_offer(store: Store, caller: Caller) -> Iterator[Offer]:
    """Give the offers of at most 1,000 integrations."""
    after: str | None = None
    for _ in range(MOST_LISTED // PAGE_SIZE):
        page = offers(store, caller, after)
        yield from page.offers
        after = page.next_after
        if after is None:
            return


def servers_answered(store: Store, caller: Caller) -> list[Integration]:
    """For each server that the caller gets an answer for, the integration that answers."""
    servers = dict.fromkeys(one.integration.server for one in every_offer(store, caller))
    found = []
    for server in servers:
        try:
            found.append(choose(store, caller, server).integration)
        except (Conflict, NotFound, NotPermitted):
            continue
    return found


def linked_servers(store: Store, caller: Caller) -> list[Integration]:
    """
    For each server that the caller's target is linked to, the integration that answers.

    Raises:
        NotFound: The target is linked to nothing.
        Ambiguous: It is linked to several of one server, and none of them is the default.
    """
    uses = store.uses(caller.workspace, caller.target)
    if not uses:
        target = named_target(caller.target)
        raise NotFound(
            f"{target} is linked to no integration.", f"Link one: /integrations link NAME {target}"
        )
    servers = dict.fromkeys(use.integration.server for use in uses)
    return [choose(store, caller, server).integration for server in servers]
