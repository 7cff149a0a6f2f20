"""PostgreSQL at 1,000,000 integrations in 10,000 workspaces: the store, against the least statement for it.

The raw side sends one prepared statement on a connection of its own, as a role that row-level security does
not concern, and reads the rows; it checks, seals and decodes nothing. What it writes is durable too.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count, cycle, islice
from statistics import median
from typing import Any

import psycopg

from bot.core.audit import Action, AuditEntry, event
from bot.core.model import Actor, Integration, Role, Workspace, new_id
from bot.core.ports.store import Fetch
from bot.core.queries import Filter, Window
from bot.core.secrets import public_id
from storage.postgres.postgres_store import PostgresStore
from storage.postgres.rows import entry_row
from storage.postgres.sealed_rows import SealedRows
from tests.bench.bench import Bench
from tests.bench.dataset import OWNER, SINCE
from tests.bench.generator import ratio_of
from tests.bench.postgres_data import Kept, Scale, scale
from tests.bench.report import Limit, Row, not_measured, say
from tests.fakes.real_postgres import POSTGRES

_OURS, _RAW = [f"T{number:08d}" for number in range(5000, 5040)], [f"T{n:08d}" for n in range(6000, 6040)]
_EACH_ROUND = 200
_TARGET = Limit(1.3)
_MEASURE = "PostgreSQL, 1,000,000 integrations in 10,000 workspaces"
Act = Callable[[], object]

_ADVANCED = """
    advanced as (
        update workspaces set revision = revision + 1, head_sequence = %(sequence)s, head_hash = %(hash)s
        where ws = %(ws)s and head_sequence = %(sequence)s - 1 returning 1
    ), entered as (
        insert into audit (ws, sequence, at, action, is_done, actor, integration, name_key, server, hash,
                           seal, doc)
        select %(ws)s, %(sequence)s, %(at)s, %(action)s, %(is_done)s, %(actor)s, %(integration)s,
               %(name_key)s, %(server)s, %(hash)s, %(entry_seal)s, %(entry)s from advanced returning 1
    )"""
_STATEMENTS = {
    "page": """
        with p as materialized (
            select name_key from integrations where ws = %(ws)s and name_key > ''
            order by name_key limit %(size)s
        )
        select i.id, i.doc,
               (select count(*) from dependencies d where d.ws = %(ws)s and d.integration = i.id),
               (select count(*) from integrations where ws = %(ws)s)
        from p join integrations i on i.ws = %(ws)s and i.name_key = p.name_key order by i.name_key""",
    "hand-out": """
        select t.ws, t.doc, i.id, i.doc, d.doc, b.doc
        from tokens t join integrations i on i.ws = t.ws and i.host = %(host)s and i.port = 443
        left join dependencies d on d.ws = t.ws and d.integration = i.id
            and d.target_kind = t.target_kind and d.target_name = t.target_name
        left join bars b on b.ws = t.ws and b.integration = i.id
            and b.target_kind = t.target_kind and b.target_name = t.target_name
        where t.id = %(token)s""",
    "delete": f"""
        with {_ADVANCED}, gone as (
            delete from integrations i where ws = %(ws)s and id = %(id)s and version = %(version)s
            and not exists (select from dependencies d where d.ws = %(ws)s and d.integration = i.id)
            returning id
        )
        select (select id from gone), exists (select from entered)""",  # noqa: S608 - constants
    "add": f"""
        with {_ADVANCED}, kept as (
            insert into integrations (ws, id, name_key, kind, host, port, version, created_at, search,
                                      owner, marks, doc)
            select %(ws)s, %(id)s, %(key)s, %(kind)s, %(host)s, %(port)s, 1, %(created_at)s, %(search)s,
                   %(owner)s, %(marks)s, %(kept)s from advanced returning id
        )
        select (select id from kept), exists (select from entered)""",  # noqa: S608 - the same
}
"""The statements of the facts that were measured, on this schema."""


def postgres_scale(bench: Bench) -> list[Row]:
    """A page, a hand-out, an add and a delete."""
    if bench.is_quick or not POSTGRES:
        reason = "left out of a quick run" if bench.is_quick else "PostgreSQL is not installed"
        return [not_measured(f"{_MEASURE}: a page, a hand-out, an add, a delete", reason, _TARGET)]
    with scale({*_OURS, *_RAW}) as data:
        store = PostgresStore(data.url, data.keyring)
        raw = psycopg.connect(
            f"{data.raw_url}?options=-csearch_path%3Dquaymaster%20-cjit%3Doff", autocommit=True
        )
        raw.prepare_threshold = 0
        try:
            sides = {"page": _pages, "hand-out": _hand_outs, "add": _adds, "delete": _deletes}
            return [_measured(bench, name, *make(data, store, raw)) for name, make in sides.items()]
        finally:
            raw.close()
            store.close()


def _measured(bench: Bench, name: str, raw: Iterator[Act], ours: Iterator[Act]) -> Row:
    """Both sides in turn, round by round."""
    sides: tuple[list[float], list[float]] = ([], [])
    for _ in range(bench.rounds + 1):
        for acts, found in zip((raw, ours), sides, strict=True):
            found.append(_median_us(acts))
    base, product = (side[1:] for side in sides)  # the first round prepares and warms up
    ratio = ratio_of(base, product)
    texts = [f"{median(side):.0f} µs" for side in (base, product)]
    say(f"    {name}: raw {texts[0]}, ours {texts[1]}: {ratio}")
    return Row(f"{_MEASURE}: {name}", *texts, str(ratio), str(_TARGET), _TARGET.verdict(ratio.value))


def _median_us(acts: Iterator[Act]) -> float:
    times = []
    for act in islice(acts, _EACH_ROUND):
        began = time.perf_counter()
        act()
        times.append((time.perf_counter() - began) * 1e6)
    return median(times)


def _raw(raw: "psycopg.Connection[Any]", name: str, given: dict[str, Any]) -> Act:
    def ask() -> None:
        rows = raw.execute(_STATEMENTS[name].encode(), given).fetchall()
        assert rows
        assert None not in rows[0][:1], name

    return ask


def _pages(_: Scale, store: PostgresStore, raw: Any) -> tuple[Iterator[Act], Iterator[Act]]:
    size = Window().size
    asked = cycle(_raw(raw, "page", {"ws": ws, "size": size}) for ws in _RAW)

    def page(ws: str) -> Act:
        return lambda: store.read(Workspace(ws)).integrations.page(Filter(), Window(size=size))

    return asked, cycle(map(page, _OURS))


def _hand_outs(data: Scale, store: PostgresStore, raw: Any) -> tuple[Iterator[Act], Iterator[Act]]:
    def asked(kept: Kept) -> Act:
        given = {"token": public_id(kept.token.reveal()), "host": kept.integration.server.host}
        return _raw(raw, "hand-out", given)

    def handed_out(kept: Kept) -> Act:
        def hand_out() -> None:
            held = store.token_holder(public_id(kept.token.reveal()) or "", kept.integration.server)
            assert held
            found = held.candidates[0]
            fetched = event(_actor(kept.workspace), Action.FETCH, found.integration)
            store.record_use(
                Fetch(kept.workspace, found.integration, held.token, SINCE, fetched, found.dependency)
            )

        return hand_out

    # The first fetch of an hour is written: the first round, which does not count, is one of each.
    some = [[one for one in data.kept if one.is_linked and one.workspace.key in of] for of in (_RAW, _OURS)]
    return cycle(map(asked, some[0][:_EACH_ROUND])), cycle(map(handed_out, some[1][:_EACH_ROUND]))


def _adds(data: Scale, store: PostgresStore, raw: Any) -> tuple[Iterator[Act], Iterator[Act]]:
    def added() -> Iterator[Act]:
        entries = _Entries(raw)
        for ws, one in zip(cycle(_RAW), _fresh(data), strict=False):
            sealed = SealedRows(data.keyring, ws)
            row = sealed.written(sealed.identities.sealed(one))
            yield _raw(raw, "add", {**entries.next(ws, Action.ADD, one), **row, "kept": row["doc"]})

    def saved() -> Iterator[Act]:
        for ws, one in zip(cycle(_OURS), _fresh(data), strict=False):
            yield partial(_save, store, Workspace(ws), one)

    return added(), saved()


def _save(store: PostgresStore, workspace: Workspace, one: Integration) -> None:
    with store.change(workspace) as change:
        change.remember(new_id(), one.id)
        change.put(one)
        change.record(event(_actor(workspace), Action.ADD, one))


def _deletes(data: Scale, store: PostgresStore, raw: Any) -> tuple[Iterator[Act], Iterator[Act]]:
    free = [
        [one for one in data.kept if not one.is_linked and one.workspace.key in of] for of in (_RAW, _OURS)
    ]

    def removed() -> Iterator[Act]:
        entries = _Entries(raw)
        for kept in free[0]:
            one = kept.integration
            entry = entries.next(kept.workspace.key, Action.DELETE, one)
            yield _raw(raw, "delete", {**entry, "id": one.id, "version": one.version})

    def deleted() -> Iterator[Act]:
        for kept in free[1]:
            yield partial(_delete, store, kept)

    return removed(), deleted()


def _delete(store: PostgresStore, kept: Kept) -> None:
    with store.change(kept.workspace) as change:
        change.remove(kept.integration)
        change.record(event(_actor(kept.workspace), Action.DELETE, kept.integration))


def _actor(workspace: Workspace) -> Actor:
    return Actor(workspace, OWNER.user_id, Role.MEMBER, datetime.now(UTC))


def _fresh(data: Scale) -> Iterator[Integration]:
    """Integrations that are not there yet."""
    one = data.kept[0].integration
    return (replace(one, id=new_id(), name=f"fresh_{number}", identity=None) for number in count())


class _Entries:
    """The entries that the raw side writes: made beforehand, so that it only sends them."""

    def __init__(self, raw: Any) -> None:
        self._ends = dict(raw.execute("select ws, head_sequence from workspaces where ws = any(%s)", (_RAW,)))

    def next(self, ws: str, action: Action, one: Integration) -> dict[str, Any]:
        """The parameters of the next entry of a workspace."""
        self._ends[ws] += 1
        made = event(_actor(Workspace(ws)), action, one)
        entry = AuditEntry(self._ends[ws], made, "1" * 64, f"key.{'1' * 64}")
        row = entry_row(entry)
        return {"ws": ws, **row, "entry": row["doc"]}
