"""The settings of a workspace, in a form for its admins: who else is an admin or an editor, and the limits.

payload -> open_form -> _form -> open
payload -> save -> RuleBook.choose -> notice -> ack
"""

import re
from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack

from bot.core.access import require
from bot.core.audit import Action
from bot.core.errors import InvalidFields
from bot.core.model import Actor
from bot.core.news import channel_of
from bot.core.workspace_rules import WorkspaceRules
from bot.services import Services
from handlers.blocks import (
    Block,
    View,
    context,
    labelled,
    modal,
    notice,
    plain,
    section,
    text_input,
)
from handlers.form import VALUE, access_menu, is_closed, state_value
from handlers.routes import Form, Routes
from handlers.surfaces import Surface

_SAVE = "workspace.save"
_GROUP = re.compile(r"S[A-Z0-9]+")
_BY_OPERATOR = notice(
    "This Quaymaster serves one workspace, and its operator decides who is an admin or an editor and how "
    "many commands people may send: `QUAYMASTER_ADMINS`, `QUAYMASTER_EDITORS`, `QUAYMASTER_RATE_LIMIT`."
)


def register_form(routes: Routes) -> None:
    """Add what the form is submitted to."""
    routes.form(_SAVE, save)


def open_form(surface: Surface, services: Services, actor: Actor) -> None:
    """Answer ``settings workspace`` with the form."""
    require(services.ports, actor, Action.CONFIGURE)
    if services.rules is None:
        return surface.show(_BY_OPERATOR)
    channel = channel_of(services.ports.store.read(actor.workspace))
    return surface.open(_form(services.rules.of(actor.workspace, fresh=True), channel))


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Save what was chosen."""
    require(services.ports, actor, Action.CONFIGURE)
    if services.rules is not None:
        services.rules.choose(services.ports, actor, _chosen(form))
    ack(response_action="update", view=modal("Integrations", [section(":white_check_mark: Saved.")]))


def _form(rules: WorkspaceRules, channel: str) -> View:
    """The form, as it is now."""
    news = f"News goes to <#{channel}>" if channel else "News doesn't go to any channel"
    limit = text_input(VALUE, str(rules.rate_limit), "30", max_length=7)
    blocks = [
        *_people("admins", "Admins", rules.admins, "In addition to this workspace's admins and owners."),
        *_people(
            "editors",
            "Editors",
            rules.editors,
            "Who may add and change integrations. Leave it empty to allow every full member.",
        ),
        labelled("Commands and presses a minute", limit, "rate_limit", hint="For each person."),
        access_menu(linked_only=rules.default_linked_only),
        context(f"{news}: `/integrations notify #channel` chooses it."),
    ]
    return modal("Workspace settings", blocks, callback_id=_SAVE, submit=plain("Save"), close="Cancel")


def _people(key: str, label: str, ids: tuple[str, ...], hint: str) -> list[Block]:
    """The boxes for people and for the ids of user groups."""
    people: Block = {"type": "multi_users_select", "action_id": VALUE}
    chosen = [one for one in ids if not one.startswith("S")]
    if chosen:
        people["initial_users"] = chosen
    groups = " ".join(one for one in ids if one.startswith("S"))
    box = text_input(VALUE, groups, "S0604QSJC", max_length=500)
    return [
        labelled(label, people, key, optional=True, hint=hint),
        labelled(f"{label}: user groups", box, f"{key}_groups", optional=True, hint="Their ids: S…"),
    ]


def _chosen(form: Form) -> WorkspaceRules:
    """Read the form. Raises ``InvalidFields``."""
    limit = state_value(form.values, "rate_limit", VALUE).strip()
    if not re.fullmatch(r"[0-9]{1,7}", limit):
        raise InvalidFields({"rate_limit": "Write a number, such as 30."})
    admins, editors = _ids(form.values, "admins"), _ids(form.values, "editors")
    return WorkspaceRules(admins, editors, is_closed(form), int(limit))


def _ids(values: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The people and groups that were chosen. Raises ``InvalidFields``."""
    people = (values.get(key, {}).get(VALUE) or {}).get("selected_users") or []
    groups = re.split(r"[\s,]+", state_value(values, f"{key}_groups", VALUE).strip())
    wrong = [one for one in filter(None, groups) if not _GROUP.fullmatch(one)]
    if wrong:
        raise InvalidFields({f"{key}_groups": "Enter the ids of user groups, such as S0604QSJC."})
    return (*people, *filter(None, groups))
