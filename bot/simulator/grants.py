"""What Slack lends to the app for a while: trigger ids and response URLs."""

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.simulator.kept_blocks import BlocksRefused

_TRIGGER_LIFETIME_S = 3.0
_URL_LIFETIME_S = 30 * 60.0
_URL_POSTS = 5


UrlKind = Literal["commands", "actions", "app"]
"""``app`` is for message shortcuts and for conversations chosen in a form."""


@dataclass
class _Trigger:
    """The permission to open one form for a person; ``channel`` is the one they were viewing, if any."""

    person: str
    channel: str
    minted_at: float
    used: bool = False


@dataclass
class ResponseUrl:
    """The permission to answer one command or one button press; ``ts`` is the pressed message's, if any."""

    kind: UrlKind
    person: str
    channel: str
    ts: str | None
    minted_at: float
    posts: int = 0


class Grants:
    """Every trigger id and response URL given out for a workspace, with the time each was minted."""

    def __init__(self, clock: Callable[[], float], team_id: str) -> None:
        self._clock = clock
        self._team_id = team_id
        self._triggers: dict[str, _Trigger] = {}
        self._urls: dict[str, ResponseUrl] = {}
        self._numbers = itertools.count(1)

    def trigger(self, person: str, channel: str = "") -> str:
        """Mint a trigger id for a person; it serves once, within three seconds."""
        trigger_id = f"{next(self._numbers)}.1700.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = _Trigger(person, channel, self._clock())
        return trigger_id

    def exchange(self, trigger_id: str) -> _Trigger:
        """
        Use a trigger id up and return it, with the person it was minted for.

        Raises:
            BlocksRefused: Unknown, used before, or older than three seconds.
        """
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise BlocksRefused("invalid_trigger_id")
        if trigger.used:
            raise BlocksRefused("exchanged_trigger_id")
        if self._clock() - trigger.minted_at > _TRIGGER_LIFETIME_S:
            raise BlocksRefused("expired_trigger_id")
        trigger.used = True
        return trigger

    def response_url(self, kind: UrlKind, person: str, channel: str, ts: str | None) -> str:
        """Mint a response URL and return its path below the workspace's address."""
        path = f"/hooks/{kind}/{self._team_id}/{next(self._numbers)}/{secrets.token_urlsafe(18)}"
        self._urls[path] = ResponseUrl(kind, person, channel, ts, self._clock())
        return path

    def use_url(self, path: str) -> ResponseUrl:
        """
        Count one post to a response URL.

        Raises:
            BlocksRefused: Unknown, older than thirty minutes, or used five times.
        """
        url = self._urls.get(path)
        if url is None:
            raise BlocksRefused("no_such_url")
        if self._clock() - url.minted_at > _URL_LIFETIME_S:
            raise BlocksRefused("expired_url")
        if url.posts >= _URL_POSTS:
            raise BlocksRefused("used_url")
        url.posts += 1
        return url
