"""Choose an integration or a target in a menu that searches as one types.

payload -> open_picker -> picker -> open
payload -> suggest -> find_like -> options -> ack
payload -> the listener of whatever the menu's action id says, as for a row's button
"""

from collections.abc import Iterable

from slack_bolt import Ack

from bot.core.integrations.inventory import find_like
from bot.core.kinds import Kinds
from bot.core.model import Actor, Integration
from bot.services import Services
from handlers.blocks import Block, Option, View, actions, cut, modal, option, plain, section
from handlers.routes import Listener, Routes
from handlers.surfaces import GIVES_WAY, Surface, with_facts

_INTEGRATION = "picker.integration"


def register(routes: Routes) -> None:
    """Add what the menus offer."""
    routes.suggestion(_INTEGRATION, suggest)


def open_picker(title: str, action_id: str) -> Listener:
    """
    Make the listener of a verb that was typed without a name: it opens a menu of integrations.

    Args:
        title: What the modal is called, for instance ``Delete``.
        action_id: Which button's listener the choice calls; its value is the integration's id.
    """

    def ask(surface: Surface) -> None:
        surface.open(_picker(title, action_id))

    return ask


def suggest(ack: Ack, query: str, services: Services, actor: Actor) -> None:
    """Offer the integrations that what was typed fits."""
    found = find_like(services.ports, actor, query)
    ack(options=_options(found, services.kinds))


def searching_menu(action_id: str, placeholder: str) -> Block:
    """A menu that asks for its options while one types, and at once for the first of them."""
    return {
        "type": "external_select",
        "action_id": action_id,
        "placeholder": plain(placeholder),
        "min_query_length": 0,
    }


def _picker(title: str, action_id: str) -> View:
    """The modal that asks which integration; what is opened then takes its place."""
    menu = {**searching_menu(action_id, "Part of a name, type or server"), "focus_on_load": True}
    blocks = [section("Which integration?"), actions(menu, block_id=_INTEGRATION)]
    return with_facts(modal(title, blocks, close="Cancel"), {GIVES_WAY: True})


def _options(found: Iterable[Integration], kinds: Kinds) -> list[Block]:
    """Each integration by its name, and below it what it is."""
    return [
        {
            **option(_option_of(one)),
            "description": plain(cut(f"{kinds[one.kind].label} · {one.server.address}", 75)),
        }
        for one in found
    ]


def _option_of(integration: Integration) -> Option:
    return integration.name, integration.id
