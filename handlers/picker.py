"""Choose an integration or a target in a menu that searches as you type.

payload -> open_picker -> picker -> open
payload -> suggest -> find_like -> options -> ack
payload -> suggest_targets -> list_targets -> options -> ack
payload -> the listener of whatever the menu's action id says, as for a row's button
"""

from collections.abc import Iterable, Sequence

from slack_bolt import Ack

from bot.core.errors import InvalidFields, InvalidInput, SecretInText
from bot.core.integrations.inventory import find_like
from bot.core.integrations.target_names import KIND_WORDS, list_targets, read_target
from bot.core.kinds import Kinds
from bot.core.model import Actor, Integration, Target, TargetKind
from bot.core.secret_detection import could_be_name, looks_secret
from bot.services import Services
from handlers.blocks import (
    Block,
    Option,
    View,
    actions,
    cut,
    labelled,
    menu,
    modal,
    option,
    plain,
    section,
    text_input,
)
from handlers.form import state_value
from handlers.routes import Form, Listener, Routes
from handlers.surfaces import GIVES_WAY, Surface, with_facts

_INTEGRATION = "picker.integration"
_TARGET = "picker.target"
_NEW, _NEW_KIND = "picker.new", "picker.kind"
_VALUE = "value"
_MOST_OFFERED = 100
_LONGEST_VALUE = 150
"""Characters of an option's value. A target whose name is longer is typed instead."""
_KINDS = {
    TargetKind.PROJECT: "Project",
    TargetKind.ENVIRONMENT: "Environment",
    TargetKind.IMAGE: "Subscription image",
}


def register(routes: Routes) -> None:
    """Add what the menus offer."""
    routes.suggestion(_INTEGRATION, suggest)
    routes.suggestion(_TARGET, suggest_targets)


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
    """Offer the integrations that match what was typed."""
    found = find_like(services.ports, actor, query)
    ack(options=_options(found, services.kinds))


def suggest_targets(ack: Ack, query: str, services: Services, actor: Actor) -> None:
    """Offer the targets that match what was typed, grouped by kind."""
    found = list_targets(services.ports, actor, None, tuple(query.split()), size=_MOST_OFFERED).rows
    groups: list[Block] = [
        {"label": plain(f"{label}s"), "options": options}
        for kind, label in _KINDS.items()
        if (options := [option(_target_option(one)) for one in found if _is_offered(one, kind)])
    ]
    if groups:
        ack(option_groups=groups)
    else:
        ack(options=[])


def integration_input(chosen: Integration | None = None) -> Block:
    """The input of a form that asks which integration."""
    box = searching_menu(_VALUE, "Part of a name, type or server")
    if chosen:
        box["initial_option"] = option(_option_of(chosen))
    return labelled("Integration", box, _INTEGRATION)


def target_input(*, optional: bool = False) -> Block:
    """The input of a form that asks which of the known targets."""
    return labelled("Target", searching_menu(_VALUE, "Part of its name"), _TARGET, optional=optional)


def new_target_inputs() -> list[Block]:
    """The form inputs for a target that is not known yet."""
    kinds = [(label, kind.value) for kind, label in _KINDS.items()]
    return [
        labelled("New target", text_input(_VALUE, "", "web-shop", max_length=200), _NEW, optional=True),
        labelled("Type of the new target", menu(_VALUE, kinds, TargetKind.PROJECT.value), _NEW_KIND),
    ]


def chosen_integration(form: Form) -> str:
    """The id of the integration that was chosen in a form."""
    return state_value(form.values, _INTEGRATION, _VALUE)


def chosen_target(form: Form) -> Target:
    """The target that was typed in a form, else the one that was chosen. Raises ``InvalidFields``."""
    target = optional_target(form)
    if target is None:
        raise InvalidFields({_TARGET: "Choose a target, or type a new one."})
    return target


def optional_target(form: Form) -> Target | None:
    """As ``chosen_target``; ``None`` when there is neither."""
    typed = state_value(form.values, _NEW, _VALUE).strip()
    if typed:
        try:
            if looks_secret(typed) and not could_be_name(typed):
                raise SecretInText
            return read_target(state_value(form.values, _NEW_KIND, _VALUE), typed)
        except InvalidInput as error:
            raise InvalidFields({_NEW: str(error)}) from error
    kind, _, name = state_value(form.values, _TARGET, _VALUE).partition(":")
    return read_target(kind, name) if kind else None


def typed_name(words: Sequence[str]) -> str:
    """The target's name among the words that follow a verb, if there is one in its place."""
    return words[2] if len(words) > 2 and words[1].lower() in KIND_WORDS else ""


def searching_menu(action_id: str, placeholder: str) -> Block:
    """A menu that asks for its options as you type, and right away for the first of them."""
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


def _target_option(target: Target) -> Option:
    return target.name, f"{target.kind.value}:{target.name}"


def _is_offered(target: Target, kind: TargetKind) -> bool:
    return target.kind is kind and len(_target_option(target)[1]) <= _LONGEST_VALUE
