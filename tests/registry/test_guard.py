"""Where a login may go."""

import threading
import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import Unreachable
from bot.core.model import Server, Stage
from bot.registry.deadline import Deadline
from bot.registry.guard import Guard, Network, RealmRefused, allow_realm, origin_of, refusal_of

PRIVATE = tuple(ip_network(text) for text in ("10.0.0.0/8", "192.168.0.0/16", "fc00::/7"))
EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))
SERVER = Server("https", "registry.example.com", 5000)
PLAIN = Server("http", "registry.example.com", 5000)

LOOPBACK = [
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "::7f00:1",
]
LINK_LOCAL = ["169.254.1.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.1.1", "2002:a9fe:101::"]
METADATA = [
    "169.254.169.254",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "100.100.100.200",
    "::ffff:169.254.169.254",
    "168.63.129.16",
    "fd00:42::42",
]
NOWHERE = ["0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "240.0.0.1", "255.255.255.255"]


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"])
def test_public_addresses_are_let_through(address: str) -> None:
    """A public registry needs no setting, not even through an IPv6 form of its address."""
    assert refusal_of(address, ()) is None


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.1.1", "fd12::1", "::ffff:10.1.2.3"])
def test_private_addresses_need_a_named_network(address: str) -> None:
    """Private ranges are open only as the setting says."""
    assert refusal_of(address, PRIVATE) is None
    assert refusal_of(address, ()) == "an address that is not public"


@pytest.mark.parametrize(
    "address", [*LOOPBACK, *LINK_LOCAL, *METADATA, *NOWHERE, "100.64.0.1", "2001:0:1::1", "198.18.0.1"]
)
def test_special_addresses_are_refused(address: str) -> None:
    """Loopback, link-local, metadata and the rest are refused in every disguise."""
    assert refusal_of(address, PRIVATE) is not None


@pytest.mark.parametrize("address", [*LOOPBACK, *LINK_LOCAL, *METADATA, *NOWHERE])
def test_a_network_that_holds_everything_names_nothing_special(address: str) -> None:
    """Opening all networks does not open this machine to those who can type an address."""
    assert refusal_of(address, EVERYTHING) is not None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("127.0.0.1", "127.0.0.0/8"),
        ("::ffff:127.0.0.1", "127.0.0.1/32"),
        ("::1", "::1/128"),
        ("169.254.1.1", "169.254.0.0/16"),
        ("169.254.169.254", "169.254.169.254/32"),
    ],
)
def test_special_addresses_can_be_named(address: str, network: str) -> None:
    """An operator who names such an address means it."""
    assert refusal_of(address, (ip_network(network),)) is None


@pytest.mark.parametrize("network", ["169.254.0.0/16", "169.254.169.0/24"])
def test_metadata_is_named_only_by_its_own_address(network: str) -> None:
    """A range around a metadata service does not open it."""
    assert refusal_of("169.254.169.254", (ip_network(network),)) == "a metadata service"


@pytest.mark.parametrize("address", NOWHERE)
def test_some_addresses_cannot_be_named(address: str) -> None:
    """Multicast, unspecified and reserved addresses belong to no server."""
    assert refusal_of(address, (*EVERYTHING, ip_network(address), ip_network("0.0.0.0/8"))) is not None


def endpoints(
    found: Sequence[str], allowed: Sequence[Network] = PRIVATE, *, seconds: float = 1
) -> tuple[tuple[str, int], ...]:
    """Resolve a name that leads to these addresses."""
    guard = Guard(allowed, lambda _, port: [(address, port) for address in found])
    return guard.endpoints("registry.example.com", 5000, Deadline(seconds))


def test_only_allowed_addresses_are_connected_to() -> None:
    """Of several addresses the refused ones are left out."""
    assert endpoints(["127.0.0.1", "10.0.0.1", "8.8.8.8"]) == (("10.0.0.1", 5000), ("8.8.8.8", 5000))


def test_a_name_that_leads_to_this_machine_is_refused() -> None:
    """What counts is where a name leads, not how it reads."""
    with pytest.raises(Unreachable) as caught:
        endpoints(["169.254.169.254"])

    assert caught.value.stage is Stage.ADDRESS
    assert "169.254.169.254, a metadata service" in caught.value.message
    assert "QUAYMASTER_ALLOWED_NETWORKS" in caught.value.hint


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1"])
def test_numbers_that_are_addresses_are_judged_as_what_they_reach(host: str) -> None:
    """The system reads these as 127.0.0.1, and so does the guard."""
    with pytest.raises(Unreachable, match=r"leads to 127.0.0.1, a loopback address"):
        Guard(PRIVATE).endpoints(host, 5000, Deadline(2))


def test_a_name_nobody_knows_is_told() -> None:
    """No address is an error of the address."""
    with pytest.raises(Unreachable, match=r"The host name \S+ does not exist"):
        endpoints([])


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """Holds a name server up until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_a_stuck_name_server_does_not_hold_the_deadline_up(stuck: threading.Event) -> None:
    """A lookup cannot be interrupted, so it is left alone."""
    guard = Guard(PRIVATE, lambda _host, _port: stuck.wait(10) and [])
    begin = time.monotonic()

    with pytest.raises(Unreachable, match=r"did not resolve registry\.example\.com in time"):
        guard.endpoints("registry.example.com", 5000, Deadline(0.2))
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://auth.example.com/token?a=b", "https://auth.example.com"),
        ("https://Auth.Example.com:443/token", "https://auth.example.com"),
        ("http://[::1]:5000/", "http://[::1]:5000"),
        ("https://docker.io/token", "https://docker.io"),
        ("https://ci:x@auth.example.com/", None),
        ("https://auth.example.com/#x", None),
        ("https://good.example\\@evil.example/", None),
        ("https://good.example /", None),
        ("https://good.example\t/", None),
        ("https://registry./", None),
        ("ftp://auth.example.com/", None),
        ("//auth.example.com/", None),
        ("https://auth.example.com:99999/", None),
        ("https://[::1/", None),
        ("https://bücher.example/", None),
        ("", None),
    ],
)
def test_origins_are_read_strictly(url: str, origin: str | None) -> None:
    """What two readers could take for two hosts is taken for none."""
    assert origin_of(url) == origin


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=60))
def test_any_text_has_an_origin_or_none(text: str) -> None:
    """Whatever a registry names, reading it raises nothing."""
    assert origin_of(f"https://{text}") is None or text


@pytest.mark.parametrize(
    ("url", "server", "trusted"),
    [
        ("https://registry.example.com:5000/auth", SERVER, ()),
        ("https://auth.example.com/token", SERVER, ("https://auth.example.com",)),
        ("http://registry.example.com:5000/auth", PLAIN, ()),
        ("https://auth.example.com/token", PLAIN, ("https://auth.example.com",)),
        ("http://auth.example.com/token", PLAIN, ("http://auth.example.com",)),
    ],
)
def test_allowed_realms(url: str, server: Server, trusted: tuple[str, ...]) -> None:
    """The registry's own origin, and origins that were allowed."""
    assert url.startswith(allow_realm(url, server, trusted))


@pytest.mark.parametrize(
    ("url", "server", "shown"),
    [
        ("https://evil.example/token", SERVER, "https://evil.example"),
        ("https://registry.example.com/token", SERVER, "https://registry.example.com"),
        ("https://registry.example.com:5000.evil.example/", SERVER, None),
        ("https://auth.example.com.evil.example/", SERVER, "https://auth.example.com.evil.example"),
        ("http://auth.example.com/token", SERVER, None),
        ("http://registry.example.com:5000/auth", SERVER, None),
        ("http://evil.example/token", PLAIN, "http://evil.example"),
        ("https://registry.example.com:5000@evil.example/", SERVER, None),
        ("ftp://registry.example.com:5000/", SERVER, None),
    ],
)
def test_refused_realms(url: str, server: Server, shown: str | None) -> None:
    """Other hosts, ports and schemes; one that an owner may allow is shown."""
    with pytest.raises(RealmRefused) as caught:
        allow_realm(url, server, ("https://auth.example.com", "http://auth.example.com"))

    assert caught.value.realm == shown
    assert caught.value.stage is Stage.REALM
