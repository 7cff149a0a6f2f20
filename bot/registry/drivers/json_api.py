"""A registry's own API in JSON, asked with a management credential: what its answers mean to a driver.

The login goes to the origin that the owner entered and nowhere else: no redirect is followed to another.
"""

import re
from datetime import datetime
from typing import Any

from bot.core.errors import (
    DriverRefused,
    LoginRejected,
    RegistryFailure,
    RightsRefused,
    TooManyRequests,
    Unreachable,
)
from bot.core.model import Stage
from bot.registry.answer import Answer
from bot.registry.drivers.driver import Asking

_LARGEST = 1024 * 1024
_A_PAGE = 100
_MOST_PAGES = 20
_GONE = 404


class JsonApi:
    """One API, for one operation."""

    def __init__(self, asking: Asking, base: str, authorization: str) -> None:
        """
        Take what every question needs.

        Args:
            asking: The connections, and the deadline.
            base: The API's address, without a slash at the end.
            authorization: The header's value.
        """
        asking.operation.stage = Stage.LOGIN
        self._asking = asking
        self._base = base
        self._authorization = authorization

    def get(self, path: str) -> Any:
        """Look; ``None`` for what is not there. Raises ``RegistryFailure``."""
        answer = self._asking.wire.fetch(self._base + path, self._authorization, _LARGEST)
        return None if answer.status == _GONE else self._read(answer)

    def every(self, path: str, size_key: str) -> list[dict[str, Any]]:
        """
        Look at all of a list that comes in pages.

        Args:
            path: With a query, or without.
            size_key: What the API calls the size of a page.

        Raises:
            DriverRefused: There is no such list, or it is longer than 2,000.
            RegistryFailure: It was not given.
        """
        found: list[dict[str, Any]] = []
        asked = f"{path}{'&' if '?' in path else '?'}{size_key}={_A_PAGE}"
        for number in range(1, _MOST_PAGES + 1):
            page = self.get(f"{asked}&page={number}")
            if not isinstance(page, list):
                raise self._refused("has nothing at that path", "Check what was entered alongside the login.")
            found += [one for one in page if isinstance(one, dict)]
            if len(page) < _A_PAGE:
                return found
        raise self._refused(f"has more than {_A_PAGE * _MOST_PAGES} there", "Revoke those that nothing uses.")

    def send(self, method: str, path: str, body: object = None) -> Any:
        """Change something, once; ``None`` for what is not there. Raises ``RegistryFailure``."""
        answer = self._asking.wire.send(method, self._base + path, self._authorization, body)
        if answer.status == _GONE and method != "POST":
            return None
        return self._read(answer) if method == "POST" else self._judged(answer)

    def _read(self, answer: Answer) -> Any:
        self._judged(answer)
        value = answer.json()
        if value is None:
            raise Unreachable(
                f"{self._host} returned an answer that cannot be read.", "Check the address.", Stage.LOGIN
            )
        return value

    def _judged(self, answer: Answer) -> Answer:
        """Return an answer of success. Raises ``RegistryFailure``."""
        if answer.status in range(200, 300):
            return answer
        raise self._failure(answer)

    def _failure(self, answer: Answer) -> RegistryFailure:
        says, status = self._asking.operation.says(answer), answer.status
        if status == 401:
            message = f"{self._host} does not accept the management credential."
            return LoginRejected(
                message, "Check it, and make sure that it has not expired.", Stage.LOGIN, says
            )
        if status == 403:
            message = f"{self._host} does not let the management credential do that."
            return RightsRefused(message, "Give it permission to manage these.", Stage.LOGIN, says)
        if status == 429:
            return TooManyRequests(
                f"{self._host} received too many requests.", "Try again later.", Stage.LOGIN
            )
        if status in range(400, 500):
            return self._refused(f"answered {status}", "Check at the registry.", says)
        return Unreachable(f"{self._host} answered {status}.", "Try again later.", Stage.LOGIN, says)

    def _refused(self, did: str, hint: str, says: str = "") -> DriverRefused:
        return DriverRefused(f"{self._host} {did}.", hint, Stage.LOGIN, says)

    @property
    def _host(self) -> str:
        return re.sub(r"^https?://|/.*", "", self._base)


def time_of(text: object) -> datetime | None:
    """Read a time or a date in ISO form; ``None`` for anything else."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
