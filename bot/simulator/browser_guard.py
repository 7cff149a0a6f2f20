"""Who may use the try page: one browser on this machine, through the page itself.

1. The Host header must name this machine; otherwise another site could reach the page by DNS rebinding.
2. A POST that says where it comes from must come from the page.
3. Only one browser gets the page: the one that sends the key of the printed address, which works once and is
   exchanged for a cookie. Other users of this machine can reach the port, but do not know the key.
4. The page's own requests carry a token that only the page has, new at each start.
"""

import hmac
import re
import secrets
import threading
from typing import Any
from urllib.parse import parse_qs

Environ = dict[str, Any]

_LOCAL_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")
_FROM_HERE = (None, "same-origin", "none")

HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]


def from_this_machine(environ: Environ) -> bool:
    """Return whether the request is addressed to this machine by its own name."""
    return _LOCAL_HOST.fullmatch(environ.get("HTTP_HOST", "")) is not None


def from_this_page(environ: Environ) -> bool:
    """Return whether no other website sent the request; programs send neither of the two headers."""
    origin = environ.get("HTTP_ORIGIN")
    ours = f"{environ.get('wsgi.url_scheme', 'http')}://{environ.get('HTTP_HOST', '')}"
    return origin in (None, ours) and environ.get("HTTP_SEC_FETCH_SITE") in _FROM_HERE


class Admission:
    """Which browser is given the page."""

    def __init__(self) -> None:
        self._key = secrets.token_urlsafe(24)
        self._session = secrets.token_urlsafe(24)
        self._is_unused = True
        self._lock = threading.Lock()
        # Cookies of one host are sent to each of its ports, so two runs must not share a name.
        self._cookie_name = f"quaymaster-try-{secrets.token_hex(4)}"

    def address(self, url: str) -> str:
        """Return the address that opens the page once."""
        return f"{url}/?key={self._key}"

    def exchange(self, environ: Environ) -> str | None:
        """Return the ``Set-Cookie`` for a browser that brings the key first; ``None`` for every other."""
        (brought, *_) = parse_qs(environ.get("QUERY_STRING", "")).get("key", [""])
        with self._lock:
            if not (self._is_unused and _equal(brought, self._key)):
                return None
            self._is_unused = False
        return f"{self._cookie_name}={self._session}; HttpOnly; SameSite=Strict; Path=/"

    def is_given(self, environ: Environ) -> bool:
        """Return whether the request comes from the browser that has the page."""
        # Split by hand: the standard library's parser gives up at an odd cookie of another local program.
        pairs = (pair.strip().partition("=") for pair in environ.get("HTTP_COOKIE", "").split(";"))
        return any(name == self._cookie_name and _equal(value, self._session) for name, _, value in pairs)


def has_token(environ: Environ, token: str) -> bool:
    """Return whether the request carries the page's token."""
    return _equal(environ.get("HTTP_X_PAGE_TOKEN", ""), token)


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
