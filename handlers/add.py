"""Add an integration: a form collects the login, and Save checks it with the registry and stores it.

payload -> ask | ask_pressed -> _add_form -> open
payload -> choose_kind | look_for_same -> find_same_login -> _add_form -> redraw
payload -> save -> add_integration -> _saved -> ack
"""

from collections.abc import Sequence
from difflib import get_close_matches

from slack_bolt import Ack

from bot.core.access import require
from bot.core.audit import Action
from bot.core.errors import InvalidInput
from bot.core.integrations.inventory import Saved, add_integration, find_same_login
from bot.core.kinds import Kind, Kinds
from bot.core.model import Actor, Integration
from bot.core.texts import quoted, shortened
from bot.services import Services
from handlers.blocks import View, actions, button
from handlers.form import (
    KIND,
    LOGIN,
    TICK,
    VALUE,
    access_menu,
    asking,
    chosen_kind,
    form_view,
    inputs,
    is_check_wanted,
    is_closed,
    kind_menu,
    name_input,
    needs_page,
    note_and_end,
    plain_warning,
    saved_view,
    shown_values,
    skip_box,
    state_value,
    typed_draft,
)
from handlers.link import OPEN as LINK
from handlers.routes import Form, Press, Routes, Verb, Words
from handlers.secret_links import FOR_ADD, entry_button, link_for_new
from handlers.show import OPEN as SHOW
from handlers.surfaces import ModalSurface, Surface, as_modal
from handlers.test import OPEN as TEST
from handlers.token import OPEN as TOKEN

OPEN = "add.open"
_SHORTCUT = "add.shortcut"
_SAVE = "add.save"

_AVAILABLE = (
    "The integration will now be available to all your continuous integration and deployment workflows. "
    "They fetch it with a workflow token that an admin has approved."
)
_CLOSED = (
    "The integration will now be available to the workflows of the targets that you link to it: "
    "`/integrations link NAME project TARGET`."
)


def register(routes: Routes) -> None:
    """Add the verb, the button, the type menu and the form."""
    summary = "adds an integration; its login is checked first"
    routes.verb(Verb("add", ask, "[kind]", "docker", summary, ("new", "create")), waits=True)
    routes.action(OPEN, ask_pressed)
    routes.shortcut(_SHORTCUT, ask_pressed)
    routes.action(KIND, choose_kind, does=Action.SEE)
    routes.action(TICK, tick, does=Action.SEE)
    routes.action(LOGIN, look_for_same, does=Action.SEE)
    routes.form(_SAVE, save)


def ask(words: Words, surface: Surface, services: Services, actor: Actor) -> None:
    """Open the form, for the kind that was typed if one was."""
    require(services.ports, actor, Action.ADD)
    surface.open(_add_form(services, _kind_named(services.kinds, " ".join(words.rest))))


def ask_pressed(surface: Surface, services: Services, actor: Actor) -> None:
    """Open the form from a button or from Slack's own menu."""
    require(services.ports, actor, Action.ADD)
    surface.open(_add_form(services, _kind_named(services.kinds, "")))


def choose_kind(press: Press, surface: ModalSurface, services: Services, actor: Actor) -> None:
    """Draw the fields of the chosen type; what was typed stays."""
    kind = chosen_kind(services.kinds, press.value)
    surface.redraw(_redrawn(press, kind, services, actor))


def look_for_same(press: Press, surface: ModalSurface, services: Services, actor: Actor) -> None:
    """Show which integrations have the server and user that were typed so far."""
    kind = chosen_kind(services.kinds, state_value(press.state, "kind", KIND))
    surface.redraw(_redrawn(press, kind, services, actor))


def _redrawn(press: Press, kind: Kind, services: Services, actor: Actor) -> View:
    name, typed = state_value(press.state, "name", VALUE), shown_values(press.state, kind)
    alike = find_same_login(services.ports, actor, kind, typed)
    return _add_form(services, kind, name, typed, alike)


def tick() -> None:
    """Do nothing yet: the checkbox is read when the form is saved."""


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Check and store what the form says."""
    kind = chosen_kind(services.kinds, state_value(form.values, "kind", KIND))
    if needs_page(form, kind, services):
        ack(response_action="update", view=as_modal(link_for_new(form, kind, services, actor)))
        return
    is_checked, linked_only = is_check_wanted(form), is_closed(form)
    draft = typed_draft(form, kind)
    added = add_integration(services.ports, actor, draft, is_checked=is_checked, linked_only=linked_only)
    ack(response_action="update", view=_saved(added))


def _kind_named(kinds: Kinds, words: str) -> Kind:
    """
    Find the kind that was typed; if nothing was, return the first in the menu.

    Raises:
        InvalidInput: No kind has that name; the hint has the closest matches.
    """
    known = {word: kind for kind in kinds.values() for word in (kind.id, kind.label.lower(), *kind.words)}
    if not words:
        return next(iter(kinds.values()))
    wanted = words.lower()
    if wanted not in known:
        nearest = tuple(get_close_matches(wanted, known, n=3, cutoff=0.5))
        all_of_them = f"Type /integrations add and choose one, or type its name: {', '.join(kinds)}."
        hint = f"Did you mean {quoted(nearest)}?" if nearest else all_of_them
        raise InvalidInput(f"There is no integration type called “{shortened(words)}”.", hint)
    return known[wanted]


def _add_form(
    services: Services,
    kind: Kind,
    name: str = "",
    values: dict[str, str] | None = None,
    alike: Sequence[Integration] = (),
) -> View:
    """The form of a kind."""
    known = values or {}
    fields = inputs(kind, known, without_secrets=services.is_secret_entered_on_page)
    blocks = [
        kind_menu(services.kinds, kind),
        name_input(name),
        *asking(kind, fields, alike),
        *entry_button(services, kind, FOR_ADD),
        *plain_warning(known),
        access_menu(linked_only=services.default_linked_only),
        *note_and_end(),
        skip_box(),
    ]
    return form_view(_SAVE, "Add Integration", blocks)


def _saved(added: Saved) -> View:
    """What the form becomes."""
    check = added.integration.check
    unchecked = "Saved without checking. Use `test` to check it with the registry later."
    found = f"Checked: {check.reason}" if check else unchecked
    value = added.integration.id
    buttons = actions(
        button("Test", TEST, value),
        button("Link", LINK, value),
        button("Make a token", TOKEN, value),
        button("Show", SHOW, value),
        button("Add another", OPEN),
    )
    available = _CLOSED if added.integration.linked_only else _AVAILABLE
    return saved_view(added, f"\n{available}", found, [buttons])
