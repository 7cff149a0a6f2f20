"""A registry whose credentials are files of a folder: it outlives the process that asks it.

A credential is a file named as the registry calls it, with its secret in it; one that is suspended ends in
``.off``. It is the port ``Drivers``, and of ``Registry`` what a check asks.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from bot.core.errors import DriverRefused
from bot.core.kinds import Kind
from bot.core.model import new_id
from bot.core.ports.drivers import Described, Ending, Leftover, Minted, Order
from bot.core.ports.registry import CheckResult, Login
from bot.core.secrets import Secret
from bot.registry.kind_fields import PASSWORD, USERNAME
from tests.fakes.scripted_registry import PROVED, REJECTED, ScriptedRegistry

FORM = Kind("folder", "Folder", "Other", (USERNAME, PASSWORD))
FIRST = "the first secret"


class FolderRegistry(ScriptedRegistry):
    """Checks a login by looking whether its secret is in a file that is not suspended."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        folder.mkdir(exist_ok=True)

    @property
    def secrets(self) -> dict[str, str]:
        """The secret of each credential, by its name; one that is suspended has ``.off`` after it."""
        return {path.name: path.read_text() for path in self.folder.iterdir()}

    def check(self, login: Login, **_: object) -> CheckResult:  # type: ignore[override] # what is asked is here
        """Say whether the secret is one that works."""
        secret = next(iter(login.credential.values())).reveal()
        working = [text for name, text in self.secrets.items() if not name.endswith(".off")]
        return PROVED if secret in working else REJECTED


class FolderDrivers:
    """Makes and ends credentials in the folder."""

    def __init__(self, folder: Path, meanwhile: Callable[[str], object] = bool) -> None:
        """``meanwhile`` is called with the name of each step, before and after the folder is changed."""
        self.registry = FolderRegistry(folder)
        self._folder = folder
        self.meanwhile = meanwhile
        self.minted: list[str] = []

    def form(self, kind: str) -> Kind | None:
        """A username and a password."""
        return FORM

    def describe(self, order: Order, *, deadline_s: float) -> Described:
        """Name the next one, and what may have come of one that no answer came for."""
        self.meanwhile("describe")
        left = [Leftover(order.made_as, order.made_as)] if (self._folder / order.made_as).is_file() else []
        return Described("There is a folder.", f"made-{new_id()[:8]}", leftovers=tuple(left))

    def mint(self, order: Order, *, deadline_s: float) -> Minted:
        """Write a file."""
        self.meanwhile("mint")
        secret = new_id()
        (self._folder / order.made_as).write_text(secret)
        self.minted.append(order.made_as)
        self.meanwhile("after mint")
        return Minted(order.made_as, order.made_as, {"password": Secret(secret)})

    def retire(self, order: Order, ending: Ending, *, deadline_s: float) -> bool:
        """Rename a file, or delete it."""
        self.meanwhile(ending)
        name = order.made_as or order.login.username
        on, off = self._folder / name, self._folder / f"{name}.off"
        is_there = on.exists() or off.exists()
        if ending is Ending.RESTORE and not is_there:
            raise DriverRefused("It is not there any more.", "Make a new one.")
        if ending is Ending.SUSPEND and on.exists():
            on.rename(off)
        if ending is Ending.RESTORE and off.exists():
            off.rename(on)
        if ending is Ending.DELETE:
            on.unlink(missing_ok=True)
            off.unlink(missing_ok=True)
        self.meanwhile(f"after {ending}")
        return is_there

    def end_of(self, login: Login, *, deadline_s: float) -> datetime | None:
        """Nobody says."""
        return None
