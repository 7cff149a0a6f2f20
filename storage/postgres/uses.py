"""Records fetches: a target's first and each hour's first for good, the others each minute.

token_holder -> (decision) -> record_use -> nothing but memory, when the decision is younger than FRESH_S and
everything it says is written already; else one statement that checks and writes at once (``record_use`` of
``queries.sql``). The hour's row is unique, so of all processes only one records the first.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.core.errors import QuaymasterError, UseOutdated
from bot.core.model import Workspace
from bot.core.ports.store import Candidate, Fetch, Held
from storage.postgres.change import PostgresChange
from storage.postgres.connections import Lost, StatementRefused, Step, sentence_for
from storage.postgres.heads import Extended, Head
from storage.postgres.ledger import Ledger
from storage.postgres.noted_uses import NotedUses
from storage.postgres.reading import Rows
from storage.postgres.rows import Parameters, kind_number, target_columns, target_from
from storage.postgres.sealed_rows import SealedRows
from storage.postgres.sending import send

_FRESH_S = 0.1
"""So long a decision counts as made at this moment: less than a message takes to get around."""
_HOUR = timedelta(hours=1)
_GRACE = timedelta(minutes=2)
"""So long after an hour the processes may still add to it."""
_MOST_DECISIONS = 1000
_BATCH = 500

log = logging.getLogger(__name__)


class _UseLine(NamedTuple):
    """Fetches that are one line of the history."""

    ws: str
    id: str
    token: str
    action: str
    result: str
    hour: datetime


class Uses:
    """The fetches of this process. Safe to share between threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._noted: dict[str, NotedUses] = {}
        self._lines: set[_UseLine] = set()
        """Those whose first fetch is written."""
        self._more: Counter[_UseLine] = Counter()
        """How many followed, and are not written yet."""
        self._decisions: dict[str, tuple[float, Held]] = {}

    def noted(self, ws: str) -> NotedUses:
        """Last uses that are not written yet."""
        return self._noted.get(ws) or NotedUses()

    def decide(self, held: Held, asked_at: float) -> None:
        """Remember what a decision is based on, and since when (monotonic seconds) it has been true."""
        with self._lock:
            if len(self._decisions) >= _MOST_DECISIONS:
                self._decisions.clear()
            self._decisions[held.token.id] = (asked_at, held)

    def forget(self, workspace: Workspace, steps: Iterable[Step]) -> None:
        """Forget what a change of this process has made untrue."""
        with self._lock:
            known = self._decisions.items()
            self._decisions = {one: kept for one, kept in known if kept[1].workspace != workspace}
            noted = self._noted.get(workspace.key)
            for name, given in steps:
                if noted and given and name == "remove_dependency":
                    target = target_from(given["target_kind"], given["target_name"])
                    noted.uses.get(given["id"], {}).pop(target, None)

    def record(self, use: Fetch) -> None:
        """Record a fetch. Raises ``UseOutdated`` or a ``StoreFailure``; then nothing was recorded."""
        line = _line_of(use)
        if not (line in self._lines and self._is_decided_now(use)):
            is_counted = self._record_at_once(use)
        else:
            is_counted = False
        with self._lock:
            self._lines.add(line)
            self._more[line] += not is_counted
            if use.dependency:
                noted = self._noted.setdefault(use.workspace.key, NotedUses())
                noted.note(use.integration.id, use.token.target, use.token.id, use.at)

    def _is_decided_now(self, use: Fetch) -> bool:
        asked_at, held = self._decisions.get(use.token.id, (0.0, None))
        if held is None or time.monotonic() - asked_at > _FRESH_S or held.workspace != use.workspace:
            return False
        same = [one for one in held.candidates if one.integration == use.integration]
        return held.token == use.token and bool(same) and _lets_pass(same[0], use)

    def _record_at_once(self, use: Fetch) -> bool:
        """Check and write; say whether it was the first of anything."""
        ws = use.workspace.key

        def steps(before: Head, extended: Extended) -> list[Step]:
            given = _parameters(self._ledger.rows(ws), use, before, extended)
            return [("locked_head", {"ws": ws}), ("record_use", given)]

        try:
            rows = send(self._ledger, ws, [use.event], steps, _is_new)
        except StatementRefused as refused:
            if refused.what == "use" or refused.sqlstate == "23503":
                raise UseOutdated from None
            raise sentence_for(refused) from None
        except Lost as lost:
            raise sentence_for(lost) from None
        return not rows or _is_new(rows)

    def flush(self) -> None:
        """Write what was noted and counted, and the lines of hours that are over. Failures stay noted."""
        with self._lock:
            keys = {*self._noted, *(line.ws for line in self._lines)}
        for ws in sorted(keys):
            try:
                self._flush_noted(ws)
                self._flush_counts(ws)
                self._end_hours(ws)
            except QuaymasterError as error:
                log.warning(
                    "%s: last uses could not be written and are held in memory: %s", ws, error.message
                )

    def _flush_noted(self, ws: str) -> None:
        with self._lock:
            noted = self.noted(ws).copy()
        tokens = sorted(noted.tokens.items())
        uses = sorted(
            (key, kind_number(target.kind), target.name, at)
            for key, times in noted.uses.items()
            for target, at in times.items()
        )
        for start in range(0, max(len(tokens), len(uses)), _BATCH):
            ids, times = _columns(tokens[start : start + _BATCH], 2)
            self._write(ws, ("keep_last_uses_of_tokens", {"ws": ws, "ids": ids, "times": times}))
            ids, kinds, names, times = _columns(uses[start : start + _BATCH], 4)
            given = {"ws": ws, "ids": ids, "kinds": kinds, "names": names, "times": times}
            self._write(ws, ("keep_last_uses", given))
        with self._lock:
            left = self.noted(ws).without(noted)
            if left.uses or left.tokens:
                self._noted[ws] = left
            else:
                self._noted.pop(ws, None)

    def _flush_counts(self, ws: str) -> None:
        with self._lock:
            mine = {line: more for line, more in self._more.items() if line.ws == ws and more}
        for line, more in sorted(mine.items()):
            self._write(ws, ("add_to_hour", {**line._asdict(), "more": more}))
            with self._lock:
                self._more[line] -= more

    def _write(self, ws: str, step: Step) -> None:
        self._ledger.pool.ask(("set_workspace", {"ws": ws}), step)

    def _end_hours(self, ws: str) -> None:
        """Write the counts of hours that are over: whichever process comes first takes the rows."""
        now = self._ledger.clock()
        over = now - _HOUR - _GRACE
        with self._lock:
            ended = [line for line in self._lines if line.ws == ws and line.hour <= over]
        if not ended:
            return
        change = PostgresChange(Workspace.of_key(ws), self._ledger, NotedUses)
        try:
            for doc, hour, more, *parts in change.ask("hours_over", before=over):
                if more:
                    first = change.rows.first_of_hour(doc, (*parts, int(hour.timestamp())))
                    change.record(replace(first, at=now, more=more, hour=hour, request_id=""))
            change.write("remove_hours", before=over)
            change.keep()
        finally:
            change.drop()
        with self._lock:
            for line in ended:
                self._lines.discard(line)
                del self._more[line]


def _lets_pass(candidate: Candidate, use: Fetch) -> bool:
    """True when nothing of this use is to be written, and it was allowed when this was read."""
    if use.dependency is None:
        return True
    link = candidate.dependency
    return candidate.bar is None and link is not None and (bool(link.granted_by) or not use.needs_link)


def _is_new(rows: list[Rows]) -> bool:
    """True when ``record_use`` recorded a first."""
    return bool(rows[-1][0][2])


def _line_of(use: Fetch) -> _UseLine:
    hour = use.at.replace(minute=0, second=0, microsecond=0)
    event = use.event
    return _UseLine(
        use.workspace.key, use.integration.id, use.token.id, event.action, event.result.value, hour
    )


def _parameters(rows: SealedRows, use: Fetch, before: Head, extended: Extended) -> Parameters:
    line = _line_of(use)
    entry = extended.rows(use.workspace.key)[0]
    is_fetch = use.dependency is not None
    link = (
        rows.written(use.dependency)
        if use.dependency
        else {"target_key": "", "last_used_at": None, "doc": None}
    )
    return {
        **entry,
        "event_target_kind": entry["target_kind"],
        "event_target_name": entry["target_name"],
        **extended.advance(use.workspace.key, before),
        **line._asdict(),
        **target_columns(use.token.target),
        "event": rows.event(use.event, (*line[1:5], int(line.hour.timestamp()))),
        "version": use.integration.version,
        "expires_at": use.token.expires_at,
        "created_by": use.token.created_by,
        "approved_by": use.token.approved_by,
        "declined_by": use.token.declined_by,
        "taken_over_from": use.token.taken_over_from,
        "kept_from": list(use.token.kept_from),
        "is_fetch": is_fetch,
        "needs_link": use.needs_link and is_fetch,
        "target_key": link["target_key"],
        "last_used_at": link["last_used_at"],
        "dependency": link["doc"],
    }


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [[row[place] for row in rows] for place in range(width)]
