"""A token server for a real registry: signs RS256 tokens, and can behave as various products do.

Source: distribution/distribution, ``docs/content/spec/auth/token.md`` and ``jwt.md``.
"""

import base64
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.fakes.certificates import Certified

SERVICE = "test-registry"
ISSUER = "test-issuer"


@dataclass(frozen=True)
class Asked:
    """One request: what for and how, never with what secret."""

    method: str
    scopes: tuple[str, ...]
    scheme: str
    """``Basic``, or empty for an anonymous request."""


@dataclass
class Manners:
    """How the token server behaves. Change it while it runs."""

    users: Mapping[str, str]
    public: frozenset[str] = frozenset()
    """Repositories that everybody may pull."""
    actions: tuple[str, ...] = ("pull",)
    """What a user may do at most."""
    field_name: str = "token"
    expires_in: int | None = 300
    delay_s: float = 0.0
    redirects: bool = False
    """Send ``/token`` on to ``/token/`` first."""
    forgives_wrong_password: bool = False
    """Answer a wrong password with an anonymous token, as Harbor does."""
    status: int | None = None
    """Answer everything with this."""
    asked: list[Asked] = field(default_factory=list)


class TokenServer:
    """A token server on a free port of 127.0.0.1."""

    def __init__(self, certified: Certified, manners: Manners, *, tls: Certified | None = None) -> None:
        self.manners = manners
        self.certified = certified
        """Whose key signs; a registry believes it by ``rootcertbundle``."""
        self._server = Listener(manners, Signer(certified))
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls_context(tls).wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def origin(self) -> str:
        """Its origin, for an integration's trusted realms."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    @property
    def realm(self) -> str:
        """The realm of a registry's challenge."""
        return f"{self.origin}/token"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class Listener(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1."""

    daemon_threads = True

    def __init__(self, manners: Manners, signer: "Signer") -> None:
        self.manners = manners
        self.signer = signer
        super().__init__(("127.0.0.1", 0), Handler)


class Signer:
    """Signs tokens that a registry of the same key believes."""

    def __init__(self, certified: Certified) -> None:
        assert isinstance(certified.key, rsa.RSAPrivateKey)
        self._key = certified.key
        chain = [base64.b64encode(certified.der).decode()]
        self._header = packed({"typ": "JWT", "alg": "RS256", "x5c": chain})

    def sign(self, access: list[dict[str, Any]], lifetime_s: int = 300) -> str:
        """Make a token. ``exp`` is an integer: distribution 2.8 refuses others."""
        claims = packed(
            {"iss": ISSUER, "aud": SERVICE, "exp": int(time.time()) + lifetime_s, "access": access}
        )
        message = f"{self._header}.{claims}"
        signature = self._key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{message}.{base64url(signature)}"


class Handler(BaseHTTPRequestHandler):
    """Answers token requests as the manners say."""

    protocol_version = "HTTP/1.1"
    server: "Listener"

    def do_GET(self) -> None:
        """Answer a token request; see ``token.md``."""
        manners, parts = self.server.manners, urlsplit(self.path)
        scopes = parse_qs(parts.query).get("scope", [])
        if manners.redirects and parts.path == "/token":
            self.answer(301, {}, f"Location: /token/?{parts.query}")
            return
        time.sleep(manners.delay_s)
        user = read_basic(self.headers.get("Authorization", ""))
        manners.asked.append(Asked("GET", tuple(scopes), "Basic" if user else ""))
        self.give_token(user, scopes)

    def do_POST(self) -> None:
        """Refuse: a client that holds no refresh token has no reason to come this way."""
        self.server.manners.asked.append(Asked("POST", (), ""))
        self.close_connection = True
        self.answer(404, {})

    def give_token(self, user: tuple[str, str] | None, scopes: list[str]) -> None:
        """Answer with a token, or with what the manners say."""
        manners = self.server.manners
        is_known = user is not None and manners.users.get(user[0]) == user[1]
        if manners.status is not None:
            self.answer(manners.status, {})
        elif user is not None and not is_known and not manners.forgives_wrong_password:
            self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong"}]})
        else:
            token = self.server.signer.sign(granted(manners, scopes, is_known=is_known))
            self.answer(200, {manners.field_name: token} | expiry(manners))

    def answer(self, status: int, value: Mapping[str, object], *headers: str) -> None:
        """Send JSON in one write: two would wait for each other's acknowledgement."""
        body = json.dumps(value).encode()
        head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
        self.wfile.write("\r\n".join(head).encode() + body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def read_basic(header: str) -> tuple[str, str] | None:
    """Read a Basic ``Authorization`` header; ``None`` when there is none."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    name, _, password = base64.b64decode(text).decode().partition(":")
    return name, password


def granted(manners: Manners, scopes: list[str], *, is_known: bool) -> list[dict[str, Any]]:
    """Grant what may be had of what was asked; less is no error."""
    access = []
    for scope in " ".join(scopes).split():
        name, _, actions = scope.removeprefix("repository:").rpartition(":")
        allowed = manners.actions if is_known else ("pull",) if name in manners.public else ()
        given = [action for action in actions.split(",") if action in allowed]
        access += [{"type": "repository", "name": name, "actions": given}] if given else []
    return access


def expiry(manners: Manners) -> dict[str, object]:
    """The answer's ``expires_in``, if it has one."""
    return {} if manners.expires_in is None else {"expires_in": manners.expires_in}


def packed(value: object) -> str:
    """Pack JSON for a token."""
    return base64url(json.dumps(value).encode())


def base64url(value: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def tls_context(certified: Certified) -> ssl.SSLContext:
    """Make a server's TLS context. The files it needs live only as long as this call."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        context.load_cert_chain(*certified.write(Path(folder)))
    return context
