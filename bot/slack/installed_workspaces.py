"""Which workspaces are served when each installs the app itself, and with whose token Slack is asked.

request -> workspace_of -> the installation of the workspace, or of its organization, or a refusal
client -> token_for -> the cache, or the store -> Slack's new token, once it is due

The cache of each process is some seconds old at most. A token that has to be exchanged is exchanged by one
process, which locks the installation, looks again whether somebody else has done it, and only then asks.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackTokenRotationError
from slack_sdk.oauth.installation_store import Bot
from slack_sdk.oauth.token_rotation import TokenRotator

from bot.core.audit import HISTORY_DELETED
from bot.core.errors import Busy, NotInstalled, QuaymasterError
from bot.core.installations import ACCESS, REFRESH, REFRESHED_BEFORE, Installation, tokens_context
from bot.core.model import Setting, Workspace
from bot.core.ports.keyring import CredentialKeyring
from bot.core.ports.store import Store
from bot.core.secrets import Sealed, Secret
from bot.slack.response_url import CommandName, NamingClient
from bot.slack.slack_errors import LOST_TOKENS, code_of

_REMEMBERED_S = 15.0
_MOST_REMEMBERED = 10_000
_ORGANIZATION = "organization"
"""The setting of a workspace that joined an organization and is kept under its former key."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a process remembers of a holder."""

    looked_at: float
    installation: Installation | None
    token: Secret


class InstalledWorkspaces:
    """The installations, as requests and the clock use them. Safe to share between threads."""

    def __init__(
        self,
        keyring: CredentialKeyring,
        rotator: TokenRotator,
        make_client: Callable[["InstalledWorkspaces", str], WebClient],
        store: Store,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        install_url: str = "",
    ) -> None:
        """
        Args:
            keyring: Opens and seals their tokens.
            rotator: Exchanges a token that ends soon. Its client must give up within 3 s.
            make_client: Makes the client of a holder.
            store: Has the installations. A workspace that joins an organization gets another key; what it
                had is still found under the former one.
            now: The time, in UTC.
            install_url: Where the app can be installed, for the refusal.
        """
        self._store = store
        self._kept = store.installations
        self._keyring = keyring
        self._rotator = rotator
        self._make_client = make_client
        self._now = now
        self._install_url = install_url
        self._lock = Lock()
        self._known: dict[str, _Known] = {}
        self._clients: dict[str, WebClient] = {}
        self._former: dict[str, tuple[str | None, Workspace]] = {}
        """By workspace id: the organization it was looked up with, and under which key it is kept."""
        self._refreshing: dict[str, Lock] = {}
        self._doubted: set[str] = set()
        self._unkept: dict[str, tuple[Sealed | None, Installation]] = {}
        """By holder: the tokens that were exchanged, and what came of it but could not be kept yet."""

    def workspace_of(self, team_id: str, enterprise_id: str | None) -> Workspace:
        """
        Return the workspace that a verified request belongs to.

        Raises:
            NotInstalled: The app is not installed there; nothing is kept of it.
        """
        found = self._serving(team_id, enterprise_id) if team_id else None
        if found is None:
            raise NotInstalled(self._install_url)
        return self._kept_as(team_id, found.enterprise_id)

    def serves(self, workspace: Workspace) -> bool:
        """True while the app is installed in a workspace or its organization."""
        return self._serving(workspace.team_id, self._organization_of(workspace)) is not None

    def client(self, workspace: Workspace) -> WebClient:
        """The client of a workspace; where there is no installation, its calls raise ``NotInstalled``."""
        found = self._serving(workspace.team_id, self._organization_of(workspace))
        if found is None:
            return self._make_client(self, workspace.team_id)
        with self._lock:
            if found.holder not in self._clients:
                self._clients[found.holder] = self._make_client(self, found.holder)
            return self._clients[found.holder]

    def token_for(self, holder: str) -> str:
        """
        The token that Slack takes for a holder at this moment.

        Raises:
            NotInstalled: There is none.
            Busy: The token has ended, and no new one was to be had.
        """
        known = self._look(holder)
        if known.installation and known.installation.is_due(self._now()):
            known = self._refreshed(holder, known)
        if known.installation is None or not known.installation.is_live:
            raise NotInstalled(self._install_url)
        return known.token.reveal()

    def refresh_due(self) -> None:
        """Exchange every token that ends soon, so that nobody waits for it: by the clock, in one process."""
        for one in self._kept.all():
            if one.is_due(self._now()):
                try:
                    self.token_for(one.holder)
                except QuaymasterError as error:
                    log.warning("the token of %s could not be exchanged: %s", one.holder, error.message)

    def doubt(self, holder: str) -> bool:
        """
        Ask Slack whether an installation still is one, and mark it as gone when it is not.

        Returns:
            True when it still is.

        Raises:
            SlackApiError, OSError, QuaymasterError: Slack did not say; nothing was changed.
        """
        self.forget(holder)
        known = self._look(holder)
        if known.installation is None or not known.installation.is_live:
            return False
        asked = Secret(self.token_for(holder))  # one that has ended would say nothing of the app
        try:
            self._rotator.client.auth_test(token=asked.reveal())
        except SlackApiError as error:
            if code_of(error) not in LOST_TOKENS - {"token_expired"}:
                raise
            return not self._mark_gone(holder, asked)
        return True

    def find_out(self, holder: str) -> None:
        """Ask as ``doubt`` does; when Slack does not say, the clock asks again."""
        self._doubted.add(holder)
        self.settle_doubts()

    def settle_doubts(self) -> None:
        """Ask Slack about everything that is in doubt: by the clock, in each process for itself."""
        for holder in sorted(self._doubted):
            try:
                self.doubt(holder)
            except (SlackApiError, OSError, QuaymasterError) as error:
                log.warning("Slack did not say whether the app is still installed: %s", type(error).__name__)
            else:
                self._doubted.discard(holder)

    def forget_departed(self) -> None:
        """Delete what is kept of workspaces that removed the app 30 days ago: by the clock, in one of all."""
        for one in self._kept.all():
            if one.is_over(self._now()):
                self._forget_departed(one.holder)

    def _forget_departed(self, holder: str) -> None:
        """Delete the data of one installation, unless the app was installed again."""
        with self._kept.locked(holder) as row:
            if row.value is None or not row.value.is_over(self._now()):
                return
            for workspace in list(self._store.workspaces()):
                if row.value.serves(workspace) and not self.serves(workspace):
                    self._kept.forget_data(workspace)
                    log.info(HISTORY_DELETED, workspace.key)
            row.value = None
        self.forget(holder)

    def _mark_gone(self, holder: str, token: Secret) -> bool:
        """Mark an installation as gone, unless it got another token in the meantime."""
        with self._kept.locked(holder) as row:
            is_same = row.value is not None and self._token_in(row.value) == token
            if is_same and row.value:
                row.value = replace(row.value, gone_at=self._now(), tokens=None, ends_at=None)
        self.forget(holder)
        return is_same

    def forget(self, holder: str) -> None:
        """Look at the store again for a holder."""
        with self._lock:
            self._known.pop(holder, None)

    def keep(self, installation: Installation, tokens: dict[str, Secret]) -> None:
        """Keep a new installation, in the place of the one before."""
        sealed = self._keyring.seal(tokens_context(installation.holder), tokens)
        with self._kept.locked(installation.holder) as row:
            row.value = replace(installation, tokens=sealed)
        self.forget(installation.holder)

    def _serving(self, team_id: str, enterprise_id: str | None) -> Installation | None:
        """The installation of the workspace itself, or of its organization."""
        for holder in filter(None, (team_id, enterprise_id)):
            found = self._look(holder).installation
            if found and found.is_live:
                return found
        return None

    def _organization_of(self, workspace: Workspace) -> str | None:
        """A workspace that is kept under its former key belongs to the organization it was looked up with."""
        if workspace.enterprise_id:
            return workspace.enterprise_id
        if workspace.team_id not in self._former:
            organization = self._store.read(workspace).settings.get(_ORGANIZATION)
            if organization:
                self._former[workspace.team_id] = organization, workspace
            return organization
        return self._former[workspace.team_id][0]

    def _kept_as(self, team_id: str, enterprise_id: str | None) -> Workspace:
        remembered = self._former.get(team_id)
        if remembered is None or remembered[0] != enterprise_id:
            former = next((one for one in self._store.workspaces() if one.team_id == team_id), None)
            remembered = enterprise_id, former or Workspace(team_id, enterprise_id)
            if former and enterprise_id and former.enterprise_id != enterprise_id:
                # For the clock and for workflows, which come without a request that names the organization.
                with self._store.change(former) as change:
                    change.put(Setting(_ORGANIZATION, enterprise_id))
            with self._lock:
                self._former[team_id] = remembered
        return remembered[1]

    def _look(self, holder: str) -> _Known:
        known = self._known.get(holder)
        if known and time.monotonic() - known.looked_at < _REMEMBERED_S:
            return known
        return self._remember(holder, self._kept.get(holder))

    def _remember(self, holder: str, installation: Installation | None) -> _Known:
        token = self._token_in(installation) if installation else Secret("")
        known = _Known(time.monotonic(), installation, token)
        with self._lock:
            self._known.pop(holder, None)
            self._known[holder] = known
            if len(self._known) > _MOST_REMEMBERED:
                del self._known[next(iter(self._known))]
        return known

    def _token_in(self, installation: Installation, name: str = ACCESS) -> Secret:
        if installation.tokens is None:
            return Secret("")
        opened = self._keyring.open(tokens_context(installation.holder), installation.tokens)
        return opened.get(name, Secret(""))

    def _refreshed(self, holder: str, known: _Known) -> _Known:
        """Exchange the token, or let the present one do while somebody else is at it."""
        with self._turn(holder) as is_mine:
            if is_mine:
                try:
                    return self._remember(holder, self._exchange(holder))
                except (QuaymasterError, SlackTokenRotationError, OSError) as error:
                    log.warning("the token of %s was not exchanged: %s", holder, type(error).__name__)
        ends_at = known.installation.ends_at if known.installation else None
        if ends_at is None or ends_at > self._now():
            return known
        again = f", or install Quaymaster again: {self._install_url}" if self._install_url else ""
        raise Busy(
            "Slack's token for this workspace has expired and could not be renewed.", f"Try again{again}."
        )

    @contextmanager
    def _turn(self, holder: str) -> Iterator[bool]:
        """Let one thread of this process exchange a token; gives False to the others."""
        lock = self._refreshing.setdefault(holder, Lock())
        is_mine = lock.acquire(blocking=False)
        try:
            yield is_mine
        finally:
            if is_mine:
                lock.release()

    def _exchange(self, holder: str) -> Installation | None:
        """Exchange the token, unless another process has done it by now."""
        with self._kept.locked(holder) as row:
            one = row.value
            if one is None or not one.is_due(self._now()):
                return one
            former, new = self._unkept.get(holder, (None, one))
            if former != one.tokens:
                new = self._asked_for(one)
                # Slack takes the refresh token once: when this cannot be kept now, the next call keeps it.
                self._unkept[holder] = one.tokens, new
            row.value = new
        self._unkept.pop(holder, None)
        return new

    def _asked_for(self, one: Installation) -> Installation:
        """Ask Slack for new tokens. Raises ``SlackTokenRotationError``, ``OSError`` or ``Busy``."""
        bot = Bot(
            bot_token=self._token_in(one).reveal(),
            bot_id="",
            bot_user_id="",
            bot_refresh_token=self._token_in(one, REFRESH).reveal(),
            bot_token_expires_at=int(one.ends_at.timestamp()) if one.ends_at else None,
            installed_at=one.installed_at.timestamp(),
        )
        minutes = int(REFRESHED_BEFORE.total_seconds() // 60) + 1
        new = self._rotator.perform_bot_token_rotation(bot=bot, minutes_before_expiration=minutes)
        if new is None or new.bot_token_expires_at is None:
            raise Busy
        tokens = {ACCESS: Secret(new.bot_token), REFRESH: Secret(new.bot_refresh_token or "")}
        sealed = self._keyring.seal(tokens_context(one.holder), tokens)
        return replace(one, tokens=sealed, ends_at=datetime.fromtimestamp(new.bot_token_expires_at, UTC))


class InstalledClient(NamingClient):
    """Slack's Web API with the token that a holder has at the moment of each call."""

    def __init__(
        self, name: CommandName, installed: InstalledWorkspaces, holder: str, **options: Any
    ) -> None:
        """``options`` are those of ``WebClient``, without a token."""
        super().__init__(name, **options)
        self._installed = installed
        self._holder = holder

    def api_call(self, api_method: str, **arguments: Any) -> Any:
        """Call a method. Raises ``NotInstalled``."""
        self.token = self._installed.token_for(self._holder)
        try:
            return super().api_call(api_method, **arguments)
        except SlackApiError as error:
            if code_of(error) in LOST_TOKENS:
                self._installed.find_out(self._holder)
                self._installed.token_for(self._holder)  # which says that the app was removed, if it was
            raise
