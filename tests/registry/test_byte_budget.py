"""Large answers share a budget of bytes."""

from collections.abc import Iterable
from contextlib import ExitStack
from threading import Event, Thread

import pytest

from bot.core.errors import Busy
from bot.registry.byte_budget import BYTES_AT_ONCE, FREE, Allowance, ByteBudget
from bot.registry.client import RegistryClient
from tests.fakes.registry import FakeRegistry, Request, always, on_tags, reply

MEGABYTE = 1024 * 1024
A_PAGE = 4_000_000
HALF_A_PAGE = 3 * MEGABYTE


def test_a_budget_is_shared() -> None:
    """What one holds another has not; what is given back is there again; a little is free."""
    budget = ByteBudget(10)
    one, other = Allowance(budget), Allowance(budget)
    one.read(FREE + 7)
    other.read(FREE + 3)
    with pytest.raises(Busy):
        other.read(FREE + 4)
    one.close()
    other.read(FREE + 4)
    other.keep(FREE + 1)
    one.read(FREE + 9)

    with pytest.raises(Busy):
        one.read(FREE + 10)


def test_what_is_kept_goes_on_counting() -> None:
    """A page is let go of, its tags are not."""
    budget = ByteBudget(10)
    one = Allowance(budget)
    one.read(FREE + 8)
    one.keep(FREE + 2)
    one.read(8)

    with pytest.raises(Busy):
        one.read(9)


def test_registries_that_send_much_at_once_are_bounded(client: RegistryClient) -> None:
    """Half-sent pages of one registry end in a refusal; who reads a small list notices nothing."""
    gate, begun = Event(), []
    head = b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n" % A_PAGE
    many = BYTES_AT_ONCE // HALF_A_PAGE + 1

    def half(_: Request) -> Iterable[bytes]:
        yield head
        yield b" " * HALF_A_PAGE
        begun.append(1)
        gate.wait(10)
        yield b" " * (A_PAGE - HALF_A_PAGE)

    refused: list[Exception] = []

    def read(fake: FakeRegistry) -> None:
        try:
            client.tags(fake.login(), "team/app", deadline_s=10)
        except Exception as error:  # noqa: BLE001 - looked at below
            refused.append(error)

    with FakeRegistry(on_tags(half)) as hostile, ExitStack() as stack:
        threads = [Thread(target=read, args=(hostile,)) for _ in range(many)]
        stack.callback(lambda: [thread.join() for thread in threads])
        stack.callback(gate.set)
        [thread.start() for thread in threads]
        while not refused:
            Event().wait(0.005)
        with FakeRegistry(on_tags(always(reply(200, {"tags": ["a"]})))) as honest:
            found = client.tags(honest.login(), "team/app", deadline_s=10)

    assert isinstance(refused[0], Busy)
    assert found.names == ("a",)


def test_a_reading_gives_its_bytes_back(client: RegistryClient) -> None:
    """However many large lists are read one after another, none is refused."""
    page = reply(200, {"tags": [f"{'x' * 60}{number}" for number in range(30_000)]})
    rounds = 2 * BYTES_AT_ONCE // len(page)
    with FakeRegistry(on_tags(always(page))) as fake:
        found = [client.tags(fake.login(), "team/app", deadline_s=10) for _ in range(rounds)]

    assert {len(each.names) for each in found} == {30_000}
