"""A real CNCF distribution registry (Debian's ``docker-registry``), in each of its forms.

Tests that use one are marked ``@pytest.mark.needs("docker-registry")``. The fixtures start one registry for
the whole run; a test that changes a registry starts its own with ``running``. A ``conftest.py`` takes
the fixtures over by importing them.
"""

import hashlib
import json
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.core.model import Server
from bot.core.ports.registry import Login
from bot.core.secrets import Secret
from tests.fakes.certificates import Authority, Certified, signing_key
from tests.fakes.token_server import ISSUER, SERVICE, Manners, TokenServer

USERNAME = "ci"
PASSWORD = 'pa:ss"w$rd+ü'
HTPASSWD = "ci:$2y$04$MMPXsWyvJIbF7Rcdg1V30Ox/Mkh9ibd/wK5PJ2.V/mQMdiyaOotVC\n"
"""That user and password, as ``htpasswd -nbB -C 4`` writes them."""

TAGS = ("1.0", "1.1", "2.0", "latest")
PRIVATE, PUBLIC = "team/app", "public/base"


@dataclass(frozen=True)
class RealRegistry:
    """A registry that runs."""

    server: Server
    store: Path
    ca: str | None = None
    tokens: TokenServer | None = None

    @property
    def url(self) -> str:
        """Its address as a person types it."""
        return self.server.origin

    def login(self, username: str = USERNAME, password: str = PASSWORD, *, cache_key: str = "") -> Login:
        """A login of the kind Private Docker Registry, whose token server is allowed."""
        realms = (self.tokens.origin,) if self.tokens else ()
        credential = {"password": Secret(password)} if password else {}
        return Login(
            "private",
            self.server,
            username,
            credential,
            ca=self.ca,
            trusted_realms=realms,
            cache_key=cache_key,
        )

    def put(self, repository: str, tags: Iterable[str]) -> None:
        """Put an image with these tags into the registry's store."""
        put_image(self.store, repository, tags)

    def put_names(self, repository: str, tags: Iterable[str]) -> None:
        """Put only the names of tags there: enough for listing them, and quick by the thousand."""
        place = self.store / "docker/registry/v2/repositories" / repository / "_manifests/tags"
        for tag in tags:
            (place / tag).mkdir(parents=True)


@contextmanager
def running(
    folder: Path, *, auth: str = "basic", tls: Certified | None = None, ca: str | None = None
) -> Iterator[RealRegistry]:
    """
    Run a registry with ``team/app`` and ``public/base`` in it.

    Args:
        folder: For its store and its configuration.
        auth: ``basic``, ``token`` or ``none``.
        tls: Its certificate; ``None`` = plain http.
        ca: The authority of that certificate, for logins.
    """
    store = folder / "store"
    for repository in (PRIVATE, PUBLIC):
        put_image(store, repository, TAGS)
    with ExitStack() as stack:
        tokens = stack.enter_context(token_server()) if auth == "token" else None
        port = free_port()
        settings = configuration(folder, port, auth, tls, tokens)
        stack.enter_context(process(folder, settings, port))
        server = Server("https" if tls else "http", "localhost" if tls else "127.0.0.1", port)
        yield RealRegistry(server, store, ca, tokens)


@contextmanager
def token_server() -> Iterator[TokenServer]:
    """Run a token server that knows the user, and lets everybody pull ``public/base``."""
    certified = Authority().issue(key=signing_key())
    manners = Manners(users={USERNAME: PASSWORD}, public=frozenset({PUBLIC}))
    with TokenServer(certified, manners) as server:
        yield server


def configuration(
    folder: Path, port: int, auth: str, tls: Certified | None, tokens: TokenServer | None
) -> dict[str, object]:
    """Write the registry's settings: 127.0.0.1 only, not everywhere as in Debian's own file."""
    http: dict[str, object] = {"addr": f"127.0.0.1:{port}", "secret": "not-a-secret"}
    if tls:
        certificate, key = tls.write(folder)
        http["tls"] = {"certificate": str(certificate), "key": str(key)}
    return {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "store")}},
        "http": http,
        "auth": authentication(folder, auth, tokens),
    }


def authentication(folder: Path, auth: str, tokens: TokenServer | None) -> dict[str, object]:
    """Write the settings of one way to log in; nothing for a registry open to all."""
    if auth == "basic":
        (folder / "htpasswd").write_text(HTPASSWD)
        return {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    if tokens is None:
        return {}
    bundle = folder / "tokens.crt"
    bundle.write_text(tokens.certified.pem)
    names = {"realm": tokens.realm, "service": SERVICE, "issuer": ISSUER}
    return {"token": {**names, "rootcertbundle": str(bundle)}}


@contextmanager
def process(folder: Path, settings: dict[str, object], port: int) -> Iterator[None]:
    """Run ``docker-registry`` until the block ends."""
    path = folder / "config.yml"
    path.write_text(json.dumps(settings))  # JSON is YAML
    with (folder / "registry.log").open("wb") as log:
        program = subprocess.Popen(["docker-registry", "serve", str(path)], stdout=log, stderr=log)
    try:
        wait_for(port, program)
        yield
    finally:
        program.terminate()
        program.wait(timeout=10)


def wait_for(port: int, program: "subprocess.Popen[bytes]", patience_s: float = 10.0) -> None:
    """Wait until a port answers."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end and program.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("docker-registry did not start")


def free_port() -> int:
    """Find a port of 127.0.0.1 that is free now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def put_image(store: Path, repository: str, tags: Iterable[str]) -> None:
    """Write an image without layers into a registry's store, under each of the tags."""
    config = put_blob(store, b"{}")
    manifest = put_blob(store, manifest_of(config))
    home = store / "docker/registry/v2/repositories" / repository
    link(home / "_manifests/revisions/sha256" / manifest, manifest)
    link(home / "_layers/sha256" / config, config)
    for tag in tags:
        link(home / "_manifests/tags" / tag / "current", manifest)


def manifest_of(config: str) -> bytes:
    """An OCI manifest with this configuration and no layer."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": f"sha256:{config}",
                "size": 2,
            },
            "layers": [],
        }
    ).encode()


def put_blob(store: Path, content: bytes) -> str:
    """Write a blob, and give its SHA-256 in hexadecimal."""
    digest = hashlib.sha256(content).hexdigest()
    place = store / "docker/registry/v2/blobs/sha256" / digest[:2] / digest
    place.mkdir(parents=True, exist_ok=True)
    (place / "data").write_bytes(content)
    return digest


def link(place: Path, digest: str) -> None:
    """Write a link file."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "link").write_text(f"sha256:{digest}")


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A private certificate authority."""
    return Authority()


@pytest.fixture(scope="session")
def basic_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A registry with Basic authentication, over plain http."""
    with running(tmp_path_factory.mktemp("basic"), auth="basic") as registry:
        yield registry


@pytest.fixture(scope="session")
def token_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A registry with token authentication, over plain http, and its token server on another port."""
    with running(tmp_path_factory.mktemp("token"), auth="token") as registry:
        yield registry


@pytest.fixture(scope="session")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A registry that asks nobody to log in."""
    with running(tmp_path_factory.mktemp("open"), auth="none") as registry:
        yield registry


@pytest.fixture(scope="session")
def tls_registry(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RealRegistry]:
    """A registry with Basic authentication, over TLS with a private authority."""
    leaf = authority.issue()
    with running(tmp_path_factory.mktemp("tls"), auth="basic", tls=leaf, ca=authority.pem) as registry:
        yield registry
