"""Jobs that run on a schedule, not on a request: write recorded uses, remind people of expiring tokens."""

import logging
import threading
from collections.abc import Callable

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.core.audit import HISTORY_ENDS
from bot.core.integrations.owners import note_departure
from bot.core.integrations.secret_entry import end_old_links
from bot.core.model import WorkflowToken, Workspace
from bot.core.queries import HistoryQuery
from bot.core.workflows.tokens import due_reminders, keep_reminder, review_token, working_tokens
from bot.services import Services
from handlers.token import reminder

_EVERY_S = 60.0
_REVIEW_EVERY = 10
"""Tokens are compared with their creators once in so many rounds."""
_REMIND_EVERY = 60
"""Reminders are looked for once in so many rounds."""

_GONE = frozenset({"user_not_found", "account_inactive", "is_inactive", "channel_not_found", "user_disabled"})
"""Slack's error codes for a person who can no longer be reached."""

log = logging.getLogger(__name__)


class Ticker:
    """A thread that repeats a step until it is stopped. If the step fails, the thread goes on."""

    def __init__(self, name: str, every_s: float, step: Callable[[], None]) -> None:
        """``step`` is called ``every_s`` seconds after its last call ended."""
        self._name = name
        self._every_s = every_s
        self._step = step
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop, and wait at most ``timeout_s`` for a running step."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            _attempt(f"do a step of the {self._name}", self._step)


class Housekeeping(Ticker):
    """Runs a round every minute until it is stopped; the last round writes what is left."""

    def __init__(
        self,
        services: Services,
        flush: Callable[[], None],
        every_s: float = _EVERY_S,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        """``flush`` writes what the store may hold in memory for a minute; only a leader sends reminders."""
        super().__init__("housekeeping", every_s, self._round)
        self._is_leader = is_leader
        self._services = services
        self._flush = flush
        self._rounds = 0
        self._logged: dict[Workspace, int] = {}
        """The sequence of the newest entry that the log names, by workspace."""

    def stop(self, timeout_s: float) -> None:
        """Do the last round and end, within the time."""
        super().stop(timeout_s)
        _attempt("write what was noted", self._flush)
        if self._is_leader():
            _attempt("log where each history ends", self._log_histories)

    def _round(self) -> None:
        number, self._rounds = self._rounds, self._rounds + 1
        _attempt("write what was noted", self._flush)
        if self._is_leader():
            _attempt("end links", lambda: end_old_links(self._services.ports))
        if number % _REVIEW_EVERY == 0:
            self._services.executor.submit(self._review, on_full=_wait_for_the_next_round)
        if number % _REMIND_EVERY == 0 and self._is_leader():
            # On the executor: Slack may let a batch of messages wait for minutes.
            self._services.executor.submit(self._remind, on_full=_wait_for_the_next_round)
            _attempt("log where each history ends", self._log_histories)

    def _review(self) -> None:
        _attempt("review tokens", lambda: review(self._services))

    def _remind(self) -> None:
        _attempt("send token reminders", lambda: remind(self._services))

    def _log_histories(self) -> None:
        """Log the newest entry of each history that grew, for ``audit verify --log`` to compare it with."""
        store = self._services.ports.store
        for workspace in store.workspaces():
            newest = store.read(workspace).history.page(HistoryQuery(size=1)).entries
            if newest and newest[0].sequence != self._logged.get(workspace):
                self._logged[workspace] = newest[0].sequence
                log.info(HISTORY_ENDS, workspace.key, newest[0].sequence, newest[0].hash)


def _wait_for_the_next_round() -> None:
    """Do nothing: what is due now is still due in the next round that looks for it."""


def _attempt(what: str, task: Callable[[], None]) -> None:
    """Do something that may fail without stopping the thread: the next round tries it again."""
    try:
        task()
    except Exception as error:  # noqa: BLE001 - whatever it is, the thread goes on
        log.warning("could not %s: %s", what, type(error).__name__)


def review(services: Services) -> None:
    """Compare each valid token with its creator's current role."""
    ports = services.ports
    for workspace in ports.store.workspaces():
        for token in working_tokens(ports.store, workspace, ports.now()):
            creator = services.people.person(workspace, token.created_by, fresh=False)
            note_departure(ports, workspace, creator, services.admins_of(workspace))
            review_token(ports, workspace, token, creator, services.admins_of(workspace))


def remind(services: Services) -> None:
    """Remind each creator twice: 7 days and 1 day before a token expires."""
    store, at = services.ports.store, services.ports.now()
    for workspace, token in due_reminders(store, at):
        if _send(services.slack(workspace), token):
            keep_reminder(store, workspace, token, at)


def _send(client: WebClient, token: WorkflowToken) -> bool:
    """Send a reminder as a direct message. False = it failed, and the person is not gone: try again later."""
    try:
        client.chat_postMessage(channel=token.created_by, unfurl_links=False, **reminder(token))
    except SlackApiError as error:
        return error.response.get("error") in _GONE
    return True
