"""What people are told about what others did, and asked to decide; ``handlers/decide.py`` acts on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.core.audit import Action, Event
from bot.core.model import Target, TargetKind, WorkflowToken
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    button,
    code,
    context,
    marked,
    mention,
    pack,
    pack_link,
    section,
)
from handlers.phrases import made_by
from handlers.rotate import OPEN as ROTATE
from handlers.routes import COMMAND

ALLOW = "decide.allow"
APPROVE = "decide.approve"
DECLINE = "decide.decline"
QUIET = "decide.quiet"

_MOST_TOLD = 15
_MOST_TOKENS = 10


@dataclass(frozen=True, slots=True)
class Request:
    """What an Approve or a Decline button carries: which token."""

    token_id: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """What the button carries that turns off news of first fetches: for which integration."""

    id: str


def draw_requests(events: Sequence[Event]) -> Message:
    """What a person is told about events of one kind, with what they can do about each."""
    make = _MESSAGES[Action(events[0].action)]
    told = [make(event) for event in events[:_MOST_TOLD]]
    blocks = [block for text, more in told for block in (section(text), *more)]
    rest = len(events) - len(told)
    blocks += [section(f"… and {rest} more")] if rest else []
    return marked(told[0][0], blocks)


def let_in(tokens: Sequence[WorkflowToken]) -> list[Block]:
    """Name the tokens that a link lets in: any member may have created them before."""
    if not tokens:
        return []
    named = [f"{code(one.id)} {made_by(one)}" for one in tokens[:_MOST_TOKENS]]
    more = f" and {len(tokens) - _MOST_TOKENS} more" if len(tokens) > _MOST_TOKENS else ""
    text = f":key: These workflow tokens can now fetch it: {', '.join(named)}{more}."
    return [context(f"{text} `/integrations token revoke ID` revokes one.")]


def is_request(event: Event) -> bool:
    """True for what is told to one person by ``draw_requests``."""
    return event.action in list(_MESSAGES)


def _who(event: Event) -> str:
    return mention(event.actor)


def _target(event: Event) -> str:
    return code(event.target.in_words) if event.target else "a target"


def _noted(event: Event) -> tuple[str, list[Block]]:
    text = (
        f":link: {_who(event)} noted that {_target(event)} depends on {bold(event.name)}. "
        "The target can fetch it once you allow this."
    )
    target = event.target or Target(TargetKind.PROJECT, "")
    value = pack_link(event.integration_id or "", target)
    return text, [actions(button("Allow", ALLOW, value, style="primary"))]


def _linked(event: Event) -> tuple[str, list[Block]]:
    return (
        f":link: {_who(event)} linked {_target(event)} to {bold(event.name)}. From now on, that target "
        "gets this login instead of the one that you linked.",
        [],
    )


def _allowed(event: Event) -> tuple[str, list[Block]]:
    more = f" These tokens can now fetch it: {code(event.detail)}." if event.detail else ""
    return (
        f":white_check_mark: {_who(event)} allowed {_target(event)} to fetch {bold(event.name)}.{more}",
        [],
    )


def _removed(event: Event) -> tuple[str, list[Block]]:
    return (
        f":wastebasket: {_who(event)} removed {_target(event)}, which you linked, from {bold(event.name)}. "
        "The target can't fetch it until somebody links the target again.",
        [],
    )


def _asked(event: Event) -> tuple[str, list[Block]]:
    if event.integration_id and event.target:
        value = pack_link(event.integration_id, event.target)
        text = (
            f":key: {_who(event)} created the workflow token {code(event.token_id)} for {_target(event)}, "
            f"which is linked to {bold(event.name)}. The token can fetch this login once you allow that."
        )
        return text, [actions(button("Allow", ALLOW, value, style="primary"))]
    text = (
        f":key: {_who(event)} created the workflow token {code(event.token_id)} for {_target(event)} and "
        "asks you to let it fetch what is open to all workflows."
    )
    return text, request_buttons(event.token_id)


def request_buttons(token_id: str) -> list[Block]:
    """The buttons with which an admin decides on a token."""
    value = pack(Request(token_id))
    return [
        actions(
            button("Approve", APPROVE, value, style="primary", label=f"Approve token {token_id}"),
            button("Decline", DECLINE, value, label=f"Decline token {token_id}"),
        )
    ]


def _decided(event: Event) -> tuple[str, list[Block]]:
    is_approval = event.action == Action.APPROVE_TOKEN
    mark, verb = (":white_check_mark:", "approved") if is_approval else (":no_entry:", "declined")
    return f"{mark} {_who(event)} {verb} your workflow token {code(event.token_id)} for {_target(event)}.", []


def _left(event: Event) -> tuple[str, list[Block]]:
    text = (
        f":no_entry: {mention(event.person)} is no longer a full member, so their workflow token "
        f"{code(event.token_id)} for {_target(event)} is revoked. Create a new one for this target."
    )
    return text, []


def _leaked(event: Event) -> tuple[str, list[Block]]:
    if event.token_id:
        target = event.target.as_typed if event.target else "project|environment|image TARGET"
        text = (
            f":no_entry: {_who(event)} revoked your workflow token {code(event.token_id)} for "
            f"{_target(event)}, because it may have leaked. To create a new one: "
            f"`{COMMAND} token create {target}`"
        )
        return text, []
    if event.name:
        text = (
            f":rotating_light: The login of {bold(event.name)} may be known to others: {_who(event)} revoked "
            "every token that could fetch it. Create a new credential at the registry, then enter it here."
        )
        rotate = button("Rotate", ROTATE, event.integration_id or "", label=f"Rotate {event.name}")
        return text, [actions(rotate)]
    return f":no_entry: {_who(event)} revoked every token of yours that may have leaked: {event.reason}.", []


def _entered(event: Event) -> tuple[str, list[Block]]:
    return f":lock: {_who(event)} entered the secret of {bold(event.name)}, as you asked.", []


def _fetched(event: Event) -> tuple[str, list[Block]]:
    text = f":inbox_tray: {_target(event)} fetched {bold(event.name)} for the first time."
    quiet = button(
        "Stop telling me about new targets",
        QUIET,
        pack(Quiet(event.integration_id or "")),
        label=f"Quiet for {event.name}",
    )
    return text, [actions(quiet)]


_MESSAGES: Mapping[Action, Callable[[Event], tuple[str, list[Block]]]] = {
    Action.NOTE: _noted,
    Action.LINK: _linked,
    Action.ALLOW: _allowed,
    Action.UNLINK: _removed,
    Action.CREATE_TOKEN: _asked,
    Action.APPROVE_TOKEN: _decided,
    Action.DECLINE_TOKEN: _decided,
    Action.REVOKE_TOKEN: _left,
    Action.REVOKE_ALL: _leaked,
    Action.ENTER_SECRET: _entered,
    Action.FETCH: _fetched,
}
