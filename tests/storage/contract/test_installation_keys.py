"""The tokens of installations and the keys: sealed again, counted, and dropped when their key is lost."""

from typing import Any

import pytest

from bot.core.errors import KeyringFailure
from bot.core.installations import Installation, tokens_context
from bot.core.secrets import Secret
from storage.maintenance import count_by_key, forget_tokens, reseal
from storage.sealing import Keyring
from tests.storage.samples import KEYRING, NOON, ROOT, SECOND_ROOT

BOTH = Keyring([SECOND_ROOT, ROOT])
SECOND = Keyring([SECOND_ROOT])
TOKENS = {"access": Secret("xoxb-marker"), "refresh": Secret("xoxe-marker")}


@pytest.fixture(autouse=True)
def kept(store: Any) -> None:
    """An installation sealed with the first key."""
    sealed = KEYRING.seal(tokens_context("T1"), TOKENS)
    with store.installations.locked("T1") as row:
        row.value = Installation("T1", "U1", NOON, sealed)


def test_tokens_are_sealed_again(store: Any) -> None:
    """After a new key came first, tokens are sealed under it and open with it alone."""
    before = count_by_key(store)
    count = reseal(store, BOTH)
    sealed = store.installations.get("T1").tokens

    assert (before, count, count_by_key(store)) == ({KEYRING.primary: 1}, 1, {SECOND.primary: 1})
    assert SECOND.open(tokens_context("T1"), sealed) == TOKENS
    assert reseal(store, BOTH) == 0


def test_tokens_of_another_key_are_named(store: Any) -> None:
    """What cannot be sealed again is named and left."""
    with pytest.raises(KeyringFailure, match="the tokens of T1"):
        reseal(store, SECOND)


def test_tokens_of_a_lost_key_are_dropped(store: Any) -> None:
    """When their key is lost the tokens go; the installation waits to be made again."""
    assert [forget_tokens(store, SECOND.primary), forget_tokens(store, KEYRING.primary)] == [0, 1]
    assert store.installations.get("T1").tokens is None
    assert not store.installations.get("T1").is_live


def test_tokens_open_for_their_holder_only(store: Any) -> None:
    """Moved to another workspace, tokens do not open."""
    with pytest.raises(KeyringFailure):
        KEYRING.open(tokens_context("T2"), store.installations.get("T1").tokens)
