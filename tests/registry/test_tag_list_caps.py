"""Lists of tags that lead elsewhere, never end or grow: each stops in time and within bounds."""

import itertools
import json
import tracemalloc
from collections.abc import Iterable

import pytest

from bot.core.errors import Unreachable
from bot.registry.client import RegistryClient
from bot.registry.paged import MOST_PAGES
from bot.registry.tag_list import MOST_TAGS
from tests.fakes.registry import FakeRegistry, Request, always, endless, on_tags, reply
from tests.registry.test_tag_list import MEGABYTE, read, read_answer


@pytest.mark.parametrize(
    "target",
    [
        "http://other.example/v2/",
        "//other.example/v2/",
        "http://[x",
        "https://127.0.0.1:{port}/v2/",
        "http://u@127.0.0.1:{port}/",
    ],
)
def test_a_link_to_another_host_gets_nothing(client: RegistryClient, target: str) -> None:
    """The login stays with its registry."""
    with FakeRegistry(always()) as fake:
        link = target.format(port=fake.port)
        fake.behaviour = on_tags(always(reply(200, {"tags": ["a"]}, f'Link: <{link}>; rel="next"')))
        found = read(client, fake)

    assert (found.names, found.is_cut) == (("a",), True)
    assert found.cut_reason.endswith("so there may be more.")
    assert len(fake.requests) == 2


def test_a_circle_of_links_is_left(client: RegistryClient) -> None:
    """A page that was read is not read again."""
    page = reply(200, {"tags": ["a"]}, 'Link: </v2/team/app/tags/list>; rel="next"')
    with FakeRegistry(on_tags(always(page))) as fake:
        found = read(client, fake)

    assert "leads back to a page that was already read" in found.cut_reason
    assert sum("/tags/list" in request.path for request in fake.requests) == 1


def test_endless_pages_are_cut(client: RegistryClient) -> None:
    """Reading stops at the cap, and the cut is said."""
    numbers = itertools.count()

    def behave(_: Request) -> Iterable[bytes]:
        number = next(numbers)
        link = f'Link: </v2/team/app/tags/list?last={number}>; rel="next"'
        return [reply(200, {"tags": [f"t{number}"]}, link)]

    with FakeRegistry(on_tags(behave)) as fake:
        found = read(client, fake)

    assert (len(found.names), found.is_cut) == (MOST_PAGES, True)


def test_too_many_tags_are_cut(client: RegistryClient) -> None:
    """No more tags are kept than anybody can look at."""
    numbers = itertools.count()

    def behave(_: Request) -> Iterable[bytes]:
        number = next(numbers)
        link = f'Link: </v2/team/app/tags/list?last={number}>; rel="next"'
        return [reply(200, {"tags": [f"t{number}-{each}" for each in range(9_000)]}, link)]

    with FakeRegistry(on_tags(behave)) as fake:
        found = read(client, fake)

    assert (len(found.names), found.is_cut) == (MOST_TAGS, True)


BOMBS = {
    "small strings": b'{"tags":[' + b'"ab",' * 800_000 + b'"a"]}',
    "numbers": b'{"tags":[' + b"1000," * 800_000 + b"1]}",
    "objects": b'{"tags":[' + b"{}," * 1_300_000 + b"{}]}",
    "nested": b'{"tags":' + b"[" * 2_000_000 + b"]" * 2_000_000 + b"}",
    "wide letters": json.dumps({"tags": ["\U0001f40b" + "a" * 4_000_000]}, ensure_ascii=False).encode(),
    "deep and short": b'{"tags":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_a_page_that_would_grow_is_not_opened(client: RegistryClient, body: bytes) -> None:
    """Four megabytes of JSON never become fifty of objects."""
    answer = reply(200, body)
    tracemalloc.start()
    with pytest.raises(Unreachable, match="not a list of tags, or is too large"):
        read_answer(client, answer)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 20 * MEGABYTE


def test_an_endless_page_ends_at_the_cap(client: RegistryClient) -> None:
    """A page is at most four megabytes."""
    flood = endless(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[", b'"a",' * 16_384)
    with FakeRegistry(on_tags(lambda _: flood)) as fake, pytest.raises(Unreachable, match="more data than"):
        read(client, fake)

    assert fake.sent < 20 * MEGABYTE
