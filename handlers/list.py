"""List and filter the integrations, ten a page.

payload -> show_list -> listing -> ack
payload -> turn | choose_group | choose_words -> listing -> replace

``handlers/listing.py`` looks a page up and draws it.
"""

from dataclasses import replace

from slack_bolt import Ack

from bot.core.access import Action
from bot.core.model import Actor
from bot.services import Services
from handlers.command import Verb, Words
from handlers.listing import ALL, GROUP, NEXT, PREVIOUS, WORDS, State, cleaned, decoded, listing
from handlers.routes import Press, Routes
from handlers.surfaces import Surface


def register(routes: Routes) -> None:
    """Add the verb, the page buttons, the menu and the box."""
    summary = "every integration, ten a page; words narrow it by type and name"
    routes.verb(
        Verb("list", show_list, "[words]", "docker my_", summary, ("filter", "ls", "search", "find")),
        does=Action.SEE,
    )
    routes.action(PREVIOUS, turn, does=Action.SEE)
    routes.action(NEXT, turn, does=Action.SEE)
    routes.action(GROUP, choose_group, does=Action.SEE)
    routes.action(WORDS, choose_words, does=Action.SEE)


def show_list(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """List what the typed words let through."""
    ack(**listing(services, actor, typed_state(services, words.rest)))


def turn(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show the page before or after."""
    surface.replace(listing(services, actor, decoded(press.value)))


def choose_group(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Narrow the list to a group of the Filters menu."""
    state = replace(decoded(press.block_id), group=press.value, after=None, before=None)
    surface.replace(listing(services, actor, state))


def choose_words(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Narrow the list to names with the typed words."""
    state = replace(decoded(press.block_id), words=cleaned(press.value), after=None, before=None)
    surface.replace(listing(services, actor, state))


def typed_state(services: Services, words: tuple[str, ...]) -> State:
    """Read typed words: the first that names a group chooses it, the others are looked for in names."""
    groups = {**group_words(services), "all": ALL}
    group = next((groups[word.lower()] for word in words if word.lower() in groups), ALL)
    rest = [word for word in words if groups.get(word.lower()) != group]
    return State(group, cleaned(" ".join(rest)))


def group_words(services: Services) -> dict[str, str]:
    """What people type for each group: ``quay`` and ``quay.io`` for Quay.io."""
    return {word: group for group in services.groups for word in (group.lower(), group.lower().split(".")[0])}
