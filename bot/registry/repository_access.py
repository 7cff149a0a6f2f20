"""Read something of a repository, and tell whether a refusal is of the login or of this repository alone.

1. The registry, or its token server, says 401 or 403 to a question about a repository.
2. Ask ``/v2/`` with the same login, unless that was done before: taken = the refusal is of the repository.
3. Where ``/v2/`` says nothing of a login (it is open, or its token server wants a repository named), 403
   counts as a refusal of the repository and 401 as one of the login (RFC 9110, sections 15.5.2 and 15.5.4).
"""

from bot.core.errors import LoginRejected, MalformedChallenge, RegistryFailure, Unreachable
from bot.core.model import Stage
from bot.registry.access_tokens import ScopeWanted, TokenDenied
from bot.registry.answer import Answer
from bot.registry.challenge import parse_challenges
from bot.registry.conversation import Conversation
from bot.registry.refusals import login_refused, repository_refused, trouble
from bot.registry.repositories import scope_of, unreadable

_CHECK_BOTH = "Check the name, and make sure that this login has permission to pull from it."
_FORGIVING = "Some token servers (Harbor's) answer a wrong password in the same way."
_NO_LOGIN = "This integration has no login. Check the name, or enter a user name and a password."


class RepositoryAccess:
    """The login of one conversation, and what is known of it so far."""

    def __init__(self, conversation: Conversation) -> None:
        self._talk = conversation
        self._operation = conversation.operation
        self.is_signed_in: bool | None = None
        """Whether the registry takes the login; ``None`` = not known."""

    def sign_in(self) -> None:
        """
        Ask ``/v2/`` with the login.

        Raises:
            ScopeWanted: The token server gives no token without a repository, so nothing is known.
            LoginRejected, Unreachable: It is refused, or there is no usable answer.
        """
        answer = self._asked_v2()
        if answer.status in (401, 403):
            raise _token_not_taken(self._operation.host, answer) or login_refused(self._operation, answer)
        if answer.status != 200:
            raise trouble(self._operation, answer, self._operation.host)
        # What is open to all takes every login, so it says nothing of this one.
        self.is_signed_in = None if self._talk.challenge is None else True

    def read(self, url: str, repository: str, *, limit: int | None) -> Answer:
        """
        Ask for something of a repository.

        Args:
            url: A path on the registry, or an absolute URL of its origin.
            repository: Its name.
            limit: As for ``Conversation.ask``.

        Returns:
            An answer with status 200.

        Raises:
            LoginRejected: The login is refused, whatever it asks for.
            RepositoryRefused: The login may not read this repository, or there is none.
            Unreachable: No usable answer.
        """
        try:
            answer = self._talk.ask(url, (scope_of(repository),), limit=limit)
        except TokenDenied as denied:
            raise self._told_apart(denied.answer, repository, _CHECK_BOTH) from None
        if answer.status in (401, 403):
            raise _token_not_taken(self._operation.host, answer) or self._told_apart(
                answer, repository, f"{_CHECK_BOTH} {_FORGIVING}" if self._is_bearer else _CHECK_BOTH
            )
        if answer.status != 200:
            raise unreadable(self._operation, answer, repository)
        return answer

    @property
    def _is_bearer(self) -> bool:
        return self._talk.challenge is not None and self._talk.challenge.scheme == "bearer"

    def _asked_v2(self) -> Answer:
        challenge = self._talk.challenge
        try:
            return self._talk.ask("/v2/")
        except ScopeWanted as wanted:
            if challenge is None or not challenge.scopes:
                raise
            try:
                return self._talk.ask("/v2/", challenge.scopes)
            except LoginRejected:
                # That scope may be an example that nobody may read (ghcr.io's is).
                raise wanted from None

    def _told_apart(self, answer: Answer, repository: str, hint: str) -> RegistryFailure:
        """Do steps 2 and 3."""
        if self._talk.identity() is None:
            return repository_refused(self._operation, answer, repository, hint=_NO_LOGIN)
        refusal = login_refused(self._operation, answer)
        if not isinstance(refusal, LoginRejected):
            return refusal
        refusal.stage = Stage.LOGIN
        try:
            if self.is_signed_in is None:
                self.sign_in()
        except ScopeWanted:
            pass
        except RegistryFailure as failure:
            failure.stage = Stage.LOGIN
            return failure
        if self.is_signed_in or (self.is_signed_in is None and answer.status == 403):
            return repository_refused(self._operation, answer, repository, hint=hint)
        return refusal


def _token_not_taken(host: str, answer: Answer) -> Unreachable | None:
    """Explain that a registry does not accept the token that its own token server issued."""
    try:
        challenges = parse_challenges(answer.headers.get("WWW-Authenticate", ""))
    except MalformedChallenge:
        return None
    if not any(each.parameters.get("error") == "invalid_token" for each in challenges):
        return None
    message = f"{host} does not accept the token that its own token server issued."
    hint = "Ask the registry's operator: its token settings or its clock may be wrong."
    return Unreachable(message, hint, Stage.LOGIN)
