"""What the domain asks of a registry's own API: make a credential beside the one there is, and end one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.core.errors import DriverRefused
from bot.core.kinds import Kind
from bot.core.model import NO_OPTIONS
from bot.core.ports.registry import Login
from bot.core.secrets import Credential


class Ending(StrEnum):
    """
    How far a credential is ended. A registry that can't suspend credentials does nothing until ``DELETE``.

    ``RESTORE`` raises ``DriverRefused`` for one that is not there any more.
    """

    SUSPEND = "suspend"
    RESTORE = "restore"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Order:
    """What a driver is asked about, and what it may use to ask. Its ``repr`` shows no secret."""

    login: Login
    """The credential in question, without its secrets: kind, server, username, options, CA."""
    manager: Login
    """The management credential, which asks."""
    made_as: str = ""
    """What the registry calls the credential in question; empty = look it up by ``login``."""
    since: datetime | None = None
    """When a credential was asked for whose answer is not known."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """What may have come of an order whose answer is not known."""

    made_as: str
    """What the registry calls it."""
    shown: str
    """What people are shown of it, such as the end of its id."""
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """What is there now."""

    text: str
    """A sentence, such as ``IAM user ci has 1 of 2 access keys.``"""
    next_name: str
    """What the next credential will be called, as far as that is known before it is made."""
    problem: str = ""
    """Why none can be made now, as a sentence; empty = one can."""
    missing: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)
    """What must be entered with the management credential before one can be made: sentences by field."""
    made_at: datetime | None = None
    """When the credential in question was made."""
    ends: datetime | None = None
    """When it ends; ``None`` = it does not, or nobody says."""
    leftovers: tuple[Leftover, ...] = ()
    """What may have come of the order whose answer is not known."""


@dataclass(frozen=True, slots=True)
class Minted:
    """A credential that was just made."""

    made_as: str
    username: str
    credential: Credential
    options: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)
    """The options that changed."""
    ends: datetime | None = None


class Drivers(Protocol):
    """Makes and ends credentials, within a deadline and by the address rules. Safe to share."""

    def form(self, kind: str) -> Kind | None:
        """The fields of a kind's management credential; ``None`` = there is no driver for this kind."""

    def describe(self, order: Order, *, deadline_s: float) -> Described:
        """Look, and change nothing. Raises ``RegistryFailure``."""

    def mint(self, order: Order, *, deadline_s: float) -> Minted:
        """
        Make a credential beside ``order.login``, with the same rights.

        Raises:
            DriverRefused, LoginRejected, RightsRefused, TooManyRequests: None was made.
            RegistryFailure: Nobody knows whether one was.
        """

    def retire(self, order: Order, ending: Ending, *, deadline_s: float) -> bool:
        """
        End the credential in question.

        Returns:
            False when it is not there, and so need not be ended.

        Raises:
            DriverRefused: It is to be restored and is not there; or the registry does not let it be ended.
            RegistryFailure: Nobody knows.
        """

    def end_of(self, login: Login, *, deadline_s: float) -> datetime | None:
        """
        Ask with the login itself when it ends; ``None`` = it does not.

        Raises:
            DriverRefused: This type of registry does not say.
            RegistryFailure: It was not said.
        """


class _NoDrivers:
    """For an installation where every credential is made by hand."""

    def form(self, kind: str) -> Kind | None:
        """There is none."""
        return None

    def describe(self, order: Order, *, deadline_s: float) -> Described:
        """Refuse."""
        raise _no_driver()

    def mint(self, order: Order, *, deadline_s: float) -> Minted:
        """Refuse."""
        raise _no_driver()

    def retire(self, order: Order, ending: Ending, *, deadline_s: float) -> bool:
        """Refuse."""
        raise _no_driver()

    def end_of(self, login: Login, *, deadline_s: float) -> datetime | None:
        """Refuse."""
        raise _no_driver()


def _no_driver() -> DriverRefused:
    return DriverRefused(
        "Quaymaster cannot create credentials for this type of integration.", "Create one at the registry."
    )


NO_DRIVERS: Drivers = _NoDrivers()
