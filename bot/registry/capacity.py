"""A cap on how many registries are asked at the same time, so that waiting never uses up the threads.

People and workflows share the places, but workflows get half of them at most, and a few for each token: a
pipeline whose registry hangs keeps neither a person from saving a form nor another pipeline from its login.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.core.errors import Busy
from bot.core.ports.registry import CheckResult, DockerLogin, Login, Registry, Step, Tags, ignore_step

MOST_AT_ONCE = 64
"""``bot/web/server.py`` has 16 threads more than this for everything that does not wait."""

MOST_FOR_WORKFLOWS = 32
MOST_FOR_A_TOKEN = 4


class CappedRegistry:
    """The port ``Registry``, refusing politely what would be one question too many."""

    def __init__(self, registry: Registry, most: int = MOST_AT_ONCE) -> None:
        self._registry = registry
        self._most = most
        self._lock = threading.Lock()
        self._taken = 0
        self._by_token: Counter[str] = Counter()

    def check(
        self,
        login: Login,
        *,
        deadline_s: float,
        repository: str | None = None,
        on_step: Callable[[Step], None] = ignore_step,
    ) -> CheckResult:
        """Ask whether a login works. Raises ``Busy`` when too many are being asked."""
        with self._place(login.token_id):
            return self._registry.check(login, deadline_s=deadline_s, repository=repository, on_step=on_step)

    def kept_login(self, login: Login) -> DockerLogin | None:
        """What docker must send, where nobody need be asked for it."""
        return self._registry.kept_login(login)

    def docker_login(self, login: Login, *, deadline_s: float) -> DockerLogin:
        """What docker must send. Raises ``Busy``, but only where somebody must be asked for it."""
        kept = self.kept_login(login)
        if kept:
            return kept
        with self._place(login.token_id):
            return self._registry.docker_login(login, deadline_s=deadline_s)

    def tags(self, login: Login, repository: str, *, deadline_s: float) -> Tags:
        """Read the tags of a repository. Raises ``Busy`` when too many are being asked."""
        with self._place(login.token_id):
            return self._registry.tags(login, repository, deadline_s=deadline_s)

    @contextmanager
    def _place(self, token_id: str) -> Iterator[None]:
        with self._lock:
            if self._is_full(token_id):
                raise Busy("Too many registries are being asked right now; nothing was changed.")
            self._taken += 1
            self._by_token[token_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1
                self._by_token -= Counter([token_id])  # leaves out what is zero

    def _is_full(self, token_id: str) -> bool:
        """Say whether there is no place for a token, or for a person, who has none."""
        if self._taken >= self._most:
            return True
        workflows = self._taken - self._by_token[""]
        return token_id != "" and (
            workflows >= MOST_FOR_WORKFLOWS or self._by_token[token_id] >= MOST_FOR_A_TOKEN
        )
