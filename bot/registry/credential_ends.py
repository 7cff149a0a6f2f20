"""When a login ends, asked of the registry's own API with the login itself.

=========  ===========================================================================  ==================
kind       what is asked                                                                where
=========  ===========================================================================  ==================
GitHub     any question: each answer has ``github-authentication-token-expiration``     api.github.com
GitLab     ``GET /api/v4/personal_access_tokens/self``; a deploy token is refused       its token server
=========  ===========================================================================  ==================

A Harbor robot cannot see itself: its driver asks with a management credential. Docker Hub lists tokens with
their ends, but not which of them is the one that asks.

Sources: google/go-github, ``TokenExpiration``; gitlabhq/gitlabhq, ``doc/api/personal_access_tokens.md``.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from types import MappingProxyType

from bot.core.errors import DriverRefused, LoginRejected, Unreachable
from bot.core.model import Stage
from bot.core.ports.registry import Login
from bot.registry.answer import Answer
from bot.registry.drivers.driver import Asking
from bot.registry.kind_table import KNOWN_REALMS

_GITHUB_HEADER = "github-authentication-token-expiration"


def _github_end(asking: Asking, login: Login) -> datetime | None:
    """An answer without the header means a token without an end."""
    host = "api.github.com"
    if login.server.host.startswith("containers."):
        # An enterprise with data residency: containers.SUBDOMAIN.ghe.com has api.SUBDOMAIN.ghe.com.
        host = login.server.host.replace("containers.", "api.", 1)
    answer = _ask(asking, login, f"{asking.github_endpoint or f'https://{host}'}/rate_limit")
    text = answer.headers.get(_GITHUB_HEADER)
    if text is None:
        return None
    try:
        # The zone is UTC, or a difference such as -0700.
        return datetime.strptime(text.strip().replace("UTC", "+0000"), "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        raise _unreadable(host) from None


def _gitlab_end(asking: Asking, login: Login) -> datetime | None:
    """GitLab itself is where its token server is: one that the owner has allowed, or the registry's host."""
    known = (*login.trusted_realms, *KNOWN_REALMS.get(login.server.origin, ()), login.server.origin)
    answer = _ask(asking, login, f"{known[0]}/api/v4/personal_access_tokens/self")
    value = answer.json()
    if not isinstance(value, dict) or "expires_at" not in value:
        raise _unreadable(known[0])
    if value["expires_at"] is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(str(value["expires_at"])[:10]), time(), UTC)
    except ValueError:
        raise _unreadable(known[0]) from None


def _ask(asking: Asking, login: Login, url: str) -> Answer:
    asking.operation.stage = Stage.LOGIN
    secret = login.credential.get("password")
    if not secret:
        raise DriverRefused("There is no token to ask about.", "Enter one.", Stage.LOGIN)
    answer = asking.wire.fetch(url, f"Bearer {secret.reveal()}")
    if answer.status == 401:
        raise LoginRejected(
            "The registry's API does not accept this login.",
            "It says nothing about deploy tokens and passwords, only about personal access tokens.",
            Stage.LOGIN,
        )
    if answer.status != 200:
        raise Unreachable(f"The registry's API answered {answer.status}.", "Try again later.", Stage.LOGIN)
    return answer


def _unreadable(place: str) -> Unreachable:
    return Unreachable(
        f"{place} returned an expiration date that cannot be read.", "Enter it as “Ends on”.", Stage.LOGIN
    )


END_OF: Mapping[str, Callable[[Asking, Login], datetime | None]] = MappingProxyType(
    {"ghcr": _github_end, "gitlab": _gitlab_end}
)
"""By kind, what asks."""
