"""``quaymaster serve``: put everything together, serve until a signal, finish what is running."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from threading import Timer
from typing import TYPE_CHECKING

from slack_bolt import App
from slack_bolt.adapter.wsgi import SlackRequestHandler

from bot.core.errors import QuaymasterError
from bot.core.secrets import Secret
from bot.core.workspace_rules import RuleBook
from bot.logs import slack_logger, start_logging
from bot.run.app_manifest import manifest_scopes
from bot.run.process import guard_memory, limit_memory, raise_descriptor_limit
from bot.run.wiring import Wired, build_services
from bot.settings import Settings
from bot.slack.app import build_app
from bot.slack.dispatch import Workspaces
from bot.slack.front import slack_front
from bot.slack.members import SlackRates, actor_finder
from bot.slack.own_workspace import OwnWorkspace
from bot.slack.socket_mode import SocketMode
from bot.web.api.routing import WORKFLOWS_PATH, Rates, workflow_api
from bot.web.health import Health, health_page
from bot.web.secret_page import SECRETS_PATH, EntryRates, secret_page
from bot.web.server import HEALTH_PATH, SLACK_PATH, WebServer, dispatcher, serve

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from bot.run.metrics import Metrics, Page

_LINGER_S = 2.5
"""How long one of several replicas keeps serving after the stop signal, so that its proxy notices first."""
_END_S = 9.0
"""How long stopping may take: running requests, then tasks. A supervisor kills the process after 10 s."""

log = logging.getLogger(__name__)


def run_server(settings: Settings, say: Callable[[str], None]) -> None:
    """
    Serve until SIGTERM or SIGINT.

    Args:
        settings: All settings.
        say: Receives one line once requests are answered.

    Raises:
        QuaymasterError: The store, the keys or the address cannot be used; nothing was changed.
    """
    guard_memory()
    limit_memory()
    raise_descriptor_limit()
    redactor = start_logging(settings.log_level)
    redactor.hide(_secrets_of(settings))
    metrics = _metrics() if settings.metrics else None
    wired = build_services(settings, metrics=metrics)
    try:
        page = _serve_metrics(metrics, settings) if metrics else None
        _serve_wired(settings, wired, say, metrics)
        if page:
            page()
    finally:
        wired.store.close()


def _metrics() -> "Metrics":
    from bot.run.metrics import Metrics

    return Metrics()


def _serve_metrics(metrics: "Metrics", settings: Settings) -> "Page":
    host, port = settings.metrics or ("", 0)
    try:
        return metrics.serve(host, port)
    except OSError as error:
        message = f"Quaymaster cannot serve metrics on {host} port {port}: {str(error.strerror).lower()}."
        raise QuaymasterError(message, "Set QUAYMASTER_METRICS to a different address.") from error


def _serve_wired(
    settings: Settings, wired: Wired, say: Callable[[str], None], metrics: "Metrics | None" = None
) -> None:
    """Serve with services that are open."""
    app = slack_app(settings, wired)
    socket_mode = _socket_mode_of(settings, wired, app)

    def ending() -> str | None:
        return "This process is stopping." if server.is_stopping else None

    checks = [ending, *([socket_mode.health] if socket_mode else [])]
    wsgi = dispatcher(mounts_of(settings, wired, app, checks))
    wsgi = metrics.measured_requests(wsgi) if metrics else wsgi
    server = WebServer(
        wsgi,
        settings.host,
        settings.port,
        trusted_proxy=settings.trusted_proxy,
        linger_s=_LINGER_S if settings.database_url else 0.0,
    )
    wired.clockwork.start()
    if socket_mode:
        socket_mode.start()
    serve(server, lambda url: say(f"Quaymaster listens on {url}"))
    _finish(wired, socket_mode, server.stopped_at + _END_S)


def slack_app(settings: Settings, wired: Wired) -> App:
    """Build the Bolt app for the workspaces that are served."""
    secret = settings.slack_signing_secret
    rates = _rates_of(settings, wired.services.rules)
    wired.share(rates)
    return build_app(
        wired.services,
        signing_secret=secret.reveal() if secret else "",
        rates=rates,
        workspaces=_workspaces_of(wired),
        command_name=wired.command_name,
        doubt=wired.installed.find_out if wired.installed else None,
        logger=slack_logger(),
    )


def _rates_of(settings: Settings, rules: RuleBook | None) -> SlackRates:
    """Apply each workspace's own limit, or the operator's."""
    if rules is None:
        return SlackRates(settings.rate_limit)
    return SlackRates(settings.rate_limit, limit_of=lambda workspace: rules.of(workspace).rate_limit)


def _workspaces_of(wired: Wired) -> Workspaces:
    """Serve the workspaces that have installed the app, or the bot token's workspace."""
    if wired.installed:
        return wired.installed.workspace_of
    own = OwnWorkspace(wired.client, wired.people_lane, wired.store.workspaces)
    own.ask_ahead()
    return own.workspace_of


def mounts_of(
    settings: Settings, wired: Wired, app: App, checks: Iterable[Health] = ()
) -> Mapping[str, "WSGIApplication"]:
    """Map each path to its application. Without a signing secret, ``/slack/events`` is not served."""
    asked = [wired.store.health, *checks]
    health = health_page(
        lambda: next((trouble for check in asked if (trouble := check())), None), wired.store.notice
    )
    rates, entry_rates = Rates(), EntryRates()
    wired.share(rates)
    wired.share(entry_rates)
    mounts = {
        HEALTH_PATH: health,
        WORKFLOWS_PATH: workflow_api(wired.services, rates),
        SECRETS_PATH: secret_page(wired.services, actor_finder(wired.services), entry_rates),
        **_install_pages(settings, wired),
    }
    if settings.slack_signing_secret is None:
        return mounts
    front = slack_front(SlackRequestHandler(app, SLACK_PATH), settings.slack_signing_secret, wired.seen)
    return {**mounts, SLACK_PATH: front}


def _install_pages(settings: Settings, wired: Wired) -> Mapping[str, "WSGIApplication"]:
    """Return the pages for installing the app, if workspaces install it themselves."""
    if settings.oauth is None or wired.installed is None:
        return {}
    from bot.slack.install_flow import INSTALL_PATH, REDIRECT_PATH, InstallPages

    scopes, optional = manifest_scopes()
    pages = InstallPages(
        wired.installed,
        wired.store.installations,
        wired.client,
        client_id=settings.oauth.client_id,
        client_secret=settings.oauth.client_secret,
        scopes=scopes,
        optional_scopes=optional,
        redirect_uri=settings.oauth.redirect_uri,
    )
    return {INSTALL_PATH: pages, REDIRECT_PATH: pages}


def _socket_mode_of(settings: Settings, wired: Wired, app: App) -> SocketMode | None:
    """Create the Socket Mode connection if an app token is set."""
    if settings.slack_app_token is None:
        return None
    return SocketMode(app, settings.slack_app_token, wired.client)


def _finish(wired: Wired, socket_mode: SocketMode | None, deadline: float) -> None:
    """Finish what is running until ``deadline`` (monotonic seconds), and never much longer."""
    guard = Timer(max(0.5, deadline + 0.5 - time.monotonic()), _give_up)
    guard.daemon = True
    guard.start()
    if socket_mode:
        socket_mode.stop(max(0.5, (deadline - time.monotonic()) / 2))
    wired.executor.close(max(0.5, deadline - time.monotonic()))
    wired.clockwork.stop(max(0.5, deadline - time.monotonic()))


def _give_up() -> None:
    """End the process although something is still running that nothing can stop."""
    log.error("something did not finish in time; ending without it")
    os._exit(1)


def _secrets_of(settings: Settings) -> list[Secret]:
    """Return this process's secrets, which must not appear in any log line."""
    given = (
        settings.slack_bot_token,
        settings.slack_signing_secret,
        settings.slack_app_token,
        settings.database_url,
        settings.oauth.client_secret if settings.oauth else None,
    )
    return [secret for secret in (*given, *settings.keys) if secret]
