"""What the domain asks of the outside. Operations take one ``Ports``."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.core.ports.drivers import NO_DRIVERS, Drivers
from bot.core.ports.keyring import CredentialKeyring
from bot.core.ports.registry import Registry
from bot.core.ports.store import Store


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that operations use."""

    store: Store
    keyring: CredentialKeyring
    registry: Registry
    now: Callable[[], datetime]
    drivers: Drivers = NO_DRIVERS
    form_until: float | None = None
    """Until when a form waits for its answer, in monotonic seconds; ``None`` = no form does."""
