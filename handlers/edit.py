"""Edit an integration in its filled-in form; a secret that is left empty stays as it is.

payload -> ask | ask_pressed -> plan_edit -> _edit_form -> open
payload -> save -> edit_integration -> _edited -> ack
"""

from collections.abc import Sequence
from dataclasses import replace

from slack_bolt import Ack

from bot.core.access import may
from bot.core.audit import Action
from bot.core.errors import InvalidInput
from bot.core.integrations.dependencies import shut_out
from bot.core.integrations.edits import (
    EditPlan,
    Remaining,
    edit_integration,
    make_default,
    plan_edit,
    who_remains,
)
from bot.core.integrations.inventory import Saved
from bot.core.kinds import Kind, known_values
from bot.core.model import Actor, Integration, Target
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    View,
    actions,
    bold,
    button,
    code,
    context,
    escape,
    header,
    mention,
    message,
    notice,
    pack_link,
    read_link,
    section,
)
from handlers.form import (
    MAKE_DEFAULT,
    access_menu,
    alike_note,
    default_box,
    form_view,
    inputs,
    is_check_wanted,
    name_input,
    needs_page,
    note_and_end,
    plain_warning,
    saved_view,
    skip_box,
    typed_draft,
    typed_sharing,
)
from handlers.phrases import origin, targets_depend
from handlers.picker import open_picker
from handlers.routes import COMMAND, Form, Press, Routes, Verb, Words
from handlers.secret_links import FOR_EDIT, entry_button, link_for_edit
from handlers.surfaces import Surface, as_modal, with_facts

OPEN = "edit.open"
_SAVE = "edit.save"
_REMAINING = "edit.remaining"
_REMOVE = "edit.remove"
_MOST_OFFERED = 5


def register(routes: Routes) -> None:
    """Add the verb, the row's menu entry and the form."""
    summary = "opens the form, filled in with what is stored"
    opens, aliases = {"": open_picker("Edit", OPEN)}, ("change", "update")
    routes.verb(Verb("edit", ask, "NAME", "my_registry", summary, aliases, opens), waits=True)
    routes.action(OPEN, ask_pressed)
    routes.form(_SAVE, save)
    routes.action(_REMAINING, show_remaining)
    routes.action(MAKE_DEFAULT, make_default_pressed, changes=True)
    routes.action(_REMOVE, remove_remaining, changes=True)


def ask(words: Words, surface: Surface, services: Services, actor: Actor) -> None:
    """Open the form of the integration that was named."""
    plan = plan_edit(services.ports, actor, name=words.name)
    surface.open(_edit_form(plan, services.kinds[plan.integration.kind], services, actor))


def ask_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Open the form from a row's Edit entry."""
    plan = plan_edit(services.ports, actor, press.value)
    surface.open(_edit_form(plan, services.kinds[plan.integration.kind], services, actor))


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Check and store what has changed."""
    plan = plan_edit(services.ports, actor, *_shown(form))
    integration, kind = plan.integration, services.kinds[plan.integration.kind]
    if needs_page(form, kind, services, integration):
        ack(response_action="update", view=as_modal(link_for_edit(form, plan, services, actor)))
        return
    draft = typed_draft(form, kind, keeps_secret=integration.secret is not None)
    sharing, is_checked = typed_sharing(form), is_check_wanted(form)
    done = edit_integration(services.ports, actor, plan, draft, sharing, is_checked=is_checked)
    ack(response_action="update", view=_edited(plan, done, actor))


def _shown(form: Form) -> tuple[str, int]:
    """Which integration the form was opened for, and its version. Raises ``InvalidInput`` without either."""
    integration_id, version = form.facts.get("id"), form.facts.get("version")
    if not isinstance(integration_id, str) or not isinstance(version, int):
        raise InvalidInput("This form is out of date.", "Close it, then edit the integration again.")
    return integration_id, version


def _edit_form(plan: EditPlan, kind: Kind, services: Services, actor: Actor) -> View:
    """The form, filled in with everything but the secret."""
    integration = plan.integration
    values, keeps_secret = known_values(integration), integration.secret is not None
    blocks = [
        context(f"Integration type: {escape(kind.label)}"),
        *_rotation_note(integration),
        name_input(integration.name),
        *inputs(kind, values, keeps_secret=keeps_secret, without_secrets=services.is_secret_entered_on_page),
        *entry_button(services, kind, FOR_EDIT, f"{integration.id} {integration.version}"),
        *plain_warning(values),
        access_menu(linked_only=integration.linked_only),
        default_box(integration),
        *note_and_end(integration.note, integration.ends_on),
        skip_box(),
        *alike_note(plan.alike),
        *_others(plan.alike, actor),
        context(_consequence(plan.dependencies)),
    ]
    facts = {"id": integration.id, "version": integration.version}
    return with_facts(form_view(_SAVE, "Edit Integration", blocks), facts)


def _rotation_note(integration: Integration) -> list[Block]:
    """A line that says which part cannot be edited while two credentials are kept."""
    text = (
        ":arrows_counterclockwise: A rotation is in progress, so you can't change the login until you retire "
        f"the old credential or roll back: `{COMMAND} rotate {integration.name}`"
    )
    return [context(text)] if integration.former or integration.prepared else []


def _consequence(count: int) -> str:
    """How many targets saving affects, and how their pipelines look the integration up."""
    if not count:
        return "Nothing depends on it yet."
    return (
        f"{targets_depend(count)} on this integration and will use whatever you save. Pipelines look it up "
        "by name or server: if you change either one, update the pipelines that use the old value."
    )


def _edited(plan: EditPlan, done: Saved, actor: Actor) -> View:
    """What the form becomes."""
    if done.integration.version == plan.integration.version:
        unchanged = f"Nothing was changed in the form, so {bold(done.integration.name)} stays as it is."
        return as_modal(notice(unchanged))
    check = done.integration.check
    unchecked = "Not checked. Use `test` to check it with the registry."
    found = f"Last check: {check.reason}" if check else unchecked
    is_closing = done.integration.linked_only and not plan.integration.linked_only
    remaining = [actions(button("Who may still fetch it", _REMAINING, done.integration.id))]
    notes = [*_outdated(plan, done.integration), *(remaining if is_closing else [])]
    is_new_login = done.integration.secret != plan.integration.secret
    others = _others(done.alike, actor) if is_new_login else []
    return saved_view(done, " is saved.", found, [*notes, *others])


def _others(alike: Sequence[Integration], actor: Actor) -> list[Block]:
    """The integrations of the same server and user that this person may edit, a button each."""
    theirs = [one for one in alike if may(actor, Action.EDIT, one.owner)][:_MOST_OFFERED]
    edit = "Edit this one too"
    return [
        section(bold(one.name), button(edit, OPEN, one.id, label=f"Edit {one.name} too")) for one in theirs
    ]


def make_default_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer the button below the warning that there is no default."""
    chosen = make_default(services.ports, actor, press.value)
    surface.show(notice(f"{bold(chosen.name)} is now the default for {code(chosen.server.address)}."))


def show_remaining(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show who may fetch a closed integration."""
    surface.replace(_remaining_message(who_remains(services.ports, actor, press.value)))


def remove_remaining(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Take away one target's permission, and show who is left."""
    integration_id, target = read_link(press.value, "edit")
    shut_out(services.ports, actor, integration_id, target)
    left = replace(who_remains(services.ports, actor, integration_id), note=f"Removed {target.in_words}.")
    surface.replace(_remaining_message(left))


def _remaining_message(left: Remaining) -> Message:
    """Each target that may fetch a closed integration, its workflow tokens, and Remove."""
    name = left.integration.name
    blocks = [header(f"Who may fetch {name}"), *([context(escape(left.note))] if left.note else [])]
    owner = mention(left.integration.owner)
    owners = f"not linked; has access through tokens that the integration's owner, {owner}, created"
    blocks += [_remaining_row(left, row.target, origin(row), left.tokens[row.target]) for row in left.rows]
    blocks += [_remaining_row(left, target, owners, ids) for target, ids in left.own.items()]
    more = left.total - len(left.rows) - len(left.own)
    blocks += [context(f"… and {more} more; they appear as you remove these.")] if more else []
    blocks += [] if left.total else [section("Nobody: link a target to it.")]
    return message(f"{left.total} may fetch {name}.", blocks)


def _remaining_row(left: Remaining, target: Target, why: str, ids: Sequence[str]) -> Block:
    """A target that may fetch, why, its tokens, and Remove."""
    tokens = ", ".join(map(code, ids)) or "none"
    value = pack_link(left.integration.id, target)
    remove = button("Remove", _REMOVE, value, label=f"Remove {target.in_words}")
    return section(f"{escape(target.kind.value)} {code(target.name)}\n{why}  ·  tokens: {tokens}", remove)


def _outdated(plan: EditPlan, integration: Integration) -> list[Block]:
    """How many targets a new name or server affects."""
    changed = plan.outdated_by(integration)
    text = (
        f":warning: {targets_depend(plan.dependencies)} on it. Pipelines that request it by the old "
        f"{' or '.join(changed)} won't find it until they are updated."
    )
    return [context(text)] if changed else []
