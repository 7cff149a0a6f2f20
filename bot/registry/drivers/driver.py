"""What a driver is: the form of its management credential, and what it does with one."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.core.kinds import Kind
from bot.core.ports.drivers import Described, Ending, Minted, Order
from bot.registry.operation import Operation
from bot.registry.transport import Wire


@dataclass(frozen=True, slots=True)
class Asking:
    """What a driver asks with: connections that keep to the address rules, and the deadline."""

    wire: Wire
    operation: Operation
    aws_endpoint: str | None = None
    """Where AWS is, for tests; ``None`` = where botocore says."""
    github_endpoint: str | None = None
    """Where GitHub's API is, for tests."""


@dataclass(frozen=True, slots=True)
class Driver:
    """A row of the table. Its functions raise what ``bot/core/ports/drivers.py`` says."""

    kinds: tuple[str, ...]
    form: Kind
    """The fields of the management credential. Its ``id`` and ``server`` are not used."""
    describe: Callable[[Asking, Order], Described]
    mint: Callable[[Asking, Order], Minted]
    retire: Callable[[Asking, Order, Ending], bool]
