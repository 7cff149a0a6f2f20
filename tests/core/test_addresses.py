"""What people type as a registry's address."""

import pytest

from bot.core.addresses import DOCKER_HUB, docker_keys, literal_server, parse_server
from bot.core.errors import InvalidInput
from bot.core.model import Server


@pytest.mark.parametrize(
    ("typed", "server"),
    [
        ("registry.example.com", Server("https", "registry.example.com")),
        ("  registry.example.com  ", Server("https", "registry.example.com")),
        ("https://registry.example.com", Server("https", "registry.example.com")),
        ("HTTPS://Registry.Example.COM", Server("https", "registry.example.com")),
        ("http://registry.example.com", Server("http", "registry.example.com")),
        ("https://registry.example.com:443/", Server("https", "registry.example.com")),
        ("http://registry.example.com:80", Server("http", "registry.example.com")),
        ("https://registry.example.com:80", Server("https", "registry.example.com", 80)),
        ("localhost:5000", Server("https", "localhost", 5000)),
        ("registry.example.com:5000/v2/", Server("https", "registry.example.com", 5000)),
        ("https://registry.example.com/v1", Server("https", "registry.example.com")),
        ("https://registry.example.com/V2/", Server("https", "registry.example.com")),
        ("registry.example.com.", Server("https", "registry.example.com")),
        ("https://registry.bücher.example", Server("https", "registry.xn--bcher-kva.example")),
        ("[fd00::5]:5000", Server("https", "fd00::5", 5000)),
        ("https://[FD00:0:0::5]", Server("https", "fd00::5")),
        ("http://127.0.0.1:5000", Server("http", "127.0.0.1", 5000)),
        ("2130706433", Server("https", "2130706433")),
        ("0x7f000001", Server("https", "0x7f000001")),
    ],
)
def test_spellings_of_an_address_come_to_one_form(typed: str, server: Server) -> None:
    """Scheme, case, default port and registry paths make no difference; no scheme means https."""
    assert parse_server(typed) == server


@pytest.mark.parametrize(
    "typed",
    [
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "registry.hub.docker.com",
        "https://index.docker.io/v1/",
        "http://docker.io",
        "DOCKER.IO:443",
    ],
)
def test_docker_hubs_names_are_one_server(typed: str) -> None:
    """Whatever Docker Hub is called, it is one server, over https."""
    assert parse_server(typed) == DOCKER_HUB


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("https://", "name"),
        ("https:///v2/", "name"),
        ("ftp://registry.example.com", "https:// or http://"),
        ("file:///etc/passwd", "https:// or http://"),
        ("javascript://registry.example.com", "https:// or http://"),
        ("https://registry.example.com?x=1", "query"),
        ("https://registry.example.com#x", "fragment"),
        ("https://registry.example.com/team/app", "path"),
        ("registry.example.com/v2/x", "path"),
        ("registry.example.com//", "path"),
        ("registry example.com", "space"),
        ("registry.example.com\nx", "space"),
        ("registry.example.com\x00", "invisible"),
        ("registry.example.com\u2028x", "invisible"),
        ("https://good.example\\@evil.example", "backslash"),
        ("registry.example.com:0", "port"),
        ("registry.example.com:65536", "port"),
        ("registry.example.com:", "port"),
        ("registry.example.com:５０００", "port"),
        ("registry.example.com:5000:1", "brackets"),
        ("fd00::5", "brackets"),
        ("[fd00::5", "]"),
        ("[fd00::5]5000", "]"),
        ("[fe80::1%eth0]", "zone"),
        ("[registry]", "IPv6"),
        ("-registry.example.com", "name"),
        ("registry..example.com", "DNS does not allow"),
        ("℀.example.com", "name"),
        ("a" * 64 + ".example.com", "DNS does not allow"),
        ("a." * 200 + "example.com", "longer"),
        ("registry.example.com,other.example.com", "name"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(typed: str, reason: str) -> None:
    """Each refusal names what is wrong and gives an example."""
    with pytest.raises(InvalidInput) as caught:
        parse_server(typed)

    assert reason in caught.value.message
    assert caught.value.hint.startswith("Example: https://")


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("https://hub.docker.com", "Choose Docker Hub"),
        ("hub.docker.com:443/", "Choose Docker Hub"),
        ("www.docker.com", "Choose Docker Hub"),
        ("github.com", "ghcr.io"),
        ("portal.azure.com", "login server"),
        ("console.cloud.google.com", "gcr.io"),
    ],
)
def test_a_website_is_no_registry(typed: str, advice: str) -> None:
    """An address copied from a browser is told apart, with where the registry is."""
    with pytest.raises(InvalidInput, match="not a registry") as caught:
        parse_server(typed)

    assert advice in caught.value.hint


@pytest.mark.parametrize("typed", ["my_registry:5000", "https://my_registry.example.com", "reg._x.example"])
def test_a_name_that_docker_cannot_use_is_refused(typed: str) -> None:
    """An image's name cannot hold a host with an underscore."""
    with pytest.raises(InvalidInput, match="cannot use a host name with an underscore"):
        parse_server(typed)


def test_a_server_beside_a_registry_may_have_any_name() -> None:
    """Token servers and next pages are no part of an image's name."""
    assert literal_server("https://auth_1.example.com").host == "auth_1.example.com"


def test_user_info_is_refused_and_never_repeated() -> None:
    """A password typed into the address stays out of the answer."""
    with pytest.raises(InvalidInput) as caught:
        parse_server("https://ci:marker-secret@registry.example.com")

    assert "marker-secret" not in str(caught.value)
    assert "user name or a password" in str(caught.value)


@pytest.mark.parametrize("typed", ["registry.example.com:5000", "http://[fd00::5]", "docker.io"])
def test_an_address_reads_back_as_itself(typed: str) -> None:
    """The form an address is kept in is read as the same server again."""
    server = parse_server(typed)

    assert parse_server(server.origin) == server


def test_hosts_that_begin_alike_are_different() -> None:
    """A look-alike of Docker Hub is not Docker Hub."""
    assert parse_server("docker.io.attacker.example") != DOCKER_HUB


def test_a_literal_address_keeps_docker_hubs_other_names() -> None:
    """Rules on token servers compare what was written, not what it stands for."""
    assert literal_server("docker.io") == Server("https", "docker.io")


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("docker.io", ("https://index.docker.io/v1/", "docker.io")),
        ("registry.example.com", ("registry.example.com",)),
        ("http://registry.example.com:5000", ("registry.example.com:5000",)),
        ("[fd00::5]:5000", ("[fd00::5]:5000",)),
    ],
)
def test_docker_keys_are_those_that_pull_looks_for(typed: str, keys: tuple[str, ...]) -> None:
    """Docker Hub has two keys, any other registry its address without the scheme."""
    assert docker_keys(parse_server(typed)) == keys
