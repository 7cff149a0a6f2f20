"""Registry addresses: what people type, brought to one form.

Hosts are compared by equality of that form, never by a prefix: ``registry.example.attacker.net``
begins like ``registry.example`` and is somebody else's.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple, Never

from bot.core.errors import InvalidInput
from bot.core.model import DEFAULT_PORTS, Server

_EXAMPLE = "Example: https://registry.example.com:5000"
_LONGEST = 300
PATHS = frozenset({"", "/", "/v1", "/v1/", "/v2", "/v2/"})

DOCKER_HUB = Server("https", "registry-1.docker.io")
DOCKER_HUB_NAMES = frozenset(
    {"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
)
_DOCKER_HUB_KEYS = ("https://index.docker.io/v1/", "docker.io")

_WEBSITES = {
    **dict.fromkeys(
        ("hub.docker.com", "app.docker.com", "www.docker.com", "docker.com"),
        ("Docker Hub's website", "Choose Docker Hub, or write docker.io."),
    ),
    "github.com": ("GitHub's website", "GitHub's registry is ghcr.io."),
    "console.aws.amazon.com": ("a page of AWS", "Choose Amazon ECR."),
    "console.cloud.google.com": (
        "a page of Google Cloud",
        "A Google registry is, for instance, gcr.io.",
    ),
    "portal.azure.com": ("Azure's portal", "A registry's login server ends with .azurecr.io, .cn or .us."),
}
"""Addresses that people copy from their browser and where no registry is. At gitlab.com there is one: its
dependency proxy."""

NO_UNDERSCORE = "{}: docker, podman and skopeo cannot use a host name with an underscore."
"""Source: distribution/reference, ``regexp.go``, ``domain-name-component``."""

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\\]")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PORT = re.compile(r"[0-9]{1,5}")


class _Parts(NamedTuple):
    """An address cut at its punctuation; nothing in it is judged yet."""

    scheme: str
    authority: str
    path: str


@lru_cache(1024)
def parse_server(text: str) -> Server:
    """
    Read a registry address as people type it.

    No scheme means https; plain http is chosen by writing ``http://`` and by nothing else. Case, a
    default port and a trailing ``/``, ``/v1/`` or ``/v2/`` make no difference; Docker Hub's names are one
    server. A host made of digits alone stays as it is written: the connection decides where it leads.
    Websites and names that docker cannot use are no registries' addresses.

    Raises:
        InvalidInput: With a sentence and an example. User info is never repeated.
    """
    server = literal_server(text)
    if server.host in _WEBSITES:
        website, advice = _WEBSITES[server.host]
        _refuse(f"{server.host} is {website}, not a registry.", advice)
    if "_" in server.host:
        _refuse(NO_UNDERSCORE.format(server.host), "Give it a name with hyphens instead.")
    return DOCKER_HUB if server.host in DOCKER_HUB_NAMES and server.port is None else server


def literal_server(text: str) -> Server:
    """Read any server's address as ``parse_server`` does, but take each of Docker Hub's names for itself."""
    parts = _split(text.strip())
    host, port = _host_and_port(parts.authority)
    return Server(parts.scheme, host, None if port == DEFAULT_PORTS[parts.scheme] else port)


def server_of_image(image: str) -> Server:
    """
    Find the server an image comes from, as docker does: the part before the first slash when it has a dot
    or a port or is ``localhost``; otherwise Docker Hub.

    Raises:
        InvalidInput: That part is not an address.

    Source: distribution/reference, ``normalize.go``.
    """
    first, slash, _ = image.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return parse_server(first) if is_host else DOCKER_HUB


def docker_keys(server: Server) -> tuple[str, ...]:
    """
    Return the names under which docker, podman and skopeo ask a credential helper for this server's login.

    Returns:
        One key, ``host`` or ``host:port``; for Docker Hub two: docker's own, then skopeo's and podman's.

    Source: docker/cli#5378; containers/image, ``pkg/docker/config``.
    """
    return _DOCKER_HUB_KEYS if server == DOCKER_HUB else (server.address,)


def _split(text: str) -> _Parts:
    """Cut an address into scheme, authority and path. Raises ``InvalidInput``."""
    if not text:
        _refuse("The address is empty.")
    if len(text) > _LONGEST:
        _refuse(f"The address is longer than {_LONGEST} characters.")
    if _UNPRINTABLE.search(text):
        _refuse("The address contains a space, a backslash or an invisible character.")
    scheme, separator, rest = text.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("https", text)
    if scheme not in DEFAULT_PORTS:
        _refuse("The address begins with something other than https:// or http://.")
    authority, slash, path = rest.partition("/")
    _refuse_extras(authority, slash + path)
    return _Parts(scheme, authority, slash + path)


def _refuse_extras(authority: str, path: str) -> None:
    """Refuse what has no place in an address. Raises ``InvalidInput``."""
    if "@" in authority:
        _refuse("The address contains a user name or a password; those have fields of their own.")
    if {"?", "#"} & set(authority + path):
        _refuse("The address contains a query or a fragment (“?” or “#”).")
    if path.lower() not in PATHS:
        _refuse("The address contains a path; give only the server.")


def _host_and_port(authority: str) -> tuple[str, int | None]:
    """Read ``host``, ``host:port``, ``[IPv6]`` or ``[IPv6]:port``. Raises ``InvalidInput``."""
    if authority.startswith("["):
        inside, bracket, after = authority[1:].partition("]")
        if not bracket or (after and not after.startswith(":")):
            _refuse("The IPv6 address does not end with “]”.")
        return _ipv6(inside), _port_number(after[1:]) if after else None
    host, colon, port = authority.partition(":")
    if ":" in port:
        _refuse("Write an IPv6 address in brackets.", "Example: https://[fd00::5]:5000")
    return _host_name(host), _port_number(port) if colon else None


def _ipv6(text: str) -> str:
    """Bring an IPv6 address to its short form. Raises ``InvalidInput``."""
    try:
        address = IPv6Address(text)
    except ValueError:
        _refuse("This is not an IPv6 address.", "Example: https://[fd00::5]:5000")
    if address.scope_id is not None:
        _refuse("An IPv6 address with a zone (“%”) means nothing on another machine.")
    return str(address)


def _host_name(text: str) -> str:
    """
    Bring a host name to lower case ASCII, without a final dot. Raises ``InvalidInput``.

    Encoding comes before judging: IDNA turns some characters into ASCII punctuation.
    """
    try:
        host = text.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        _refuse("The host name contains characters that DNS does not allow.")
    if len(host) > 253 or not _HOST.fullmatch(host):
        _refuse("The host name is missing or not a name.")
    return host


def _port_number(text: str) -> int:
    """Read a port. Raises ``InvalidInput``."""
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= 65535:
        _refuse("The port is not a number from 1 to 65535.")
    return int(text)


def _refuse(message: str, hint: str = _EXAMPLE) -> Never:
    """Raise ``InvalidInput`` with an example."""
    raise InvalidInput(message, hint)
