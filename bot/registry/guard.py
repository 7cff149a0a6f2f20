"""Where a login may go: rules on addresses, on token servers and on every further hop.

A host name says nothing about where it leads, so addresses are judged after they were resolved, and
the connection is made to exactly the address that was judged.
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urljoin, urlsplit

from bot.core.addresses import literal_server
from bot.core.errors import InvalidInput, RealmRefused, Unreachable
from bot.core.model import Server, Stage
from bot.registry.deadline import Deadline, Lane

_Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Endpoint = tuple[str, int]
"""A literal address and a port."""
Resolver = Callable[[str, int], Sequence[Endpoint]]
"""From a host name and a port to endpoints. Raises ``OSError``."""

_MOST_ADDRESSES = 8
_LOOKUPS: Lane[Sequence[Endpoint]] = Lane(places=32, name="lookup")

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_LINK_LOCAL = (ip_network("169.254.0.0/16"), ip_network("fe80::/10"))
_METADATA_NETWORKS = (
    ip_network("fd00:ec2::/32"),  # AWS: instance metadata, pod identity, time, …
    ip_network("fd20:ce::/64"),  # Google
)
_METADATA = tuple(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, Oracle, …
        "169.254.170.2",  # AWS, credentials of a container
        "168.63.129.16",  # Azure's host; a public address that is not on the public internet
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle, older images
        "fd00:42::42",  # Scaleway
    )
)
_THIS_NETWORK = ip_network("0.0.0.0/8")
_COMPATIBLE, _NAT64, _SIX_TO_FOUR = (IPv6Network(text) for text in ("::/96", "64:ff9b::/96", "2002::/16"))


def resolve(host: str, port: int) -> Sequence[Endpoint]:
    """Ask the system's resolver. Raises ``OSError``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys((str(entry[4][0]), port) for entry in found))


class Guard:
    """Resolves names and lets through only addresses that a registry may have."""

    def __init__(self, allowed: Iterable[Network], resolver: Resolver = resolve) -> None:
        self._allowed = tuple(allowed)
        self._resolver = resolver

    def endpoints(self, host: str, port: int, deadline: Deadline) -> tuple[Endpoint, ...]:
        """
        Resolve a host once, and keep the endpoints that may be connected to.

        Raises:
            Unreachable: At stage ``ADDRESS``: the name leads nowhere, or nowhere allowed.
        """
        found = self._looked_up(host, port, deadline)
        allowed = tuple(each for each in found if refusal_of(each[0], self._allowed) is None)
        if not allowed:
            reason = refusal_of(found[0][0], self._allowed)
            raise Unreachable(
                f"{host} leads to {found[0][0]}, {reason}, which Quaymaster is not allowed to contact.",
                "If a registry really is there, ask the operator to name that address in "
                "QUAYMASTER_ALLOWED_NETWORKS.",
                Stage.ADDRESS,
            )
        return allowed[:_MOST_ADDRESSES]

    def _looked_up(self, host: str, port: int, deadline: Deadline) -> Sequence[Endpoint]:
        if _is_literal(host):
            return ((host, port),)
        try:
            found = _LOOKUPS.run(lambda: self._resolver(host, port), deadline.left_s())
        except TimeoutError:
            raise _unknown_host(f"The name server did not resolve {host} in time.") from None
        except (OSError, UnicodeError):
            raise _unknown_host(f"The host name {host} does not exist.") from None
        if not found:
            raise _unknown_host(f"The host name {host} does not exist.")
        return found


def _is_literal(host: str) -> bool:
    """True for an address in its usual form, which needs no name server."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _unknown_host(message: str) -> Unreachable:
    """Explain that a name could not be resolved."""
    return Unreachable(message, "Check the spelling of the address, then try again.", Stage.ADDRESS)


def refusal_of(text: str, allowed: Sequence[Network]) -> str | None:
    """
    Judge a resolved address.

    Args:
        text: A literal IPv4 or IPv6 address.
        allowed: Networks that the operator named. A network opens loopback, link-local or a metadata
            address only from inside: ``127.0.0.0/8`` opens loopback, ``0.0.0.0/0`` does not.

    Returns:
        ``None`` when it may be connected to, or a few words that say what it is.
    """
    address = _unmapped(ip_address(text.partition("%")[0]))
    named = [network for network in allowed if address in network]
    if address in _METADATA or any(address in network for network in _METADATA_NETWORKS):
        return None if any(network.num_addresses == 1 for network in named) else "a metadata service"
    for words, special in (("a loopback address", LOOPBACK), ("a link-local address", _LINK_LOCAL)):
        if any(address in network for network in special):
            return None if any(_is_inside(network, special) for network in named) else words
    if address.is_multicast or address.is_unspecified or address.is_reserved or address in _THIS_NETWORK:
        return "a reserved address"
    is_public = address.is_global and not getattr(address, "is_site_local", False)
    return None if named or is_public else "an address that is not public"


def _unmapped(address: _Address) -> _Address:
    """
    Find the IPv4 address that an IPv6 address stands for, if it stands for one.

    Source: RFC 4291 section 2.5.5 (mapped and compatible), RFC 6052 (NAT64), RFC 3056 (6to4).
    """
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR:
        return IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_inside(network: Network, special: Sequence[Network]) -> bool:
    """True when a network lies wholly within one of these."""
    return any(
        isinstance(network, IPv4Network) == isinstance(outer, IPv4Network)
        and int(outer.network_address) <= int(network.network_address)
        and int(network.broadcast_address) <= int(outer.broadcast_address)
        for outer in special
    )


def origin_of(url: str) -> str | None:
    """
    Read the origin of an absolute URL: scheme, host and effective port.

    Returns:
        ``scheme://host[:port]`` in the form ``Server.origin`` has, or ``None`` when the URL is not
        plain http(s) to a host: user info, a fragment, a backslash or a space make it none.
    """
    if "\\" in url or "#" in url or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        # "registry." is not "registry": only the latter is looked for in the machine's own domain.
        has_final_dot = (parts.hostname or "").endswith(".")
        return None if has_final_dot else literal_server(f"{parts.scheme}://{parts.netloc}").origin
    except (InvalidInput, ValueError):
        return None


def joined(base: str, target: str) -> str | None:
    """Resolve an address that a server named; ``None`` when it cannot be read at all, such as ``http://[x``."""
    try:
        return urljoin(base, target)
    except ValueError:
        return None


def allow_realm(url: str | None, server: Server, trusted: Iterable[str]) -> str:
    """
    Judge the token server that a challenge names.

    Args:
        url: The realm, already made absolute; ``None`` = it cannot be read.
        server: The integration's own registry.
        trusted: Origins on other hosts that belong to this registry or that the owner allowed.

    Returns:
        The token server's origin.

    Raises:
        RealmRefused: The login may not go there.

    Source: CVE-2020-15157 and its likes: credentials sent to a host that the registry named.
    """
    origin = None if url is None else origin_of(url)
    if origin is None:
        raise RealmRefused(
            "The registry names a token server whose address cannot be used.",
            "Its WWW-Authenticate header needs to be fixed: the realm must be a plain https address.",
        )
    if origin == server.origin:
        return origin
    if origin.startswith("http://") and not server.is_plain:
        raise RealmRefused(
            f"The registry wants the login sent unencrypted to {origin}.",
            "Nothing was sent. Its WWW-Authenticate header needs to be fixed: the realm must begin with https://.",
        )
    if origin not in trusted:
        message = (
            f"The registry {server.address} wants the login sent to {origin}, which is a different host."
        )
        hint = (
            "Nothing was sent there. If it is this registry's own login server, as with a self-hosted "
            "GitLab: save without checking, then test the integration and press “Allow it”."
        )
        raise RealmRefused(message, hint, realm=origin)
    return origin
