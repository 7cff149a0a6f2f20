"""The settings, read once from the environment: nothing else reads it.

A missing or wrong setting raises ``SettingsError``: one sentence that names it and says what to write.
"""

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from bot.core.errors import SettingsError
from bot.core.secrets import Secret

_Environment = Mapping[str, str]
_Network = IPv4Network | IPv6Network

_SLACK_API_URL = "https://slack.com/api/"
PRIVATE_NETWORKS: tuple[_Network, ...] = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("fc00::/7"),
)
"""Where private registries live (RFC 1918 and RFC 4193)."""

_PRESSES_A_MINUTE = 30
"""What ``QUAYMASTER_RATE_LIMIT`` is when it is not set."""
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_READ_BY_BOLT = (
    *("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"),
    "SLACK_REDIRECT_URI",
)
_PERSON_OR_GROUP = re.compile(r"[UWS][A-Z0-9]+")


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """What opens the store: everything the commands ``keys`` and ``store`` need."""

    data_dir: Path = Path("data")
    keys_file: Path | None = None
    keys: tuple[Secret, ...] = ()
    """The keys themselves; the first one seals. Either ``keys_file`` or ``keys`` is given, never both."""
    database_url: Secret | None = None
    """Where PostgreSQL is; it may hold a password. ``None`` = the embedded store in ``data_dir``."""

    @classmethod
    def from_env(cls, environ: _Environment) -> Self:
        """Read the environment. Raises ``SettingsError``."""
        keys_file, keys = _keyring_of(environ)
        database_url = database_url_of(environ)
        return cls(data_dir=_data_dir_of(environ), keys_file=keys_file, keys=keys, database_url=database_url)


@dataclass(frozen=True, kw_only=True)
class SlackOAuth:
    """What lets workspaces install the app themselves."""

    client_id: str
    client_secret: Secret
    redirect_uri: str | None = None
    """Where Slack sends the browser back to; ``None`` = the first redirect URL of the app."""


@dataclass(frozen=True, kw_only=True)
class Settings(StoreSettings):
    """Every setting of ``quaymaster serve``."""

    slack_bot_token: Secret | None = None
    """Given = one workspace, or one organization, is served. Either this or ``oauth`` is given."""
    oauth: SlackOAuth | None = None
    """Given = each workspace that installs the app is served."""
    slack_signing_secret: Secret | None = None
    """``None`` only with Socket Mode: then nothing is served at ``/slack/events``."""
    slack_app_token: Secret | None = None
    """Given = Socket Mode."""
    slack_api_url: str = _SLACK_API_URL
    """Ends with a slash."""
    host: str = "127.0.0.1"
    port: int = 3000
    """0 = the system chooses a free one."""
    trusted_proxy: str | None = None
    """The address of the proxy in front of this server, as this server sees it."""
    base_url: str | None = None
    """The public address, without a slash at its end."""
    admins: tuple[str, ...] = ()
    """Ids of people (``U…``, ``W…``) and of user groups (``S…``), as written."""
    editors: tuple[str, ...] = ()
    """The same; empty = every full member."""
    allowed_networks: tuple[_Network, ...] = PRIVATE_NETWORKS
    default_linked_only: bool = False
    """True: a new integration is for linked targets only, unless the form says otherwise."""
    is_secret_entered_on_page: bool = False
    """True: no form in Slack has a field for a secret."""
    rate_limit: int = _PRESSES_A_MINUTE
    """How many commands, button presses and forms one person can send per minute."""
    metrics: tuple[str, int] | None = None
    """Where ``/metrics`` listens: a host and a port; ``None`` = nowhere."""
    is_watching: bool = True
    """Whether every integration is checked on a schedule."""
    log_level: str = "INFO"

    @classmethod
    def from_env(cls, environ: _Environment) -> Self:
        """Read the environment. Raises ``SettingsError``."""
        store = StoreSettings.from_env(environ)
        app_token = _token_of(environ, "SLACK_APP_TOKEN", "xapp-")
        return cls(
            data_dir=store.data_dir,
            keys_file=store.keys_file,
            keys=store.keys,
            database_url=store.database_url,
            slack_bot_token=_bot_token_of(environ),
            oauth=_oauth_of(environ),
            slack_signing_secret=_signing_secret_of(environ, is_needed=app_token is None),
            slack_app_token=app_token,
            slack_api_url=_api_url_of(environ),
            host=_written(environ, "HOST") or "127.0.0.1",
            port=_port_of(environ),
            trusted_proxy=_trusted_proxy_of(environ),
            base_url=_base_url_of(environ),
            admins=_ids_of(environ, "QUAYMASTER_ADMINS"),
            editors=_ids_of(environ, "QUAYMASTER_EDITORS"),
            allowed_networks=_networks_of(environ),
            default_linked_only=_default_access_of(environ),
            is_secret_entered_on_page=_secret_entry_of(environ),
            rate_limit=_rate_limit_of(environ),
            metrics=_metrics_of(environ),
            is_watching=_is_watching(environ),
            log_level=_log_level_of(environ),
        )


def keep_from_bolt(environ: MutableMapping[str, str]) -> None:
    """
    Remove from the environment what Bolt would read by itself.

    With a client id and secret there, Bolt would serve its own install pages and store tokens in plain files.
    """
    for name in _READ_BY_BOLT:
        environ.pop(name, None)


def _written(environ: _Environment, name: str) -> str:
    """Return a setting's text. A setting that is set but empty counts as not set."""
    return environ.get(name, "").strip()


def _items_of(environ: _Environment, name: str) -> tuple[str, ...]:
    """Read a comma-separated list; blanks and empty items do not count."""
    return tuple(item.strip() for item in _written(environ, name).split(",") if item.strip())


def _metrics_of(environ: _Environment) -> tuple[str, int] | None:
    """Read where ``/metrics`` listens."""
    text = _written(environ, "QUAYMASTER_METRICS")
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 <= int(port[:6]) <= 65535:
        raise SettingsError("QUAYMASTER_METRICS is not an address: write one like 127.0.0.1:9464.")
    return host.strip("[]"), int(port)


def _is_watching(environ: _Environment) -> bool:
    """Read whether every integration is checked on a schedule."""
    text = _written(environ, "QUAYMASTER_WATCH").lower() or "on"
    if text not in ("on", "off"):
        raise SettingsError("QUAYMASTER_WATCH must be on or off.")
    return text == "on"


def _secret_entry_of(environ: _Environment) -> bool:
    """Read where secrets are entered: in Slack's forms too, or only on the page."""
    text = _written(environ, "QUAYMASTER_SECRET_ENTRY") or "slack"
    if text not in ("slack", "page"):
        raise SettingsError("QUAYMASTER_SECRET_ENTRY must be slack or page.")
    if text == "page" and _base_url_of(environ) is None:
        raise SettingsError(
            "QUAYMASTER_SECRET_ENTRY is page, but QUAYMASTER_BASE_URL is not set: write the https address of "
            "this server there, because the page's link begins with it."
        )
    return text == "page"


def database_url_of(environ: _Environment) -> Secret | None:
    """Read where PostgreSQL is. A wrong address is never repeated: it may hold a password."""
    text = _written(environ, "DATABASE_URL")
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise SettingsError(
            "DATABASE_URL is not a PostgreSQL address: write one like "
            "postgresql://USER:PASSWORD@HOST/DATABASE, or remove the setting to store integrations in the "
            "directory that QUAYMASTER_DATA_DIR names."
        )
    return Secret(text) if text else None


def _data_dir_of(environ: _Environment) -> Path:
    """Return the directory of the embedded store."""
    return Path(_written(environ, "QUAYMASTER_DATA_DIR") or "data")


def _keyring_of(environ: _Environment) -> tuple[Path | None, tuple[Secret, ...]]:
    """Read where the keys are: a file, or the list itself."""
    path, keys = _written(environ, "QUAYMASTER_KEYS_FILE"), _items_of(environ, "QUAYMASTER_KEYS")
    if path and keys:
        raise SettingsError("Both QUAYMASTER_KEYS_FILE and QUAYMASTER_KEYS are set: remove one of them.")
    if not path and not keys:
        raise SettingsError(
            "QUAYMASTER_KEYS_FILE is not set: create a key with “(umask 077; quaymaster keys new > "
            "quaymaster.keys)”, keep a copy elsewhere, and set it to that file's path."
        )
    return (Path(path) if path else None), tuple(Secret(key) for key in keys)


def _token_of(environ: _Environment, name: str, prefix: str) -> Secret | None:
    """Read one of Slack's tokens; its prefix shows whether a token was pasted into the wrong setting."""
    text = _written(environ, name)
    if text and not (text.startswith(prefix) and text.isascii() and len(text.split()) == 1):
        raise SettingsError(
            f"{name} is not the right kind of token: write the one that begins with {prefix}."
        )
    return Secret(text) if text else None


def _bot_token_of(environ: _Environment) -> Secret | None:
    """Read the bot token, unless each workspace brings its own."""
    token = _token_of(environ, "SLACK_BOT_TOKEN", "xoxb-")
    if token is None and not _written(environ, "SLACK_CLIENT_ID"):
        raise SettingsError(
            "SLACK_BOT_TOKEN is not set: write the bot token of your Slack app, which begins with xoxb-, or "
            "set SLACK_CLIENT_ID and SLACK_CLIENT_SECRET to serve each workspace that installs it."
        )
    return token


def _oauth_of(environ: _Environment) -> SlackOAuth | None:
    """Read what several workspaces need, and refuse what serves only one."""
    client_id, secret = _written(environ, "SLACK_CLIENT_ID"), _written(environ, "SLACK_CLIENT_SECRET")
    if not client_id and not secret:
        return None
    if not client_id or not secret:
        missing, given = ("SLACK_CLIENT_SECRET", "ID") if client_id else ("SLACK_CLIENT_ID", "SECRET")
        raise SettingsError(
            f"{missing} is not set, but SLACK_CLIENT_{given} is: write both from your Slack app's "
            "“Basic Information” page, or remove both to serve one workspace."
        )
    if _written(environ, "SLACK_APP_TOKEN"):
        raise SettingsError(
            "SLACK_APP_TOKEN and SLACK_CLIENT_ID are both set: Socket Mode serves one workspace or one "
            "org-wide install, so remove SLACK_APP_TOKEN to serve several over HTTP, or remove "
            "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET to serve the workspace that SLACK_BOT_TOKEN belongs to."
        )
    if _written(environ, "SLACK_BOT_TOKEN"):
        raise SettingsError(
            "SLACK_BOT_TOKEN and SLACK_CLIENT_ID are both set: remove SLACK_BOT_TOKEN to serve each "
            "workspace that installs the app, or remove SLACK_CLIENT_ID and SLACK_CLIENT_SECRET to serve one."
        )
    return SlackOAuth(
        client_id=client_id, client_secret=Secret(secret), redirect_uri=_redirect_uri_of(environ)
    )


def _redirect_uri_of(environ: _Environment) -> str | None:
    """Read where Slack sends the browser back to."""
    text, base_url = _written(environ, "SLACK_REDIRECT_URI"), _base_url_of(environ)
    if text and _web_host(text) is None:
        raise SettingsError(
            "SLACK_REDIRECT_URI is not an address: write one of your app's redirect URLs, such as "
            "https://quaymaster.example.com/slack/oauth_redirect."
        )
    return text or (f"{base_url}/slack/oauth_redirect" if base_url else None)


def _signing_secret_of(environ: _Environment, *, is_needed: bool) -> Secret | None:
    """Read the signing secret, which Socket Mode does not need."""
    text = _written(environ, "SLACK_SIGNING_SECRET")
    if not text and is_needed:
        raise SettingsError(
            "SLACK_SIGNING_SECRET is not set: write the signing secret from your Slack app's "
            "“Basic Information” page, or set SLACK_APP_TOKEN to use Socket Mode."
        )
    return Secret(text) if text else None


def _api_url_of(environ: _Environment) -> str:
    """Read the address of Slack's Web API. A bot token must not cross a network unencrypted."""
    text = _written(environ, "SLACK_API_URL") or _SLACK_API_URL
    host = _web_host(text)
    if host is None or (text.startswith("http:") and host not in _LOOPBACK_NAMES):
        raise SettingsError(
            f"SLACK_API_URL is not a usable address: write one like {_SLACK_API_URL} "
            "(http:// only for this machine)."
        )
    return text if text.endswith("/") else f"{text}/"


def _trusted_proxy_of(environ: _Environment) -> str | None:
    """Read the proxy's address."""
    text = _written(environ, "QUAYMASTER_TRUSTED_PROXY")
    try:
        return str(ip_address(text)) if text else None
    except ValueError as error:
        raise SettingsError(
            "QUAYMASTER_TRUSTED_PROXY is not an address: write the one your proxy connects from, "
            "such as 127.0.0.1."
        ) from error


def _base_url_of(environ: _Environment) -> str | None:
    """Read the public address."""
    text = _written(environ, "QUAYMASTER_BASE_URL")
    if text and _web_host(text) is None:
        raise SettingsError(
            "QUAYMASTER_BASE_URL is not an address: write one like https://quaymaster.example.com."
        )
    return text.rstrip("/") or None


def _web_host(text: str) -> str | None:
    """Return the host of a plain http or https address: no user, no query, no fragment."""
    try:
        parts = urlsplit(text)
        is_plain = parts.scheme in ("http", "https") and not (parts.query or parts.fragment or "@" in text)
        return parts.hostname if is_plain and (parts.port is None or parts.port > 0) else None
    except ValueError:
        return None


def _port_of(environ: _Environment) -> int:
    """Read the port to listen on."""
    text = _written(environ, "PORT") or "3000"
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise SettingsError("PORT is not a port: write a number from 1 to 65535, or 0 for any free one.")
    return int(text)


def _ids_of(environ: _Environment, name: str) -> tuple[str, ...]:
    """Read a list of people and user groups. A name instead of an id would silently match nobody."""
    ids = _items_of(environ, name)
    if not all(_PERSON_OR_GROUP.fullmatch(item) for item in ids):
        raise SettingsError(
            f"{name} is not a comma-separated list of ids: write Slack's member ids (U…, W…) or "
            "user group ids (S…), such as U024BE7LH,S0604QSJC."
        )
    return ids


def _networks_of(environ: _Environment) -> tuple[_Network, ...]:
    """Read the address ranges that registries may have besides public ones."""
    name = "QUAYMASTER_ALLOWED_NETWORKS"
    try:
        return tuple(ip_network(item) for item in _items_of(environ, name)) or PRIVATE_NETWORKS
    except ValueError as error:
        raise SettingsError(
            f"{name} is not a comma-separated list of networks: write address ranges such as "
            "10.0.0.0/8,fd00::/8."
        ) from error


def _default_access_of(environ: _Environment) -> bool:
    """Return whether new integrations are for linked targets only. Raises ``SettingsError``."""
    text = (_written(environ, "QUAYMASTER_DEFAULT_ACCESS") or "all").lower()
    if text not in ("all", "linked"):
        raise SettingsError("QUAYMASTER_DEFAULT_ACCESS must be all or linked.")
    return text == "linked"


def _rate_limit_of(environ: _Environment) -> int:
    """Read how many requests one person can send per minute."""
    text = _written(environ, "QUAYMASTER_RATE_LIMIT") or str(_PRESSES_A_MINUTE)
    if not re.fullmatch(r"[1-9][0-9]{0,6}", text):
        raise SettingsError(
            "QUAYMASTER_RATE_LIMIT is not a usable number: write how many commands and button presses one "
            f"person can send per minute, such as {_PRESSES_A_MINUTE}."
        )
    return int(text)


def _log_level_of(environ: _Environment) -> str:
    """Read how much is logged."""
    level = (_written(environ, "LOG_LEVEL") or "INFO").upper()
    if level not in _LEVELS:
        raise SettingsError(f"LOG_LEVEL is not a level: write one of {', '.join(_LEVELS)}.")
    return level
