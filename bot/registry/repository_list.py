"""Read the names of a registry's repositories, page by page, where it gives them.

1. Ask for ``/v2/_catalog``, without ``n``: what a registry gives of its own accord is a page.
2. A refused list is not a refused login: most registries show this list to administrators, or to nobody.
3. Follow the pages as for tags, and stop at the caps.

Source: distribution/distribution, ``docs/content/spec/api.md``, "Listing Repositories".
"""

import re

from bot.core.errors import LoginRejected, RegistryFailure, RepositoryRefused, Unreachable
from bot.core.model import Stage
from bot.core.ports.registry import Repositories
from bot.registry.answer import Answer
from bot.registry.conversation import Conversation
from bot.registry.paged import PAGE_BYTES, following, read_object, walk
from bot.registry.refusals import trouble

_MOST_REPOSITORIES = 50_000
_BYTES_A_NAME = 200
_SCOPE = "registry:catalog:*"
_SHOWN = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII)
_NOT_FOR_EVERYBODY = frozenset({400, 401, 403, 404, 405, 501})
"""How registries say that they have no such list, or not for this login (Docker Hub: 404; Harbor: 401)."""


class RepositoryLister:
    """One reading of a registry's repositories."""

    def __init__(self, conversation: Conversation) -> None:
        self._talk = conversation
        self._operation = conversation.operation
        self._names: dict[str, None] = {}

    def read(self) -> Repositories:
        """Read page after page, up to one that cannot be read. Raises ``RegistryFailure`` for the first."""
        self._talk.ping()
        self._operation.stage = Stage.REPOSITORY
        first = f"{self._talk.origin}/v2/_catalog"
        walked = walk(first, self._read_page, lambda: len(self._names) > _MOST_REPOSITORIES)
        names = tuple(sorted(self._names)[:_MOST_REPOSITORIES])
        return Repositories(names, walked.is_cut, walked.cut_reason)

    def _read_page(self, url: str) -> str | None:
        try:
            answer = self._talk.ask(url, (_SCOPE,), limit=PAGE_BYTES)
        except LoginRejected as refused:
            # The token server gives no token for this scope; whether it takes the login is another question.
            raise self._withheld(refused.says) from refused
        if answer.status in _NOT_FOR_EVERYBODY:
            raise self._withheld(self._operation.says(answer))
        if answer.status != 200:
            raise trouble(self._operation, answer, self._operation.host)
        self._names.update(dict.fromkeys(self._names_of(answer)))
        self._talk.wire.allowance.keep(len(self._names) * _BYTES_A_NAME)
        return following(answer, self._talk.origin)

    def _names_of(self, answer: Answer) -> list[str]:
        value = read_object(answer)
        if value is None or "repositories" not in value:
            message = f"{self._operation.host} returned a page that is not a list of repositories."
            raise Unreachable(message, "Ask the registry's operator.", Stage.REPOSITORY)
        found = value["repositories"]
        texts = [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
        return [one for one in texts if len(one) <= 255 and _SHOWN.fullmatch(one)]

    def _withheld(self, says: str) -> RegistryFailure:
        message = f"{self._operation.host} does not list its repositories, or not for this login."
        hint = "The login may still read those whose names you know: /integrations tags NAME REPOSITORY"
        return RepositoryRefused(message, hint, Stage.REPOSITORY, says)
