"""What happens by the clock, not by a request: write what was noted, remind people of tokens that end."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.core.errors import QuaymasterError
from bot.core.model import Workspace
from bot.core.workflows.fetch import keep_tallies
from bot.core.workflows.fetch_counts import HOUR, Tally
from bot.core.workflows.token_format import WorkflowToken
from bot.core.workflows.tokens import due_reminders, keep_reminder
from bot.services import Services
from handlers.token import reminder

EVERY_S = 60.0
REMIND_EVERY = 60
"""Reminders are looked for once in so many rounds."""

GONE = frozenset({"user_not_found", "account_inactive", "is_inactive", "channel_not_found", "user_disabled"})
"""Slack's ways of saying that a person cannot be reached any more."""

log = logging.getLogger(__name__)


class Housekeeping:
    """One thread that does a round every minute until it is stopped; the last round writes what is left."""

    def __init__(self, services: Services, every_s: float = EVERY_S) -> None:
        self._services = services
        self._every_s = every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Do the last round and end, within the time."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        end = self._services.now() + HOUR
        attempt("write what was noted", lambda: write_noted(self._services, end))

    def _run(self) -> None:
        number = 0
        while not self._stopped.wait(self._every_s):
            attempt("write what was noted", lambda: write_noted(self._services, self._services.now()))
            if number % REMIND_EVERY == 0:
                # On the executor: Slack may let a batch of messages wait for minutes.
                self._services.executor.submit(self._remind, on_full=wait_for_the_next_round)
            number += 1

    def _remind(self) -> None:
        attempt("remind of tokens", lambda: remind(self._services))


def wait_for_the_next_round() -> None:
    """Do nothing: whoever is due now is due in an hour."""


def attempt(what: str, task: Callable[[], None]) -> None:
    """Do something that may fail without stopping the clock: it is tried again in the next round."""
    try:
        task()
    except Exception as error:  # noqa: BLE001 - whatever it is, the clock goes on
        log.warning("could not %s: %s", what, type(error).__name__)


def write_noted(services: Services, over: datetime) -> None:
    """Write "last used", and the counts of hours that are over by then."""
    done: dict[Workspace, list[tuple[Tally, int]]] = {}
    for tally, more in services.tallies.over(over):
        done.setdefault(tally.workspace, []).append((tally, more))
    for counts in done.values():
        attempt("write counts", partial(write_counts, services, counts))
    services.store.flush()


def write_counts(services: Services, counts: list[tuple[Tally, int]]) -> None:
    """Write one workspace's counts; those that cannot be written are counted on."""
    try:
        keep_tallies(services.store, counts, services.now())
    except (QuaymasterError, OSError):
        services.tallies.put_back(counts)
        raise


def remind(services: Services) -> None:
    """Tell each creator whose token ends in 7 days or 1, once each."""
    for workspace, token in due_reminders(services.store, services.now()):
        if send(services.slack(workspace), token):
            keep_reminder(services.store, workspace, token, services.now())


def send(client: WebClient, token: WorkflowToken) -> bool:
    """Send a reminder as a direct message. False = try again later; who is gone is not tried again."""
    try:
        client.chat_postMessage(channel=token.created_by, unfurl_links=False, **reminder(token))
    except SlackApiError as error:
        return error.response.get("error") in GONE
    return True
