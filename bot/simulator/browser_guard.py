"""Who may use the try page: a browser on this machine, from the page itself.

1. The Host header must name this machine; otherwise another site could reach the page by DNS rebinding.
2. A POST that says where it comes from must come from the page.
3. The page's own requests carry a token that only the page was given, new at each start.
"""

import hmac
import re
from typing import Any

Environ = dict[str, Any]

LOCAL_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")
FROM_HERE = (None, "same-origin", "none")

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
    """Say whether the request is addressed to this machine by its own name."""
    return LOCAL_HOST.fullmatch(environ.get("HTTP_HOST", "")) is not None


def from_this_page(environ: Environ) -> bool:
    """Say whether no other website sent the request; programs send neither of the two headers."""
    origin = environ.get("HTTP_ORIGIN")
    ours = f"{environ.get('wsgi.url_scheme', 'http')}://{environ.get('HTTP_HOST', '')}"
    return origin in (None, ours) and environ.get("HTTP_SEC_FETCH_SITE") in FROM_HERE


def has_token(environ: Environ, token: str) -> bool:
    """Say whether the request carries the page's token."""
    return hmac.compare_digest(
        environ.get("HTTP_X_PAGE_TOKEN", "").encode("latin-1", "replace"), token.encode()
    )
