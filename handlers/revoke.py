"""After a leak: revoke every workflow token that was exposed, and name each login that must be replaced.

payload -> revoke -> plan_revocation -> _preview -> show
payload -> revoke -> revoke_token -> notice -> show
payload -> confirm -> revoke_everything -> _done | _preview -> replace
"""

from dataclasses import dataclass

from bot.core.errors import InvalidInput
from bot.core.integrations.inventory import get_integration
from bot.core.integrations.target_names import KIND_WORDS, read_target
from bot.core.model import Actor, Integration
from bot.core.workflows.leaks import Exposure, Leak, in_words, plan_revocation, revoke_everything
from bot.core.workflows.tokens import revoke_token
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
    mention,
    message,
    notice,
    pack,
    paragraphs,
    read_value,
    section,
)
from handlers.phrases import made_by
from handlers.rotate import OPEN as ROTATE
from handlers.routes import COMMAND, PERSON, Press, Routes, Verb, Words
from handlers.surfaces import Surface

OPEN = "revoke.open"
_CONFIRM = "revoke.confirm"
_CANCEL = "revoke.cancel"
_MOST_NAMED = 40
_MOST_ROWS = 20
"""How many integrations get a row with a button of their own."""


def register(routes: Routes) -> None:
    """Add the verb and the preview's buttons."""
    usage = "everything @person | everything project|environment|image TARGET | everything NAME | ID"
    summary = "after a leak, revokes every exposed token"
    more = "You see a preview first, with each login to replace. You may always revoke your own tokens."
    names = ("leaked", "compromised")
    verb = Verb("revoke", revoke, usage, "everything project web-shop", summary, names, more=more)
    routes.verb(verb, waits=True)
    routes.action(OPEN, leaked_pressed)
    routes.action(_CONFIRM, confirm, changes=True)
    routes.action(_CANCEL, cancel)


def revoke(words: Words, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer ``revoke everything …``, and ``revoke ID`` for one token."""
    first = words.at(0, "What to revoke")
    if first.lower() in ("everything", "all"):
        return surface.show(_preview(plan_revocation(services.ports, actor, _read_leak(words))))
    words.at_most(1)
    ended = revoke_token(services.ports, actor, first)
    return surface.show(notice(f":no_entry: Token {code(ended.id)} is revoked: it no longer works."))


def leaked_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer the button *Leaked* of an integration with the preview."""
    name = get_integration(services.ports, actor, press.value).name
    surface.show(_preview(plan_revocation(services.ports, actor, Leak(integration=name))))


def _read_leak(words: Words) -> Leak:
    """Read what leaked, or whom it leaked from. Raises ``InvalidInput``."""
    rest = words.rest[1:]
    if rest and rest[0].lower() == "of":
        rest = rest[1:]
    if not rest:
        raise InvalidInput(
            "Type whose tokens to revoke: a person's, a target's or an integration's.", words.usage
        )
    if found := PERSON.fullmatch(rest[0]):
        words.at_most(len(words.rest) - len(rest) + 1)
        return Leak(person=found[1])
    if len(rest) > 1 and rest[0].lower() in KIND_WORDS:
        words.at_most(len(words.rest) - len(rest) + 2)
        return Leak(
            target=read_target(rest[0], words.plain_at(len(words.rest) - len(rest) + 1, "The target"))
        )
    return Leak(integration=" ".join(rest))


def confirm(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Revoke all of it, or show what there is now."""
    asked = read_value(_Asked, press.value, "revoke everything")
    found, is_done = revoke_everything(services.ports, actor, asked.leak, asked.seen)
    late = (
        "This changed while you were looking at it, so nothing has been revoked yet. Check it, then confirm."
    )
    surface.replace(_done(found) if is_done else _preview(found, late))


def cancel(surface: Surface) -> None:
    """Leave everything as it is."""
    surface.replace(notice("Canceled: nothing was revoked."))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the preview's button carries: what leaked, and what was shown."""

    person: str
    kind: str
    name: str
    integration: str
    seen: str

    @property
    def leak(self) -> Leak:
        """What leaked. Raises ``InvalidInput``."""
        target = read_target(self.kind, self.name) if self.kind else None
        return Leak(self.person, target, self.integration)


def _preview(found: Exposure, note: str = "") -> Message:
    """Which tokens would be revoked, what that stops, and what to rotate; with the button that does it."""
    whose = _whose(found.leak)
    if not found.tokens and not found.integrations:
        return notice(
            f"{whose} has no working workflow token and no integration. There is nothing to revoke."
        )
    lines = [
        f"*These workflow tokens will be revoked*, for {whose}:" if found.tokens else _no_token(found, whose)
    ]
    lines += [f"• {code(one.id)} for {code(one.target.in_words)}, {made_by(one)}" for one in found.tokens]
    asked = _Asked(
        found.leak.person,
        found.leak.target.kind.value if found.leak.target else "",
        found.leak.target.name if found.leak.target else "",
        found.leak.integration,
        found.fingerprint,
    )
    title = "Revoke everything?" if found.tokens else "Tell the owners?"
    final = "Revoking can't be undone. It does not" if found.tokens else "This does not"
    blocks = [
        header(title),
        *([context(note)] if note else []),
        *paragraphs(_cut(lines)),
        *([section(_stops(found))] if found.tokens else []),
        *paragraphs(
            _cut(["*Rotate these: their logins may be known to others.*", *_named(found.integrations)])
        ),
        context(f"{final} change any login at a registry: rotate those afterward."),
        actions(button(title[:-1], _CONFIRM, pack(asked), style="danger"), button("Cancel", _CANCEL)),
    ]
    return message(title, blocks)


def _stops(found: Exposure) -> str:
    """How many targets lose their tokens; those that only noted the integration are counted apart."""
    count = len(found.targets)
    noted = sum(one in found.noted for one in found.targets)
    targets = f"{count} target{'s' * (count != 1)}"
    hit = (
        f"{targets} won't be able to fetch anything with these tokens. To fetch again, they need new tokens."
    )
    beside = f" {noted} of them only noted {_whose(found.leak)} and never fetched it." if noted else ""
    return hit + beside


def _no_token(found: Exposure, whose: str) -> str:
    """Say that there is nothing to revoke; for an open integration, who can fetch it all the same."""
    if not found.leak.integration:
        return f"{whose} has no working token."
    text = f"No target that depends on {whose} has a working token."
    if all(one.linked_only for one in found.integrations):
        return text
    return f"{text} It is open to *All workflows*: other approved tokens can fetch it, so replace its login."


def _whose(leak: Leak) -> str:
    if leak.person:
        return mention(leak.person)
    return code(leak.target.in_words) if leak.target else bold(leak.integration)


def _named(integrations: tuple[Integration, ...]) -> list[str]:
    named = [f"• {bold(one.name)}  {code(one.server.address)}, {mention(one.owner)}" for one in integrations]
    return named or ["none"]


def _cut(lines: list[str]) -> list[str]:
    more = len(lines) - 1 - _MOST_NAMED
    return [*lines[: _MOST_NAMED + 1], *([f"… and {more} more"] if more > 0 else [])]


def _done(found: Exposure) -> Message:
    """What was revoked, and each login that must be replaced now."""
    title = f":no_entry: {in_words(found)[0].upper()}{in_words(found)[1:]}."
    rows = [_row(one) for one in found.integrations[:_MOST_ROWS]]
    more = len(found.integrations) - len(rows)
    history = [f"`{COMMAND} history token {one.id}`" for one in found.tokens[:5]]
    blocks = [
        section(title),
        *([section("Now replace these logins at their registries:")] if rows else []),
        *rows,
        *([context(f"… and {more} more. Their owners were told.")] if more > 0 else []),
        *([context(f"To see what a token fetched: {', '.join(history)}")] if history else []),
    ]
    return message(in_words(found), blocks)


def _row(integration: Integration) -> Block:
    rotate = button("Rotate", ROTATE, integration.id, label=f"Rotate {integration.name}")
    return section(
        f"{bold(integration.name)}  {code(integration.server.address)}, {mention(integration.owner)}", rotate
    )
