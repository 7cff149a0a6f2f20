"""What the domain asks of container registries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.core.model import NO_OPTIONS, Health, Outcome, Refused, Server, Stage
from bot.core.secrets import Credential, Secret


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom a registry is asked, so that nobody keeps all others waiting."""

    person: str = ""
    """Workspace and user id: who asks, or who created the workflow's token; empty = nobody, a clock."""
    integration: str = ""
    """Its id."""
    target: str = ""
    """Workspace and target of the workflow that asks; empty = a person asks."""


_ENDINGS = ".!?:…”)"
"""With what a sentence may end."""

NOBODY = Asker()
"""A clock that asks."""


@dataclass(frozen=True, slots=True)
class Login:
    """All a registry client needs to log in once. Its ``repr`` shows no secret."""

    kind: str
    server: Server
    username: str
    credential: Credential
    options: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)
    ca: str | None = None
    trusted_realms: tuple[str, ...] = ()
    cache_key: str = ""
    """Integration id and version: access tokens kept in memory belong to exactly one. Empty = keep none."""
    asker: Asker = NOBODY


@dataclass(frozen=True, slots=True)
class Step:
    """One finished step of a check."""

    stage: Stage
    is_ok: bool
    text: str
    """What was found, in a few words, without any secret."""


_HEALTH = {
    Outcome.PROVED: Health.WORKS,
    Outcome.ACCEPTED: Health.WORKS,
    Outcome.REJECTED: Health.REFUSED,
    Outcome.UNREACHABLE: Health.UNREACHABLE,
}
_OF_THE_HOST = frozenset({Stage.ADDRESS, Stage.CONNECTION, Stage.TLS})
"""Where a check fails for every login of the host alike."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. ``stage`` is where it ended; ``reason`` and ``hint`` are sentences."""

    outcome: Outcome
    stage: Stage
    reason: str
    hint: str = ""
    steps: tuple[Step, ...] = ()
    realm: str | None = None
    """The origin of a token server that the realm rule does not allow, to be shown to the owner."""
    refused: Refused | None = None
    """What the registry refused, if it refused anything."""
    certificate_ends: datetime | None = None
    """When the registry's own TLS certificate ends; ``None`` = no TLS, or it was not reached."""
    ca_ends: datetime | None = None
    """When the first of the integration's CA certificates ends; ``None`` = it has none of an authority."""

    @property
    def health(self) -> Health | None:
        """What it says of the login; ``None`` = nothing: too many requests, or no free place."""
        return None if self.refused is Refused.RATE else _HEALTH[self.outcome]

    @property
    def is_of_the_host(self) -> bool:
        """True when every other login of this host would have found the same."""
        return self.outcome is Outcome.UNREACHABLE and self.stage in _OF_THE_HOST

    @property
    def explanation(self) -> str:
        """The reason, then the hint. A reason that ends in a registry's own words may lack its period."""
        is_open = self.hint and self.reason and self.reason[-1] not in _ENDINGS
        return f"{self.reason}{'.' if is_open else ''} {self.hint}".strip()


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a repository."""

    repository: str
    names: tuple[str, ...]
    is_ordered: bool = False
    """True when the newest stand first; otherwise they are sorted by name."""
    is_cut: bool = False
    """True when there are more than were read, or may be."""
    cut_reason: str = ""
    """Why reading stopped before the end, when it was not the number of tags: a sentence."""


@dataclass(frozen=True, slots=True)
class TagFacts:
    """What a registry says of one tag. What it does not say is empty, and ``trouble`` has the reason."""

    digest: str = ""
    """Of what the tag names now: a manifest, or an index of several."""
    created_at: datetime | None = None
    platforms: tuple[str, ...] = ()
    """``linux/amd64``, …; empty for an image of one platform."""
    trouble: str = ""
    """Why something is unknown: a sentence."""


@dataclass(frozen=True, slots=True)
class Repositories:
    """The names of a registry's repositories, sorted."""

    names: tuple[str, ...]
    is_cut: bool = False
    """True when there are more than were read, or may be."""
    cut_reason: str = ""
    """Why reading stopped before the end, when it was not their number: a sentence."""


@dataclass(frozen=True, slots=True)
class DockerLogin:
    """What a docker client sends to a registry."""

    username: str
    secret: Secret
    expires_at: datetime | None = None
    """``None`` = as long as the registry takes it."""


def ignore_step(step: Step) -> None:
    """Do nothing with a step: for checks that nobody watches."""


class Registry(Protocol):
    """Talks to container registries, within a deadline and by the address and realm rules."""

    def check(
        self,
        login: Login,
        *,
        deadline_s: float,
        repository: str | None = None,
        on_step: Callable[[Step], None] = ignore_step,
    ) -> CheckResult:
        """Ask whether a login works. Never raises for what a registry does; keeps to the deadline."""

    def kept_login(self, login: Login, *, while_valid: bool = False) -> DockerLogin | None:
        """
        What docker must send, where nobody need be asked for it; ``None`` = ask by ``docker_login``.

        ``while_valid``: also what is due for renewal, while it lasts.
        """

    def docker_login(self, login: Login, *, deadline_s: float) -> DockerLogin:
        """What docker must send: for ECR the password of 12 hours. Raises ``RegistryFailure``."""

    def tags(self, login: Login, repository: str, *, deadline_s: float) -> Tags:
        """Read the tags of a repository. Raises ``RegistryFailure``."""

    def tag_facts(
        self, login: Login, repository: str, tags: Sequence[str], *, deadline_s: float
    ) -> Mapping[str, TagFacts]:
        """Read digest and age of tags, with at most 64 questions. Raises ``RegistryFailure``."""

    def repositories(self, login: Login, *, deadline_s: float) -> Repositories:
        """Read the names of all repositories, where the registry gives them. Raises ``RegistryFailure``."""
