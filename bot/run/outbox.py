"""Sends news: each at least once, in order, and never again once it is marked as sent.

A process that is killed between sending and marking sends one message twice; it never loses one.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slack_sdk.errors import SlackApiError

from bot.core.audit import News
from bot.core.errors import QuaymasterError
from bot.core.model import Workspace
from bot.core.news import MOST_ATTEMPTS, changes_to_tell, mark_sent, mark_told, mark_tried, take_news
from bot.core.ports.store import Reading
from bot.services import Services

_GONE = frozenset(
    {"user_not_found", "account_inactive", "is_inactive", "user_disabled", "messages_tab_disabled"}
)
"""Slack's error codes for a person who can no longer be reached."""
_CLOSED = frozenset(
    {"channel_not_found", "not_in_channel", "is_archived", "restricted_action", "no_permission"}
)
"""Slack's error codes for a channel that cannot be posted to."""

_Draw = Callable[[Reading, Sequence[News]], Mapping[str, Any]]
"""Draws one message from news that belongs together."""

log = logging.getLogger(__name__)


class Outbox:
    """Sends the news that is waiting. ``step`` does one round; it is called every few seconds."""

    def __init__(
        self, services: Services, draw: _Draw, draw_closed: Callable[[str], Mapping[str, Any]]
    ) -> None:
        """
        Put together what sending needs.

        Args:
            services: The ports and Slack.
            draw: Draws news.
            draw_closed: Draws what admins are told about a channel that cannot be posted to.
        """
        self._services = services
        self._draw = draw
        self._draw_closed = draw_closed
        self._closed: set[tuple[Workspace, str]] = set()
        """Channels whose admins were told that they cannot be posted to."""

    def step(self) -> None:
        """Send everything that is ready. A failure in one workspace does not delay the others."""
        for workspace in self._services.ports.store.workspaces():
            try:
                self._send_of(workspace)
            except QuaymasterError as error:
                log.warning("news is waiting to be sent: %s", error.message)

    def _send_of(self, workspace: Workspace) -> None:
        ports = self._services.ports
        reading = ports.store.read(workspace)
        for group in take_news(reading, ports.now()):
            places = self._send(workspace, reading, group)
            if places is None:
                mark_tried(ports, workspace, group)
            else:
                mark_sent(ports, workspace, group, places)
        changes, sequence = changes_to_tell(reading)
        if sequence and (not changes or self._send(workspace, reading, changes) is not None):
            mark_told(ports, workspace, sequence)

    def _send(
        self, workspace: Workspace, reading: Reading, group: tuple[News, ...]
    ) -> tuple[str, ...] | None:
        """Send news that belongs together. Return the messages; ``None`` = try again."""
        to = self._recipient(workspace, group[0])
        drawn = self._draw(reading, group)
        try:
            places = tuple(self._post(workspace, each, drawn) for each in to)
        except SlackApiError as error:
            return () if self._is_lost(workspace, group, str(error.response.get("error"))) else None
        except OSError as error:
            log.warning("Slack could not be reached, so news is waiting to be sent: %s", type(error).__name__)
            return None
        self._closed.discard((workspace, group[0].to))
        return places

    def _recipient(self, workspace: Workspace, news: News) -> tuple[str, ...]:
        """Return the channel or person, or the admins if the person has left."""
        if not news.to.startswith(("U", "W")):
            return (news.to,)
        person = self._services.people.person(workspace, news.to, fresh=False)
        return self._services.admins_of(workspace) if person.is_deleted else (news.to,)

    def _is_lost(self, workspace: Workspace, group: tuple[News, ...], code: str) -> bool:
        """Return True when nobody can receive it. Admins are told once about a closed channel."""
        channel = group[0].to
        log.warning("Slack did not accept a news message: %s", code)
        if "/" in channel:
            # The message to replace is gone, or too old to be replaced.
            return code != "ratelimited" or group[0].attempts >= MOST_ATTEMPTS
        if code in _CLOSED and (workspace, channel) not in self._closed:
            self._closed.add((workspace, channel))
            for admin in self._services.admins_of(workspace):
                self._post(workspace, admin, self._draw_closed(channel))
        return code in _GONE | _CLOSED or group[0].attempts >= MOST_ATTEMPTS

    def _post(self, workspace: Workspace, to: str, message: Mapping[str, Any]) -> str:
        """Post or replace a message, and return it as ``channel/time``."""
        client = self._services.slack(workspace)
        channel, _, ts = to.partition("/")
        if ts:
            client.chat_update(channel=channel, ts=ts, **message)
            return to
        answer = client.chat_postMessage(channel=channel, unfurl_links=False, unfurl_media=False, **message)
        return f"{answer['channel']}/{answer['ts']}"
