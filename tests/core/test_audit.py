"""The history's chain: its published vector, and what its hashes cover."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.core.audit import (
    BEFORE_THE_FIRST,
    Action,
    AuditEntry,
    Event,
    Result,
    canonical,
    chain_hash,
    event,
    event_fields,
    next_entry,
    refusal,
    timestamp,
)
from bot.core.model import Actor, Integration, Role, Server, Source, Target, TargetKind, Workspace

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
VECTOR = {
    "action": "integration.add",
    "actor": "U1",
    "at": "2026-01-01T00:00:00Z",
    "result": "done",
    "seq": 1,
    "target": "i1",
    "workspace": "T1",
}
VECTOR_HASH = "1909c9725bccb7b57246c232cf9592c0fb767f97adc549e5cdc1d099fd9cbb8c"
EVENT = Event("integration.add", "U1", Source.SLACK, NOON, "i1", "my_registry", "proved", request_id="r1")
ACTOR = Actor(Workspace("T1"), "U1", Role.MEMBER, NOON, Source.WORKFLOW, "r1")
INTEGRATION = Integration(
    "i1", "my_registry", "private", Server("https", "r.example.com"), "ci", None, "U1", NOON, "U1", NOON
)


def test_hash_equals_the_vector() -> None:
    """The hash of the first entry equals the vector."""
    assert chain_hash(BEFORE_THE_FIRST, dict(VECTOR)) == VECTOR_HASH


def test_canonical_json_is_sorted_tight_and_unescaped() -> None:
    """Keys are sorted, no spaces stand between, and letters of any script are written as they are."""
    assert canonical({"b": "é", "a": 1}) == '{"a":1,"b":"é"}'.encode()


def test_entries_are_numbered_and_chained() -> None:
    """Each entry carries the next number, and a hash over the one before."""
    first = next_entry(None, "T1", EVENT)
    second = next_entry(first, "T1", EVENT)
    fields = {**event_fields(EVENT), "seq": 2, "workspace": "T1"}

    assert (first.sequence, second.sequence) == (1, 2)
    assert second.hash == chain_hash(first.hash, fields)


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "integration.delete"},
        {"actor": "U2"},
        {"source": Source.WORKFLOW},
        {"at": NOON.replace(microsecond=1)},
        {"integration_id": "i2"},
        {"name": "other"},
        {"detail": ""},
        {"result": Result.REFUSED},
        {"request_id": "r2"},
        {"former_name": "old"},
        {"server": "registry.example.com"},
        {"target": Target(TargetKind.PROJECT, "web-shop")},
        {"token_id": "12345678"},
        {"changed": ("name",)},
        {"reason": "not permitted"},
        {"person": "U2"},
        {"more": 3},
        {"hour": NOON},
    ],
)
def test_hash_covers_every_field(changed: dict[str, object]) -> None:
    """Changing any field of an event changes its hash."""
    altered = replace(EVENT, **changed)  # type: ignore[arg-type]

    assert next_entry(None, "T1", altered).hash != next_entry(None, "T1", EVENT).hash


@pytest.mark.parametrize("last", [None, AuditEntry(1, EVENT, "00" * 32), AuditEntry(2, EVENT, "11" * 32)])
def test_hash_covers_what_went_before(last: AuditEntry | None) -> None:
    """The same event has another hash in another place of the chain, or in another workspace."""
    hashes = {next_entry(last, "T1", EVENT).hash, next_entry(last, "T2", EVENT).hash}
    elsewhere = next_entry(AuditEntry(7, EVENT, "22" * 32), "T1", EVENT).hash

    assert len(hashes | {elsewhere}) == 3


def test_time_is_written_to_the_microsecond() -> None:
    """Times are written at one length, so that they sort as text."""
    assert timestamp(NOON) == "2026-01-01T12:00:00.000000Z"


def test_event_says_who_did_what_to_which() -> None:
    """An event carries the actor's id, road, time and request, and the integration's id and name."""
    assert event(ACTOR, Action.ADD, INTEGRATION, detail="proved") == replace(
        EVENT, source=Source.WORKFLOW, server="r.example.com"
    )


def test_refusal_is_an_event_that_was_refused() -> None:
    """A refused attempt differs from a successful one in its result only."""
    done = event(ACTOR, Action.EDIT, INTEGRATION)

    assert refusal(ACTOR, Action.EDIT, INTEGRATION) == replace(done, result=Result.REFUSED)


def test_event_without_an_integration_names_none() -> None:
    """What concerns no integration leaves its fields empty, and they are not written."""
    assert not event_fields(event(ACTOR, Action.SEE)).keys() & {"target", "name", "detail"}
