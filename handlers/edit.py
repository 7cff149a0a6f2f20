"""Edit an integration: the form, filled in; an empty secret keeps the stored one.

payload -> ask | ask_pressed -> plan_edit -> edit_form -> open
payload -> save -> edit_integration -> edited -> ack
"""

from slack_bolt import Ack

from bot.core.errors import InvalidInput
from bot.core.integrations.edits import EditPlan, edit_integration, plan_edit
from bot.core.integrations.inventory import Saved
from bot.core.kinds import Kind
from bot.core.model import Actor, Integration
from bot.services import Services
from handlers.blocks import Block, View, context, escape
from handlers.command import Verb, Words
from handlers.form import (
    access_menu,
    default_box,
    form_view,
    inputs,
    is_check_wanted,
    known_values,
    name_input,
    note_and_end,
    plain_warning,
    saved_view,
    skip_box,
    typed_draft,
    typed_sharing,
)
from handlers.phrases import targets_depend
from handlers.routes import Form, Press, Routes
from handlers.surfaces import Surface, with_facts

OPEN = "edit.open"
_SAVE = "edit.save"


def register(routes: Routes) -> None:
    """Add the verb, the row's menu entry and the form."""
    summary = "the form, filled in; an empty secret keeps the stored one"
    routes.verb(Verb("edit", ask, "NAME", "my_registry", summary, ("change", "update", "rotate")), waits=True)
    routes.action(OPEN, ask_pressed)
    routes.form(_SAVE, save)


def ask(words: Words, surface: Surface, services: Services, actor: Actor) -> None:
    """Open the form of the integration that was named."""
    plan = plan_edit(services.ports, actor, name=words.name)
    surface.open(edit_form(plan, services.kinds[plan.integration.kind]))


def ask_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Open the form from a row's Edit entry."""
    plan = plan_edit(services.ports, actor, press.value)
    surface.open(edit_form(plan, services.kinds[plan.integration.kind]))


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Check and store what has changed."""
    plan = plan_edit(services.ports, actor, *_shown(form))
    integration = plan.integration
    draft = typed_draft(form, services.kinds[integration.kind], keeps_secret=integration.secret is not None)
    sharing, is_checked = typed_sharing(form), is_check_wanted(form)
    done = edit_integration(services.ports, actor, plan, draft, sharing, is_checked=is_checked)
    ack(response_action="update", view=edited(plan, done))


def _shown(form: Form) -> tuple[str, int]:
    """Which integration the form was opened for, and its version. Raises ``InvalidInput`` without either."""
    integration_id, version = form.facts.get("id"), form.facts.get("version")
    if not isinstance(integration_id, str) or not isinstance(version, int):
        raise InvalidInput("This form is too old.", "Close it and edit again.")
    return integration_id, version


def edit_form(plan: EditPlan, kind: Kind) -> View:
    """The form, filled in with everything but the secret."""
    integration = plan.integration
    values = known_values(integration)
    blocks = [
        context(f"Integration type: {escape(kind.label)}"),
        name_input(integration.name),
        *inputs(kind, values, keeps_secret=integration.secret is not None),
        *plain_warning(values),
        access_menu(linked_only=integration.linked_only),
        default_box(integration),
        *note_and_end(integration.note, integration.ends_on),
        skip_box(),
        context(_consequence(plan.dependencies)),
    ]
    facts = {"id": integration.id, "version": integration.version}
    return with_facts(form_view(_SAVE, "Edit Integration", blocks), facts)


def _consequence(count: int) -> str:
    """How many targets get what is saved, and by what their pipelines ask for it."""
    if not count:
        return "Nothing depends on it yet."
    return (
        f"{targets_depend(count)} on this and get what you save from then on. Pipelines ask for it by its "
        "name and server: where you change one, those that use the old one must be changed."
    )


def edited(plan: EditPlan, done: Saved) -> View:
    """What the form becomes."""
    check = done.integration.check
    found = f"Last check: {check.reason}" if check else "Not checked. `test` asks the registry."
    return saved_view(done, " is saved.", found, _outdated(plan, done.integration))


def _outdated(plan: EditPlan, integration: Integration) -> list[Block]:
    """How many targets a new name or server concerns."""
    changed = plan.outdated_by(integration)
    text = (
        f":warning: {targets_depend(plan.dependencies)} on it. Pipelines of theirs that ask by the old "
        f"{' or '.join(changed)} do not find it until they are changed."
    )
    return [context(text)] if changed else []
