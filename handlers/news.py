"""Messages that people get because of what others did: a request to decide, a link that was removed.

news in the store -> send_news -> news_message -> chat.postMessage

``handlers/decide.py`` is what the buttons do. A message is a row of the same change as what it tells, and
leaves afterwards, at least once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.core.audit import Action
from bot.core.model import Event, News, Target, TargetKind, Workspace
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    button,
    code,
    mention,
    message,
    section,
)
from handlers.paging import pack, too_old

ALLOW = "decide.allow"
APPROVE = "decide.approve"
DECLINE = "decide.decline"

_MOST_ATTEMPTS = 1000
_GONE = frozenset({"user_not_found", "account_inactive", "is_inactive", "channel_not_found", "user_disabled"})
"""Slack's ways of saying that a person cannot be reached any more."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What an Allow button carries: which link."""

    id: str
    kind: str
    name: str

    @property
    def target(self) -> Target:
        """The target. Raises ``InvalidInput``."""
        if self.kind not in list(TargetKind):
            raise too_old("link")
        return Target(TargetKind(self.kind), self.name)


@dataclass(frozen=True, slots=True)
class Request:
    """What an Approve or a Decline button carries: which token."""

    token_id: str


def send_news(services: Services, workspace: Workspace) -> None:
    """
    Send what waits, the oldest first, and take away what was sent or can never be.

    What Slack does not take now waits for the next time.
    """
    store = services.ports.store
    for news in store.read(workspace).news:
        is_done = _post(services.slack(workspace), news)
        with store.change(workspace) as change:
            if is_done or news.attempts >= _MOST_ATTEMPTS:
                change.remove(news)
            else:
                change.put(replace(news, attempts=news.attempts + 1))


def send_soon(services: Services, workspace: Workspace) -> None:
    """Send what waits after the acknowledgement, where there is something; the clock sends what is left."""
    if services.ports.store.read(workspace).news:
        services.executor.submit(lambda: send_news(services, workspace), on_full=_leave_to_the_clock)


def _leave_to_the_clock() -> None:
    """Do nothing: the clock sends what waits each minute."""


def _post(client: WebClient, news: News) -> bool:
    """Send one message. False = try again later; who is gone is not tried again."""
    try:
        told = news_message(news.event)
        client.chat_postMessage(channel=news.to, unfurl_links=False, text=told["text"], blocks=told["blocks"])
    except SlackApiError as error:
        return error.response.get("error") in _GONE
    return True


def news_message(event: Event) -> Message:
    """What a person is told, with what they can do about it."""
    make = _MESSAGES.get(Action(event.action)) if event.action in list(Action) else None
    text, blocks = make(event) if make else (f"{event.action} {event.name}", [])
    return message(text.replace("*", "").replace("`", ""), [section(text), *blocks])


def _who(event: Event) -> str:
    return mention(event.actor)


def _target(event: Event) -> str:
    return code(event.target.in_words) if event.target else "a target"


def _noted(event: Event) -> tuple[str, list[Block]]:
    text = (
        f":link: {_who(event)} noted that {_target(event)} depends on {bold(event.name)}. "
        "It may fetch it when you allow that."
    )
    target = event.target or Target(TargetKind.PROJECT, "")
    value = pack(Noted(event.integration_id or "", target.kind.value, target.name))
    return text, [actions(button("Allow", ALLOW, value, style="primary"))]


def _linked(event: Event) -> tuple[str, list[Block]]:
    return (
        f":link: {_who(event)} linked {_target(event)} to {bold(event.name)}. It gets this login from now on "
        "in place of the one that you linked.",
        [],
    )


def _allowed(event: Event) -> tuple[str, list[Block]]:
    return f":white_check_mark: {_who(event)} allowed that {_target(event)} fetches {bold(event.name)}.", []


def _removed(event: Event) -> tuple[str, list[Block]]:
    return (
        f":wastebasket: {_who(event)} removed {_target(event)}, which you linked, from {bold(event.name)}. "
        "It may not fetch this until it is linked again.",
        [],
    )


def _asked(event: Event) -> tuple[str, list[Block]]:
    text = (
        f":key: {_who(event)} made the workflow token {code(event.token_id)} for {_target(event)} and asks "
        "that it may fetch what is open to all workflows."
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


_MESSAGES: Mapping[Action, Callable[[Event], tuple[str, list[Block]]]] = {
    Action.NOTE: _noted,
    Action.LINK: _linked,
    Action.ALLOW: _allowed,
    Action.UNLINK: _removed,
    Action.CREATE_TOKEN: _asked,
    Action.APPROVE_TOKEN: _decided,
    Action.DECLINE_TOKEN: _decided,
}
