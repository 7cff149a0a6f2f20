"""Reading tags: pages, caps, and registries that lead astray."""

import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest

from bot.core.errors import InvalidInput, LoginRejected, RegistryFailure, RepositoryRefused, Unreachable
from bot.core.ports.registry import Tags
from bot.registry.client import RegistryClient
from bot.registry.paged import next_page
from tests.fakes.certificates import Authority
from tests.fakes.real_registry import PRIVATE, TAGS, RealRegistry, running
from tests.fakes.registry import CLOSE, FakeRegistry, Request, always, challenge, on_tags, reply

MEGABYTE = 1024 * 1024


def read(client: RegistryClient, fake: FakeRegistry) -> Tags:
    """Read the tags of a fake registry."""
    return client.tags(fake.login(), "team/app", deadline_s=10)


def read_answer(client: RegistryClient, *answer: bytes) -> Tags:
    """Read the tags of a registry that answers with this."""
    with FakeRegistry(on_tags(always(*answer))) as fake:
        return read(client, fake)


@pytest.mark.needs("docker-registry")
@pytest.mark.parametrize("name", ["basic_registry", "token_registry", "open_registry", "tls_registry"])
def test_tags_of_a_real_registry(client: RegistryClient, request: pytest.FixtureRequest, name: str) -> None:
    """In each of its forms the real registry gives its tags, sorted by name."""
    registry: RealRegistry = request.getfixturevalue(name)

    assert client.tags(registry.login(), PRIVATE, deadline_s=10) == Tags(PRIVATE, tuple(sorted(TAGS)))


@pytest.mark.needs("docker-registry")
def test_an_access_token_is_kept_for_its_login_only(client: RegistryClient, tmp_path: Path) -> None:
    """A second reading needs no second token; another version of the login does."""
    with running(tmp_path, auth="token") as registry:
        assert registry.tokens is not None
        for key in ("i1:1", "i1:1", "i1:2", "", ""):
            client.tags(registry.login(cache_key=key), PRIVATE, deadline_s=10)

        assert len(registry.tokens.manners.asked) == 4


@pytest.mark.needs("docker-registry")
@pytest.mark.parametrize(
    ("name", "repository", "password", "error", "words"),
    [
        ("basic_registry", "no/such", None, RepositoryRefused, "has no repository no/such"),
        ("token_registry", "no/such", None, RepositoryRefused, "has no repository no/such"),
        ("open_registry", "no/such", None, RepositoryRefused, "has no repository no/such"),
        ("basic_registry", PRIVATE, "wrong", LoginRejected, "refused this login"),
        ("token_registry", PRIVATE, "wrong", LoginRejected, "refused this login"),
        ("token_registry", PRIVATE, "", RepositoryRefused, "does not let this login read"),
    ],
)
def test_each_refusal_is_told_apart(
    client: RegistryClient,
    request: pytest.FixtureRequest,
    name: str,
    repository: str,
    password: str | None,
    error: type[RegistryFailure],
    words: str,
) -> None:
    """No such repository is not a wrong password, and neither is a missing permission."""
    registry: RealRegistry = request.getfixturevalue(name)
    login = registry.login() if password is None else registry.login(password=password)

    with pytest.raises(error, match=words):
        client.tags(login, repository, deadline_s=10)


def test_what_is_no_registry_is_told(client: RegistryClient) -> None:
    """A web server without /v2/ is not asked for tags."""
    with FakeRegistry(always(reply(404))) as fake, pytest.raises(Unreachable, match="is not a registry"):
        read(client, fake)

    assert len(fake.requests) == 1


@pytest.mark.parametrize("name", ["Team", "team/app:", "team//app", "../x", "team app", "é", "", "a" * 256])
def test_a_wrong_name_is_refused_before_anything_is_sent(client: RegistryClient, name: str) -> None:
    """A repository's name is judged here."""
    with FakeRegistry(always()) as fake, pytest.raises(InvalidInput, match="Example: team/app"):
        client.tags(fake.login(), name, deadline_s=10)

    assert fake.requests == []


def test_what_is_no_tag_is_dropped(client: RegistryClient) -> None:
    """Nulls, empty names, digests and their stand-ins are no tags."""
    digest = "a" * 64
    tags = ["b", None, "", f"sha256:{digest}", f"sha256-{digest}.sig", "a", 7, ["x"], "a", "not a tag", "ü"]

    assert read_answer(client, reply(200, {"name": "team/app", "tags": tags})).names == ("a", "b")


@pytest.mark.parametrize("odd", ["", "x\ny", "x\n", "\n", ".x", "x" * 129, "x:y", None, f"sha256-{'0' * 64}"])
def test_one_odd_name_does_not_hide_among_tags(client: RegistryClient, odd: object) -> None:
    """Names are looked at together when they are many, and singly when one of them is odd."""
    assert read_answer(client, reply(200, {"tags": ["a", odd, "b"]})).names == ("a", "b")


def test_a_tag_that_only_begins_like_a_digest_is_a_tag(client: RegistryClient) -> None:
    """A second look keeps it."""
    assert read_answer(client, reply(200, {"tags": ["sha256-not", "a"]})).names == ("a", "sha256-not")


@pytest.mark.parametrize("tags", [None, [], {}])
def test_an_empty_repository_has_no_tags(client: RegistryClient, tags: object) -> None:
    """Some registries say null for none."""
    assert read_answer(client, reply(200, {"tags": tags})) == Tags("team/app", ())


def test_newest_tags_come_first_where_uploads_are_dated(client: RegistryClient) -> None:
    """Google's registries say when each tag was uploaded."""
    manifests = {
        "sha256:1": {"tag": ["old"], "timeUploadedMs": "1500000000000"},
        "sha256:2": {"tag": ["new", "latest"], "timeUploadedMs": "1700000000000"},
        "sha256:3": {"tag": [], "timeUploadedMs": "x"},
    }
    found = read_answer(client, reply(200, {"tags": ["latest", "new", "old"], "manifest": manifests}))

    assert found == Tags("team/app", ("latest", "new", "old"), is_ordered=True)


def test_tags_are_sorted_by_name_where_one_is_not_dated(client: RegistryClient) -> None:
    """An order that is known in part is not an order."""
    manifests = {"sha256:1": {"tag": ["z"], "timeUploadedMs": "1500000000000"}}

    assert read_answer(client, reply(200, {"tags": ["z", "a"], "manifest": manifests})).names == ("a", "z")


PAGES = ["/v2/team/app/tags/list?last=b", "{origin}/v2/team/app/tags/list?last=b", "list?last=b"]


@pytest.mark.parametrize("target", PAGES, ids=["path", "absolute", "relative"])
def test_pages_are_followed(client: RegistryClient, target: str) -> None:
    """A link may be absolute or relative; the page after the last has none."""

    def behave(request: Request) -> Iterable[bytes]:
        if "last=b" in request.path:
            return [reply(200, {"tags": ["c"]})]
        link = target.format(origin=fake.server.origin)
        return [reply(200, {"tags": ["a", "b"]}, f'Link: <{link}>; rel="next"')]

    with FakeRegistry(on_tags(behave)) as fake:
        assert read(client, fake).names == ("a", "b", "c")


BEHIND_A_PROXY = [
    "http://{host}/v2/team/app/tags/list?last=b",
    "http://{host}:8080/v2/team/app/tags/list?last=b",
]


@pytest.mark.parametrize("target", BEHIND_A_PROXY)
def test_a_page_of_a_registry_behind_a_proxy_is_followed(
    client: RegistryClient, authority: Authority, target: str
) -> None:
    """A registry that takes itself for http is asked over https all the same, where it is."""

    def behave(request: Request) -> Iterable[bytes]:
        if "last=b" in request.path:
            return [reply(200, {"tags": ["c"]})]
        return [reply(200, {"tags": ["a", "b"]}, f'Link: <{target.format(host="localhost")}>; rel="next"')]

    with FakeRegistry(on_tags(behave), tls=authority.issue()) as fake:
        found = client.tags(fake.login(ca=authority.pem), "team/app", deadline_s=10)

    assert found == Tags("team/app", ("a", "b", "c"))


NEXT = 'Link: </repository/docker-proxy/v2/team/app/tags/list?last=b>; rel="next"'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(400), "could not be read (status 400), so there may be more."),
        (reply(403, {"message": "not here"}), "could not be read (status 403; {place} says: not here), so"),
        (reply(401), "could not be read (status 401), so"),
        (reply(429), "could not be read (status 429), so"),
        (reply(502), "could not be read (status 502), so"),
        (reply(200, b"nonsense"), "returned a page that is not a list of tags"),
        (reply(302, b"", "Location: http://[x"), "redirects to an address that cannot be used"),
        (CLOSE, "did not answer as a web server does"),
    ],
)
def test_a_next_page_that_cannot_be_read_loses_nothing(
    client: RegistryClient, answer: bytes, words: str
) -> None:
    """What was read is given, with the reason why there may be more."""
    first = reply(200, {"tags": ["1", "2"]}, NEXT)
    with FakeRegistry(on_tags(lambda request: [answer if "last=b" in request.path else first])) as fake:
        found = read(client, fake)

    assert (found.names, found.is_cut) == (("1", "2"), True)
    assert words.format(place=fake.server.address) in found.cut_reason


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<x>; rel="next"', "x"),
        ("<x>; rel=next", "x"),
        ('<x>;title="y";rel="next"', "x"),
        ('<x>; rel="prev next"', "x"),
        ('<y>; rel="prev", <x>; rel="next"', "x"),
        ('<x?a,b>; rel="next"', "x?a,b"),
        ('<y>; title="<z>; rel=next"; rel=last', None),
        ('x; rel="next"', "x"),
        ('<x>; rel="prev"', None),
        ('<x>; rel="nextish"', None),
        ("<x>", None),
        ("", None),
    ],
)
def test_links_are_read(header: str, target: str | None) -> None:
    """Several links, several relations, missing brackets."""
    assert next_page(header) == target


@pytest.mark.parametrize("body", [b"[]", b"{}", b"nonsense", b'"x"', b"\xff", b"null"])
def test_a_page_that_is_no_list_is_told(client: RegistryClient, body: bytes) -> None:
    """What is not a list of tags is not an empty list."""
    with pytest.raises(Unreachable, match="not a list of tags"):
        read_answer(client, reply(200, body))


def test_a_registry_that_forgets_its_challenge_is_understood(client: RegistryClient) -> None:
    """gcr.io asks for a login at /v2/ only; what it asked for there goes for every request."""

    def behave(request: Request) -> Iterable[bytes]:
        if request.path.startswith("/token"):
            return [reply(200, {"token": "t"})]
        if request.path == "/v2/":
            return [challenge('Bearer realm="/token",service="s"')]
        return [reply(200, {"tags": ["a"]}) if request.scheme == "bearer" else reply(401)]

    with FakeRegistry(behave) as fake:
        assert read(client, fake).names == ("a",)


@pytest.mark.needs("docker-registry")
def test_ten_thousand_tags_fit_in_ten_megabytes(client: RegistryClient, tmp_path: Path) -> None:
    """A large repository costs little."""
    with running(tmp_path, auth="basic") as registry:
        registry.put_names("team/large", [f"1.0.{number}" for number in range(10_000)])
        tracemalloc.start()
        found = client.tags(registry.login(), "team/large", deadline_s=10)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert (len(found.names), found.is_cut) == (10_000, False)
    assert peak < 10 * MEGABYTE


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (400, RepositoryRefused, "does not accept team/app as a repository name"),
        (500, Unreachable, "has an internal problem (status 500)"),
    ],
)
def test_what_keeps_tags_from_being_read_is_told(
    client: RegistryClient, status: int, error: type[RegistryFailure], said: str
) -> None:
    """A name that the registry does not take, and an internal problem, are told apart."""
    body = {"errors": [{"code": "NAME_INVALID"}]} if status == 400 else {}

    with pytest.raises(error) as caught:
        read_answer(client, reply(status, body))
    assert said in str(caught.value)
