"""A test of everything: one message in the person's conversation with the app, which shows its progress.

begin -> begin_round, chat.postMessage -> (a step: ask_in_round, chat.update) … -> chat.update
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from slack_sdk.errors import SlackApiError

from bot.core.errors import InvalidInput, QuaymasterError
from bot.core.integrations.testing import ask_in_round, begin_round, end_round, is_running
from bot.core.model import Actor, Health, Integration, Server
from bot.core.ports.registry import CheckResult
from bot.core.queries import Filter
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    button,
    context,
    escape,
    message,
    pack,
    posted,
    section,
)
from handlers.routes import COMMAND

ALL = "rounds.all"
CANCEL = "rounds.cancel"
_UPDATE_EVERY = timedelta(seconds=2)
"""Slack lets an app change a message about once a second."""
_MOST_NAMED = 20
_MARKS = {Health.REFUSED: ":x:", Health.UNREACHABLE: ":warning:", Health.NOT_ASKED: ":hourglass:"}


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What a Cancel button carries: which round."""

    id: str


@dataclass(slots=True)
class _Progress:
    """The progress of a round. One task at a time works on it."""

    services: Services
    actor: Actor
    id: str
    total: int
    left: deque[str]
    channel: str = ""
    ts: str = ""
    updated_at: datetime | None = None
    dead: dict[Server, CheckResult] = field(default_factory=dict)
    counts: dict[Health, int] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many were tested."""
        return self.total - len(self.left)


def begin(services: Services, actor: Actor, narrowed: Filter) -> None:
    """Begin a round, and say so in the person's conversation with the app. Raises ``InvalidInput``."""
    round_id, found = begin_round(services.ports, actor, narrowed)
    progress = _Progress(services, actor, round_id, len(found), deque(one.id for one in found))
    try:
        answer = services.slack(actor.workspace).chat_postMessage(
            channel=actor.user_id, **posted(_drawn(progress, is_running=True))
        )
    except SlackApiError as error:
        end_round(services.ports, actor, round_id)
        hint = "Open a conversation with Quaymaster, then try again."
        raise InvalidInput("Slack did not deliver the message that shows the progress.", hint) from error
    progress.channel, progress.ts = str(answer["channel"]), str(answer["ts"])
    progress.updated_at = services.ports.now()
    _submit(progress)


def _submit(progress: _Progress) -> None:
    """Test the next one on the lane for registry calls; other tasks run in between."""
    executor = progress.services.executor
    executor.submit(
        lambda: _step(progress), on_full=lambda: _finish(progress, "too busy"), asks_registry=True
    )


def _step(progress: _Progress) -> None:
    ports, actor = progress.services.ports, progress.actor
    if not is_running(ports, actor, progress.id):
        return _finish(progress, "canceled")
    try:
        answer = ask_in_round(ports, actor, progress.id, progress.left.popleft(), progress.dead)
    except QuaymasterError as error:
        return _finish(progress, error.message)
    if answer:
        _count(progress, *answer)
    if not progress.left:
        return _finish(progress)
    now = ports.now()
    if progress.updated_at is None or now - progress.updated_at >= _UPDATE_EVERY:
        progress.updated_at = now
        _update(progress, is_running=True)
    return _submit(progress)


def _count(progress: _Progress, integration: Integration, result: CheckResult) -> None:
    health = result.health or Health.NOT_ASKED
    progress.counts[health] = progress.counts.get(health, 0) + 1
    if health is not Health.WORKS:
        line = f"{_MARKS[health]} {bold(integration.name)}  {health.value}: {escape(result.reason)}"
        progress.trouble.append(line)


def _finish(progress: _Progress, reason: str = "") -> None:
    end_round(progress.services.ports, progress.actor, progress.id)
    _update(progress, is_running=False, reason=reason)


def _update(progress: _Progress, *, is_running: bool, reason: str = "") -> None:
    client = progress.services.slack(progress.actor.workspace)
    drawn = posted(_drawn(progress, is_running=is_running, reason=reason))
    client.chat_update(channel=progress.channel, ts=progress.ts, **drawn)


def _drawn(progress: _Progress, *, is_running: bool, reason: str = "") -> Message:
    """How many were tested, the results, and each login that does not work."""
    counts = [f"{count} {health.value}" for health, count in progress.counts.items()]
    found = f": {', '.join(counts)}" if counts else ""
    mark = ":hourglass_flowing_sand:" if is_running else ":white_check_mark:"
    said = "Tested" if not is_running and not reason else "Testing" if is_running else "Stopped after"
    line = f"{mark} {said} {progress.done} of {progress.total}{found}"
    blocks: list[Block] = [section(line)]
    shown = progress.trouble[:_MOST_NAMED]
    more = len(progress.trouble) - len(shown)
    blocks += [section(one) for one in shown]
    blocks += [context(f"… and {more} more: `{COMMAND} list broken`")] if more else []
    if reason:
        blocks.append(context(f"It stopped early: {escape(reason)}. The results so far are kept."))
    if is_running:
        blocks.append(actions(button("Cancel", CANCEL, pack(Cancelled(progress.id)))))
    else:
        blocks.append(context(f"The results are in `{COMMAND} list`."))
    return message(line, blocks)
