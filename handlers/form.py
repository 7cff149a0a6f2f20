"""The form that add and edit share: the fields of a kind, and how what was typed is read.

Each input's block id is its field's key, so an error finds its field, and Slack keeps what was typed when
another type redraws the form. A secret is never written into a view, not even one that was just typed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from bot.core.errors import InvalidInput
from bot.core.integrations.edits import Sharing
from bot.core.integrations.inventory import Saved
from bot.core.kinds import Draft, Field, Kind, Kinds, known_values, read_draft
from bot.core.model import Integration, Server
from bot.services import Services
from handlers.blocks import (
    Block,
    View,
    actions,
    button,
    code,
    context,
    escape,
    labelled,
    menu,
    modal,
    option,
    plain,
    section,
    text_input,
)
from handlers.routes import Form

KIND = "form.kind"
TICK = "form.tick"
MAKE_DEFAULT = "form.default"
"""The button that makes an integration its server's default."""
VALUE = "value"
"""The action id of every input that only has a value."""
LOGIN = "form.login"
"""The action id of an input for server or user: Enter in it looks for others with the same login."""

VISIBLE_HINT = "Visible while you type; stored sealed, and never shown again."
_KEEP_HINT = "Leave this empty to keep the stored one. Visible while you type."
_UNENCRYPTED = ":unlock: This address says http://, so the login travels unencrypted."
_DEFAULT = "default"
_LINKED_ONLY = "linked"
_ACCESS = (("All workflows", "all"), ("Linked targets only", _LINKED_ONLY))
_DEFAULT_TICK = option(("Default for this server: for targets not linked to another integration", _DEFAULT))
_CHOSEN = option(("Save without checking", "skip"))


def form_view(callback_id: str, title: str, blocks: list[Block]) -> View:
    """A form with its fixed buttons."""
    return modal(title, blocks, callback_id=callback_id, submit=plain("Save"), close="Cancel")


def saved_view(saved: Saved, done: str, check: str, notes: Sequence[Block] = ()) -> View:
    """
    What a form becomes when it is saved.

    Args:
        saved: As it was saved.
        done: What was done, in mrkdwn, after its name.
        check: What the check found, or that there was none, as plain text.
        notes: What it means for others.
    """
    integration = saved.integration
    blocks = [section(f":white_check_mark: *{escape(integration.name)}*{done}"), context(escape(check))]
    warning = [context(_UNENCRYPTED)] if integration.server.is_plain else []
    undecided = undecided_note([integration.server]) if saved.is_undecided else []
    undecided += [actions(button("Make this the default", MAKE_DEFAULT, integration.id))] if undecided else []
    alike = alike_note(saved.alike)
    return modal("Integration saved", [*blocks, *warning, *notes, *alike, *undecided])


def alike_note(others: Sequence[Integration]) -> list[Block]:
    """A line about the integrations with the same server and user: each stores a copy of the login."""
    names = ", ".join(code(one.name) for one in others)
    text = f"Same server and user: {names}. Each stores its own copy of the login."
    return [context(text)] if others else []


def chosen_kind(kinds: Kinds, kind_id: str) -> Kind:
    """The kind chosen in the menu. Raises ``InvalidInput`` for one that this version does not have."""
    if kind_id not in kinds:
        raise InvalidInput(
            "Quaymaster doesn't know this type of integration.", "Close the form and open it again."
        )
    return kinds[kind_id]


def kind_menu(kinds: Kinds, chosen: Kind) -> Block:
    """The ``Integration type`` menu; choosing redraws the fields."""
    choices = [(kind.label, kind.id) for kind in kinds.values()]
    return labelled("Integration type", menu(KIND, choices, chosen=chosen.id), "kind", dispatch_action=True)


def name_input(name: str = "") -> Block:
    """The ``Integration Name`` box."""
    box = text_input(VALUE, name, "my_registry", max_length=64)
    return labelled("Integration Name", box, "name")


def inputs(
    kind: Kind, values: Mapping[str, str], *, keeps_secret: bool = False, without_secrets: bool = False
) -> list[Block]:
    """
    A kind's fields, filled with what is known; a secret's box is always empty.

    ``without_secrets``: secrets are entered on our own page, so the form has no box for them.
    """
    return [
        _field_input(field, "" if field.is_secret else values.get(field.key, field.initial), keeps_secret)
        for field in kind.fields
        if not (field.is_secret and without_secrets)
    ]


def asking(kind: Kind, drawn: Sequence[Block], alike: Sequence[Integration]) -> list[Block]:
    """
    A kind's inputs, in which pressing Enter in the server or user starts a search, and what the search found.

    Not at each character: Slack sends everything in the form each time, the secret too, and a form that is
    redrawn while a person is typing makes them lose their place.
    """
    named = kind.server + kind.username
    typed = (one.key for one in kind.fields if not one.is_secret and not one.choices)
    keys = {key for key in typed if f"{{{key}}}" in named}
    blocks = [_asking(block) if block["block_id"] in keys else block for block in drawn]
    last = max((place for place, block in enumerate(blocks, 1) if block["block_id"] in keys), default=0)
    # Below the last of them, where people look: the form is longer than the window.
    return [*blocks[:last], *alike_note(alike), *blocks[last:]]


def _asking(block: Block) -> Block:
    moments = {"trigger_actions_on": ["on_enter_pressed"]}
    element = {**block["element"], "action_id": LOGIN, "dispatch_action_config": moments}
    return {**block, "element": element, "dispatch_action": True}


def _field_input(field: Field, value: str, keeps_secret: bool) -> Block:
    """One field as an input block."""
    is_kept = field.is_secret and keeps_secret
    hint = _KEEP_HINT if is_kept else " ".join(filter(None, (field.hint, VISIBLE_HINT * field.is_secret)))
    box: Block
    if field.choices:
        box = menu(VALUE, [(choice, choice) for choice in field.choices], chosen=value)
    else:
        box = text_input(VALUE, value, field.example, multiline=field.is_multiline)
    return labelled(field.label, box, field.key, optional=is_kept or not field.is_required, hint=hint)


def note_and_end(note: str = "", ends_on: date | None = None) -> list[Block]:
    """The optional ``Ends on`` and ``Note``."""
    picker: Block = {"type": "datepicker", "action_id": VALUE}
    if ends_on:
        picker["initial_date"] = ends_on.isoformat()
    hint = "You get a reminder 30, 7 and 1 days before, and on the day itself."
    return [
        labelled("Ends on", picker, "ends_on", optional=True, hint=hint),
        labelled("Note", text_input(VALUE, note, "For the team", max_length=200), "note", optional=True),
    ]


def _typed_end(values: Mapping[str, Any]) -> date | None:
    """The day that was chosen as the end, if one was."""
    chosen = (values.get("ends_on", {}).get(VALUE) or {}).get("selected_date")
    try:
        return date.fromisoformat(chosen) if chosen else None
    except (TypeError, ValueError):
        return None


def skip_box() -> Block:
    """The ``Save without checking`` checkbox."""
    return actions({"type": "checkboxes", "action_id": TICK, "options": [_CHOSEN]}, block_id="skip")


def access_menu(*, linked_only: bool) -> Block:
    """The menu ``Who may fetch it``."""
    chosen = _ACCESS[linked_only][1]
    hint = (
        "All workflows: every workflow token that an admin has approved. Linked targets can fetch it either "
        "way."
    )
    return labelled("Who may fetch it", menu(VALUE, _ACCESS, chosen=chosen), "access", hint=hint)


def is_closed(form: Form) -> bool:
    """True when ``Linked targets only`` is chosen."""
    return state_value(form.values, "access", VALUE) == _LINKED_ONLY


def default_box(integration: Integration) -> Block:
    """The checkbox that makes it the default for its server."""
    boxes: Block = {"type": "checkboxes", "action_id": TICK, "options": [_DEFAULT_TICK]}
    if integration.is_default:
        boxes["initial_options"] = [_DEFAULT_TICK]
    return actions(boxes, block_id="sharing")


def typed_sharing(form: Form) -> Sharing:
    """Read who gets the credential."""
    chosen = form.values.get("sharing", {}).get(TICK, {}).get("selected_options") or []
    return Sharing(is_default=bool(chosen), linked_only=is_closed(form))


def plain_warning(values: Mapping[str, str]) -> list[Block]:
    """A warning when the address typed says ``http://``."""
    is_plain = values.get("url", "").strip().lower().startswith("http://")
    return [context(_UNENCRYPTED)] if is_plain else []


def undecided_note(servers: Sequence[Server]) -> list[Block]:
    """A line about servers that have several integrations and no default."""
    addresses = ", ".join(code(server.address) for server in servers)
    text = (
        f":warning: {addresses}: several integrations and no default. Until one of them is the default, "
        "pipelines that aren't linked to any of them get an error. `/integrations edit NAME` has a checkbox."
    )
    return [context(text)] if servers else []


def _typed_values(form: Form, kind: Kind) -> dict[str, str]:
    """What is in the fields of a kind, by key. It may contain secrets."""
    return {field.key: state_value(form.values, field.key, VALUE) for field in kind.fields}


def typed_draft(form: Form, kind: Kind, *, keeps_secret: bool = False) -> Draft:
    """Read a submitted form. Raises ``InvalidFields``."""
    name = state_value(form.values, "name", VALUE)
    is_kept = not is_check_wanted(form)
    typed = _typed_values(form, kind)
    draft = read_draft(kind, name, typed, keeps_secret=keeps_secret, keeps_line_break=is_kept)
    return replace(draft, note=_typed_note(form), ends_on=_typed_end(form.values))


def typed_beside_secret(form: Form, kind: Kind) -> tuple[dict[str, str], date | None, str]:
    """What was typed in a form whose secret is entered elsewhere: values by key, the end, the note."""
    typed = {one.key: state_value(form.values, one.key, VALUE) for one in kind.fields if not one.is_secret}
    name = state_value(form.values, "name", VALUE)
    return {**typed, "name": name}, _typed_end(form.values), _typed_note(form)


def needs_page(form: Form, kind: Kind, services: Services, integration: Integration | None = None) -> bool:
    """True when a form that has no box for the secret needs one from the page. Raises ``InvalidFields``."""
    if not services.is_secret_entered_on_page or kind.secret_field is None:
        return False
    typed, _, _ = typed_beside_secret(form, kind)
    if integration and integration.secret:
        # A stored secret is for the server it was entered for.
        return read_draft(kind, typed["name"], typed, keeps_secret=True).server != integration.server
    return kind.secret_field.is_required or any(typed.get(key) for key in kind.together)


def _typed_note(form: Form) -> str:
    return "".join(filter(str.isprintable, state_value(form.values, "note", VALUE)))[:200].strip()


def end_input(ends_on: date | None = None) -> Block:
    """The optional ``Ends on``."""
    return note_and_end(ends_on=ends_on)[0]


def typed_credential(form: Form, kind: Kind, integration: Integration) -> Draft:
    """Read a form that asks for a new credential of an integration. Raises ``InvalidFields``."""
    typed = {one.key: state_value(form.values, one.key, VALUE) for one in kind.login_fields}
    values = {**known_values(integration), **typed}
    draft = read_draft(kind, integration.name, values, keeps_line_break=not is_check_wanted(form))
    return replace(draft, ends_on=_typed_end(form.values))


def is_check_wanted(form: Form) -> bool:
    """True unless ``Save without checking`` is checked."""
    return not form.values.get("skip", {}).get(TICK, {}).get("selected_options")


def shown_values(state: Mapping[str, Any], kind: Kind) -> dict[str, str]:
    """What was typed in a form so far, without its secrets, to draw it again."""
    shown = (field for field in kind.fields if not field.is_secret)
    return {field.key: state_value(state, field.key, VALUE) or field.initial for field in shown}


def state_value(values: Mapping[str, Any], block_id: str, action_id: str) -> str:
    """What was typed or chosen in one input; an empty one gives ``""``."""
    block = values.get(block_id, {})
    element = block.get(action_id) or (block.get(LOGIN) if action_id == VALUE else None) or {}
    chosen = element.get("selected_option")
    return str((chosen["value"] if chosen else element.get("value")) or "")
