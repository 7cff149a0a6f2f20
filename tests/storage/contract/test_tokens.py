"""What every store keeps to, whichever it is: workflow tokens."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model import Bar, Integration, Server, Target, TargetKind, WorkflowToken
from bot.core.ports.store import Candidate, Store
from tests.storage.samples import IMAGE, NOON, PROJECT, T1, T2, add, dependency, event, link
from tests.storage.samples import integration as at
from tests.storage.tokens import DAY, TOKEN_ID, all_tokens, full_token, holder, keep, token


class Refused(Exception):
    """What a test raises inside a change."""


def keep_and_raise(store: Store) -> None:
    """Begin to keep a token, then raise."""
    with store.change(T1) as change:
        change.put(token())
        raise Refused


@pytest.mark.parametrize("made", [token, full_token])
def test_token_comes_back_as_it_was(store: Store, made: Callable[[], WorkflowToken]) -> None:
    """Every field of a token is kept, those with their default too."""
    keep(store, made())

    assert holder(store, TOKEN_ID) == (T1, made())
    assert all_tokens(store, T1) == (made(),)


def test_token_leads_to_its_workspace(store: Store) -> None:
    """A token's public id alone tells the workspace it belongs to."""
    keep(store, token("mine0000"))
    keep(store, token("theirs00"), workspace=T2)

    assert holder(store, "mine0000") == (T1, token("mine0000"))
    assert holder(store, "theirs00") == (T2, token("theirs00"))
    assert holder(store, "unknown0") is None
    assert all_tokens(store, T1) == (token("mine0000"),)


def test_id_drawn_twice_stays_with_its_first_workspace(store: Store) -> None:
    """Should two workspaces ever draw one id, the token that is in use goes on working."""
    keep(store, token())
    keep(store, token(), workspace=T2)

    assert holder(store, TOKEN_ID) == (T1, token())


def test_revoked_token_is_shown_as_revoked(store: Store) -> None:
    """A token is replaced by its id: once revoked it is found and listed as such."""
    keep(store, token())
    revoked = replace(token(), revoked_at=NOON)
    keep(store, revoked)

    assert holder(store, TOKEN_ID) == (T1, revoked)
    assert all_tokens(store, T1) == (revoked,)


def test_change_sees_its_tokens(store: Store) -> None:
    """Inside a change its own tokens are seen at once; outside they are not yet."""
    with store.change(T1) as change:
        change.put(token())
        seen, outside = change.tokens.get(TOKEN_ID), holder(store, TOKEN_ID)

    assert (seen, outside) == (token(), None)


def test_token_of_a_refused_change_is_unknown(store: Store) -> None:
    """When the block raises, its token is not kept."""
    with pytest.raises(Refused):
        keep_and_raise(store)

    assert holder(store, TOKEN_ID) is None
    assert all_tokens(store, T1) == ()


def test_tokens_are_listed_newest_first(store: Store) -> None:
    """Tokens are listed the newest first, in whatever order they were kept, a page after the other."""
    many = [token(f"id{number:06d}", age=timedelta(minutes=number)) for number in range(45)]
    keep(store, *reversed(many[:20]), *many[20:])
    pages = [store.read(T1).tokens.page(NOON, (), number, 20) for number in range(4)]

    assert [page.rows for page in pages] == [
        *(tuple(many[:20]), tuple(many[20:40]), tuple(many[40:]), tuple(many[40:]))
    ]
    assert [(page.number, page.total, page.has_next) for page in pages] == [
        *((0, 45, True), (1, 45, True), (2, 45, False), (2, 45, False))
    ]


def test_valid_tokens_stand_before_the_others(store: Store) -> None:
    """However new, a token that was revoked or has ended stands behind those that are valid."""
    valid, over = token("valid000", age=80 * DAY), token("over0000", age=91 * DAY)
    revoked = replace(token("revoked0"), revoked_at=NOON)
    keep(store, valid, over, revoked)
    page = store.read(T1).tokens.page(NOON, (), 0, 20)

    assert page.rows == (valid, revoked, over)
    assert (page.valid, page.total) == (1, 3)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("web-shop",), ["mine0000"]),
        (("environment",), ["other000"]),
        (("mine0",), ["mine0000"]),
        (("u2",), ["other000"]),
        (("project", "u2"), []),
        ((), ["mine0000", "other000"]),
    ],
)
def test_tokens_are_narrowed_by_words(store: Store, words: tuple[str, ...], found: list[str]) -> None:
    """Every word must occur in the target, the id or the creator's id."""
    target = Target(TargetKind.ENVIRONMENT, "production")
    other = replace(token("other000", age=DAY), target=target, created_by="U2")
    keep(store, replace(token("mine0000"), target=Target(TargetKind.PROJECT, "web-shop")), other)
    page = store.read(T1).tokens.page(NOON, words, 0, 20)

    assert [one.id for one in page.rows] == found
    assert page.total == len(found)


@pytest.mark.parametrize(
    ("over", "is_kept"),
    [
        (replace(token("old00000"), expires_at=NOON - 91 * DAY), False),
        (replace(token("old00000"), expires_at=NOON - 89 * DAY), True),
        (replace(token("old00000"), revoked_at=NOON - 91 * DAY), False),
        (replace(token("old00000"), revoked_at=NOON - 89 * DAY), True),
    ],
)
def test_token_that_is_long_over_is_dropped(store: Store, over: WorkflowToken, *, is_kept: bool) -> None:
    """A new token drops those that were revoked or had ended more than 90 days before it was made."""
    keep(store, replace(over, created_at=NOON - 200 * DAY))
    keep(store, token())

    assert (holder(store, "old00000") is not None) is is_kept
    assert len(all_tokens(store, T1)) == 1 + is_kept


@pytest.mark.parametrize(("days_ahead", "is_kept"), [(29, False), (31, True), (400, True)])
def test_clock_that_is_wrong_drops_no_token(store: Store, days_ahead: int, *, is_kept: bool) -> None:
    """A token made by a clock that is over 30 days ahead of the newest entry drops no other token."""
    made_at = NOON + days_ahead * DAY
    over = replace(token("old00000"), expires_at=made_at - 91 * DAY)
    with store.change(T1) as change:
        change.put(replace(over, created_at=NOON - 300 * DAY))
        change.record(event())
    keep(store, replace(token("far00000"), created_at=made_at, expires_at=made_at + 90 * DAY))

    assert (holder(store, "old00000") is not None) is is_kept


def test_ending_tokens_are_found(store: Store) -> None:
    """Tokens that are valid now and end by a time are found, those that end first before the others."""
    soon, sooner = token("soon0000", age=85 * DAY), token("sooner00", age=86 * DAY)
    over, later = token("over0000", age=90 * DAY), token("later000")
    keep(store, soon, sooner, over, later, replace(token("revoked0", age=85 * DAY), revoked_at=NOON))
    tokens = store.read(T1).tokens

    assert tokens.ending(NOON, NOON + 7 * DAY) == (sooner, soon)
    assert tokens.ending(NOON, NOON + 4 * DAY) == (sooner,)
    assert store.read(T2).tokens.ending(NOON, NOON + 7 * DAY) == ()


def test_ending_tokens_are_at_most_a_thousand(store: Store) -> None:
    """However many tokens end soon, those that end first are among the thousand."""
    keep(store, *(token(f"id{number:06d}", age=85 * DAY) for number in range(1001)), token(age=86 * DAY))
    ending = store.read(T1).tokens.ending(NOON, NOON + 7 * DAY)

    assert ending[0] == token(age=86 * DAY)
    assert len(ending) == 1000


def test_tokens_of_a_target_are_found(store: Store) -> None:
    """Every token that speaks for a target is found, those that are over too, the newest first."""
    old, new, other = token("old00000", age=DAY), token("new00000"), token("other000", IMAGE)
    revoked = replace(token("revoked0", age=2 * DAY), revoked_at=NOON)
    keep(store, old, new, other, revoked)

    assert store.read(T1).tokens.of_target(PROJECT) == (new, old, revoked)


def test_removed_token_is_gone(store: Store) -> None:
    """A token that is taken away is neither found nor listed."""
    keep(store, token())
    with store.change(T1) as change:
        change.remove(token())
        change.remove(token("unknown0"))

    assert holder(store) is None
    assert store.read(T1).tokens.get(TOKEN_ID) is None


ONE, OTHER = at("one"), at("Other")
PLAIN = replace(at("plain"), server=Server("http", "plain.example.com"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Server("https", "registry.example.com", 5000), [ONE, OTHER]),
        (Server("https", "registry.example.com"), []),
        (Server("https", "plain.example.com"), [PLAIN]),
        (Server("https", "plain.example.com", 443), []),
        ("ONE", [ONE]),
        ("unknown", []),
        (None, [ONE]),
    ],
)
def test_holder_finds_what_is_asked_for(
    store: Store, asked: Server | str | None, found: list[Integration]
) -> None:
    """With a token come the integrations of a server or name, or what its target depends on."""
    add(store, ONE, OTHER, PLAIN)
    link(store, dependency(ONE))
    keep(store, token())
    held = store.token_holder(TOKEN_ID, asked)

    assert held is not None
    assert [one.integration for one in held.candidates] == found


def test_candidates_say_how_the_target_stands_to_them(store: Store) -> None:
    """A candidate comes with the target's dependency on it, and with the bar that keeps it from it."""
    add(store, ONE, OTHER)
    barred = Bar(OTHER.id, PROJECT, "U1", NOON)
    link(store, dependency(ONE), dependency(OTHER, IMAGE))
    keep(store, token())
    with store.change(T1) as change:
        change.put(barred)
    held = store.token_holder(TOKEN_ID, ONE.server)

    assert held is not None
    assert held.candidates == (Candidate(ONE, dependency(ONE)), Candidate(OTHER, None, barred))
