"""Builds the ports: the only file that names concrete classes."""

import gc
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from slack_sdk import WebClient
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler
from slack_sdk.oauth.token_rotation import TokenRotator

from bot.core.errors import SettingsError
from bot.core.model import Workspace
from bot.core.ports import Ports
from bot.core.ports.registry import Registry
from bot.core.ports.store import Store
from bot.core.secrets import Secret
from bot.core.token_bucket import Counter
from bot.core.workspace_rules import RuleBook, WorkspaceRules
from bot.executor import BoundedExecutor
from bot.registry.capacity import CappedDrivers, CappedRegistry, Places
from bot.registry.client import RegistryClient
from bot.registry.drivers.driver_table import RegistryDrivers
from bot.registry.kind_table import GROUPS, KINDS
from bot.run.clockwork import Clockwork
from bot.run.installed_store import InstalledStore
from bot.services import Services
from bot.settings import Settings, SlackOAuth, StoreSettings
from bot.slack.front import Seen
from bot.slack.installed_workspaces import InstalledClient, InstalledWorkspaces
from bot.slack.members import SlackPeople
from bot.slack.response_url import (
    CommandName,
    NamingClient,
    SlackReplies,
    trusted_certificates,
)
from bot.slack.slack_errors import ShortRateLimitRetry
from storage.sealing import Keyring, parse_keys, read_keys_file
from storage.tinydb.tinydb_store import TinyDBStore

if TYPE_CHECKING:
    from bot.run.metrics import Metrics
    from storage.postgres.postgres_store import PostgresStore

_SLACK_TIMEOUT_S = 10
_REFRESH_TIMEOUT_S = 3
"""A new token is requested inside a transaction, which PostgreSQL ends after it has been idle for 5 s."""

log = logging.getLogger(__name__)


def _now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Wired:
    """The services, and what must be closed at the end."""

    services: Services
    store: "TinyDBStore | PostgresStore"
    executor: BoundedExecutor
    clockwork: Clockwork
    client: WebClient
    people_lane: BoundedExecutor
    """Runs the Slack calls that requests wait for."""
    command_name: CommandName
    seen: Seen | None
    """The signatures that any process has seen; ``None`` = one process serves, and remembers its own."""
    share: Callable[[Counter], None]
    """Makes all processes count requests together, if there are several."""
    installed: InstalledWorkspaces | None = None
    """Which workspaces have installed the app; ``None`` = the bot token's workspace is served."""


def build_services(
    settings: Settings,
    registry: Registry | None = None,
    metrics: "Metrics | None" = None,
    now: Callable[[], datetime] | None = None,
) -> Wired:
    """
    Open the store and put everything together.

    Args:
        settings: The operator's settings.
        registry: Sends requests to registries; ``None`` = a client that connects where the settings allow.
        metrics: Measures the ports; ``None`` = nothing is measured.
        now: Returns the time in UTC; ``None`` = the machine's clock.

    Raises:
        KeyringFailure, StoreFailure: The store does not open; nothing was changed.
    """
    now = now or _now
    store = open_store(settings, is_serving=True, now=now)
    command_name = CommandName()
    client = web_client(settings, command_name)
    installed = _installed(settings, settings.oauth, store, command_name) if settings.oauth else None
    slack = installed.client if installed else _for_any_workspace(client)
    executor = BoundedExecutor()
    # A lane of its own, so that a queue full of registry checks does not stop anybody from reading; with
    # enough threads to look up a whole team within Slack's three seconds after a start.
    people_lane = BoundedExecutor(threads=24, queue=200, name="people")
    registry = registry or RegistryClient(KINDS, settings.allowed_networks)
    port: Store = store
    if metrics:
        registry = metrics.measured_registry(registry)
        metrics.watch_integrations(store, now)
        port = metrics.measured_store(store)
    if installed:
        port = cast(Store, InstalledStore(port, installed.serves))
    places = Places()
    services = Services(
        ports=Ports(
            port,
            load_keyring(settings),
            CappedRegistry(registry, places),
            now,
            CappedDrivers(RegistryDrivers(settings.allowed_networks), places),
        ),
        kinds=KINDS,
        groups=GROUPS,
        people=SlackPeople(slack, people_lane),
        executor=executor,
        replies=SlackReplies(settings.slack_api_url, command_name),
        slack=slack,
        base_url=settings.base_url,
        admins=settings.admins,
        editors=settings.editors,
        default_linked_only=settings.default_linked_only,
        rules=RuleBook(port, _rules_of(settings)) if installed else None,
        is_secret_entered_on_page=settings.is_secret_entered_on_page,
    )
    clockwork = Clockwork(
        services,
        registry,
        store.flush,
        is_watching=settings.is_watching,
        is_leader=store.is_leader,
        installed=installed,
    )
    seen = None if isinstance(store, TinyDBStore) else store.signatures
    share = _alone if isinstance(store, TinyDBStore) else store.rates.share
    return Wired(
        services, store, executor, clockwork, client, people_lane, command_name, seen, share, installed
    )


def _alone(_: Counter) -> None:
    """Leave a counter to this process alone."""


def _rules_of(settings: Settings) -> WorkspaceRules:
    """Return the rules of a workspace that has not chosen its own."""
    return WorkspaceRules(
        settings.admins, settings.editors, settings.default_linked_only, settings.rate_limit
    )


def _installed(
    settings: Settings,
    oauth: SlackOAuth,
    store: "TinyDBStore | PostgresStore",
    command_name: CommandName,
) -> InstalledWorkspaces:
    """Use a separate token for each workspace."""
    options = _client_options(settings)

    def make_client(installed: InstalledWorkspaces, holder: str) -> WebClient:
        return _with_retries(InstalledClient(command_name, installed, holder, **options))

    rotating = WebClient(**{**options, "timeout": _REFRESH_TIMEOUT_S})
    rotator = TokenRotator(
        client_id=oauth.client_id, client_secret=oauth.client_secret.reveal(), client=rotating
    )
    where = f"{settings.base_url}/slack/install" if settings.base_url else ""
    return InstalledWorkspaces(load_keyring(settings), rotator, make_client, store, install_url=where)


def _for_any_workspace(client: WebClient) -> Callable[[Workspace], WebClient]:
    """Return the same client for every workspace: this process serves one."""
    return lambda _: client


def _warn_of_key_beside_data(settings: StoreSettings) -> None:
    """Warn when one stolen backup would hold both the sealed credentials and their key."""
    keys_file = settings.keys_file
    if keys_file is not None and keys_file.resolve().is_relative_to(settings.data_dir.resolve()):
        log.warning("the key file is inside the data directory: move it out, so that no backup contains both")


def load_keyring(settings: StoreSettings) -> Keyring:
    """Read the keys from where the settings say. Raises ``KeyringFailure``."""
    if settings.keys_file is not None:
        return Keyring(read_keys_file(settings.keys_file))
    return Keyring(parse_keys(",".join(key.reveal() for key in settings.keys)))


def open_store(
    settings: StoreSettings,
    lost_keys: Collection[str] = (),
    *,
    is_serving: bool = False,
    now: Callable[[], datetime] = _now,
) -> "TinyDBStore | PostgresStore":
    """Open the store that the settings name; an operator's command can open one while servers are running."""
    if settings.database_url is None:
        return _open_directory(settings, lost_keys, now)
    return _open_database(
        settings.database_url, load_keyring(settings), lost_keys=lost_keys, is_serving=is_serving, clock=now
    )


def _open_database(url: Secret, keyring: Keyring, **how: Any) -> "PostgresStore":
    """Open a store in PostgreSQL. Raises ``SettingsError`` when its client is not installed."""
    try:
        from storage.postgres.postgres_store import PostgresStore
    except ModuleNotFoundError as error:
        raise SettingsError(
            "DATABASE_URL is set, but psycopg is not installed: run “pip install 'quaymaster[postgres]'”, or "
            "remove the setting."
        ) from error
    return PostgresStore(url.reveal(), keyring, **how)


def _open_directory(
    settings: StoreSettings, lost_keys: Collection[str], now: Callable[[], datetime]
) -> TinyDBStore:
    """
    Open the embedded store, and keep what it loaded away from the garbage collector.

    A full collection over 100,000 integrations would delay every response by 0.2 s; frozen objects are not
    scanned.
    """
    _warn_of_key_beside_data(settings)
    gc.disable()
    try:
        return TinyDBStore(settings.data_dir, load_keyring(settings), clock=now, lost_keys=lost_keys)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def web_client(settings: Settings, command_name: CommandName) -> WebClient:
    """Create the client for Slack's Web API; its TLS context is created once, not for each call."""
    token = settings.slack_bot_token
    return _with_retries(
        NamingClient(command_name, token=token.reveal() if token else None, **_client_options(settings))
    )


def _client_options(settings: Settings) -> dict[str, Any]:
    return {
        "base_url": settings.slack_api_url,
        "timeout": _SLACK_TIMEOUT_S,
        "ssl": trusted_certificates(),
    }


def _with_retries(client: WebClient) -> WebClient:
    client.retry_handlers = [ConnectionErrorRetryHandler(max_retry_count=1), ShortRateLimitRetry()]
    return client
