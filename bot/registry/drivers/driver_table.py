"""The drivers, and the object that asks by them. A further one is a file, and its name in ``_DRIVERS``."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from bot.core.errors import DriverRefused
from bot.core.kinds import Kind
from bot.core.ports.drivers import Described, Ending, Minted, Order
from bot.core.ports.registry import Login
from bot.registry.byte_budget import ByteBudget
from bot.registry.credential_ends import END_OF
from bot.registry.deadline import Clock, Deadline
from bot.registry.drivers import ecr, gitlab, harbor
from bot.registry.drivers.driver import Asking, Driver
from bot.registry.guard import Guard, Network, Resolver, resolve
from bot.registry.operation import Operation
from bot.registry.transport import Wire
from bot.registry.trust import Trust

_DRIVERS = (ecr.DRIVER, harbor.DRIVER, gitlab.DRIVER)
_BY_KIND = {kind: driver for driver in _DRIVERS for kind in driver.kinds}
T = TypeVar("T")


class RegistryDrivers:
    """Asks registries to make and end credentials, by the rules of ``guard.py``. Safe to share."""

    def __init__(
        self,
        allowed_networks: Iterable[Network],
        *,
        resolver: Resolver = resolve,
        clock: Clock = time.monotonic,
        aws_endpoint: str | None = None,
        github_endpoint: str | None = None,
    ) -> None:
        """Take what ``RegistryClient`` takes, for the same reasons; ``github_endpoint`` is for tests too."""
        self._guard = Guard(allowed_networks, resolver)
        self._clock = clock
        self._trust = Trust()
        self._budget = ByteBudget()
        self._aws_endpoint = aws_endpoint
        self._github_endpoint = github_endpoint

    def form(self, kind: str) -> Kind | None:
        """The fields of a kind's management credential."""
        driver = _BY_KIND.get(kind)
        return driver.form if driver else None

    def describe(self, order: Order, *, deadline_s: float) -> Described:
        """Look, and change nothing. Raises ``RegistryFailure``."""
        return self._asked(order, deadline_s, lambda driver, asking: driver.describe(asking, order))

    def mint(self, order: Order, *, deadline_s: float) -> Minted:
        """Make a credential. Raises ``RegistryFailure``; ``DriverRefused`` when none was made."""
        return self._asked(order, deadline_s, lambda driver, asking: driver.mint(asking, order))

    def retire(self, order: Order, ending: Ending, *, deadline_s: float) -> bool:
        """End a credential; False = it is not there. Raises ``RegistryFailure``."""
        return self._asked(order, deadline_s, lambda driver, asking: driver.retire(asking, order, ending))

    def end_of(self, login: Login, *, deadline_s: float) -> datetime | None:
        """Ask the registry's own API when a login ends. Raises ``RegistryFailure``."""
        ask = END_OF.get(login.kind)
        if ask is None:
            raise DriverRefused("This type of registry does not say when a login expires.", "Enter it.")
        return self._with_wire(login, login, deadline_s, lambda asking: ask(asking, login))

    def _asked(self, order: Order, deadline_s: float, ask: Callable[[Driver, Asking], T]) -> T:
        driver = _BY_KIND.get(order.login.kind)
        if driver is None:
            raise DriverRefused("No driver creates credentials for this type.", "Create one at the registry.")
        return self._with_wire(order.login, order.manager, deadline_s, lambda asking: ask(driver, asking))

    def _with_wire(self, login: Login, asks: Login, deadline_s: float, ask: Callable[[Asking], T]) -> T:
        """Ask about a login with another, over connections that end with the question."""
        operation = Operation(login.server.address, Deadline(deadline_s, self._clock))
        operation.hide(*asks.credential.values())
        wire = Wire(operation, self._guard, self._trust.context(login.ca), self._budget)
        try:
            return ask(Asking(wire, operation, self._aws_endpoint, self._github_endpoint))
        finally:
            wire.close()
