"""The Slack app's manifest, finished for one installation: what you paste on api.slack.com.

Source: https://docs.slack.dev/reference/app-manifest.
"""

import json
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from bot.core.errors import InvalidInput

_EXAMPLE_URL = "https://quaymaster.example.com"
"""Where the shipped manifest says that Quaymaster is."""
_SLACK_PATH = "/slack/events"
_REDIRECT_PATH = "/slack/oauth_redirect"


def manifest_for_http(url: str, *, is_installed_by_others: bool = False, is_org_wide: bool = False) -> str:
    """
    Return the manifest of an app that Slack sends requests to at an address.

    Args:
        url: The public https address of this installation: ``https://host[:port]``, without a path.
        is_installed_by_others: True = workspaces install it themselves, and Slack sends their browsers back.
        is_org_wide: True = an organization may install it for all of its workspaces.

    Raises:
        InvalidInput: Slack could not call this address.
    """
    origin = _origin(url)
    manifest = _with_address(_shipped(), origin)
    if is_installed_by_others:
        manifest["oauth_config"]["redirect_urls"] = [f"{origin}{_REDIRECT_PATH}"]
    manifest["settings"]["org_deploy_enabled"] = is_org_wide
    return _as_json(manifest)


def manifest_for_socket_mode(*, is_org_wide: bool = False) -> str:
    """Return the manifest of an app that asks Slack for its requests, so that it needs no public address."""
    manifest = _with_address(_shipped(), None)
    manifest["settings"] |= {"socket_mode_enabled": True, "org_deploy_enabled": is_org_wide}
    return _as_json(manifest)


def manifest_scopes() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the scopes of the shipped manifest: the required ones and the optional ones."""
    scopes = _shipped()["oauth_config"]["scopes"]
    return tuple(scopes["bot"]), tuple(scopes.get("bot_optional", ()))


def _shipped() -> Any:
    return json.loads(files("bot").joinpath("manifest.json").read_text("utf-8"))


def _origin(url: str) -> str:
    example = f"Example: quaymaster manifest --url {_EXAMPLE_URL}"
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidInput("--url is not an address.", example) from None
    if parts.scheme != "https" or not host:
        raise InvalidInput(
            "--url must begin with https://, because Slack only calls https addresses.", example
        )
    if parts.username is not None:
        raise InvalidInput("--url contains a user name or password, which Slack would not send.", example)
    if parts.path.rstrip("/") not in ("", _SLACK_PATH) or parts.query or parts.fragment:
        raise InvalidInput(
            f"--url must end after the host: Quaymaster adds {_SLACK_PATH} itself.", f"{example}"
        )
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}" if port is None else f"https://{shown}:{port}"


def _with_address(value: Any, origin: str | None) -> Any:
    """Replace the example's origin, or leave out every address if there is no origin."""
    if isinstance(value, dict):
        kept = {name: one for name, one in value.items() if origin or not _is_address(one)}
        return {name: _with_address(one, origin) for name, one in kept.items()}
    if isinstance(value, list):
        return [_with_address(one, origin) for one in value]
    return value.replace(_EXAMPLE_URL, origin) if origin and _is_address(value) else value


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(_EXAMPLE_URL)


def _as_json(manifest: Any) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False)
