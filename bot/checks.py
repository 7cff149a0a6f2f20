"""A cap on how many registries are asked at the same time, so that waiting never uses up the threads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.core.errors import Busy
from bot.core.ports import CheckResult, DockerLogin, Login, Registry, Step, Tags, ignore_step
from bot.registry.kinds import ECR

MOST_AT_ONCE = 64
"""``bot/web/server.py`` has 16 threads more than this for everything that does not wait."""


class CappedRegistry:
    """The port ``Registry``, refusing politely what would be one question too many."""

    def __init__(self, registry: Registry, most: int = MOST_AT_ONCE) -> None:
        self._registry = registry
        self._places = threading.BoundedSemaphore(most)

    def check(
        self,
        login: Login,
        *,
        deadline_s: float,
        repository: str | None = None,
        on_step: Callable[[Step], None] = ignore_step,
    ) -> CheckResult:
        """Ask whether a login works. Raises ``Busy`` when too many are being asked."""
        with self._place():
            return self._registry.check(login, deadline_s=deadline_s, repository=repository, on_step=on_step)

    def docker_login(self, login: Login, *, deadline_s: float) -> DockerLogin:
        """What docker must send. Raises ``Busy``, but only for ECR: no other kind asks anybody."""
        if login.kind != ECR.id:
            return self._registry.docker_login(login, deadline_s=deadline_s)
        with self._place():
            return self._registry.docker_login(login, deadline_s=deadline_s)

    def tags(self, login: Login, repository: str, *, deadline_s: float) -> Tags:
        """Read the tags of a repository. Raises ``Busy`` when too many are being asked."""
        with self._place():
            return self._registry.tags(login, repository, deadline_s=deadline_s)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Busy("Too many registries are being asked right now; nothing was changed.")
        try:
            yield
        finally:
            self._places.release()
