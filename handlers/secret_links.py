"""Links to the page where a secret is entered outside Slack: created from a form, and shown."""

from bot.core.errors import InvalidFields, InvalidInput
from bot.core.integrations.edits import EditPlan, Sharing
from bot.core.integrations.rotation import plan_rotation
from bot.core.integrations.secret_entry import MadeLink, Purpose, make_link
from bot.core.kinds import Kind, read_draft
from bot.core.model import Actor, Integration
from bot.services import Services
from handlers.blocks import Block, Message, actions, bold, button, context, message, section
from handlers.form import is_closed, typed_beside_secret, typed_sharing
from handlers.routes import COMMAND, Form

FOR_ADD = "ask.add"
FOR_EDIT = "ask.edit"
FOR_ROTATION = "ask.rotation"
FOR_MANAGEMENT = "ask.management"
FOLLOW = "ask.follow"
_LABEL = "Enter the secret outside Slack"
_PAGE = "/enter"


def link_for_new(form: Form, kind: Kind, services: Services, actor: Actor) -> Message:
    """Make a link for an integration that is added with what a form says. Raises ``InvalidFields``."""
    require_page(services, kind)
    typed, ends_on, note = typed_beside_secret(form, kind)
    read_draft(kind, typed["name"], typed, keeps_secret=True)
    made = make_link(
        services.ports,
        actor,
        kind,
        Purpose.ADD,
        typed={key: text for key, text in typed.items() if text},
        sharing=Sharing(linked_only=is_closed(form)),
        ends_on=ends_on,
        note=note,
    )
    return link_message(made, typed["name"], services, actor)


def link_for_edit(form: Form, plan: EditPlan, services: Services, actor: Actor) -> Message:
    """Make a link for an edit with everything that its form says. Raises ``InvalidFields``."""
    integration = plan.integration
    kind = services.kinds[integration.kind]
    require_page(services, kind)
    typed, ends_on, note = typed_beside_secret(form, kind)
    read_draft(kind, typed["name"], typed, keeps_secret=True)
    made = make_link(
        services.ports,
        actor,
        kind,
        Purpose.EDIT,
        integration,
        typed,
        sharing=typed_sharing(form),
        ends_on=ends_on,
        note=note,
    )
    return link_message(made, typed["name"], services, actor)


def link_for_rotation(form: Form, integration_id: str, services: Services, actor: Actor) -> Message:
    """Make a link for a rotation whose other fields a form has. Raises ``InvalidInput``."""
    plan = plan_rotation(services.ports, actor, integration_id)
    if plan.progress:
        hint = f"{COMMAND} rotate {plan.integration.name}"
        raise InvalidInput("A rotation is already running.", f"To see its progress: {hint}")
    kind = services.kinds[plan.integration.kind]
    require_page(services, kind)
    typed, ends_on, _ = typed_beside_secret(form, kind)
    login = {one.key for one in kind.login_fields}
    kept = {key: text for key, text in typed.items() if key in login and text}
    made = make_link(services.ports, actor, kind, Purpose.ROTATE, plan.integration, kept, ends_on=ends_on)
    return link_message(made, plan.integration.name, services, actor)


def link_for_management(
    form: Form, found: Integration, kind: Kind, services: Services, actor: Actor
) -> Message:
    """Make a link for a management credential whose other fields a form has. Raises ``InvalidFields``."""
    require_page(services, kind)
    typed, _, _ = typed_beside_secret(form, kind)
    read_draft(kind, found.name, typed, keeps_secret=True)
    kept = {key: text for key, text in typed.items() if text}
    made = make_link(services.ports, actor, services.kinds[found.kind], Purpose.MANAGE, found, kept)
    return link_message(made, found.name, services, actor)


def entry_button(services: Services, kind: Kind, action_id: str, value: str = "") -> list[Block]:
    """The button that a form offers, if there is a page and the kind has a secret."""
    if services.base_url is None or kind.secret_field is None:
        return []
    if services.is_secret_entered_on_page and action_id != FOR_EDIT:
        return [context("After *Save* you get a link to the page where you enter the secret.")]
    return [actions(button(_LABEL, action_id, value), block_id=action_id)]


def require_page(services: Services, kind: Kind) -> None:
    """Raise ``InvalidInput`` if there is no page, or nothing to enter on it."""
    if services.base_url is None:
        raise InvalidInput(
            "Quaymaster doesn't know its own address, so it has no page for secrets.",
            "Ask the operator to set QUAYMASTER_BASE_URL.",
        )
    if kind.secret_field is None:
        raise InvalidFields({"kind": "This type has no secret."})


def link_message(made: MadeLink, name: str, services: Services, actor: Actor) -> Message:
    """The link, for one person. No server ever sees what follows the "#"."""
    url = f"{services.base_url}{_PAGE}/{actor.workspace.key}/{made.link.id}#{made.public}"
    open_page = {**button("Open the page", FOLLOW, style="primary"), "url": url}
    what = "management credential" if made.link.purpose is Purpose.MANAGE else "secret"
    return message(
        f"Enter the {what} of {name} on a page.",
        [
            section(
                f"Enter the {what} of {bold(name)} on this page. It is sealed in your browser and never "
                "passes through Slack."
            ),
            actions(open_page),
            context("The link works once, for 10 minutes, and only for you: do not forward it."),
        ],
    )
