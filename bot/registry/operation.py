"""One question to a registry: how long it may take, how far it has come, what it found on the way."""

from collections.abc import Callable
from datetime import datetime

from bot.core.errors import Unreachable
from bot.core.model import Stage
from bot.core.ports.registry import Step, ignore_step
from bot.core.secrets import Secret
from bot.registry.answer import Answer
from bot.registry.deadline import Deadline
from bot.registry.sentences import said


class Operation:
    """Carries the deadline and the finished steps of one check, or of one reading of tags."""

    def __init__(
        self,
        host: str,
        deadline: Deadline,
        on_step: Callable[[Step], None] = ignore_step,
        advice: str = "",
        *,
        address_hint: str = "",
        username: str = "",
        has_login: bool = True,
    ) -> None:
        self.host = host
        """The registry as people write it, ``host`` or ``host:port``: for sentences."""
        self.deadline = deadline
        self.advice = advice
        """What to look at when the login is refused."""
        self.address_hint = address_hint
        """Which address this kind of registry has, for when there is no registry."""
        self.has_login = has_login
        """False: the integration is used without logging in."""
        self.certificate_ends: datetime | None = None
        """When the registry's own TLS certificate ends."""
        self.stage = Stage.ADDRESS
        """The step being worked on: where a failure belongs."""
        self.steps: list[Step] = []
        self._on_step = on_step
        self._username = username
        self._secrets: list[Secret] = []

    def finish(self, stage: Stage, text: str) -> None:
        """Report a step that went well. Only its first time counts: later connections are not news."""
        if all(step.stage != stage for step in self.steps):
            self._report(Step(stage, is_ok=True, text=text))

    def fail(self, stage: Stage, text: str) -> None:
        """Report the step at which everything ended, in place of what was said of it before."""
        self._report(Step(stage, is_ok=False, text=text))

    def hide(self, *secrets: Secret) -> None:
        """Note what a server's own sentence must never show."""
        self._secrets += [secret for secret in secrets if secret]

    def says(self, answer: Answer) -> str:
        """Return what a server says in an error answer, named as its word; nothing if it may not be shown."""
        return said(answer, self._secrets, self._username)

    def stage_of(self, contact: Stage) -> Stage:
        """
        Return where a failure to make contact belongs.

        The registry's first connection has steps of its own. A later one, such as to its token server,
        belongs to the step that needed it.
        """
        return contact if self.stage in (Stage.ADDRESS, Stage.PING) else self.stage

    def wait_s(self) -> float:
        """Seconds that the next wait may take, more than 0. Raises ``Unreachable`` when none are left."""
        left_s = self.deadline.left_s()
        if left_s <= 0:
            raise self.late()
        return left_s

    def late(self, stage: Stage | None = None) -> Unreachable:
        """Explain that the deadline passed, at ``stage`` or the current one: not a wrong password."""
        return Unreachable(
            f"{self.host} took longer than {self.deadline.seconds:g} seconds.",
            "Try again later; nothing is known about the login.",
            stage or self.stage,
        )

    def _report(self, step: Step) -> None:
        self.steps.append(step)
        self._on_step(step)
