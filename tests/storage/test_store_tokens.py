"""What every store keeps to, whichever it is: workflow tokens."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model import Target, TargetKind
from bot.core.ports.former_store import Store
from bot.core.workflows.token_format import WorkflowToken
from tests.fakes.lookups import tokens_in
from tests.storage.samples import NOON, T1, T2
from tests.storage.tokens import DAY, TOKEN_ID, full_token, keep, token


class Refused(Exception):
    """What a test raises inside a change."""


def keep_and_raise(store: Store) -> None:
    """Begin to keep a token, then raise."""
    with store.transaction(T1) as change:
        change.put_token(token())
        raise Refused


@pytest.mark.parametrize("made", [token, full_token])
def test_token_comes_back_as_it_was(store: Store, made: Callable[[], WorkflowToken]) -> None:
    """Every field of a token is kept, those with their default too."""
    keep(store, made())

    assert store.holder_of(TOKEN_ID) == (T1, made())
    assert tokens_in(store, T1) == (made(),)


def test_token_leads_to_its_workspace(store: Store) -> None:
    """A token's public id alone tells the workspace it belongs to."""
    keep(store, token("mine0000"))
    keep(store, token("theirs00"), workspace=T2)

    assert store.holder_of("mine0000") == (T1, token("mine0000"))
    assert store.holder_of("theirs00") == (T2, token("theirs00"))
    assert store.holder_of("unknown0") is None
    assert tokens_in(store, T1) == (token("mine0000"),)


def test_id_drawn_twice_stays_with_its_first_workspace(store: Store) -> None:
    """Should two workspaces ever draw one id, the token that is in use goes on working."""
    keep(store, token())
    keep(store, token(), workspace=T2)

    assert store.holder_of(TOKEN_ID) == (T1, token())


def test_revoked_token_is_shown_as_revoked(store: Store) -> None:
    """A token is replaced by its id: once revoked it is found and listed as such."""
    keep(store, token())
    revoked = replace(token(), revoked_at=NOON)
    keep(store, revoked)

    assert store.holder_of(TOKEN_ID) == (T1, revoked)
    assert tokens_in(store, T1) == (revoked,)


def test_change_sees_its_tokens(store: Store) -> None:
    """Inside a change its own tokens are seen at once; outside they are not yet."""
    with store.transaction(T1) as change:
        change.put_token(token())
        seen, outside = change.token(TOKEN_ID), store.holder_of(TOKEN_ID)

    assert (seen, outside) == (token(), None)


def test_token_of_a_refused_change_is_unknown(store: Store) -> None:
    """When the block raises, its token is not kept."""
    with pytest.raises(Refused):
        keep_and_raise(store)

    assert store.holder_of(TOKEN_ID) is None
    assert tokens_in(store, T1) == ()


def test_tokens_are_listed_newest_first(store: Store) -> None:
    """Tokens are listed the newest first, in whatever order they were kept, a page after the other."""
    many = [token(f"id{number:06d}", age=timedelta(minutes=number)) for number in range(45)]
    keep(store, *reversed(many[:20]), *many[20:])
    pages = [store.tokens(T1, NOON, number=number, size=20) for number in range(4)]

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
    page = store.tokens(T1, NOON, size=20)

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
    page = store.tokens(T1, NOON, words=words, size=20)

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

    assert (store.holder_of("old00000") is not None) is is_kept
    assert len(tokens_in(store, T1)) == 1 + is_kept


def test_ending_tokens_of_all_workspaces(store: Store) -> None:
    """Tokens that end by a time are found in every workspace, those that end first before the others."""
    soon, sooner = token("soon0000", age=85 * DAY), token("sooner00", age=86 * DAY)
    over, later = token("over0000", age=90 * DAY), token("later000")
    keep(store, sooner, over, later, replace(token("revoked0", age=85 * DAY), revoked_at=NOON))
    keep(store, soon, workspace=T2)

    assert store.ending_tokens(NOON, NOON + 7 * DAY, 1) == ((T1, sooner), (T2, soon))
    assert store.ending_tokens(NOON, NOON + 4 * DAY, 1) == ((T1, sooner),)


def test_ending_tokens_had_fewer_reminders(store: Store) -> None:
    """Tokens whose creators were reminded as often are passed over."""
    once = replace(token("once0000", age=85 * DAY), reminded=1)
    keep(store, once)

    assert store.ending_tokens(NOON, NOON + 7 * DAY, 1) == ()
    assert store.ending_tokens(NOON, NOON + 7 * DAY, 2) == ((T1, once),)


def test_ending_tokens_are_at_most_a_thousand(store: Store) -> None:
    """However many tokens end soon, those that end first are among the thousand."""
    keep(store, *(token(f"id{number:06d}", age=85 * DAY) for number in range(1001)), token(age=86 * DAY))
    ending = store.ending_tokens(NOON, NOON + 7 * DAY, 1)

    assert ending[0] == (T1, token(age=86 * DAY))
    assert len(ending) == 1000
