"""Builds a workspace's view while its file is read, a document at a time, so that little memory is needed."""

from bot.core.model import AuditEntry, Bar, Dependency, Integration, News, Target
from bot.core.workflows.token_format import WorkflowToken
from storage.records import (
    AUDIT,
    BARS,
    DEPENDENCIES,
    INTEGRATIONS,
    NEWS,
    REQUESTS,
    SETTINGS,
    TOKENS,
    Fields,
    Request,
    bar_from,
    dependency_from,
    entry_from,
    integration_from,
    news_from,
    request_from,
    setting_from,
    token_from,
)
from storage.tinydb.snapshot import View, by_server, dependency_order, shared_key


class Loading:
    """Takes documents one after the other, then gives the view of them."""

    def __init__(self) -> None:
        self._integrations: dict[str, Integration] = {}
        self._dependencies: list[Dependency] = []
        self._history: list[AuditEntry] = []
        self._requests: dict[str, Request] = {}
        self._tokens: dict[str, WorkflowToken] = {}
        self._bars: list[Bar] = []
        self._settings: dict[str, str] = {}
        self._news: list[News] = []

    def take(self, table: str, key: str, fields: Fields) -> None:
        """Read one document. Raises ``KeyError``, ``ValueError`` or ``TypeError`` when it is none of ours."""
        if table == INTEGRATIONS:
            self._integrations[key] = integration_from(key, fields)
        elif table == DEPENDENCIES:
            self._dependencies.append(dependency_from(fields))
        elif table == AUDIT:
            self._history.append(entry_from(fields))
        elif table == REQUESTS:
            self._requests[key] = request_from(fields)
        elif table == TOKENS:
            self._tokens[key] = token_from(key, fields)
        else:
            self._take_more(table, key, fields)

    def _take_more(self, table: str, key: str, fields: Fields) -> None:
        if table == BARS:
            self._bars.append(bar_from(fields))
        elif table == SETTINGS:
            self._settings[key] = setting_from(fields)
        elif table == NEWS:
            self._news.append(news_from(key, fields))

    def view(self) -> View:
        """Arrange what was read."""
        by_key = {shared_key(one): one for one in self._integrations.values()}
        dependents: dict[str, list[Dependency]] = {}
        uses: dict[Target, list[str]] = {}
        for one in sorted(self._dependencies, key=dependency_order):
            dependents.setdefault(one.integration_id, []).append(one)
            uses.setdefault(one.target, []).append(one.integration_id)
        return View(
            by_id=self._integrations,
            by_key=by_key,
            keys=sorted(by_key),
            dependents={key: tuple(mine) for key, mine in dependents.items()},
            uses={target: tuple(mine) for target, mine in uses.items()},
            servers=by_server(by_key),
            tokens=self._tokens,
            history=tuple(sorted(self._history, key=lambda entry: entry.sequence)),
            requests=self._requests,
            bars={(one.integration_id, one.target): one for one in self._bars},
            settings=self._settings,
            news={one.id: one for one in sorted(self._news, key=lambda one: one.at)},
        )
