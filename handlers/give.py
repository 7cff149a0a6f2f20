"""Give integrations to another owner: one by its name, or everything a person owns after a preview.

payload -> give | choose_for_one -> give_integration -> notice -> show
payload -> give | choose -> plan_giving -> _preview -> show
payload -> confirm -> give_all -> notice | _preview -> replace
"""

from dataclasses import dataclass

from bot.core.errors import Changed, InvalidInput
from bot.core.integrations.inventory import get_integration
from bot.core.integrations.owners import Belongings, give_all, give_integration, in_words, plan_giving
from bot.core.model import Actor, Integration, WorkflowToken
from bot.core.ports.slack import Person
from bot.services import Services
from handlers.blocks import (
    Message,
    actions,
    bold,
    button,
    code,
    context,
    header,
    mention,
    message,
    notice,
    pack,
    paragraphs,
    read_value,
)
from handlers.owner_news import GIVE_ONE, GIVE_TO, Leaver, Owned
from handlers.routes import COMMAND, PERSON, Press, Routes, Verb, Words
from handlers.surfaces import Surface

_CONFIRM = "give.confirm"
_CANCEL = "give.cancel"
_MOST_NAMED = 40
_MOST_LOST = 5
_COPIES = (
    ":key: {0} may have copied the text of these tokens. So they can fetch what is linked to their targets "
    "and, if approved, what is open to all workflows, but nothing else that {1} owns. "
    f"`{COMMAND} token revoke ID` revokes one."
)


def register(routes: Routes) -> None:
    """Add the verb, the menu ``Give to …`` and the preview's buttons."""
    summary = "gives an integration to another owner"
    usage = "NAME @person | all of @person to @person"
    more = "The second one is for admins: it moves all integrations and workflow tokens, after a preview."
    routes.verb(
        Verb("give", give, usage, "my_registry @marco", summary, ("transfer",), more=more), waits=True
    )
    routes.action(GIVE_TO, choose)
    routes.action(GIVE_ONE, choose_for_one, changes=True)
    routes.action(_CONFIRM, confirm, changes=True)
    routes.action(_CANCEL, cancel)


def give(words: Words, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer ``give NAME @person`` and ``give all of @person to @person``."""
    to = _person(services, actor, _mentioned(words, -1))
    if _is_all(words):
        former = _mentioned(words, 2)
        return surface.show(_preview(plan_giving(services.ports, actor, former, to), to.user_id))
    name = " ".join(words.rest[:-2] if _is_to(words) else words.rest[:-1])
    return surface.show(_given(give_integration(services.ports, actor, name, to)))


def choose_for_one(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer the ``Give to …`` of one integration, unless it has been given another owner in the meantime."""
    shown = read_value(Owned, press.block_id.removeprefix("owned"), "show")
    integration = get_integration(services.ports, actor, shown.id)
    if integration.owner not in (shown.owner, press.value):
        raise Changed(integration.name)
    to = _person(services, actor, press.value)
    surface.show(_given(give_integration(services.ports, actor, integration.name, to)))


def _given(integration: Integration) -> Message:
    return notice(f":handshake: {bold(integration.name)} now belongs to {mention(integration.owner)}.")


def _is_all(words: Words) -> bool:
    """True for ``give all of``; a name of these words is in quotation marks."""
    return [word.lower() for word in words.rest[:2]] == ["all", "of"]


def _is_to(words: Words) -> bool:
    """True when the word before the person is ``to``, after a name."""
    return len(words.rest) > 2 and words.rest[-2].lower() == "to"


def _mentioned(words: Words, index: int) -> str:
    """The id of the person at a place. Raises ``InvalidInput``."""
    if len(words.rest) < (5 if _is_all(words) else 2):
        raise InvalidInput("Type what to give, and to whom.", words.usage)
    found = PERSON.fullmatch(words.rest[index])
    if found is None:
        hint = "Type @ and choose them from Slack's list."
        raise InvalidInput(f"There is nobody here called “{words.rest[index]}”.", f"{hint} {words.usage}")
    return found[1]


def _person(services: Services, actor: Actor, user_id: str) -> Person:
    return services.people.person(actor.workspace, user_id, fresh=True)


def choose(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer ``Give to …`` with the preview."""
    former = read_value(Leaver, press.block_id.removeprefix("give"), "list orphaned").person
    plan = plan_giving(services.ports, actor, former, _person(services, actor, press.value))
    surface.show(_preview(plan, press.value))


def confirm(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Give all of it, or show what is there now."""
    row = read_value(_Handover, press.value, "give")
    to = _person(services, actor, row.to)
    found, is_done = give_all(services.ports, actor, row.former, to, row.seen)
    late = "This changed while you were looking at it. Look again, then confirm."
    done = notice(f":handshake: {in_words(found)} of {mention(row.former)} now belong to {mention(row.to)}.")
    surface.replace(done if is_done else _preview(found, row.to, late))


def cancel(surface: Surface) -> None:
    """Leave everything as it is."""
    surface.replace(notice("Canceled: nothing changed hands."))


@dataclass(frozen=True, slots=True)
class _Handover:
    """What the preview's button carries: from whom, to whom, and what was shown."""

    former: str
    to: str
    seen: str


def _preview(found: Belongings, to: str, note: str = "") -> Message:
    """Everything that would get a new owner, with the button that does it."""
    former = mention(found.person)
    if not found:
        return notice(f"{former} owns no integration and no working workflow token.")
    lines = [f"{in_words(found)} of {former} would belong to {mention(to)}:"]
    lines += [f"• {bold(one.name)}  {code(one.server.address)}" for one in found.integrations]
    lines += [_token_line(one, found) for one in found.tokens]
    more = len(lines) - 1 - _MOST_NAMED
    lines = [*lines[: _MOST_NAMED + 1], *([f"… and {more} more"] if more > 0 else [])]
    value = pack(_Handover(found.person, to, found.fingerprint))
    buttons = actions(button("Give all", _CONFIRM, value, style="primary"), button("Cancel", _CANCEL))
    copies = [context(_COPIES.format(former, mention(to)))] if found.tokens else []
    blocks = [header("Give all?"), *([context(note)] if note else []), *paragraphs(lines), *copies, buttons]
    return message(f"Give {in_words(found)}?", blocks)


def _token_line(token: WorkflowToken, found: Belongings) -> str:
    """A workflow token, and what it can no longer fetch once it changes hands."""
    line = f"• workflow token {code(token.id)} for {code(token.target.in_words)}"
    lost = found.losses.get(token.id, ())
    names = ", ".join(bold(one.name) for one in lost[:_MOST_LOST])
    more = f" and {len(lost) - _MOST_LOST} more" if len(lost) > _MOST_LOST else ""
    link = code(f"{COMMAND} link {lost[0].name} {token.target.as_typed}") if lost else ""
    them = "it" if len(lost) == 1 else "them"
    until = f"until somebody links its target to {them}: {link}"
    return f"{line}: it won't be able to fetch {names}{more} {until}" if lost else line
