"""Socket Mode: Slack's payloads over a connection that we open, for teams without a public address.

The SDK's client reconnects by itself when the connection is closed. It does not notice a connection that
opens but never carries a pong, and it spins on one that ends without a word; and its first connection
raises when Slack is down. So a watchdog of ours connects, looks every second, and connects again.
"""

import contextlib
import logging
import socket
import time
from threading import Event, Lock, Thread

from slack_bolt import App
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_sdk import WebClient

from bot.core.secrets import Secret
from bot.slack.slack_errors import why_unreachable

# As many as the web server's threads, for the same reason: a submitted form waits for a registry in one
# of them, and 64 such forms must not hold up anybody else's acknowledgement. They start as needed.
_CONCURRENCY = 80
_RECEIVE_BYTES = 64 * 1024
"""The SDK reads a payload in pieces of this size, one level of recursion each."""

_LONGEST_PAUSE_S = 60.0

log = logging.getLogger(__name__)


class SocketMode:
    """A connection to Slack that is kept alive until it is stopped."""

    def __init__(
        self,
        app: App,
        app_token: Secret,
        client: WebClient,
        *,
        ping_every_s: float = 3.0,
        look_every_s: float = 1.0,
        silent_after_s: float = 9.0,
        first_pause_s: float = 5.0,
    ) -> None:
        """
        Args:
            app: Answers the payloads.
            app_token: The connection is asked for with it.
            client: Knows Slack's address.
            ping_every_s: How often Slack is asked for a sign of life.
            look_every_s: How often the connection is looked at.
            silent_after_s: So long after the last pong it is lost: three pings without an answer.
            first_pause_s: How long to wait after a failed attempt; each further wait is twice as long.
        """
        self._handler = SocketModeHandler(
            app,
            app_token.reveal(),
            web_client=client,
            concurrency=_CONCURRENCY,
            ping_interval=ping_every_s,
            receive_buffer_size=_RECEIVE_BYTES,
        )
        self._client = self._handler.client
        self._look_every_s = look_every_s
        self._silent_after_s = silent_after_s
        self._first_pause_s = first_pause_s
        self._stopped = Event()
        self._lock = Lock()
        self._heard: tuple[str, float | None] = ("", None)
        """The session and the wall time of its last pong, as the SDK keeps it."""
        self._heard_at = 0.0
        """When that changed last, in monotonic seconds: the wall clock may be set."""
        self._watchdog = Thread(target=self._watch, name="socket-mode", daemon=True)
        # A thread of its own, because the SDK waits for its workers without a limit.
        self._closing = Thread(target=self._close, name="socket-mode-end", daemon=True)

    def start(self) -> None:
        """Begin to connect. Returns at once; ``health`` says whether it has come about."""
        self._watchdog.start()

    def health(self) -> str | None:
        """Return ``None`` while Slack answers, otherwise a sentence."""
        return None if self._is_alive() else "Slack's Socket Mode is not connected."

    def stop(self, timeout_s: float) -> None:
        """Take no further payload, let the running ones be acknowledged, then disconnect. May be repeated."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._client.auto_reconnect_enabled = False
            self._client.closed = True
            self._closing.start()
        self._closing.join(timeout_s)

    def _close(self) -> None:
        self._client.message_workers.shutdown()
        self._client.current_session_state.terminated = True
        session = self._client.current_session
        if session is not None and session.sock is not None:
            # The SDK would wait 3 s for its own read to time out.
            with contextlib.suppress(OSError):
                session.sock.shutdown(socket.SHUT_RDWR)
        self._client.message_queue.put(None)
        self._client.close()

    def _watch(self) -> None:
        lost_at: float | None = None  # None = it was never there
        was_alive, has_complained = False, False
        pause_s, again_at = self._first_pause_s, 0.0
        while not self._stopped.is_set():
            now = time.monotonic()
            is_alive = self._is_alive()
            if is_alive and not was_alive:
                log.info(_arrived(now - lost_at if lost_at else None))
                pause_s, again_at, has_complained = self._first_pause_s, 0.0, False
            elif was_alive and not is_alive:
                log.warning("Socket Mode: connection lost")
                # The SDK itself replaces a connection that was closed, and notices a silent one only later.
                is_silent = self._client.is_connected()
                lost_at, again_at = now, now if is_silent else now + 2 * self._look_every_s
            if not is_alive and now >= again_at and not self._connect(is_told=has_complained):
                has_complained = True
                again_at, pause_s = now + pause_s, min(2 * pause_s, _LONGEST_PAUSE_S)
            was_alive = is_alive
            self._stopped.wait(self._look_every_s)

    def _connect(self, *, is_told: bool) -> bool:
        try:
            self._client.connect_to_new_endpoint(force=True)
        except Exception as error:
            why = why_unreachable(error)
            if why and not is_told:
                log.error("Socket Mode: Slack cannot be reached, trying again: %s", why)
            elif not is_told:
                log.error("Socket Mode: cannot connect, trying again", exc_info=error)
            return False
        return bool(self._client.is_connected())

    def _is_alive(self) -> bool:
        session = self._client.current_session
        if session is None or not session.is_active():
            return False
        with self._lock:
            heard = (session.session_id, session.last_ping_pong_time)
            if heard != self._heard:
                self._heard, self._heard_at = heard, time.monotonic()
            return time.monotonic() - self._heard_at < self._silent_after_s


def _arrived(away_s: float | None) -> str:
    return (
        "Socket Mode: connected" if away_s is None else f"Socket Mode: connected again after {away_s:.0f} s"
    )
