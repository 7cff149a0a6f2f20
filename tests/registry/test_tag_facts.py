"""Reading digest and age of tags: index, manifest, configuration, and what goes wrong with one of them."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.core.errors import Unreachable
from bot.core.ports.registry import TagFacts
from bot.registry.client import RegistryClient
from tests.fakes.real_registry import PRIVATE, link, put_blob, put_image, running
from tests.fakes.registry import FakeRegistry, Request, always, basic_only, reply

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MARCH = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


def digest_of(content: bytes) -> str:
    """What a registry calls some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def put_made(store: Path, repository: str, tag: str, config: Mapping[str, Any]) -> str:
    """Put an image with this configuration into a real registry's store; give its manifest's digest."""
    config_digest = put_blob(store, json.dumps(config).encode())
    manifest = manifest_of(f"sha256:{config_digest}")
    digest = put_blob(store, manifest)
    home = store / "docker/registry/v2/repositories" / repository
    link(home / "_manifests/revisions/sha256" / digest, digest)
    link(home / "_layers/sha256" / config_digest, config_digest)
    link(home / "_manifests/tags" / tag / "current", digest)
    return f"sha256:{digest}"


def put_index(store: Path, repository: str, tag: str, *entries: Mapping[str, Any]) -> str:
    """Put an index into a real registry's store; give its digest."""
    digest = put_blob(store, index_of(*entries))
    home = store / "docker/registry/v2/repositories" / repository
    link(home / "_manifests/revisions/sha256" / digest, digest)
    link(home / "_manifests/tags" / tag / "current", digest)
    return f"sha256:{digest}"


def manifest_of(config: str, **more: Any) -> bytes:
    """A manifest with the digest of its configuration."""
    media = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2}
    return json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": media, "layers": [], **more}
    ).encode()


def index_of(*entries: Mapping[str, Any]) -> bytes:
    """An index of manifests."""
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()


def entry(digest: str, system: str, architecture: str) -> Mapping[str, Any]:
    """A manifest's place in an index."""
    platform = {"os": system, "architecture": architecture}
    return {"mediaType": MANIFEST, "digest": digest, "size": 400, "platform": platform}


@pytest.mark.needs("docker-registry")
@pytest.mark.parametrize("auth", ["basic", "token", "none"])
def test_facts_of_a_real_registry(client: RegistryClient, tmp_path: Path, auth: str) -> None:
    """A real registry says of an image, and of an index by way of linux/amd64, its digest and its age."""
    with running(tmp_path, auth=auth) as registry:
        plain = put_made(registry.store, PRIVATE, "plain", {"created": "2026-03-01T13:30:00.123456789+01:00"})
        other = put_made(registry.store, PRIVATE, "arm", {"created": "2020-01-01T00:00:00Z"})
        amd = put_made(registry.store, PRIVATE, "amd", {"created": "2026-05-01T00:00:00Z"})
        attested = entry(other, "unknown", "unknown")
        entries = (attested, entry(other, "linux", "arm64"), entry(amd, "linux", "amd64"))
        index = put_index(registry.store, PRIVATE, "multi", *entries)
        found = client.tag_facts(
            registry.login(), PRIVATE, ("plain", "multi", "latest", "gone"), deadline_s=10
        )

    assert found["plain"] == TagFacts(plain, MARCH)
    assert found["multi"] == TagFacts(index, MAY, ("linux/arm64", "linux/amd64"))
    assert (found["latest"].created_at, found["latest"].trouble) == (
        None,
        "It does not say when it was made.",
    )
    assert found["latest"].digest.startswith("sha256:")
    assert "did not return it (status 404)" in found["gone"].trouble


@pytest.mark.needs("docker-registry")
def test_repositories_of_a_real_registry(client: RegistryClient, tmp_path: Path) -> None:
    """All pages of a real registry's catalog are read."""
    with running(tmp_path, auth="basic") as registry:
        names = [f"team/app-{number:03}" for number in range(230)]
        [put_image(registry.store, name, ()) for name in names]
        found = client.repositories(registry.login(), deadline_s=10)

    assert set(names) <= set(found.names)
    assert list(found.names) == sorted(found.names)
    assert not found.is_cut


class Images:
    """What a fake registry has: manifests by tag or digest, blobs by digest, and what it was asked."""

    def __init__(self, **manifests: bytes) -> None:
        self.manifests = {**manifests, **{digest_of(one): one for one in manifests.values()}}
        self.blobs: dict[str, bytes] = {}
        self.blob_answer: Callable[[bytes], bytes] = lambda content: reply(200, content)

    def blob(self, value: Mapping[str, Any]) -> str:
        """Keep a configuration; give its digest."""
        content = json.dumps(value).encode()
        self.blobs[digest_of(content)] = content
        return digest_of(content)

    def answer(self, request: Request) -> Iterable[bytes]:
        """Answer as a registry does."""
        place, _, name = request.path.rpartition("/")
        if place.endswith("/manifests"):
            found = self.manifests.get(name)
            return [reply(200, found) if found else reply(404, {})]
        if place.endswith("/blobs"):
            return [self.blob_answer(self.blobs[name])]
        return [reply(200, {})]


def made_at(images: Images, text: str) -> bytes:
    """A manifest of an image whose configuration says when it was made."""
    return manifest_of(images.blob({"created": text}))


def read(client: RegistryClient, images: Images, *tags: str) -> Mapping[str, TagFacts]:
    """Read the facts of tags from a fake registry."""
    with FakeRegistry(images.answer) as fake:
        return client.tag_facts(fake.login(), "team/app", tags, deadline_s=10)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "yesterday", "", 7, "2026-13-45T00:00:00Z"])
def test_no_moment_is_unknown(client: RegistryClient, text: Any) -> None:
    """What is not a moment, or is the year 1, is unknown."""
    images = Images()
    images.manifests["a"] = manifest_of(images.blob({"created": text}))

    assert read(client, images, "a")["a"].created_at is None


def test_an_annotation_will_do(client: RegistryClient) -> None:
    """What has no configuration of an image may say in an annotation when it was made."""
    images = Images()
    created = {"org.opencontainers.image.created": "2026-05-01T00:00:00Z"}
    images.manifests["chart"] = manifest_of(images.blob({}), annotations=created)

    assert read(client, images, "chart")["chart"].created_at == MAY


def test_what_is_not_what_was_asked_for_is_unknown(client: RegistryClient) -> None:
    """A configuration whose digest is another says nothing."""
    images = Images()
    images.manifests["a"] = made_at(images, "2026-05-01T00:00:00Z")
    images.blob_answer = lambda _: reply(200, {"created": "2030-01-01T00:00:00Z"})
    facts = read(client, images, "a")["a"]

    assert facts.created_at is None
    assert facts.digest == digest_of(images.manifests["a"])
    assert "returned something other than what was requested" in facts.trouble


@pytest.mark.parametrize("digest", ["", "sha256:x", f"md5:{'a' * 64}", f"sha256:{'a' * 64}/../../x", 7])
def test_odd_digests_are_not_asked_for(client: RegistryClient, digest: Any) -> None:
    """What is no digest becomes no path."""
    images = Images(a=manifest_of(digest))
    with FakeRegistry(images.answer) as fake:
        client.tag_facts(fake.login(), "team/app", ("a",), deadline_s=10)

    assert [one.path for one in fake.requests if "blobs" in one.path] == []


def test_tags_of_one_image_ask_once_for_its_age(client: RegistryClient) -> None:
    """Tags that name the same manifest share one look at its configuration."""
    images = Images()
    manifest = made_at(images, "2026-05-01T00:00:00Z")
    images.manifests |= {"1.0": manifest, "latest": manifest}
    with FakeRegistry(images.answer) as fake:
        found = client.tag_facts(fake.login(), "team/app", ("1.0", "latest"), deadline_s=10)

    assert [one.created_at for one in found.values()] == [MAY, MAY]
    assert sum("blobs" in one.path for one in fake.requests) == 1


def test_questions_are_bounded(client: RegistryClient) -> None:
    """However many tags there are, a registry is asked at most 64 times, and the rest is unknown."""
    images = Images()
    images.manifests |= {f"v{n}": made_at(images, f"2026-05-01T00:{n:02}:00Z") for n in range(60)}
    tags = tuple(f"v{n}" for n in range(60))
    with FakeRegistry(images.answer) as fake:
        found = client.tag_facts(fake.login(), "team/app", tags, deadline_s=10)

    assert len([one for one in fake.requests if one.path != "/v2/"]) == 64
    assert found["v31"].created_at
    assert "reached the limit of" in found["v59"].trouble


def test_a_registry_that_is_asked_too_often_is_left_alone(client: RegistryClient) -> None:
    """After a 429 the other tags are not asked for."""
    images = Images()

    def answer(request: Request) -> Iterable[bytes]:
        return [reply(429, {})] if "manifests" in request.path else images.answer(request)

    with FakeRegistry(answer) as fake:
        found = client.tag_facts(fake.login(), "team/app", ("a", "b", "c"), deadline_s=10)

    assert sum("manifests" in one.path for one in fake.requests) == 1
    assert all("received too many requests" in one.trouble for one in found.values())


def test_a_configuration_kept_elsewhere_is_fetched_without_the_login(client: RegistryClient) -> None:
    """A blob's redirect may lead to another host; the login does not go there."""
    images = Images()
    images.manifests["a"] = made_at(images, "2026-05-01T00:00:00Z")
    kept = next(iter(images.blobs.values()))
    with FakeRegistry(always(reply(200, kept))) as elsewhere:
        place = f"Location: http://127.0.0.1:{elsewhere.port}/blob?signature=x"
        images.blob_answer = lambda _: reply(307, b"", place)
        with FakeRegistry(basic_only(images.answer)) as fake:
            found = client.tag_facts(fake.login(), "team/app", ("a",), deadline_s=10)

    assert found["a"].created_at == MAY
    assert [one.path for one in elsewhere.requests] == ["/blob?signature=x"]
    assert "authorization" not in elsewhere.requests[0].headers


def test_a_manifest_is_not_fetched_elsewhere(client: RegistryClient) -> None:
    """A manifest's redirect to another host is not followed: only blobs are kept elsewhere."""
    with FakeRegistry(always(reply(200, b"{}"))) as elsewhere:
        away = reply(307, b"", f"Location: http://127.0.0.1:{elsewhere.port}/x")

        def answer(request: Request) -> Iterable[bytes]:
            return [away if "manifests" in request.path else reply(200, {})]

        with FakeRegistry(answer) as fake:
            found = client.tag_facts(fake.login(), "team/app", ("a",), deadline_s=10)

    assert elsewhere.requests == []
    assert "redirects to" in found["a"].trouble


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_a_list_that_is_withheld_is_no_wrong_login(client: RegistryClient, status: int) -> None:
    """Where repositories are not listed, that is said, and what works instead."""

    def answer(request: Request) -> Iterable[bytes]:
        return [reply(status if "_catalog" in request.path else 200, {})]

    with FakeRegistry(answer) as fake, pytest.raises(Exception, match="does not list its repositories"):
        client.repositories(fake.login(), deadline_s=10)


@pytest.mark.parametrize("page", [[], {"repositories": "x"}, {"tags": []}, b"<html>"])
def test_odd_lists_of_repositories(client: RegistryClient, page: Any) -> None:
    """A page that is no list of repositories is told; one whose list is none is empty."""
    with FakeRegistry(always(reply(200, page))) as fake:
        if page == {"repositories": "x"}:
            assert client.repositories(fake.login(), deadline_s=10).names == ()
        else:
            with pytest.raises(Unreachable):
                client.repositories(fake.login(), deadline_s=10)


def test_odd_names_are_dropped(client: RegistryClient) -> None:
    """What is no repository's name is not shown."""
    names = ["team/app", None, "", "../x", "<!channel>", "a" * 300, "team app"]
    with FakeRegistry(always(reply(200, {"repositories": names}))) as fake:
        assert client.repositories(fake.login(), deadline_s=10).names == ("team/app",)


def test_a_registry_that_had_enough_of_configurations_is_left_alone(client: RegistryClient) -> None:
    """After a 429 for a configuration the other tags are not asked for either."""
    images = Images()
    images.manifests |= {tag: made_at(images, f"2026-05-0{tag}T00:00:00Z") for tag in ("1", "2", "3")}
    images.blob_answer = lambda _: reply(429, {})
    with FakeRegistry(images.answer) as fake:
        found = client.tag_facts(fake.login(), "team/app", ("1", "2", "3"), deadline_s=10)

    assert sum("blobs" in one.path for one in fake.requests) == 1
    assert all("received too many requests" in one.trouble for one in found.values())


def test_a_manifest_that_is_no_json_is_unknown(client: RegistryClient) -> None:
    """What cannot be read says nothing of the tag, and that is said."""
    assert "cannot be read" in read(client, Images(a=b"<html>"), "a")["a"].trouble


@pytest.mark.parametrize(
    ("status", "said"),
    [(503, "an internal problem (status 503)"), (418, "an unexpected answer (status 418)")],
)
def test_a_list_that_fails_is_told(client: RegistryClient, status: int, said: str) -> None:
    """Another answer than a list is told with its status."""

    def answer(request: Request) -> Iterable[bytes]:
        return [reply(status if "_catalog" in request.path else 200, {})]

    with FakeRegistry(answer) as fake, pytest.raises(Unreachable) as caught:
        client.repositories(fake.login(), deadline_s=10)

    assert said in str(caught.value)
