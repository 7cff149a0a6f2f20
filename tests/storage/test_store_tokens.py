"""What every store keeps to, whichever it is: workflow tokens."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.ports import Store
from bot.core.tokens import WorkflowToken
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

    assert store.token_holder(TOKEN_ID) == (T1, made())
    assert store.tokens(T1) == (made(),)


def test_token_leads_to_its_workspace(store: Store) -> None:
    """A token's public id alone tells the workspace it belongs to."""
    keep(store, token("mine0000"))
    keep(store, token("theirs00"), workspace=T2)

    assert store.token_holder("mine0000") == (T1, token("mine0000"))
    assert store.token_holder("theirs00") == (T2, token("theirs00"))
    assert store.token_holder("unknown0") is None
    assert store.tokens(T1) == (token("mine0000"),)


def test_id_drawn_twice_stays_with_its_first_workspace(store: Store) -> None:
    """Should two workspaces ever draw one id, the token that is in use goes on working."""
    keep(store, token())
    keep(store, token(), workspace=T2)

    assert store.token_holder(TOKEN_ID) == (T1, token())


def test_revoked_token_is_shown_as_revoked(store: Store) -> None:
    """A token is replaced by its id: once revoked it is found and listed as such."""
    keep(store, token())
    revoked = replace(token(), revoked_at=NOON)
    keep(store, revoked)

    assert store.token_holder(TOKEN_ID) == (T1, revoked)
    assert store.tokens(T1) == (revoked,)


def test_change_sees_its_tokens(store: Store) -> None:
    """Inside a change its own tokens are seen at once; outside they are not yet."""
    with store.transaction(T1) as change:
        change.put_token(token())
        seen, outside = change.token(TOKEN_ID), store.token_holder(TOKEN_ID)

    assert (seen, outside) == (token(), None)


def test_token_of_a_refused_change_is_unknown(store: Store) -> None:
    """When the block raises, its token is not kept."""
    with pytest.raises(Refused):
        keep_and_raise(store)

    assert store.token_holder(TOKEN_ID) is None
    assert store.tokens(T1) == ()


def test_tokens_are_listed_newest_first(store: Store) -> None:
    """At most 1,000 tokens are listed, the newest first, in whatever order they were kept."""
    many = [token(f"id{number:06d}", age=timedelta(minutes=number)) for number in range(1001)]
    keep(store, *reversed(many[:500]), *many[500:])

    assert store.tokens(T1) == tuple(many[:1000])


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

    assert (store.token_holder("old00000") is not None) is is_kept
    assert len(store.tokens(T1)) == 1 + is_kept


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
