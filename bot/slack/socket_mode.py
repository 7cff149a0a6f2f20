"""Socket Mode: Slack's payloads over a connection that we open, for teams without a public address.

The SDK's client reconnects by itself when the connection is closed. It does not notice a connection that
opens but never carries a pong, and it spins on one that ends without a word; and its first connection
raises when Slack is down. So a watchdog of ours connects, looks every 5 seconds, and connects anew.
"""

import contextlib
import logging
import socket
import time
from threading import Event, Thread

from slack_bolt import App
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_sdk import WebClient

from bot.core.secrets import Secret

# As many as the web server's threads, for the same reason: a submitted form waits for a registry in one
# of them, and 64 such forms must not hold up anybody else's acknowledgement. They start as needed.
CONCURRENCY = 80
RECEIVE_BYTES = 64 * 1024
"""The SDK reads a payload in pieces of this size, one level of recursion each."""

LOOK_EVERY_S = 5
SILENT_AFTER_S = 20
"""Four pings without a pong."""
LONGEST_PAUSE_S = 60.0

log = logging.getLogger(__name__)


class SocketMode:
    """A connection to Slack that is kept alive until it is stopped."""

    def __init__(self, app: App, app_token: Secret, client: WebClient) -> None:
        """``client`` knows Slack's address; the connection is asked for with ``app_token``."""
        self._handler = SocketModeHandler(
            app,
            app_token.reveal(),
            web_client=client,
            concurrency=CONCURRENCY,
            ping_interval=LOOK_EVERY_S,
            receive_buffer_size=RECEIVE_BYTES,
        )
        self._client = self._handler.client
        self._stopped = Event()
        self._session = ""
        self._session_since = 0.0
        self._watchdog = Thread(target=self._watch, name="socket-mode", daemon=True)
        # A thread of its own, because the SDK waits for its workers without a limit.
        self._closing = Thread(target=self._close, name="socket-mode-end", daemon=True)

    def start(self) -> None:
        """Begin to connect. Returns at once; ``health`` says whether it has come about."""
        self._watchdog.start()

    def health(self) -> str | None:
        """Give ``None`` while Slack answers, otherwise a sentence."""
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
        pause_s = float(LOOK_EVERY_S)
        while not self._stopped.is_set():
            is_well = self._is_alive() or self._connect()
            pause_s = LOOK_EVERY_S if is_well else min(2 * pause_s, LONGEST_PAUSE_S)
            self._stopped.wait(pause_s)

    def _connect(self) -> bool:
        try:
            self._client.connect_to_new_endpoint(force=True)
        except Exception as error:
            log.error("Socket Mode cannot connect", exc_info=error)
            return False
        return self._client.is_connected()

    def _is_alive(self) -> bool:
        session = self._client.current_session
        if session is None or not session.is_active():
            return False
        if session.session_id != self._session:
            self._session, self._session_since = session.session_id, time.time()
        heard_at = max(session.last_ping_pong_time or 0.0, self._session_since)
        return time.time() - heard_at < SILENT_AFTER_S
