"""Import the logins that docker, podman or Kubernetes use: paste them, preview the result, confirm.

payload -> ask -> _import_form -> open
payload -> preview -> preview_import -> _previewed -> ack
payload -> confirm -> preview_import, keep_import -> _imported -> ack

The pasted text stays in the form's own box between the two steps; nothing of it is stored before the second.
"""

from slack_bolt import Ack

from bot.core.access import require
from bot.core.audit import Action
from bot.core.errors import InvalidInput
from bot.core.integrations.docker_import import (
    FIELD,
    Found,
    FoundLogin,
    Imported,
    digest_of,
    keep_import,
    preview_import,
)
from bot.core.model import Actor
from bot.services import Services
from handlers.blocks import (
    Block,
    View,
    code,
    context,
    escape,
    labelled,
    modal,
    paragraphs,
    plain,
    section,
    text_input,
)
from handlers.form import VALUE, access_menu, is_closed, state_value, undecided_note
from handlers.routes import COMMAND, Form, Routes, Verb
from handlers.surfaces import Surface, with_facts

_PREVIEW = "import.preview"
_CONFIRM = "import.confirm"

_MARKS = {
    FoundLogin.NEW: ":heavy_plus_sign: new",
    FoundLogin.SAME: ":white_check_mark: already there",
    FoundLogin.CONFLICT: ":warning: conflict",
    FoundLogin.UNREADABLE: ":x: can't be imported",
}


def register(routes: Routes) -> None:
    """Add the verb and both forms."""
    summary = "imports logins from docker, podman or a Kubernetes secret"
    routes.verb(Verb("import", ask, "", "", summary), waits=True)
    routes.form(_PREVIEW, preview)
    routes.form(_CONFIRM, confirm)


def ask(surface: Surface, services: Services, actor: Actor) -> None:
    """Open the form."""
    require(services.ports, actor, Action.ADD)
    if services.is_secret_entered_on_page:
        raise InvalidInput(
            "In this workspace, secrets are entered on a page outside Slack, so you can't paste logins here.",
            f"Add each one: {COMMAND} add",
        )
    surface.open(_import_form(_PREVIEW, "Preview", []))


def preview(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Show what importing the pasted text would do."""
    text = state_value(form.values, FIELD, VALUE)
    found = preview_import(services.ports, services.kinds, actor, text)
    ack(response_action="update", view=_previewed(found, text, services.default_linked_only))


def confirm(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Import it, or preview it again if the text or the result has changed since."""
    text = state_value(form.values, FIELD, VALUE)
    found = preview_import(services.ports, services.kinds, actor, text)
    is_as_shown = form.facts.get("digest") == digest_of(text, found)
    if is_as_shown:
        view = _imported(keep_import(services.ports, actor, found, linked_only=is_closed(form)))
    else:
        view = _previewed(found, text, is_closed(form))
    ack(response_action="update", view=view)


def _import_form(callback_id: str, submit: str, blocks: list[Block]) -> View:
    """The box to paste into, and what is below it."""
    box = text_input(
        VALUE, "", '{"auths": {"registry.example.com": {"auth": "…"}}}', multiline=True, max_length=3000
    )
    hint = (
        "Or podman's auth.json, a Kubernetes secret (JSON or YAML), or the base64 of one. At most 3,000 "
        "characters, which is all that Slack accepts: import a longer file in parts. The text stays visible "
        "while this form is open. What you import is sealed; nothing else is stored."
    )
    pasted = labelled("config.json", box, FIELD, hint=hint)
    return modal(
        "Import logins", [pasted, *blocks], callback_id=callback_id, submit=plain(submit), close="Cancel"
    )


def _previewed(found: tuple[Found, ...], text: str, linked_only: bool) -> View:
    """The form with the result for each entry; submitting it imports the new ones."""
    new = sum(one.finding is FoundLogin.NEW for one in found)
    rows = [section(_row(one)) for one in found]
    if not new:
        return _import_form(_PREVIEW, "Preview", [*rows, context(_nothing_new(found))])
    note = context(
        "New logins are stored without being checked. Conflicts are left alone; edit those integrations "
        "yourself."
    )
    return with_facts(
        _import_form(_CONFIRM, f"Import {new}", [*rows, access_menu(linked_only=linked_only), note]),
        {"digest": digest_of(text, found)},
    )


def _nothing_new(found: tuple[Found, ...]) -> str:
    """Say why there is nothing to import."""
    findings = {one.finding for one in found}
    if findings == {FoundLogin.SAME}:
        return "All of this is already there."
    if findings == {FoundLogin.UNREADABLE}:
        return "None of this can be imported as it is."
    return "Nothing here is new."


def _row(found: Found) -> str:
    """One entry on two lines."""
    return f"{code(found.key)}   {_MARKS[found.finding]}\n{escape(found.reason)}"


def _imported(done: Imported) -> View:
    """What the form becomes."""
    made = done.integrations
    names = paragraphs(f"• {code(one.name)}   {code(one.server.address)}" for one in made)
    count = f"{len(made)} integration{'' if len(made) == 1 else 's'}"
    text = f":white_check_mark: {count} imported. Use `test` on each one to check it."
    return modal("Imported", [section(text), *names, *undecided_note(done.undecided)])
