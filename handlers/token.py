"""Workflow tokens: create one for a target, list them, revoke one.

payload -> token -> create_token -> created -> ack
payload -> token | turn -> list_tokens -> _listed -> ack | replace
payload -> token -> revoke_token -> _revoked -> ack
payload -> revoke_pressed -> revoke_token, list_tokens -> _listed -> replace
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from slack_bolt import Ack

from bot.core.access import may
from bot.core.audit import Action
from bot.core.errors import InvalidFields, InvalidInput
from bot.core.integrations.target_names import find_similar, is_in_doubt, read_target, seal_name, unseal_name
from bot.core.model import Actor, Integration, Target, WorkflowToken
from bot.core.queries import TokenPage
from bot.core.secrets import Secret
from bot.core.texts import shortened
from bot.core.workflows.tokens import (
    DEFAULT_DAYS,
    MOST_DAYS,
    create_token,
    find_kept_out,
    is_asked,
    list_tokens,
    read_days,
    revoke_token,
)
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    button,
    code,
    context,
    header,
    labelled,
    mention,
    message,
    modal,
    pack,
    plain,
    read_value,
    section,
    text_input,
    turning,
    when,
)
from handlers.form import state_value
from handlers.name_question import name_question
from handlers.phrases import made_by
from handlers.picker import chosen_target, new_target_inputs, target_input, typed_name
from handlers.requests import request_buttons
from handlers.routes import PERSON_IN_TEXT, Form, Press, Routes, Verb, Words
from handlers.surfaces import Surface, as_modal

OPEN = "token.open"
_SAVE = "token.save"
_DAYS, _VALUE = "days", "value"
_REVOKE = "token.revoke"
_PREVIOUS = "token.previous"
_NEXT = "token.next"
_SIMILAR = "token.similar"
_NEW = "token.new"
_NAMED = "token.named"
_MOST_KEPT_OUT = 20
_WORDS_LIMIT = 200
"""Characters; what is looked for travels in each button."""
_UNAPPROVED = (
    ":hourglass: Until an admin approves it, it can fetch only integrations that you own and integrations "
    "whose owners have linked this target. The admins see the request on the Home tab and in "
    "`/integrations token list`."
)


@dataclass(frozen=True, slots=True)
class _TokenRow:
    """What a list's button carries: the token it is about, and which page of which tokens is shown."""

    token_id: str = ""
    words: str = ""
    number: int = 0


def register(routes: Routes) -> None:
    """Add the verb and the Revoke button."""
    usage = "create project|environment|image TARGET [days] | list [words] | revoke ID"
    summary = "manages the tokens that pipelines use"
    opens = {"create": ask}
    routes.verb(
        Verb(
            "token", token, usage, "create project web-shop 90", summary, ("tokens",), opens, "", _asked_about
        )
    )
    routes.action(OPEN, ask, does=Action.SEE)
    routes.form(_SAVE, save)
    routes.action(_REVOKE, revoke_pressed)
    routes.action(_SIMILAR, create_pressed)
    routes.action(_NEW, create_pressed)
    routes.action(_NAMED, create_named)
    routes.action(_PREVIOUS, turn, does=Action.SEE)
    routes.action(_NEXT, turn, does=Action.SEE)


def _asked_about(words: Sequence[str]) -> str:
    """The name of the target that a token is created for."""
    return typed_name(words) if words and words[0].lower() == "create" else ""


def token(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``token create|list|revoke …``."""
    what = words.optional(0).lower() or "list"
    if what not in _ANSWERS:
        raise InvalidInput("Add what to do: create, list or revoke.", words.usage)
    ack(**_ANSWERS[what](words, services, actor))


def create(words: Words, services: Services, actor: Actor) -> Message:
    """Create a token and show it, once."""
    words.at_most(4)
    target = read_target(words.at(1, "The kind of target"), words.plain_at(2, "The target's name"))
    days = read_days(words.optional(3))
    return _create_or_ask(services, actor, target, days)


def ask(surface: Surface) -> None:
    """Open the form that creates a token."""
    hint = f"1 to {MOST_DAYS}; {DEFAULT_DAYS} if you leave it empty."
    days = text_input(_VALUE, "", str(DEFAULT_DAYS), max_length=4)
    blocks = [
        target_input(optional=True),
        *new_target_inputs(),
        labelled("Days until it expires", days, _DAYS, optional=True, hint=hint),
    ]
    surface.open(modal("Workflow token", blocks, callback_id=_SAVE, submit=plain("Create"), close="Cancel"))


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Create the token, and show it in the form's place."""
    target = chosen_target(form)
    try:
        days = read_days(state_value(form.values, _DAYS, _VALUE).strip())
    except InvalidInput as error:
        raise InvalidFields({_DAYS: error.message}) from error
    ack(response_action="update", view=as_modal(_create_or_ask(services, actor, target, days)))


def _create_or_ask(services: Services, actor: Actor, target: Target, days: int) -> Message:
    if is_in_doubt(services.ports, actor, target):
        value = _Meant(target.kind.value, seal_name(services.ports, actor, target), days)
        return name_question(_NAMED, pack(value))
    return _create_if_unlike(services, actor, target, days)


def _create_if_unlike(services: Services, actor: Actor, target: Target, days: int) -> Message:
    similar = find_similar(services.ports, actor, target)
    return _alike(target, similar, days) if similar else _create(services, actor, target, days)


def create_named(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Create a token for the target whose name looks like a password but is a name."""
    meant = read_value(_Meant, press.value, "token create")
    target = read_target(meant.kind, unseal_name(services.ports, actor, meant.name))
    surface.replace(_create_if_unlike(services, actor, target, read_days(str(meant.days))))


def create_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Create a token for the target that was meant."""
    meant = read_value(_Meant, press.value, "token create")
    target = read_target(meant.kind, meant.name)
    surface.replace(_create(services, actor, target, read_days(str(meant.days))))


def _create(services: Services, actor: Actor, target: Target, days: int) -> Message:
    text, made = create_token(services.ports, actor, target, days)
    return created(text, made, services.base_url, find_kept_out(services.ports, actor, made))


def _list_typed(words: Words, services: Services, actor: Actor) -> Message:
    """List the tokens, or those that match the words that were typed."""
    return _page_of(
        _TokenRow(words=PERSON_IN_TEXT.sub(r"\1", " ".join(words.rest[1:]))[:_WORDS_LIMIT]), services, actor
    )


def _page_of(asked: _TokenRow, services: Services, actor: Actor) -> Message:
    """Look a page up and draw it."""
    return _listed(list_tokens(services.ports, actor, asked.words.split(), asked.number), asked, actor)


def revoke(words: Words, services: Services, actor: Actor) -> Message:
    """Revoke the token whose id was typed."""
    words.at_most(2)
    return _revoked(revoke_token(services.ports, actor, words.at(1, "The token's id")))


_ANSWERS = {"create": create, "list": _list_typed, "revoke": revoke}


def revoke_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Revoke a token from the list, and show the list again."""
    asked = read_value(_TokenRow, press.value, "token list")
    revoke_token(services.ports, actor, asked.token_id)
    surface.replace(_page_of(asked, services, actor))


def turn(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show another page."""
    surface.replace(_page_of(read_value(_TokenRow, press.value, "token list"), services, actor))


@dataclass(frozen=True, slots=True)
class _Meant:
    """What the button carries that creates a token for one of two targets that look alike."""

    kind: str
    name: str
    days: int


def _alike(target: Target, similar: Target, days: int) -> Message:
    """Ask which of two targets that look alike is meant."""
    kind = target.kind.value
    text = f"There is already {code(similar.in_words)}. Is {code(target.in_words)} a different one?"
    buttons = actions(
        button(f"For {similar.name}"[:75], _SIMILAR, pack(_Meant(kind, similar.name, days)), "primary"),
        button(f"{target.name} is a different one"[:75], _NEW, pack(_Meant(kind, target.name, days))),
    )
    return message(f"Is {target.in_words} different from {similar.in_words}?", [section(text), buttons])


def created(
    text: Secret, made: WorkflowToken, base_url: str | None, kept_out: Sequence[Integration] = ()
) -> Message:
    """The only message that ever shows a token."""
    where = f", and `QUAYMASTER_URL` is {code(base_url)}" if base_url else ""
    target = made.target.in_words
    return message(
        f"A workflow token for {target}.",
        [
            header("Workflow token"),
            section(f"For {code(target)}, until {when(made.expires_at)}:\n```{text.reveal()}```"),
            section(
                f"Copy it now into your CI system's secrets as `QUAYMASTER_TOKEN`{where}. It is not stored "
                f"and can't be shown again. {code(target)} is recorded as depending on whatever it fetches."
            ),
            *([] if made.approved_by else [section(_UNAPPROVED)]),
            *([section(_not_reached(made, kept_out))] if kept_out else []),
            context(
                f"Its id is {code(made.id)}. `/integrations token revoke {made.id}` revokes it immediately."
            ),
        ],
    )


def _not_reached(made: WorkflowToken, kept_out: Sequence[Integration]) -> str:
    """Which closed integrations that are linked to the target do not let the token in, and whom to ask."""
    rows = [f"{bold(one.name)} (ask {mention(one.owner)})" for one in kept_out[:_MOST_KEPT_OUT]]
    more = f" and {len(kept_out) - _MOST_KEPT_OUT} more" if len(kept_out) > _MOST_KEPT_OUT else ""
    return (
        f":lock: It can't fetch {', '.join(rows)}{more} yet. Access is restricted there and you are not the "
        f"owner, so the owner must allow your token, even though {code(made.target.in_words)} is linked. "
        "Each owner gets a message with *Allow*."
    )


def _listed(page: TokenPage, asked: _TokenRow, actor: Actor) -> Message:
    """A page of tokens, those that work first."""
    if not page.total:
        return _nothing_to_list(asked.words)
    narrowed = f" with “{shortened(asked.words)}”" if asked.words else ""
    title = f"Workflow tokens{narrowed}: {page.valid} valid, {page.total - page.valid} expired or revoked"
    rows = [block for one in page.rows for block in _token_blocks(one, asked, actor)]
    return message(title, [header(title), *rows, *_pages(page, asked)])


def _nothing_to_list(words: str) -> Message:
    """Say that there are none, or none that match."""
    if words:
        people = " To find a person, use *Copy member ID* in their profile." if "@" in words else ""
        text = f"No workflow tokens match {code(words)}. `/integrations token list` shows all.{people}"
        return message("No workflow tokens match.", [section(text)])
    text = "There are no workflow tokens yet. `/integrations token create project web-shop` creates one."
    return message("No workflow tokens yet.", [section(text)])


def _pages(page: TokenPage, asked: _TokenRow) -> list[Block]:
    """The page buttons if there is more than one page, and where we are."""
    more = "`/integrations token list web-shop` shows only one target's tokens."
    return turning(page, (_PREVIOUS, _NEXT), lambda number: pack(replace(asked, number=number)), more)


def _token_blocks(token: WorkflowToken, asked: _TokenRow, actor: Actor) -> list[Block]:
    """One token: its id, its target, until when, last used; for an admin, the decision on it."""
    is_working = token.is_valid(actor.at)
    used = f"last used {when(token.last_used_at)}" if token.last_used_at else "never used"
    end = (
        f"until {when(token.expires_at)}"
        if is_working
        else f"*{'revoked' if token.revoked_at else 'expired'}* {when(token.revoked_at or token.expires_at)}"
    )
    facts = f"{end}  ·  {used}  ·  {made_by(token)}{_approval(token, is_working)}"
    value, label = pack(replace(asked, token_id=token.id)), f"Revoke token {token.id}"
    accessory = button("Revoke", _REVOKE, value, style="danger", label=label) if is_working else None
    row = section(f"{code(token.id)}   {code(token.target.in_words)}\n{facts}", accessory)
    is_decidable = is_working and is_asked(token) and may(actor, Action.APPROVE_TOKEN)
    return [row, *(request_buttons(token.id) if is_decidable else [])]


def _approval(token: WorkflowToken, is_working: bool) -> str:
    """What keeps it from fetching, if anything does."""
    if token.held_at and is_working:
        return "  ·  :no_entry: its creator has left"
    if token.declined_by:
        return f"  ·  declined by {mention(token.declined_by)}"
    return "" if token.approved_by or not is_working else "  ·  :hourglass: not approved yet"


def _revoked(token: WorkflowToken) -> Message:
    """Say that a token no longer works."""
    target = token.target.in_words
    return message(
        f"Token {token.id} is revoked.",
        [section(f":no_entry: Token {code(token.id)} for {code(target)} is revoked: it no longer works.")],
    )


def reminder(token: WorkflowToken) -> dict[str, Any]:
    """What a token's creator is told before it expires."""
    target = token.target.in_words
    ends = f"Your workflow token {code(token.id)} for {code(target)} expires {when(token.expires_at)}."
    make = code(f"/integrations token create {token.target.as_typed}")
    advice = f"Create a replacement with {make} and put it into the CI system before then."
    text = f"Workflow token {token.id} expires soon."
    return {"text": text, "blocks": [section(f":hourglass: {ends}\n{advice}")]}
