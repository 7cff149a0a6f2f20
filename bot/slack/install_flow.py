"""Installing into a workspace: our page, Slack's question, and what comes back. Bolt's flow over our stores.

browser -> GET /slack/install          what the app may do and why, with a button
        -> POST /slack/install         a state: a row, and the browser's cookie -> Slack
Slack   -> GET /slack/oauth_redirect   the cookie, the row (taken once), the code -> sealed tokens
"""

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from slack_bolt import BoltRequest, BoltResponse
from slack_bolt.oauth import OAuthFlow
from slack_bolt.oauth.callback_options import CallbackOptions, FailureArgs, SuccessArgs
from slack_bolt.oauth.oauth_settings import OAuthSettings
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth import OAuthStateStore
from slack_sdk.oauth.installation_store import Bot, InstallationStore
from slack_sdk.oauth.installation_store import Installation as SlackInstallation

from bot.core.errors import InstallFailed
from bot.core.installations import ACCESS, REFRESH, Installation
from bot.core.ports.kept_installations import Installations
from bot.core.secrets import Secret
from bot.slack.install_pages import HEADERS, asking_page, failure_page, success_page
from bot.slack.installed_workspaces import InstalledWorkspaces
from bot.slack.slack_errors import code_of, explained_refusal

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"
_STATE_S = 600

log = logging.getLogger(__name__)


class _States(OAuthStateStore):
    """The states of installs that are under way, each good for one answer."""

    def __init__(self, kept: Installations, now: Callable[[], datetime]) -> None:
        self._kept = kept
        self._now = now

    def issue(self, *_: Any, **__: Any) -> str:
        """Make a state; only its digest is kept."""
        state = secrets.token_urlsafe(32)
        self._kept.begin(_digest(state), self._now() + timedelta(seconds=_STATE_S))
        return state

    def consume(self, state: str) -> bool:
        """Take a state away."""
        return self._kept.take(_digest(state), self._now())


def _digest(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()


class _Sealed(InstallationStore):
    """Keeps what Slack gives, the tokens sealed; what reads them is ``bot/slack/installed_workspaces.py``."""

    def __init__(self, installed: InstalledWorkspaces, kept: Installations) -> None:
        self._installed = installed
        self._kept = kept

    def save(self, installation: SlackInstallation) -> None:
        """Keep an installation, in the place of the one before."""
        holder = installation.enterprise_id if installation.is_enterprise_install else installation.team_id
        if not holder or not installation.bot_token:
            raise InstallFailed("Slack returned no token for a workspace.", "Start again.")
        ends_at = installation.bot_token_expires_at
        tokens = {ACCESS: Secret(installation.bot_token)}
        if installation.bot_refresh_token:
            tokens[REFRESH] = Secret(installation.bot_refresh_token)
        self._installed.keep(
            Installation(
                holder=holder,
                installed_by=installation.user_id or "",
                installed_at=datetime.fromtimestamp(installation.installed_at, UTC),
                enterprise_id=installation.enterprise_id,
                ends_at=datetime.fromtimestamp(ends_at, UTC) if ends_at else None,
            ),
            tokens,
        )

    def find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> Bot | None:
        """Find the bot of a workspace or an organization."""
        found = self._kept.get((enterprise_id if is_enterprise_install else team_id) or "")
        if found is None or not found.is_live:
            return None
        token = self._installed.token_for(found.holder)
        at = found.installed_at.timestamp()
        return Bot(
            bot_token=token,
            bot_id="",
            bot_user_id="",
            enterprise_id=found.enterprise_id,
            team_id=None if found.is_org_wide else found.holder,
            is_enterprise_install=found.is_org_wide,
            installed_at=at,
        )

    def delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Ask Slack whether the app was removed; only then it is forgotten."""
        self._installed.doubt(team_id or enterprise_id or "")

    def delete_all(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """The same: there is nothing but the bot."""
        self.delete_bot(enterprise_id=enterprise_id, team_id=team_id)


class _CodeClient:
    """The client that exchanges a code: says what Slack refused, where Bolt would log it with the code."""

    def __init__(self, client: WebClient) -> None:
        self._client = client

    def oauth_v2_access(self, **arguments: Any) -> Any:
        """Exchange a code. Raises ``InstallFailed``."""
        try:
            return self._client.oauth_v2_access(**arguments)
        except SlackApiError as error:
            raise InstallFailed(*_REFUSED.get(code_of(error), _CODE_REFUSED)) from None

    def auth_test(self, **arguments: Any) -> Any:
        """Ask whose a token is. Raises ``InstallFailed``."""
        try:
            return self._client.auth_test(**arguments)
        except SlackApiError:
            raise InstallFailed(*_CODE_REFUSED) from None


_CODE_REFUSED = (
    "Slack did not accept this install: its code was used before or has ended.",
    "Start again.",
)
_BAD_REDIRECT = (
    "Slack was asked to send you to another address than its app names.",
    "Ask the operator to add this server's /slack/oauth_redirect to the app's redirect URLs.",
)
_BAD_CLIENT = (
    "Slack does not know this app by its client id and secret.",
    "Ask the operator to set SLACK_CLIENT_ID and SLACK_CLIENT_SECRET again.",
)
_REFUSED = {
    "bad_redirect_uri": _BAD_REDIRECT,
    "invalid_client_id": _BAD_CLIENT,
    "bad_client_secret": _BAD_CLIENT,
}
_FAILED = {
    "access_denied": ("You declined, so nothing was installed.", "Start again whenever you like."),
    "invalid_browser": (
        "This install was begun in another browser, or its time is over.",
        "Start again, and stay in this browser.",
    ),
    "invalid_state": ("This install was finished already, or its 10 minutes are over.", "Start again."),
    "missing_code": ("The answer from Slack did not contain what is needed to install.", "Start again."),
    "bad_redirect_uri": _BAD_REDIRECT,
    "redirect_uri_mismatch": _BAD_REDIRECT,
}
_OTHER = ("Slack did not install the app.", "Start again; if this happens again, tell the operator.")


class InstallPages:
    """The WSGI application of both paths."""

    def __init__(
        self,
        installed: InstalledWorkspaces,
        kept: Installations,
        client: WebClient,
        *,
        client_id: str,
        client_secret: Secret,
        scopes: tuple[str, ...],
        optional_scopes: tuple[str, ...] = (),
        redirect_uri: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            installed: Keeps the tokens.
            kept: The installations of the store.
            client: Asks Slack; without a token.
            client_id: The app's.
            client_secret: The app's.
            scopes: What the app needs.
            optional_scopes: What it can do without.
            redirect_uri: Where Slack sends the browser back to; ``None`` = the app's first redirect URL.
            now: The time, in UTC.
        """
        self._scopes = scopes, optional_scopes
        self._slack = client.base_url.partition("/api/")[0]
        self.installation_store: InstallationStore = _Sealed(installed, kept)
        """What Bolt's parts keep installations in."""
        settings = OAuthSettings(
            client_id=client_id,
            client_secret=client_secret.reveal(),
            scopes=[*scopes, *optional_scopes],
            user_scopes=[],
            redirect_uri=redirect_uri,
            install_path=INSTALL_PATH,
            install_page_rendering_enabled=False,
            redirect_uri_path=REDIRECT_PATH,
            callback_options=CallbackOptions(success=self._installed, failure=self._failed),
            authorization_url=f"{self._slack}/oauth/v2/authorize",
            installation_store=self.installation_store,
            installation_store_bot_only=True,
            state_store=_States(kept, now),
            state_expiration_seconds=_STATE_S,
            logger=log,
        )
        exchanging: Any = _CodeClient(client)
        self._flow = OAuthFlow(client=exchanging, logger=log, settings=settings)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        try:
            response = self._answer(environ)
        except Exception as error:
            known = explained_refusal(error)
            if known is None:
                raise
            log.warning("an install failed: %s", known.message)
            response = self._refusal(known.message, known.hint, HTTPStatus.BAD_GATEWAY)
        body = _sent(response, start_response, self._slack)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else body

    def _answer(self, environ: "WSGIEnvironment") -> BoltResponse:
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        if (path, method) == (INSTALL_PATH, "POST"):
            return self._flow.handle_installation(_request(environ))
        if path == INSTALL_PATH and method in ("GET", "HEAD"):
            return BoltResponse(status=HTTPStatus.OK, body=asking_page(*self._scopes))
        if path == REDIRECT_PATH and method == "GET":
            return self._flow.handle_callback(_request(environ))
        return self._refusal("There is nothing here.", "Start at /slack/install.", HTTPStatus.NOT_FOUND)

    def _installed(self, args: SuccessArgs) -> BoltResponse:
        one = args.installation
        name = one.enterprise_name if one.is_enterprise_install else one.team_name
        page = success_page(name or "", is_org_wide=bool(one.is_enterprise_install))
        gone = args.settings.state_utils.build_set_cookie_for_deletion()
        return BoltResponse(status=HTTPStatus.OK, body=page, headers={"Set-Cookie": [gone]})

    def _failed(self, args: FailureArgs) -> BoltResponse:
        message, hint = _FAILED.get(args.reason, _OTHER)
        log.info("an install was not finished: %s", args.reason if args.reason in _FAILED else "other")
        return self._refusal(message, hint, HTTPStatus.BAD_REQUEST)

    def _refusal(self, message: str, hint: str, status: HTTPStatus) -> BoltResponse:
        return BoltResponse(status=status, body=failure_page(message, hint))


def _request(environ: "WSGIEnvironment") -> BoltRequest:
    """A request as Bolt's flow reads it: the query and the cookie."""
    return BoltRequest(
        body="",
        query=environ.get("QUERY_STRING", ""),
        headers={"cookie": environ.get("HTTP_COOKIE", "")},
    )


def _sent(response: BoltResponse, start_response: "StartResponse", slack: str) -> Iterable[bytes]:
    body = response.body.encode()
    status = HTTPStatus(response.status)
    given = [(name, value) for name in ("location", "set-cookie") for value in response.headers.get(name, ())]
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; form-action 'self' {slack}; frame-ancestors 'none'"
    )
    start_response(
        f"{status.value} {status.phrase}",
        [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", policy),
            *HEADERS,
            *given,
        ],
    )
    return [body]
