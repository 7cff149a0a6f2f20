"""A registry port whose answers a test decides beforehand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.core.model import Outcome, Stage
from bot.core.ports.registry import (
    CheckResult,
    DockerLogin,
    Login,
    Repositories,
    Step,
    TagFacts,
    Tags,
    ignore_step,
)
from bot.core.secrets import Secret

STEPS = (Step(Stage.ADDRESS, True, "is public"), Step(Stage.LOGIN, True, "was taken"))
PROVED = CheckResult(Outcome.PROVED, Stage.LOGIN, "The login opens what is closed to others.", steps=STEPS)
ACCEPTED = CheckResult(Outcome.ACCEPTED, Stage.LOGIN, "Nothing refused the login.", steps=STEPS)
REJECTED = CheckResult(
    Outcome.REJECTED,
    Stage.LOGIN,
    "The registry refused this credential.",
    "Check the username.",
    (*STEPS[:1], Step(Stage.LOGIN, False, "was refused")),
)
UNREACHABLE = CheckResult(
    Outcome.UNREACHABLE, Stage.TLS, "The certificate is not trusted.", "Paste the authority's certificate."
)


@dataclass
class ScriptedRegistry:
    """Implements ``bot.core.ports.Registry``; remembers what it was asked."""

    result: CheckResult = PROVED
    results: dict[str, CheckResult] = field(default_factory=dict)
    """What is found of a login, by its first secret, where that is not ``result``."""
    found: Tags = field(default_factory=lambda: Tags("team/app", ("1.0", "latest")))
    passing: DockerLogin | None = None
    """What a docker client must send; ``None`` = the login's own user name and first secret."""
    kept: DockerLogin | None = None
    """What is kept and fresh."""
    lasting: DockerLogin | None = None
    """What is kept and due for renewal."""
    error: Exception | None = None
    """Raised instead of answering."""
    meanwhile: Callable[[], object] = bool
    """Called while the registry is being asked."""
    facts: dict[str, TagFacts] = field(default_factory=dict)
    """What is known of each tag."""
    catalog: Repositories = field(default_factory=lambda: Repositories(("team/app", "team/web-shop")))
    dated: list[tuple[str, ...]] = field(default_factory=list)
    """The tags whose facts were asked for, each time."""
    checked: list[Login] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    asked_repositories: list[str | None] = field(default_factory=list)

    def check(
        self,
        login: Login,
        *,
        deadline_s: float,
        repository: str | None = None,
        on_step: Callable[[Step], None] = ignore_step,
    ) -> CheckResult:
        """Answer as the test has said."""
        self._asked(login, deadline_s, repository)
        secret = next(iter(login.credential.values()), Secret("")).reveal()
        result = self.results.get(secret, self.result)
        for step in result.steps:
            on_step(step)
        return result

    def kept_login(self, login: Login, *, while_valid: bool = False) -> DockerLogin | None:
        """What the test has said; at first nothing is kept, so everybody is asked."""
        return self.kept or (self.lasting if while_valid else None)

    def docker_login(self, login: Login, *, deadline_s: float) -> DockerLogin:
        """Answer as the test has said."""
        self._asked(login, deadline_s, None)
        own = next(iter(login.credential.values()), Secret(""))
        return self.passing or DockerLogin(login.username, own)

    def tags(self, login: Login, repository: str, *, deadline_s: float) -> Tags:
        """Answer as the test has said."""
        self._asked(login, deadline_s, repository)
        return replace(self.found, repository=repository)

    def tag_facts(
        self, login: Login, repository: str, tags: Sequence[str], *, deadline_s: float
    ) -> Mapping[str, TagFacts]:
        """Answer as the test has said; what it has not said is unknown."""
        self._asked(login, deadline_s, repository)
        self.dated.append(tuple(tags))
        return {one: self.facts.get(one, TagFacts(trouble="It was not told.")) for one in tags}

    def repositories(self, login: Login, *, deadline_s: float) -> Repositories:
        """Answer as the test has said."""
        self._asked(login, deadline_s, None)
        return self.catalog

    def _asked(self, login: Login, deadline_s: float, repository: str | None) -> None:
        self.checked.append(login)
        self.deadlines.append(deadline_s)
        self.asked_repositories.append(repository)
        self.meanwhile()
        if self.error:
            raise self.error
