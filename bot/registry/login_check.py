"""Ask whether a login works, and say honestly what that showed.

A token proves nothing: some token servers give an anonymous one to a wrong password (Harbor does, by design),
and ``/v2/`` answers 200 to it. So a Bearer login is proved only by a repository that it opens and that
stays shut without it. A Basic login is proved by ``/v2/`` itself, which was shut without it.
"""

from dataclasses import replace

from bot.core.errors import LoginRejected, RegistryFailure, RepositoryRefused, Unreachable
from bot.core.model import Outcome, Stage
from bot.core.ports.registry import CheckResult
from bot.registry.access_tokens import ScopeWanted, TokenDenied
from bot.registry.conversation import Conversation
from bot.registry.repositories import path_of, scope_of
from bot.registry.repository_access import RepositoryAccess

_UNPROVED_HINT = "To prove it, test it with a repository that needs a login."


class LoginCheck:
    """One check, step by step."""

    def __init__(self, conversation: Conversation, repository: str | None) -> None:
        self._talk = conversation
        self._operation = conversation.operation
        self._access = RepositoryAccess(conversation)
        self._repository = repository

    def result(self) -> CheckResult:
        """Do the check. Never raises for what a registry does."""
        try:
            return self._judged()
        except RepositoryRefused as failure:
            signed_in = "Signed in. " if self._access.is_signed_in and self._talk.identity() else ""
            outcome = Outcome.PROVED if self._is_proved else failure.outcome
            return self._failed(outcome, failure, f"{signed_in}{failure.message}")
        except RegistryFailure as failure:
            return self._failed(failure.outcome, failure, failure.message)

    def _judged(self) -> CheckResult:
        self._talk.ping()
        self._operation.stage = Stage.LOGIN
        try:
            self._access.sign_in()
            self._operation.finish(Stage.LOGIN, self._words_on_login())
        except ScopeWanted as wanted:
            if self._repository is None:
                self._operation.finish(Stage.LOGIN, "nothing is known without a repository")
                reason = f"{wanted.message} So nothing is known about the login."
                return self._result(Outcome.ACCEPTED, Stage.LOGIN, reason, _UNPROVED_HINT)
        except TokenDenied as denied:
            # 403 may mean that a repository must be named; 401 means the login, and is not tried twice.
            if self._repository is None or denied.answer.status == 401:
                raise
            self._access.is_signed_in = False
        if self._repository is not None:
            return self._read_repository(self._repository)
        if self._is_proved:
            return self._result(Outcome.PROVED, Stage.LOGIN, "The login works.")
        return self._accepted(Stage.LOGIN)

    @property
    def _is_proved(self) -> bool:
        """True once ``/v2/`` opened for Basic: without the login it had been shut."""
        challenge = self._talk.challenge
        return challenge is not None and challenge.scheme == "basic"

    def _words_on_login(self) -> str:
        if self._talk.identity() is None:
            return "none is used"
        return "not refused, but no login is required" if self._talk.challenge is None else "accepted"

    def _read_repository(self, repository: str) -> CheckResult:
        self._operation.stage = Stage.REPOSITORY
        self._access.read(path_of(repository), repository, limit=None)
        is_closed = self._is_proved or self._is_closed_to_others(repository)
        self._operation.finish(Stage.REPOSITORY, f"{repository} can be read{self._grants(repository)}")
        if self._talk.identity() is not None and is_closed:
            return self._result(Outcome.PROVED, Stage.REPOSITORY, "The login works.")
        return self._accepted(Stage.REPOSITORY)

    def _is_closed_to_others(self, repository: str) -> bool:
        """Ask for the repository as everybody may. A question that fails proves nothing."""
        try:
            answer = self._talk.ask(
                path_of(repository), (scope_of(repository),), is_anonymous=True, limit=None
            )
        except LoginRejected:
            return True
        except Unreachable:
            return False
        return answer.status in (401, 403, 404)

    def _grants(self, repository: str) -> str:
        """Return what the login may do there, as far as a token tells. Asking for a token changes nothing."""
        challenge = self._talk.challenge
        if challenge is None or challenge.scheme != "bearer":
            return ""
        try:
            token = self._talk.token(challenge, (scope_of(repository, "pull,push"),), self._talk.identity())
        except RegistryFailure:
            return ""
        actions = token.granted.get(repository)
        return f"; granted: {', '.join(actions)}" if actions else ""

    def _accepted(self, stage: Stage) -> CheckResult:
        if self._talk.identity() is None:
            return self._result(Outcome.ACCEPTED, stage, "The registry answers without a login.")
        if self._talk.challenge is None:
            reason = "The registry is open to all, so nothing proves the login."
        elif stage is Stage.REPOSITORY:
            reason = "Signed in, but the repository is open to all, so nothing proves the login."
        else:
            reason = "Signed in; nothing refused the login, and nothing proved it."
        return self._result(Outcome.ACCEPTED, stage, reason, _UNPROVED_HINT)

    def _failed(self, outcome: Outcome, failure: RegistryFailure, reason: str) -> CheckResult:
        self._operation.fail(failure.stage, failure.message)
        found = self._result(outcome, failure.stage, reason, failure.hint)
        return replace(found, realm=getattr(failure, "realm", None), refused=failure.refused)

    def _result(self, outcome: Outcome, stage: Stage, reason: str, hint: str = "") -> CheckResult:
        return CheckResult(outcome, stage, reason, hint, tuple(self._operation.steps))
